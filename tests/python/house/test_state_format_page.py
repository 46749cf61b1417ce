"""The reader that is written from docs/reference/state-format.md alone reads what was saved."""

import hashlib
import json
import struct

import numpy as np
import pytest

import rankme
from oracles import moderate
from state_reader import (
    ACCUMULATOR,
    STACK,
    Refused,
    factor_of,
    gram_of,
    probes,
    read_accumulator,
    read_stack,
    score_of,
    singular_values,
)

ROWS = moderate(5, 300, 12)
# Options, the rows in units of this, and the shards.
CASES = {
    "gram": ({}, 1.0, (None,)),
    "gram, normalised": ({"normalize": True}, 1.0, (None,)),
    "gram, another seed": ({"seed": 2**64 - 3}, 1.0, (None,)),
    "gram, huge": ({}, 1e250, (None,)),
    "gram, tiny": ({}, 1e-250, (None,)),
    "gram, shards": ({}, 1.0, ("/data/part-0.npy", None, "é#emb")),
    "qr": ({"method": "qr"}, 1.0, (None,)),
    "qr, normalised": ({"method": "qr", "normalize": True}, 1.0, (None,)),
    "qr, shards": ({"method": "qr"}, 1.0, ("a", "b")),
}


def saved(case, path):
    options, unit, shards = CASES[case]
    acc = rankme.Accumulator(ROWS.shape[1], **options)
    for block, shard in zip(np.array_split(ROWS * unit, len(shards)), shards, strict=True):
        acc.update(block, shard=shard)
    acc.save(path)
    return acc, path.read_bytes()


def rows_as_taken(header, unit):
    rows = ROWS.copy() if header["normalize"] else ROWS * unit
    if header["normalize"]:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@pytest.mark.parametrize("case", CASES)
def test_the_header_says_what_was_accumulated(case, tmp_path):
    acc, data = saved(case, tmp_path / "a")
    header, _ = read_accumulator(data)
    assert struct.unpack_from("<I", data, 8) == (2,)
    assert (16 + struct.unpack_from("<I", data, 12)[0]) % 64 == 0
    for key in ("method", "dim", "normalize", "n_rows", "shards"):
        assert header[key] == getattr(acc, key)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("gram")])
def test_the_sums_of_gram_are_those_of_the_rows(case, tmp_path):
    _, data = saved(case, tmp_path / "a")
    header, arrays = read_accumulator(data)
    z = rows_as_taken(header, 1.0)
    unit = 1.0 if header["normalize"] else CASES[case][1]
    # Both in units of 2**exponent: the squares of 1e250 have no float64.
    z = z * np.ldexp(unit, -header["exponent"])
    x = probes(header["dim"], header["seed"])
    sums, products, gram = gram_of({**header, "exponent": 0}, arrays)
    np.testing.assert_allclose(sums, z.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(gram, z.T @ z, rtol=1e-11, atol=1e-11 * np.abs(gram).max())
    np.testing.assert_allclose(
        products, z.T @ (z @ x), rtol=1e-10, atol=1e-11 * np.abs(products).max()
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("qr")])
def test_the_factor_of_qr_is_that_of_the_rows_with_ones(case, tmp_path):
    _, data = saved(case, tmp_path / "a")
    header, arrays = read_accumulator(data)
    z = rows_as_taken(header, CASES[case][1])
    z = np.column_stack([np.ones(len(z)), z])
    factor = factor_of(header, arrays)
    np.testing.assert_allclose(factor.T @ factor, z.T @ z, rtol=1e-11, atol=1e-11)
    assert factor[0, 0] ** 2 == pytest.approx(header["n_rows"])


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_score_is_that_of_the_package(case, center, tmp_path):
    acc, data = saved(case, tmp_path / "a")
    found = score_of(singular_values(*read_accumulator(data), center=center))
    assert found == pytest.approx(acc.score(center=center), rel=1e-10)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_accumulator_with_fewer_rows_than_columns(method, tmp_path):
    acc = rankme.Accumulator(12, method=method)
    acc.update(ROWS[:5])
    acc.save(tmp_path / "a")
    header, arrays = read_accumulator((tmp_path / "a").read_bytes())
    values = singular_values(header, arrays, center=False)
    assert len(values) == 5
    assert score_of(values) == pytest.approx(acc.score(), rel=1e-10)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_empty_accumulator(method, tmp_path):
    rankme.Accumulator(12, method=method).save(tmp_path / "a")
    header, arrays = read_accumulator((tmp_path / "a").read_bytes())
    assert header["n_rows"] == 0
    assert header["shards"] == {}
    assert not any(array.any() for array in arrays)


def test_two_files_are_merged_as_the_page_says(tmp_path):
    parts = []
    for name, rows in (("a", ROWS[:100]), ("b", ROWS[100:] * 2.0**400)):
        acc = rankme.Accumulator(12)
        acc.update(rows, shard=name)
        acc.save(tmp_path / name)
        parts.append((acc, *read_accumulator((tmp_path / name).read_bytes())))
    total = parts[0][0] + parts[1][0]
    total.save(tmp_path / "total")
    header, arrays = read_accumulator((tmp_path / "total").read_bytes())
    one, two = parts[0][1], parts[1][1]
    exponent = max(one["exponent"], two["exponent"])
    assert one["exponent"] != two["exponent"]
    assert header == {
        **one,
        "exponent": exponent,
        "n_rows": 300,
        "shards": {"a": 100, "b": 200},
        "blocks": one["blocks"] + two["blocks"] + 1,
        "longest_block": max(one["longest_block"], two["longest_block"]),
    }
    for which, times in enumerate((1, 2, 2)):
        summed = sum(
            np.ldexp(part[which], times * (own["exponent"] - exponent)) for _, own, part in parts
        )
        np.testing.assert_array_equal(arrays[which], summed)


