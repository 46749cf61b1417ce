"""Groups survive every engine: partial results, their merging, and all_reduce."""

import dask
import dask.array as da
import numpy as np
import pytest

import rankme
from engines import embeddings, one_process, write_shards
from helpers import bits
from rankme.distributed import dask as rankme_dask
from rankme.distributed import torch as rankme_torch
from rankme.distributed._partials import JobSettings, merged, partial_of_blocks, restored
from ranks import on_ranks

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask and what it imports


def grouped(z, **options):
    acc = rankme.Accumulator(z.shape[1], groups=8, **options)
    acc.update(z)
    return acc


def same_estimate(got, wanted):
    for center in (False, True):
        ours, theirs = got.estimate(center=center), wanted.estimate(center=center)
        assert ours.group_rows.tolist() == theirs.group_rows.tolist()
        np.testing.assert_allclose(ours.left_out, theirs.left_out, rtol=1e-11)
        assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-7)


def merged_in_turn(parts):
    total = parts[0].copy()
    for part in parts[1:]:
        total.merge(part)
    return total


def test_partial_results_keep_groups():
    z = embeddings(3000, 16)
    settings = JobSettings(normalize=False, method="gram", seed=0, groups=8, run_length=50)
    parts = np.split(z, [700, 2000])
    found = restored(merged(partial_of_blocks([part], settings, "x") for part in parts))
    assert (found.groups, found.run_length) == (8, 50)
    same_estimate(found, merged_in_turn([grouped(part, run_length=50) for part in parts]))
    plain = JobSettings(normalize=False, method="gram", seed=0)
    with pytest.raises(ValueError, match="groups 8 and groups None"):
        merged([partial_of_blocks([z], one, "x") for one in (settings, plain)])
    with pytest.raises(ValueError, match="groups are kept with method='gram'"):
        JobSettings(normalize=False, method="qr", seed=0, groups=8)


def test_dask_keeps_groups(tmp_path):
    z = embeddings(6000, 16)
    with dask.config.set(scheduler="threads"):
        paths = write_shards(tmp_path, z, 3)
        acc = rankme_dask.accumulate(paths, groups=8)
        same_estimate(acc, merged_in_turn([grouped(part) for part in np.split(z, 3)]))
        assert sum(acc.shards.values()) == 6000
        array = da.from_array(z, chunks=(1000, 8))
        assert rankme_dask.accumulate(array, groups=8).estimate().score == pytest.approx(
            one_process(z).score(), rel=1e-12
        )
        assert rankme_dask.accumulate(paths).groups is None


def share(rank):
    return embeddings(2500, 12, seed=3)[[0, 900, 900][rank] : [900, 900, 2500][rank]] * 10.0**rank


def reduce_groups(rank):
    acc = grouped(share(rank)) if len(share(rank)) else rankme.Accumulator(12, groups=8)
    return rankme_torch.all_reduce(acc)


def test_all_reduce_sums_groups():
    totals = on_ranks(3, reduce_groups)
    assert all(bits(total) == bits(totals[0]) for total in totals)
    parts = [grouped(share(rank)) for rank in (0, 2)]
    wanted = merged_in_turn(parts)
    same_estimate(totals[0], wanted)
    assert totals[0].n_rows == 2500
    # The first rank goes on.
    for acc in (totals[0], wanted):
        acc.update(share(0)[:100])
    same_estimate(totals[0], wanted)


def reduce_unlike(rank, options):
    acc = rankme.Accumulator(12, **options[rank])
    acc.update(embeddings(300, 12))
    try:
        rankme_torch.all_reduce(acc)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [{"groups": 8}, {}],
            "groups of the accumulators differs among the ranks: 8 (rank 0) and",
        ),
        ([{"groups": 8}, {"groups": 9}], "groups of the accumulators differs"),
        ([{"groups": 8}, {"groups": 8, "run_length": 9}], "run_length of the accumulators differs"),
    ],
)
def test_unlike_groups_are_an_error_on_every_rank(options, message):
    for text in on_ranks(2, reduce_unlike, options):
        assert message in text
