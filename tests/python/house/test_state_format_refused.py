"""Both readers refuse what docs/reference/state-format.md says, and pass over what may be."""

import hashlib
import json
import struct

import numpy as np
import pytest

import rankme
from helpers import bits
from page_states import rewritten, saved
from state_reader import (
    STACK,
    Refused,
    read_accumulator,
    read_stack,
    score_of,
    singular_values,
)


def with_sections(data, change):
    """The file with another list of sections."""
    (length,) = struct.unpack_from("<I", data, 12)
    return rewritten(data, {"sections": change(json.loads(data[16 : 16 + length])["sections"])})


REFUSED = {
    "another magic": lambda data: b"\x93NUMPY\x01\0" + data[8:],
    "version 0": lambda data: rewritten(data, {}, version=0),
    "version 4": lambda data: rewritten(data, {}, version=4),
    "a method for a kind": lambda data: rewritten(data, {"method": "gram"}, version=2),
    "no kind": lambda data: rewritten(data, {"kind": "absent"}),
    "rows left out that are no count": lambda data: rewritten(data, {"skipped": {"rows": -1}}),
    "no sections": lambda data: rewritten(data, {"sections": "absent"}),
    "a section missing": lambda data: with_sections(data, lambda known: known[1:]),
    "a section twice": lambda data: with_sections(data, lambda known: [*known, known[0]]),
    "another count": lambda data: with_sections(
        data, lambda known: [["origin", 11, True], *known[1:]]
    ),
    "a section of two": lambda data: with_sections(data, lambda known: [*known, ["a", 0]]),
    "a count of 0.0": lambda data: with_sections(data, lambda known: [*known, ["a", 0.0, False]]),
    "required is no bool": lambda data: with_sections(data, lambda known: [*known, ["a", 0, 0]]),
    "an unknown section that must be known": lambda data: with_sections(
        data, lambda known: [*known, ["a", 0, True]]
    ),
    "a byte short": lambda data: data[:-1],
    "a byte long": lambda data: data + b"\0",
    "a byte of the arrays": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
    "a key too few": lambda data: rewritten(data, {"seed": "absent"}),
    "true is no integer": lambda data: rewritten(data, {"blocks": True}),
    "5.0 is no integer": lambda data: rewritten(data, {"n_rows": 300.0}),
    "an exponent out of range": lambda data: rewritten(data, {"exponent": 1001}),
    "normalize is no bool": lambda data: rewritten(data, {"normalize": 1}),
    "an unknown kind": lambda data: rewritten(data, {"kind": "svd"}),
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


def test_sections_that_may_be_passed_over_are(tmp_path):
    acc, data = saved("gram", tmp_path / "a")
    more = with_sections(data, lambda known: [*known, ["groups", 4, False]])[:-32]
    more += np.array([1.0, 2.0, np.nan, np.inf]).tobytes()
    more += hashlib.sha256(more).digest()
    (tmp_path / "a").write_bytes(more)
    assert bits(rankme.Accumulator.load(tmp_path / "a")) == bits(acc)
    _, sections = read_accumulator(more)
    assert score_of(singular_values(*read_accumulator(more), center=False)) == pytest.approx(
        acc.score(), rel=1e-10
    )
    assert "groups" not in sections


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
