"""Groups on the disk and through pickle: whole, or refused."""

import json
import pickle
import struct

import numpy as np
import pytest

import rankme
from helpers import names_in
from oracles import moderate
from rankme._accumulators import grouped_file


def made(n_groups=4, k=5, n=60, labels=(0, 2), scale=1.0, **options):
    acc = rankme.GroupedAccumulator(k, n_groups, **options)
    if n:
        rows = moderate(n, n, k) * scale
        groups = np.random.default_rng(n).choice(labels, n)
        acc.update(rows, groups=groups, shard="one")
    return acc


KINDS = {
    "plain": made(),
    "empty": made(n=0),
    "one group": made(n_groups=1, labels=(0,)),
    "normalised": made(normalize=True),
    "huge": made(scale=1e250),
    "seed": made(seed=2**64 - 1),
    "skipping": made(skip_nonfinite=True),
    "many groups": made(n_groups=5000, labels=(4999,)),
}
KINDS["skipping"].update(np.full((3, 5), np.nan), groups=[0, 1, 2], shard="two")


@pytest.mark.parametrize("acc", KINDS.values(), ids=KINDS)
def test_there_and_back(tmp_path, acc):
    acc.save(tmp_path / "a.rankme")
    for again in (
        rankme.GroupedAccumulator.load(tmp_path / "a.rankme"),
        pickle.loads(pickle.dumps(acc)),
    ):
        assert again.__getstate__() == acc.__getstate__()
        np.testing.assert_array_equal(again.scores(), acc.scores())
        for name in ("dim", "n_groups", "normalize", "n_skipped", "skip_nonfinite", "shards"):
            assert getattr(again, name) == getattr(acc, name)
        again.update(np.ones((2, 5)), groups=[0, 0])
        assert again.n_rows == acc.n_rows + 2
    assert names_in(tmp_path) == ["a.rankme"]


def test_a_group_without_rows_takes_no_room(tmp_path):
    acc = rankme.GroupedAccumulator(100, 1000)
    acc.update(moderate(0, 30, 100), groups=[7] * 30)
    acc.save(tmp_path / "a")
    alone = acc.accumulator(7)
    alone.save(tmp_path / "b")
    assert (tmp_path / "a").stat().st_size < (tmp_path / "b").stat().st_size + 300


def refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        rankme.GroupedAccumulator.load(path)
    assert str(path) in str(caught.value)


def test_every_single_changed_byte_is_noticed(tmp_path):
    data = made(k=2).__getstate__()
    noticed = "not a saved|version|truncated|bytes that do not belong|checksum|file was changed"
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x41
        refused(tmp_path / "a", bytes(changed), noticed)


def test_every_truncation_is_noticed(tmp_path):
    data = made(k=2).__getstate__()
    for length in range(1, len(data), 7):
        refused(tmp_path / "a", data[:length], "truncated")
    refused(tmp_path / "a", b"", r"not a saved rankme\.GroupedAccumulator")
    refused(tmp_path / "a", data + b"\0", "followed by bytes that do not belong")


def test_other_files_are_refused(tmp_path):
    alone = tmp_path / "alone"
    made().accumulator(0).save(alone)
    refused(tmp_path / "a", alone.read_bytes(), r"not a saved rankme\.GroupedAccumulator")
    made().save(tmp_path / "a")
    with pytest.raises(ValueError, match=r"not a saved rankme\.Accumulator"):
        rankme.Accumulator.load(tmp_path / "a")
    newer = bytearray(made().__getstate__())
    newer[8] = 9
    refused(tmp_path / "a", bytes(newer), "container version 9, .* a newer rankme wrote it")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"dim": 0}, "dim 0, outside 1"),
        ({"dim": True}, "dim True"),
        ({"n_groups": 2}, "not of the n_groups"),
        ({"seed": -1}, "seed -1"),
        ({"normalize": 1}, "normalize 1"),
        ({"groups": {}}, "no list of number and length"),
        ({"groups": [[0, -1]]}, "no list of number and length"),
    ],
    ids=str,
)
def test_headers_that_no_rankme_writes(tmp_path, fields, text):
    data = made().__getstate__()
    magic, version, size = struct.unpack_from("<8sII", data)
    header = json.loads(data[16 : 16 + size])
    changed = json.dumps({**header, **fields}).encode()
    again = struct.pack("<8sII", magic, version, len(changed)) + changed + data[16 + size :]
    refused(tmp_path / "a", again, text)


def test_groups_of_others_are_refused(tmp_path):
    state = made()._state()
    for other in (made(k=6), made(seed=1), made(normalize=True)):
        mixed = state._replace(filled={**state.filled, 3: other._state().filled[0]})
        refused(tmp_path / "a", grouped_file.encode(mixed), "group 3 is not of the dim, normalize")