def test_two_factors_are_merged_as_the_page_says(tmp_path):
    parts = []
    for name, rows in (("a", ROWS[:100]), ("b", ROWS[100:])):
        acc = rankme.Accumulator(12, method="qr")
        acc.update(rows)
        acc.save(tmp_path / name)
        parts.append((acc, *read_accumulator((tmp_path / name).read_bytes())))
    merged = np.linalg.qr(np.vstack([factor_of(*part[1:]) for part in parts]), mode="r")
    (parts[0][0] + parts[1][0]).save(tmp_path / "total")
    factor = factor_of(*read_accumulator((tmp_path / "total").read_bytes()))
    np.testing.assert_allclose(np.abs(merged), np.abs(factor), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_rows", [300, 0])
@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"seed": 9}], ids=str)
def test_a_stack_of_layers(options, n_rows, tmp_path):
    acc = rankme.LayerAccumulator(3, 12, **options)
    if n_rows:
        acc.update([ROWS, ROWS**3, ROWS[::-1] + 1])
    acc.save(tmp_path / "a")
    layers = read_stack((tmp_path / "a").read_bytes())
    assert len(layers) == 3
    for header, arrays in layers:
        assert header["n_rows"] == n_rows
        assert header["shards"] == {}
        assert header["normalize"] == acc.normalize
        assert len(arrays[0]) == 12
    if n_rows:
        found = [score_of(singular_values(*layer, center=False)) for layer in layers]
        np.testing.assert_allclose(found, acc.score(), rtol=1e-10)


def rewritten(data, change, version=2):
    """The file with another header and a checksum that fits."""
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length])
    header.update(change)
    for key in [key for key, value in header.items() if value == "absent"]:
        del header[key]
    raw = json.dumps(header).encode("ascii")
    body = ACCUMULATOR + struct.pack("<II", version, len(raw)) + raw + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


def test_version_1_is_what_a_file_without_shards_is(tmp_path):
    acc, data = saved("gram", tmp_path / "a")
    old = rewritten(data, {"shards": "absent"}, version=1)
    (tmp_path / "a").write_bytes(old)
    loaded = rankme.Accumulator.load(tmp_path / "a")
    assert (loaded.shards, loaded.n_rows) == ({}, acc.n_rows)
    assert loaded.score() == acc.score()
    assert read_accumulator(old)[0]["shards"] == {}


REFUSED = {
    "another magic": lambda data: b"\x93NUMPY\x01\0" + data[8:],
    "version 0": lambda data: rewritten(data, {}, version=0),
    "version 3": lambda data: rewritten(data, {}, version=3),
    "a byte short": lambda data: data[:-1],
    "a byte long": lambda data: data + b"\0",
    "a byte of the arrays": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
    "a key too few": lambda data: rewritten(data, {"seed": "absent"}),
    "true is no integer": lambda data: rewritten(data, {"blocks": True}),
    "5.0 is no integer": lambda data: rewritten(data, {"n_rows": 300.0}),
    "an exponent out of range": lambda data: rewritten(data, {"exponent": 1001}),
    "normalize is no bool": lambda data: rewritten(data, {"normalize": 1}),
    "an unknown method": lambda data: rewritten(data, {"method": "svd"}),
    "shards are no object": lambda data: rewritten(data, {"shards": []}),
    "a shard without rows": lambda data: rewritten(data, {"shards": {"a": 0}}),
    "more rows in shards": lambda data: rewritten(data, {"shards": {"a": 301}}),
    "another dim": lambda data: rewritten(data, {"dim": 11}),
}


@pytest.mark.parametrize("damage", REFUSED)
def test_both_readers_refuse_what_the_page_says(damage, tmp_path):
    _, data = saved("gram", tmp_path / "a")
    wrong = REFUSED[damage](data)
    with pytest.raises(Refused):
        read_accumulator(wrong)
    (tmp_path / "a").write_bytes(wrong)
    with pytest.raises(ValueError, match=str(tmp_path / "a")):
        rankme.Accumulator.load(tmp_path / "a")


def test_notes_are_passed_over(tmp_path):
    acc, data = saved("gram", tmp_path / "a")
    noted = rewritten(data, {"note": [1, 2]})
    (tmp_path / "a").write_bytes(noted)
    assert rankme.Accumulator.load(tmp_path / "a").score() == acc.score()
    assert read_accumulator(noted)[0]["note"] == [1, 2]


def test_states_of_different_layers_are_refused(tmp_path):
    states = [saved(case, tmp_path / "a")[1] for case in ("gram", "gram, another seed")]
    head = STACK + struct.pack("<II", 1, 2) + struct.pack("<2Q", *map(len, states))
    digest = hashlib.sha256(head + b"".join(state[-32:] for state in states)).digest()
    data = head + b"".join(states) + digest
    with pytest.raises(Refused):
        read_stack(data)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="the layers differ"):
        rankme.LayerAccumulator.load(tmp_path / "a")
