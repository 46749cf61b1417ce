"""Stacks on a GPU, as far as no GPU is needed: the compiled sums are those of the CPU here."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import rankme
from helpers import bits
from oracles import AGAINST_SVD, moderate, rankme_by_svd, relative_error
from rankme import _core
from rankme._accumulators import gpu_layers

DIMS = [8, 24, 8]
N = 60


def made(dim, normalize, seed, device, precision):
    assert device == 1
    return _core.GramAccumulator(dim, normalize, seed, precision=precision)


def restored(*args, shards, device, precision):
    assert device == 1
    return _core.GramAccumulator.from_state(*args, shards=shards, precision=precision)


made.from_state = restored


@pytest.fixture(autouse=True)
def _no_gpu_is_needed(monkeypatch):
    module = SimpleNamespace(GramAccumulator=made)
    monkeypatch.setattr(gpu_layers, "module_of", lambda device: (module, int(device[-1])))


def layers(seed=0):
    return [moderate(seed + i, N, dim) for i, dim in enumerate(DIMS)]


def filled(zs=None, **options):
    acc = rankme.LayerAccumulator(dims=DIMS, device="cuda:1", **options)
    zs = layers() if zs is None else zs
    acc.update([z[:20] for z in zs])
    acc.update([z[20:] for z in zs])
    return acc


@pytest.mark.parametrize("normalize", [False, True])
def test_scores(normalize):
    acc = filled(normalize=normalize)
    assert (acc.device, acc.dims, acc.n_rows) == ("cuda:1", DIMS, N)
    assert repr(acc).endswith("normalize=False, device='cuda:1'): 60 rows") is not normalize
    for i, (z, score) in enumerate(zip(layers(), acc.score(), strict=True)):
        assert relative_error(score, rankme_by_svd(z, normalize=normalize)) < AGAINST_SVD
        assert acc.spectrum(i).rankme() == score
        assert acc[i].score() == pytest.approx(score, rel=1e-12)
    plain = rankme.LayerAccumulator(3, 8, device="cuda:1")
    plain.update(np.ones((3, 5, 8)))
    assert plain.score(eps=0) == pytest.approx([1, 1, 1], rel=1e-7)


def test_a_bad_last_layer_changes_none():
    acc = filled()
    before = [bits(layer) for layer in acc]
    zs = layers(9)
    zs[2][5, 3] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=r"Zs\[2\]\[5, 3\] is inf"):
        acc.update(zs)
    with pytest.raises(rankme.NonFiniteError, match=r"Zs\[2\]\[1, 1, 3\] is inf"):
        acc.update([z.reshape(15, 4, -1) for z in zs], mask=np.ones((15, 4), bool))
    for bad, text in (
        (zs[:2], "Zs has 2 layers, the accumulator has n_layers 3"),
        ([zs[0], zs[0], zs[2]], r"Zs\[1\] has 8 columns, the accumulator has dim 24"),
        ([zs[0], zs[1][:3], zs[2]], r"Zs\[1\] has 3 rows and Zs\[0\] has 60"),
    ):
        with pytest.raises(ValueError, match=text):
            acc.update(bad)
    assert [bits(layer) for layer in acc] == before
    acc.update(layers(9))  # nothing of the refused rows is left aside
    expected = [np.concatenate(both) for both in zip(layers(), layers(9), strict=True)]
    assert acc.score() == pytest.approx([rankme.score(z) for z in expected], rel=1e-11)


def test_a_merge_that_fails_half_way_is_told_until_a_reset():
    acc = filled()
    calls = []

    class Failing:
        def __init__(self, whole):
            self._whole = whole

        def __getattr__(self, name):
            return getattr(self._whole, name)

        def merge(self, _other):
            calls.append(1)
            raise MemoryError("no room")

    acc._core._layers[1] = Failing(acc._core._layers[1])
    with pytest.raises(MemoryError):
        acc.update(layers(9))
    assert calls == [1]
    for ask in (acc.score, acc.copy, lambda: acc.update(layers())):
        with pytest.raises(RuntimeError, match=r"failed half way.*reset\(\) is all"):
            ask()
    acc.reset()
    assert acc.n_rows == 0
    assert acc.copy().n_rows == 0


def test_states_go_to_the_cpu_and_back(tmp_path):
    acc = filled()
    acc.save(tmp_path / "a.rankme")
    state = [bits(layer) for layer in acc]
    for other, device in (
        (acc.copy(), "cuda:1"),
        (acc.copy(device="cpu"), "cpu"),
        (acc.copy(device="cpu").copy(device="cuda:1"), "cuda:1"),
        (pickle.loads(pickle.dumps(acc)), "cpu"),
        (rankme.LayerAccumulator.load(tmp_path / "a.rankme"), "cpu"),
        (rankme.LayerAccumulator.load(tmp_path / "a.rankme", device="cuda:1"), "cuda:1"),
    ):
        assert (other.device, other.dims) == (device, DIMS)
        assert [bits(layer) for layer in other] == state
        other.merge(acc)
        assert (other.device, other.n_rows) == (device, 2 * N)
    acc += acc
    assert acc.n_rows == 2 * N
    with pytest.raises(ValueError, match="cannot merge stacks of dims"):
        acc.merge(rankme.LayerAccumulator(3, 8))


def test_groups_are_on_the_cpu():
    with pytest.raises(ValueError, match="groups are kept on the CPU and not on cuda:1"):
        rankme.LayerAccumulator(2, 3, device="cuda:1", groups=8)
    dealt = rankme.LayerAccumulator(2, 3, groups=8)
    with pytest.raises(ValueError, match="a stack with groups is kept on the CPU"):
        dealt.copy(device="cuda:1")
    with pytest.raises(ValueError, match="device must be"):
        rankme.LayerAccumulator(2, 3, device="gpu")
