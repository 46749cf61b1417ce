"""Saved accumulators with groups: read back bit for bit, and refused where they contradict."""

import hashlib
import json
import struct

import numpy as np
import pytest

import rankme
from rankme._accumulators import state_file


def accumulated(n=500, k=6, **options):
    acc = rankme.Accumulator(k, groups=8, **options)
    for block in np.array_split(np.random.default_rng(1).standard_normal((n, k)), 9):
        acc.update(block, shard="a")
    return acc


def header_of(data):
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[16 : 16 + size])


def with_header(data, change):
    """The same file with another header, and a checksum that fits."""
    size = struct.unpack_from("<I", data, 12)[0]
    fields = header_of(data)
    change(fields)
    header = json.dumps(fields).encode()
    body = data[:12] + struct.pack("<I", len(header)) + header + data[16 + size : -32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    "options", [{}, {"normalize": True}, {"seed": 2**64 - 1}, {"run_length": 3}]
)
def test_all_of_it_comes_back(tmp_path, options):
    acc = accumulated(**options)
    acc.save(tmp_path / "part")
    again = rankme.Accumulator.load(tmp_path / "part")
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "part").read_bytes()
    assert (again.groups, again.run_length) == (8, acc.run_length)
    assert (again.n_rows, again.shards, again.normalize) == (500, {"a": 500}, acc.normalize)
    for center in (False, True):
        ours, theirs = acc.estimate(center=center), again.estimate(center=center)
        assert ours.left_out.tolist() == theirs.left_out.tolist()
        assert ours.to_dict() == theirs.to_dict()


def test_the_next_row_goes_where_it_would_have_gone(tmp_path):
    acc = accumulated()
    acc.save(tmp_path / "part")
    again = rankme.Accumulator.load(tmp_path / "part")
    more = np.random.default_rng(2).standard_normal((77, 6))
    for one in (acc, again):
        one.update(more)
    assert acc.estimate().group_rows.tolist() == again.estimate().group_rows.tolist()
    np.testing.assert_allclose(acc.estimate().left_out, again.estimate().left_out, rtol=1e-12)


def test_the_header_says_how_rows_were_dealt():
    fields = header_of(accumulated().__getstate__())
    assert fields["kind"] == "groups"
    assert fields["groups"]["run_length"] == 32
    assert fields["groups"]["position"] == 500 % 256
    assert sum(fields["groups"]["n_rows"]) == fields["n_rows"] == 500
    names = [name for name, _, required in fields["sections"] if required]
    assert len(names) == 8 * 8
    assert {"origin[0]", "triangle[7]"} < set(names)


def set_group(key, value):
    return lambda fields: fields["groups"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.pop("groups"), "groups that are no JSON object"),
        (lambda fields: fields.update(groups=[]), "groups that are no JSON object"),
        (set_group("n_rows", []), "n_rows of 0 groups"),
        (set_group("n_rows", [500]), "n_rows of 1 groups"),
        (set_group("n_rows", [62] * 8), "n_rows 500, and its groups have 496"),
        (set_group("n_rows", [500] + [0] * 6 + [True]), "groups with n_rows"),
        (set_group("run_length", 0), "groups with run_length"),
        (set_group("run_length", 2.5), "groups with run_length"),
        (set_group("position", 256), r"groups with position \[256\]"),
        (set_group("position", -1), "groups with position"),
        (set_group("exponent", [0] * 7), "groups with exponent"),
        (set_group("exponent", [2000] * 8), "groups with exponent"),
        (set_group("blocks", None), "groups with blocks None"),
        (lambda fields: fields.update(seed=-1), "seed -1"),
        (lambda fields: fields.update(kind="scatter"), "the header has exponent None"),
        (lambda fields: fields["sections"].pop(), "one section 'triangle"),
        (lambda fields: fields["sections"][3].__setitem__(1, 49), "49 numbers; wanted 48"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, change, message):
    path = tmp_path / "part"
    path.write_bytes(with_header(accumulated().__getstate__(), change))
    with pytest.raises(ValueError, match=message) as caught:
        rankme.Accumulator.load(path)
    assert str(path) in str(caught.value)


def test_truncated_files_are_refused(tmp_path):
    data = accumulated().__getstate__()
    for length in (len(data) - 1, len(data) - 48, len(data) // 2, 100):
        (tmp_path / "part").write_bytes(data[:length])
        with pytest.raises(ValueError, match="truncated"):
            rankme.Accumulator.load(tmp_path / "part")


def test_layers_of_different_groups_are_no_stack(tmp_path):
    stack = rankme.LayerAccumulator(2, 6, groups=8)
    stack.update(np.random.default_rng(1).standard_normal((2, 500, 6)))
    states = stack._states()
    states[1] = states[1]._replace(groups=states[1].groups._replace(position=0))
    from rankme._accumulators import layers_file

    layers_file.write(tmp_path / "stack", states)
    with pytest.raises(ValueError, match="the layers differ in their groups"):
        rankme.LayerAccumulator.load(tmp_path / "stack")
    plain = state_file.decode(accumulated().__getstate__(), "x")
    assert plain.groups.position == 500 % 256
