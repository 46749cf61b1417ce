"""Saved accumulators that are truncated, foreign or changed are refused, naming the path."""

import hashlib
import json
import pickle
import struct

import numpy as np
import pytest

import rankme
from helpers import names_in
from rankme._accumulators import state_file
from saved_states import STATES, saved_bytes


def assert_refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        rankme.Accumulator.load(path)
    assert str(path) in str(caught.value)


def test_every_single_changed_byte_is_noticed(tmp_path):
    data = saved_bytes()
    path = tmp_path / "part.rankme"
    noticed = (
        "not a saved|format version|is truncated|bytes that do not belong|checksum does not match"
    )
    for position in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= flip
            assert_refused(path, bytes(changed), noticed)
    assert_refused(path, bytes(changed), "the checksum does not match")


def test_every_truncation_is_noticed(tmp_path):
    data = saved_bytes()
    path = tmp_path / "part.rankme"
    assert_refused(path, b"", "not a saved rankme.Accumulator")
    for length in range(1, len(data)):
        assert_refused(path, data[:length], "truncated|checksum")
    assert_refused(path, data[: len(data) // 2], f"truncated: {len(data) // 2} bytes")


@pytest.mark.parametrize("tail", [b"\0", b"\n", bytes(500), saved_bytes()], ids=len)
def test_trailing_bytes_are_noticed(tmp_path, tail):
    assert_refused(tmp_path / "a", saved_bytes() + tail, "followed by bytes that do not belong")


@pytest.mark.parametrize(
    "data",
    [b"\x93NUMPY\x01\0" + bytes(500), b"PK\x03\x04" * 99, b"{}", b"\x93", bytes(999)],
    ids=len,
)
def test_foreign_files(tmp_path, data):
    expected = "truncated" if data == b"\x93" else "not a saved rankme.Accumulator"
    assert_refused(tmp_path / "a", data, expected)


FLOATS = 5 + 40 + 15  # column sums, probe products and triangle of dim 5
SECTIONS = [["column_sums", 5, True], ["probe_products", 40, True], ["triangle", 15, True]]


def forged(version=3, payload=None, raw_header=None, **changes):
    """A file with a valid checksum over whatever it says."""
    fields = {
        "method" if version < 3 else "kind": "gram",
        "dim": 5,
        "normalize": False,
        "n_rows": 40,
        "exponent": 0,
        "seed": 0,
        "blocks": 1,
        "longest_block": 40,
        "sections": SECTIONS,
    }
    fields = {key: value for key, value in {**fields, **changes}.items() if value != "absent"}
    header = json.dumps(fields).encode() if raw_header is None else raw_header
    body = struct.pack("<8sII", b"\x93RNKM\r\n\x1a", version, len(header)) + header
    body += np.ones(FLOATS).tobytes() if payload is None else payload
    return body + hashlib.sha256(body).digest()


def test_a_forged_file_that_says_nothing_wrong_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(forged(shard=[3, 8]))  # a note that this version does not know
    acc = rankme.Accumulator.load(path)
    assert (acc.n_rows, acc.dim) == (40, 5)
    np.testing.assert_allclose(acc.gram(), np.ones((5, 5)), rtol=1e-15)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_section_that_may_be_passed_over_is(tmp_path, at):
    sections = [*SECTIONS[:at], ["groups", 3, False], *SECTIONS[at:]]
    before = sum(size for _, size, _ in SECTIONS[:at])
    numbers = np.ones(FLOATS)
    numbers = np.concatenate([numbers[:before], [7.0, np.nan, 7.0], numbers[before:]])
    (tmp_path / "a").write_bytes(forged(payload=numbers.tobytes(), sections=sections))
    acc = rankme.Accumulator.load(tmp_path / "a")
    np.testing.assert_allclose(acc.gram(), np.ones((5, 5)), rtol=1e-15)


def test_the_order_of_the_sections_is_that_of_the_file(tmp_path):
    numbers = np.r_[np.ones(15), np.full(40, 2.0), np.full(5, 3.0)]
    data = forged(payload=numbers.tobytes(), sections=SECTIONS[::-1])
    (tmp_path / "a").write_bytes(data)
    sums, products, triangle = state_file.read(tmp_path / "a").arrays
    assert (set(sums), set(products), set(triangle)) == ({3.0}, {2.0}, {1.0})


OUT_OF_RANGE = {
    "dim 0": ({"dim": 0}, "dim 0, outside 1 to"),
    "dim negative": ({"dim": -5}, "dim -5"),
    "dim huge": ({"dim": 2**31}, "dim 2147483648"),
    "dim no integer": ({"dim": 5.0}, "dim 5.0"),
    "dim true": ({"dim": True}, "dim True"),
    "dim text": ({"dim": "5"}, "dim '5'"),
    "dim absent": ({"dim": "absent"}, "dim None"),
    "dim larger than the file": ({"dim": 2**31 - 1, "version": 2}, "truncated"),
    "dim smaller than the file": ({"dim": 4, "version": 2}, "followed by bytes"),
    "dim of other sections": ({"dim": 4}, "section 'column_sums' has 5 numbers; wanted 4"),
    "n_rows negative": ({"n_rows": -1}, "n_rows -1, outside 0 to"),
    "n_rows huge": ({"n_rows": 2**63}, "n_rows 9223372036854775808"),
    "n_rows null": ({"n_rows": None}, "n_rows None"),
    "exponent": ({"exponent": 10**6}, "exponent 1000000"),
    "exponent negative": ({"exponent": -(10**6)}, "exponent -1000000"),
    "normalize": ({"normalize": 1}, "normalize 1"),
    "seed negative": ({"seed": -1}, "seed -1, outside 0 to 18446744073709551615"),
    "seed huge": ({"seed": 2**64}, "seed 18446744073709551616"),
    "seed absent": ({"seed": "absent"}, "seed None"),
    "blocks negative": ({"blocks": -1}, "blocks -1, outside 0 to"),
    "longest block": ({"longest_block": 0.5}, "longest_block 0.5"),
    "kind": (
        {"kind": "svd"},
        "kind 'svd', and this rankme knows 'scatter' and 'fast' and 'groups' and 'gram' and 'qr'",
    ),
    "kind absent": ({"kind": "absent"}, "kind None"),
    "kind no text": ({"kind": ["gram"]}, r"kind \['gram'\]"),
    "the other kind": ({"kind": "qr"}, "a section 'column_sums', which this rankme does not know"),
    "method": (
        {"method": "svd", "version": 2},
        "method 'svd', and this rankme knows 'gram' and 'qr'",
    ),
    "method of a kind": ({"method": "scatter", "version": 2}, "method 'scatter', and this rankme"),
    "method absent": ({"method": "absent", "version": 2}, "method None"),
    "the other method": ({"method": "qr", "version": 2}, "followed by bytes"),
    "skipped negative": (
        {"skipped": {"rows": -1, "shards": {}, "allowed": True}},
        "a note of skipped rows of another form",
    ),
    "sections absent": ({"sections": "absent"}, "sections that are no list"),
    "sections no list": ({"sections": {"column_sums": 5}}, "sections that are no list"),
    "a section of two": ({"sections": [["triangle", 15]]}, "sections that are no list"),
    "a section no list": ({"sections": ["abc", *SECTIONS]}, "sections that are no list"),
    "a section without a name": ({"sections": [[1, 5, True]]}, "sections that are no list"),
    "a count that is true": ({"sections": [["a", True, False]]}, "sections that are no list"),
    "a negative count": ({"sections": [*SECTIONS, ["a", -1, False]]}, "sections that are no list"),
    "required no bool": ({"sections": [["column_sums", 5, 1]]}, "sections that are no list"),
    "a wrong count": (
        {"sections": [*SECTIONS[:2], ["triangle", 16, True]]},
        "section 'triangle' has 16 numbers; wanted 15",
    ),
    "a section too few": (
        {"sections": SECTIONS[:2]},
        "a gram has one section 'triangle', and the file 0",
    ),
    "a section twice": (
        {"sections": [*SECTIONS, SECTIONS[0]]},
        "a gram has one section 'column_sums', and the file 2",
    ),
    "an unknown section that must be known": (
        {"sections": [*SECTIONS, ["groups", 3, True]]},
        "a section 'groups', which this rankme does not know .*; a newer rankme reads it",
    ),
    "a section that is not there": ({"sections": [*SECTIONS, ["a", 3, False]]}, "truncated"),
    "a huge section": ({"sections": [*SECTIONS, ["a", 2**62, False]]}, "truncated"),
    "shards no object": ({"shards": ["a"]}, "shards of type list"),
    "shards with no rows": ({"shards": {"a": 0}}, "0 rows of shard 'a'"),
    "shards with true rows": ({"shards": {"a": True}}, "True rows of shard 'a'"),
    "shards with more rows": ({"shards": {"a": 40, "b": 1}}, "n_rows 40, and its shards together"),
    "run no object": ({"run": 5}, "a run that is no JSON object"),
    "no JSON": ({"raw_header": b"dim: 5"}, "header is no JSON"),
    "no text": ({"raw_header": b"\xff\xfe\xfd"}, "header is no JSON"),
    "no object": ({"raw_header": b"[5, 40]"}, "header is no JSON object"),
    "nested too deep": ({"raw_header": b"[" * 100_000}, "header is no JSON"),
    "NaN": ({"payload": np.full(FLOATS, np.nan).tobytes()}, "holds NaN or infinity"),
    "infinity": (
        {"payload": np.array([1.0] * (FLOATS - 1) + [-np.inf]).tobytes()},
        "NaN or infinity",
    ),
    "newer": (
        {"version": 4},
        "format version 4, and this rankme reads 1 to 3; a newer rankme wrote it",
    ),
    "version 0": ({"version": 0}, "format version 0, and this rankme reads 1 to 3$"),
}


@pytest.mark.parametrize(("changes", "message"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_headers_out_of_range(tmp_path, changes, message):
    assert_refused(tmp_path / "a", forged(**changes), message)


def test_a_changed_pickle_is_refused():
    data = pickle.dumps(STATES["plain"])
    payload = saved_bytes()
    assert payload in data
    changed = data.replace(payload[-40:], bytes(40))
    with pytest.raises(
        ValueError, match=r"pickled rankme.Accumulator: the checksum does not match"
    ):
        pickle.loads(changed)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        rankme.Accumulator.load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        rankme.Accumulator.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        STATES["plain"].save(tmp_path / "absent" / "a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        STATES["plain"].save(tmp_path / "folder")
    assert names_in(tmp_path) == ["folder"]
