"""all_reduce of a mapping and a stack, over gloo: names, orders, and what is missing on a rank."""

import numpy as np
import pytest

import rankme
from engines import assert_same, embeddings, one_process
from helpers import bits
from rankme.distributed import torch as rankme_torch
from ranks import on_ranks

Z = {"backbone": embeddings(300, 12), "projector": embeddings(300, 5, seed=1)}


def reduce_named(rank, world_size):
    order = sorted(Z, reverse=bool(rank % 2))
    own = {name: one_process(Z[name][rank::world_size]) for name in order}
    before = {name: bits(acc) for name, acc in own.items()}
    total = rankme_torch.all_reduce(own)
    assert {name: bits(acc) for name, acc in own.items()} == before
    assert list(total) == order
    return total


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_name_is_summed_in_whatever_order_ranks_have_them(world_size):
    totals = on_ranks(world_size, reduce_named, world_size)
    for name, z in Z.items():
        assert_same(totals[0][name], one_process(z))
        assert all(bits(total[name]) == bits(totals[0][name]) for total in totals)


def reduce_with_gaps(rank, settings):
    own = dict.fromkeys((*Z, "nowhere", ""))  # "" is the model itself, as PyTorch has it
    if rank == 1:
        own["backbone"] = one_process(Z["backbone"], **settings)
        own[""] = one_process(Z["projector"])
    return rankme_torch.all_reduce(own)


@pytest.mark.parametrize("settings", [{}, {"normalize": True, "seed": 2**64 - 3, "groups": 8}])
def test_a_rank_may_have_seen_nothing(settings):
    for total in on_ranks(2, reduce_with_gaps, settings):
        assert_same(total["backbone"], one_process(Z["backbone"], **settings))
        assert_same(total[""], one_process(Z["projector"]))
        assert total["projector"] is None
        assert total["nowhere"] is None
        if settings:
            assert total["backbone"].estimate().groups == 8


def reduce_stack(rank, dims, groups):
    acc = rankme.LayerAccumulator(dims=dims, groups=groups, run_length=20)
    if rank < 2:
        acc.update([z[rank::2] for z in layers(dims)])
    return rankme_torch.all_reduce({"layers": acc})["layers"], rankme_torch.all_reduce(acc)


def layers(dims):
    rng = np.random.default_rng(2)
    return [rng.standard_normal((400, dim)) for dim in dims]


@pytest.mark.parametrize("dims", [[6, 6, 6], [6, 4, 6]])
@pytest.mark.parametrize("groups", [None, 8])
def test_a_stack_is_summed_layer_by_layer(dims, groups):
    for named, alone in on_ranks(3, reduce_stack, dims, groups):
        assert (named.n_rows, named.dims) == (400, dims)
        expected = [rankme.score(z) for z in layers(dims)]
        np.testing.assert_allclose(named.score(), expected, rtol=1e-12)
        np.testing.assert_array_equal(alone.score(), named.score())
        assert len(named.estimates() if groups else named) == 3


def other_names(rank):
    acc = one_process(Z["backbone"])
    own = {"a": acc, ["b", "c", "b"][rank]: acc}
    with pytest.raises(ValueError, match="bring different names") as caught:
        rankme_torch.all_reduce(own)
    assert rankme_torch.all_reduce({"a": acc})["a"].n_rows == 900  # the group still works
    return str(caught.value)


def test_names_that_differ_are_an_error_on_every_rank():
    messages = on_ranks(3, other_names)
    assert len(set(messages)) == 1
    assert "rank 0 lacks 'c'; rank 1 lacks 'b'; rank 2 lacks 'c'" in messages[0]


def misfit(rank, of_second):
    acc = one_process(Z["projector"]) if rank == 0 else of_second
    own = {"a": one_process(Z["backbone"]), "b": acc}
    try:
        return rankme_torch.all_reduce(own)
    finally:
        assert rankme_torch.all_reduce(one_process(Z["backbone"])).n_rows == 600


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (
            rankme.Accumulator(4),
            r"dim of 'b' differs .*: 5 \(rank 0\) and 4 \(rank 1\)",
        ),
        (
            rankme.Accumulator(5, groups=8),
            r"groups of 'b' .*: None \(rank 0\) and 8 ",
        ),
        (rankme.LayerAccumulator(1, 5), "kind of 'b' .*: Accumulator .* LayerAccumulator"),
    ],
)
def test_what_does_not_fit_is_named_on_every_rank(second, text):
    for error in on_ranks(2, misfit, second):
        assert isinstance(error, ValueError)
        with pytest.raises(ValueError, match=text):
            raise error


def test_an_error_of_one_rank_names_it_on_every_rank():
    first, second = on_ranks(2, misfit, "rows")
    assert isinstance(first, RuntimeError)
    assert "rank 1 has nothing that can be reduced: TypeError: acc['b'] must be" in str(first)
    assert isinstance(second, TypeError)
    assert str(second).startswith("rank 1: acc['b'] must be a rankme.Accumulator or")
