"""An accumulator on a GPU is saved, pickled, copied and merged like any other, across devices."""

import copy
import pickle

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, accumulated, needs_gpu, on_gpu
from helpers import bits
from oracles import moderate, relative_error

pytestmark = needs_gpu

KINDS = {
    "plain": (1.0, {}),
    "normalised": (1.0, {"normalize": True}),
    "huge": (1e250, {}),
    "tiny": (1e-250, {}),
    "seed": (1.0, {"seed": 2**64 - 1}),
    "qr": (1.0, {"method": "qr"}),
    "qr, huge": (1e250, {"method": "qr"}),
}


def make(kind, *, device=DEVICE, seed=1):
    scale, options = KINDS[kind]
    z = moderate(seed, 300, 17) * scale
    return accumulated(z if device == "cpu" else on_gpu(z), device=device, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_goes_everywhere_bit_for_bit(kind, tmp_path):
    acc = make(kind)
    state = bits(acc)
    acc.save(tmp_path / "a.rankme")
    there_and_back = acc.copy(device="cpu").copy(device=DEVICE)
    copies = {
        "copy": (acc.copy(), DEVICE),
        "copy.copy": (copy.copy(acc), DEVICE),
        "copy.deepcopy": (copy.deepcopy(acc), DEVICE),
        "to the CPU": (acc.copy(device="cpu"), "cpu"),
        "there and back": (there_and_back, DEVICE),
        "load": (rankme.Accumulator.load(tmp_path / "a.rankme"), "cpu"),
        "load to a GPU": (rankme.Accumulator.load(tmp_path / "a.rankme", device="cuda"), DEVICE),
        "pickle": (pickle.loads(pickle.dumps(acc)), "cpu"),
    }
    for name, (other, device) in copies.items():
        assert (bits(other), other.device) == (state, device), name
        assert relative_error(other.score(), acc.score()) < AGAINST_CPU, name
        other.update(moderate(2, 1, 17))
        assert bits(acc) == state, name
    # A file says nothing of the GPU: that of the CPU's copy is the same.
    acc.copy(device="cpu").save(tmp_path / "b.rankme")
    assert (tmp_path / "a.rankme").read_bytes() == (tmp_path / "b.rankme").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_merging_across_devices(kind):
    here, there = make(kind), make(kind, device="cpu", seed=3)
    expected = (here.copy(device="cpu") + there).score()
    for left, right in ((here, there), (there, here), (here, there.copy(device=DEVICE))):
        before = bits(right)
        total = left + right
        assert (total.device, total.n_rows) == (left.device, 600)
        assert bits(right) == before
        assert relative_error(total.score(), expected) < AGAINST_CPU
    doubled = here.copy()
    doubled += doubled
    assert doubled.n_rows == 600
    assert relative_error(doubled.score(), here.score()) < AGAINST_CPU


def test_merging_what_does_not_fit_changes_nothing():
    acc = make("plain")
    before = bits(acc)
    others = [
        make("normalised"),
        make("qr"),
        make("seed"),
        make("seed", device="cpu"),
        accumulated(moderate(4, 9, 16)),
        accumulated(moderate(4, 9, 16), device="cpu"),
    ]
    for other in others:
        with pytest.raises(ValueError, match="cannot merge"):
            acc.merge(other)
    assert bits(acc) == before


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_shards_go_where_the_rows_go(method, tmp_path):
    acc = rankme.Accumulator(17, method=method, device=DEVICE)
    for shard in ("a", "b", "a"):
        acc.update(on_gpu(moderate(8, 40, 17)), shard=shard)
    bad = moderate(9, 40, 17)
    bad[3, 5] = np.nan
    with pytest.raises(rankme.NonFiniteError):
        acc.update(on_gpu(bad), shard="c")
    assert acc.shards == {"a": 80, "b": 40}
    acc.save(tmp_path / "a.rankme")
    for other in (
        acc.copy(),
        acc.copy(device="cpu"),
        rankme.Accumulator.load(tmp_path / "a.rankme"),
    ):
        assert other.shards == acc.shards
        before = bits(acc)
        with pytest.raises(ValueError, match=r"both hold rows of shard 'a' \(80 and 80\)"):
            acc.merge(other)
        assert bits(acc) == before
    more = rankme.Accumulator(17, method=method, device=DEVICE)
    more.update(moderate(8, 40, 17), shard="d")
    acc += more
    assert (acc.shards, acc.n_rows) == ({"a": 80, "b": 40, "d": 40}, 160)
    acc.reset()
    assert acc.shards == {}


@pytest.mark.parametrize("kind", KINDS)
def test_reset(kind):
    acc = make(kind)
    _, options = KINDS[kind]
    acc.reset()
    assert bits(acc) == bits(rankme.Accumulator(17, device=DEVICE, **options))
    with pytest.raises(ValueError, match="no rows yet"):
        acc.score()


@pytest.mark.parametrize("normalize", [False, True])
def test_gram(normalize):
    z = moderate(5, 700, 23)
    acc = accumulated(on_gpu(z), normalize=normalize)
    gram = acc.gram()
    np.testing.assert_array_equal(gram, gram.T)
    assert not gram.flags.writeable
    if normalize:
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(gram, z.T @ z, rtol=1e-12, atol=1e-12)


def test_asking_does_not_end_the_stream():
    z = moderate(6, 90, 8)
    acc = accumulated(on_gpu(z[:50]))
    before = bits(acc)
    acc.score()
    acc.spectrum(center=True)
    repr(acc)
    assert bits(acc) == before
    acc.update(on_gpu(z[50:]))
    assert relative_error(acc.score(), rankme.score(z)) < AGAINST_CPU


def test_repr_and_attributes():
    acc = rankme.Accumulator(5, device="cuda", precision="fast")
    assert (acc.device, acc.precision, acc.dim, acc.n_rows) == (DEVICE, "fast", 5, 0)
    assert "device='cuda:0', precision='fast'" in repr(acc)
    for name in ("device", "precision"):
        with pytest.raises(AttributeError):
            setattr(acc, name, "cpu")


# ---- probes ------------------------------------------------------------------------------------


def with_fault(acc, position, size):
    """The same accumulator on the GPU, with one entry of its Gram matrix changed."""
    state = acc._state()
    sums, products, triangle = (array.copy() for array in state.arrays)
    triangle[position] += size
    return rankme.Accumulator._from_state(
        state._replace(arrays=(sums, products, triangle)), DEVICE, "float64"
    )


def test_a_wrong_entry_of_the_gram_matrix_is_noticed():
    acc = make("plain")
    acc.spectrum(center=True)
    trace = np.trace(acc.gram())
    for position in range(0, 17 * 18 // 2, 5):
        for center in (False, True):
            with pytest.raises(rankme.IntegrityError, match="disagrees with its probe"):
                with_fault(acc, position, 1e-9 * trace).spectrum(center=center)
    # A small one widens the interval instead.
    faulty = with_fault(acc, 3, 1e-14 * trace)
    width = np.subtract(*faulty.spectrum().rankme_bounds()[::-1])
    assert width > 0


@pytest.mark.parametrize("k", [1, 7, 300])
def test_the_probes_are_those_of_the_cpu(k):
    z = moderate(7, 400, k)
    (_, _, gpu, _), (_, _, cpu, _) = (
        accumulated(z, device=device)._core.state() for device in (DEVICE, "cpu")
    )
    np.testing.assert_allclose(gpu[0], cpu[0], rtol=1e-12, atol=1e-10)
    scale = np.abs(cpu[1]).max()
    np.testing.assert_allclose(gpu[1], cpu[1], atol=1e-12 * scale)
    np.testing.assert_allclose(gpu[2], cpu[2], atol=1e-12 * np.abs(cpu[2]).max())
