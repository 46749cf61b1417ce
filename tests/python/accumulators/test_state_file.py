"""Saved accumulators come back bit for bit, in the documented layout."""

import hashlib
import json
import pickle
import struct

import numpy as np
import pytest

import extended
import rankme
from helpers import accumulated, bits, contents
from oracles import moderate
from rankme._accumulators import state_file
from rankme._accumulators.skipped import Skipped
from rankme._accumulators.state_header import State
from saved_states import STATES, old_bytes, uncentred
from state_reader import probes as probe_matrix


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


MORE = moderate(3, 50, 6)
STATES_OF_SIX = accumulated(MORE)


def header_and_payload(acc, path):
    acc.save(path)
    data = path.read_bytes()
    magic, version, header_size = struct.unpack_from("<8sII", data)
    assert magic == b"\x93RNKM\r\n\x1a"
    assert version == 3
    assert (16 + header_size) % 64 == 0
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    payload = np.frombuffer(data[16 + header_size : -32], "<f8")
    return json.loads(data[16 : 16 + header_size]), payload


def probes(acc):
    """X, from the products and the matrix."""
    known = contents(acc)
    matrix = np.zeros((acc.dim, acc.dim))
    matrix[np.tril_indices(acc.dim)] = known["triangle"]
    matrix = matrix + np.tril(matrix, -1).T
    return np.linalg.solve(matrix, known["probe_products"].reshape(acc.dim, 8))


def test_the_layout_of_scatter_is_the_documented_one(tmp_path):
    header, payload = header_and_payload(STATES["plain"], tmp_path / "a")
    assert header == {
        "blocks": 1,
        "dim": 5,
        "exponent": 0,
        "kind": "scatter",
        "longest_block": 40,
        "n_rows": 40,
        "normalize": False,
        "sections": [
            ["origin", 5, True],
            ["offset", 5, True],
            ["offset_low", 5, True],
            ["probe_products", 40, True],
            ["probe_products_low", 40, True],
            ["mean_products", 8, True],
            ["errors", 5, True],
            ["triangle", 15, True],
        ],
        "seed": 0,
        "shards": {},
    }
    z = moderate(1, 40, 5)
    cuts = np.cumsum([size for _, size, _ in header["sections"]])[:-1]
    origin, offset, low, products, products_low, along, errors, triangle = np.split(payload, cuts)
    np.testing.assert_array_equal(origin, z[0])
    np.testing.assert_allclose(origin + (offset + low), z.mean(axis=0), rtol=1e-12)
    # The probes belong to the seed alone: those of other rows are the same.
    other = rankme.Accumulator(5)
    other.update(moderate(2, 90, 5))
    x = probes(other)
    centred = z - z.mean(axis=0)
    np.testing.assert_allclose(
        (products + products_low).reshape(5, 8), centred.T @ (centred @ x), rtol=1e-9
    )
    np.testing.assert_allclose(along, ((z - z[0]) @ x).sum(axis=0), rtol=1e-9)
    assert (errors[:4] >= 0).all()  # the last is the low part of the one before
    assert (errors[:3] < 1e-25).all()
    assert errors[3:].sum() == pytest.approx((centred**2).sum(), rel=1e-12)
    np.testing.assert_allclose(triangle, (centred.T @ centred)[np.tril_indices(5)], rtol=1e-12)


def test_the_layout_of_qr_is_the_documented_one(tmp_path):
    header, payload = header_and_payload(STATES["qr"], tmp_path / "a")
    assert header == {
        "blocks": 1,
        "dim": 5,
        "kind": "qr",
        "n_rows": 40,
        "normalize": False,
        "sections": [["origin", 5, True], ["beside", 1, True], ["triangle", 21, True]],
        "shards": {},
    }
    np.testing.assert_array_equal(payload[:5], moderate(8, 40, 5)[0])
    factor = np.zeros((6, 6))
    factor.T[np.tril_indices(6)] = payload[6:]
    np.testing.assert_array_equal(factor, np.triu(factor))
    factor[0, 1:] += factor[0, 0] * payload[:5]
    z = np.column_stack([np.ones(40), moderate(8, 40, 5)])
    np.testing.assert_allclose(factor.T @ factor, z.T @ z, rtol=1e-12, atol=1e-12)


