"""all_reduce over gloo of sums about the mean: all ranks bring theirs about one first."""

import numpy as np
import pytest

import extended
import rankme
from engines import assert_same, embeddings, one_process
from helpers import bits, contents
from rankme.distributed import torch as rankme_torch
from ranks import on_ranks
from saved_states import uncentred


def rows_of_rank(z, rank, world_size):
    """Uneven shares, of which the first is empty where there is more than one rank."""
    cuts = [len(z) * number**2 // (world_size - 1) ** 2 for number in range(world_size - 1)]
    return z if world_size == 1 else np.split(z, cuts)[rank]


def far_from_zero(rank, world_size, ratio):
    """This rank's share of rows whose mean is `ratio` times as long as their spread."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal((600, 8)) * np.logspace(0, -2, 8) + ratio * rng.standard_normal(8)
    return z, rows_of_rank(z, rank, world_size)


def reduce_far(rank, world_size, ratios):
    return [
        rankme_torch.all_reduce(one_process(own)) if len(own) else reduce_nothing(8)
        for _, own in (far_from_zero(rank, world_size, ratio) for ratio in ratios)
    ]


def reduce_nothing(n_cols):
    return rankme_torch.all_reduce(rankme.Accumulator(n_cols))


@pytest.mark.parametrize("world_size", [1, 3])
def test_a_mean_far_from_zero_costs_nothing(world_size):
    ratios = [1.0, 1e4, 1e8]
    by_rank = on_ranks(world_size, reduce_far, world_size, ratios)
    for ratio, *totals in zip(ratios, *by_rank, strict=True):
        z, _ = far_from_zero(0, world_size, ratio)
        assert all(bits(total) == bits(totals[0]) for total in totals)
        for center in (False, True):
            exact = extended.score(z, center=center)
            low, high = totals[0].spectrum(center=center).rankme_bounds()
            assert low <= exact <= high
            assert totals[0].score(center=center) == pytest.approx(float(exact), rel=1e-9)


def reduce_equal(rank, alike):
    row = np.random.default_rng(5).standard_normal(7) + 1e6
    acc = one_process(np.tile(row if alike else row + rank, (40 + rank, 1)))
    return rankme_torch.all_reduce(acc)


def test_equal_rows_on_all_ranks_have_no_spread():
    for total in on_ranks(3, reduce_equal, True):
        assert total.n_rows == 123
        assert not contents(total)["triangle"].any()
        assert total.score(center=True) == 0.0
    # Each rank has rows that are equal, and not to those of the others.
    for total in on_ranks(3, reduce_equal, False):
        assert total.score(center=True) == pytest.approx(1.0, rel=1e-5)


def reduce_as_a_gpu_holds_it(rank):
    acc = one_process(embeddings(300, 12, seed=rank))
    if rank == 1:
        acc.__class__ = HeldAsGram
    return rankme_torch.all_reduce(acc)


class HeldAsGram(rankme.Accumulator):
    """Gives its sums as one on a GPU does: not about the mean."""

    __slots__ = ()

    def _state(self):
        return uncentred(super()._state())


def test_sums_that_are_not_about_the_mean_are_made_so():
    z = np.vstack([embeddings(300, 12, seed=rank) for rank in range(2)])
    first, second = on_ranks(2, reduce_as_a_gpu_holds_it)
    assert bits(first) == bits(second)
    assert_same(first, one_process(z))
    assert first.score(center=True) == pytest.approx(rankme.score(z, center=True), rel=1e-10)
