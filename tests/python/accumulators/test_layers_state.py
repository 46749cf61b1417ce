"""A stack of layers on the disk and through pickle: whole, or refused."""

import os
import pickle

import numpy as np
import pytest

import rankme
from helpers import names_in
from layer_stacks import bits_of, filled
from oracles import moderate
from rankme._accumulators import layers_file


def made(layers=3, n=40, k=5, scale=1.0, **options):
    acc = rankme.LayerAccumulator(layers, k, **options)
    if n:
        acc.update([moderate(layer, n, k) * scale for layer in range(layers)])
    return acc


STACKS = {
    "plain": made(),
    "empty": made(n=0),
    "one layer": made(layers=1),
    "normalised": made(normalize=True),
    "huge": made(scale=1e250),
    "seed": made(seed=2**64 - 1),
    "wide": made(k=120),
}


@pytest.mark.parametrize("acc", STACKS.values(), ids=STACKS)
def test_there_and_back(tmp_path, acc):
    acc.save(tmp_path / "stack.rankme")
    for again in (
        rankme.LayerAccumulator.load(tmp_path / "stack.rankme"),
        pickle.loads(pickle.dumps(acc)),
    ):
        assert bits_of(again) == bits_of(acc)
        assert (again.n_layers, again.dim, again.normalize) == (
            acc.n_layers,
            acc.dim,
            acc.normalize,
        )
        again.update(np.ones((acc.n_layers, 2, acc.dim)))
        assert again.n_rows == acc.n_rows + 2
    assert names_in(tmp_path) == ["stack.rankme"]


def test_a_failure_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "stack.rankme"
    STACKS["plain"].save(path)

    def fail(*_):
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="full"):
            STACKS["wide"].save(path)
    assert names_in(tmp_path) == ["stack.rankme"]
    assert bits_of(rankme.LayerAccumulator.load(path)) == bits_of(STACKS["plain"])


def assert_refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        rankme.LayerAccumulator.load(path)
    assert str(path) in str(caught.value)


def saved(name="plain"):
    return pickle.loads(pickle.dumps(STACKS[name])).__getstate__()


def test_every_single_changed_byte_is_noticed(tmp_path):
    data = saved()
    noticed = "not a saved|version|truncated|bytes that do not belong|checksum does not match"
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x41
        assert_refused(tmp_path / "a", bytes(changed), noticed)


def test_every_truncation_is_noticed(tmp_path):
    data = saved()
    for length in range(1, len(data)):
        assert_refused(tmp_path / "a", data[:length], "truncated|bytes that do not belong")
    assert_refused(tmp_path / "a", b"", "not a saved rankme.LayerAccumulator")
    assert_refused(tmp_path / "a", data + b"\0", "followed by bytes that do not belong")


def test_other_files_are_refused(tmp_path):
    alone = tmp_path / "alone.rankme"
    STACKS["plain"][0].save(alone)
    assert_refused(tmp_path / "a", alone.read_bytes(), "not a saved rankme.LayerAccumulator")
    newer = bytearray(saved())
    newer[8] = 9
    assert_refused(tmp_path / "a", bytes(newer), "container version 9, .* a newer rankme wrote it")
    STACKS["plain"].save(tmp_path / "a")
    with pytest.raises(ValueError, match=r"not a saved rankme\.Accumulator"):
        rankme.Accumulator.load(tmp_path / "a")


def states_of(*stacks):
    return [state for stack in stacks for state in stack._states()]


def test_layers_that_do_not_belong_together_are_refused(tmp_path):
    path = tmp_path / "a"
    for states, message in (
        (states_of(made(), made(n=41)), "the layers differ in"),
        (states_of(made(), made(seed=1)), "the layers differ in"),
        (states_of(made(), made(normalize=True)), "the layers differ in"),
        ([], "has no layers"),
    ):
        assert_refused(path, layers_file.encode(states), message)
    # Two stacks of one kind could be mixed; their checksums tell.
    left, right = saved(), filled(np.ones((3, 40, 5))).__getstate__()
    middle = len(left) // 2
    assert_refused(path, left[:middle] + right[middle:], "checksum")