def test_probes_of_another_seed_are_others():
    first, second = probes(STATES["plain"]), probes(STATES["seed"])
    assert np.abs(first - second).min() > 1e-6
    # Standard normal: the mean of 40 is within 4 / sqrt(40), and so on.
    for x in (first, second):
        assert abs(x.mean()) < 0.65
        assert 0.5 < x.std() < 1.5


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", [name for name, acc in STATES.items() if acc.groups is None])
def test_older_versions_are_read(name, version, tmp_path):
    acc = STATES[name]
    state = acc._state()
    if state.kind == "scatter":
        state = uncentred(state) if acc.n_rows else state._replace(kind="gram", arrays=zeros(5))
    (tmp_path / "a").write_bytes(old_bytes(state, version))
    old = rankme.Accumulator.load(tmp_path / "a")
    assert (old.n_rows, old.method, old.shards) == (acc.n_rows, acc.method, {})
    if acc.n_rows:
        for center in (False, True):
            now, then = acc.spectrum(center=center), old.spectrum(center=center)
            assert then.rankme() == pytest.approx(now.rankme(), rel=1e-9)
            assert then.rankme_bounds()[0] <= now.rankme() <= then.rankme_bounds()[1]
    old.update(moderate(1, 40, acc.dim), shard="a")
    assert old.shards == {"a": 40}
    # And it is saved as what it is now.
    old.save(tmp_path / "b")
    assert bits(rankme.Accumulator.load(tmp_path / "b")) == bits(old)


def zeros(k):
    return np.zeros(k), np.zeros(8 * k), np.zeros(k * (k + 1) // 2)


@pytest.mark.parametrize("ratio", [1e2, 1e4, 1e6, 1e8])
def test_what_an_older_file_has_cancelled_is_in_the_interval(ratio, tmp_path):
    rng = np.random.default_rng(7)
    z = rng.standard_normal((400, 6)) * np.logspace(0, -6, 6) + ratio * rng.standard_normal(6)
    z[:, 2] = ratio  # no spread at all
    long = z.astype(extended.LONG)
    gram = (z.T @ z)[np.tril_indices(6)]
    products = (z.T @ (z @ probe_matrix(6, 0))).ravel()
    old = State("gram", 6, False, 400, (0, 0, 1, 400), (z.sum(axis=0), products, gram))
    (tmp_path / "a").write_bytes(old_bytes(old))
    loaded = rankme.Accumulator.load(tmp_path / "a")
    for acc in (loaded, loaded.copy(), loaded + STATES_OF_SIX, STATES_OF_SIX + loaded):
        whole = long if acc.n_rows == 400 else np.vstack([long, MORE])
        for center in (False, True):
            sigma = extended.singular_values(extended.exact_matrix(whole, center=center)[0])
            low, high = acc.spectrum(center=center).singular_value_bounds()
            assert ((low <= sigma) & (sigma <= high)).all()


def test_a_state_of_a_gpu_is_read(tmp_path):
    """A GPU keeps ``Z.T @ Z``, in the same format."""
    acc = STATES["plain"]
    state_file.write(tmp_path / "a", uncentred(acc._state()))
    assert b'"kind": "gram"' in (tmp_path / "a").read_bytes()
    loaded = rankme.Accumulator.load(tmp_path / "a")
    np.testing.assert_allclose(loaded.gram(), acc.gram(), rtol=1e-13)
    total = loaded + acc
    assert total.score() == pytest.approx(acc.score(), rel=1e-12)


def test_rows_that_were_left_out_are_in_the_header(tmp_path):
    state = STATES["plain"]._state()
    left_out = Skipped(7, {"part": 3}, allowed=True)
    state_file.write(tmp_path / "a", state._replace(skipped=left_out))
    assert state_file.read(tmp_path / "a").skipped == left_out


def test_a_state_takes_half_of_a_square(tmp_path):
    acc = rankme.Accumulator(1000)
    acc.update(moderate(1, 3, 1000), shard="a")
    acc.save(tmp_path / "a")
    assert (tmp_path / "a").stat().st_size == pytest.approx(4 * 1000**2, rel=0.05)
