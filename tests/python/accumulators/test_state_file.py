"""Saved accumulators come back bit for bit, in the documented layout."""

import hashlib
import json
import pickle
import struct

import numpy as np
import pytest

import rankme
from helpers import bits
from oracles import moderate
from saved_states import STATES


@pytest.mark.parametrize("acc", STATES.values(), ids=STATES)
def test_it_comes_back_bit_for_bit(acc, tmp_path):
    path = tmp_path / "part.rankme"
    acc.save(path)
    for other in (
        rankme.Accumulator.load(path),
        rankme.Accumulator.load(str(path)),
        pickle.loads(pickle.dumps(acc)),
    ):
        assert bits(other) == bits(acc)
        other.merge(acc)
        assert other.n_rows == 2 * acc.n_rows


def test_a_loaded_part_continues_the_stream(tmp_path):
    z = moderate(7, 100, 6)
    whole, part = rankme.Accumulator(6), rankme.Accumulator(6)
    part.update(z[:60])
    part.save(tmp_path / "part.rankme")
    loaded = rankme.Accumulator.load(tmp_path / "part.rankme")
    for acc in (whole, loaded):
        acc.update(z if acc is whole else z[60:])
    assert loaded.score() == pytest.approx(whole.score(), rel=1e-12)


def header_and_payload(acc, path):
    acc.save(path)
    data = path.read_bytes()
    magic, version, header_size = struct.unpack_from("<8sII", data)
    assert magic == b"\x93RNKM\r\n\x1a"
    assert version == 2
    assert (16 + header_size) % 64 == 0
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    payload = np.frombuffer(data[16 + header_size : -32], "<f8")
    return json.loads(data[16 : 16 + header_size]), payload


def probes(acc):
    """X, from Y = G X."""
    _, _, (_, products, _), _ = acc._core.state()
    return np.linalg.solve(acc.gram(), products.reshape(acc.dim, 8))


def test_the_layout_of_gram_is_the_documented_one(tmp_path):
    header, payload = header_and_payload(STATES["plain"], tmp_path / "a")
    assert header == {
        "blocks": 1,
        "dim": 5,
        "exponent": 0,
        "longest_block": 40,
        "method": "gram",
        "n_rows": 40,
        "normalize": False,
        "seed": 0,
        "shards": {},
    }
    z = moderate(1, 40, 5)
    sums, products, triangle = np.split(payload, [5, 45])
    np.testing.assert_allclose(sums, z.sum(axis=0), rtol=1e-12)
    # The probes belong to the seed alone: those of other rows are the same.
    other = rankme.Accumulator(5)
    other.update(moderate(2, 90, 5))
    expected = z.T @ (z @ probes(other))
    np.testing.assert_allclose(products.reshape(5, 8), expected, rtol=1e-10)
    np.testing.assert_allclose(triangle, (z.T @ z)[np.tril_indices(5)], rtol=1e-12)


def test_the_layout_of_qr_is_the_documented_one(tmp_path):
    header, payload = header_and_payload(STATES["qr"], tmp_path / "a")
    assert header == {
        "blocks": 1,
        "dim": 5,
        "method": "qr",
        "n_rows": 40,
        "normalize": False,
        "shards": {},
    }
    factor = np.zeros((6, 6))
    factor.T[np.tril_indices(6)] = payload
    np.testing.assert_array_equal(factor, np.triu(factor))
    z = np.column_stack([np.ones(40), moderate(8, 40, 5)])
    np.testing.assert_allclose(factor.T @ factor, z.T @ z, rtol=1e-12, atol=1e-12)


def test_probes_of_another_seed_are_others():
    first, second = probes(STATES["plain"]), probes(STATES["seed"])
    assert np.abs(first - second).min() > 1e-6
    # Standard normal: the mean of 40 is within 4 / sqrt(40), and so on.
    for x in (first, second):
        assert abs(x.mean()) < 0.65
        assert 0.5 < x.std() < 1.5


def test_version_1_which_had_no_shards_is_read(tmp_path):
    z = moderate(1, 40, 5)
    acc = rankme.Accumulator(5, seed=3)
    acc.update(z)
    fields = {
        "method": "gram",
        "dim": 5,
        "normalize": False,
        "n_rows": 40,
        "exponent": 0,
        "seed": 3,
        "blocks": 1,
        "longest_block": 40,
    }
    header = json.dumps(fields).encode().ljust(240)
    _, _, arrays, _ = acc._core.state()
    data = struct.pack("<8sII", b"\x93RNKM\r\n\x1a", 1, 240) + header
    data += b"".join(array.astype("<f8").tobytes() for array in arrays)
    (tmp_path / "a").write_bytes(data + hashlib.sha256(data).digest())
    old = rankme.Accumulator.load(tmp_path / "a")
    assert old.shards == {}
    assert bits(old) == bits(acc)
    old.update(z, shard="a")
    assert old.shards == {"a": 40}


def test_a_state_takes_half_of_a_square(tmp_path):
    acc = rankme.Accumulator(1000)
    acc.update(moderate(1, 3, 1000), shard="a")
    acc.save(tmp_path / "a")
    assert (tmp_path / "a").stat().st_size == pytest.approx(4 * 1000**2, rel=0.02)
