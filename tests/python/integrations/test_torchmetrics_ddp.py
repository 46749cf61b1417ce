"""RankMe as a metric of torchmetrics on several ranks of a real gloo group."""

import math
import warnings

import pytest
import torch
import torch.distributed as dist
from torchmetrics import MetricCollection
from torchmetrics.utilities.distributed import gather_all_tensors
from torchmetrics.utilities.exceptions import TorchMetricsUserError

import rankme
from rankme.integrations.torchmetrics import RankMe
from ranks import on_ranks

DIM = 24


def embeddings(n_rows=301):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(n_rows, DIM, generator=generator, dtype=torch.float64)
    return z * torch.arange(1, DIM + 1) ** -0.6 + 3


def of_rank(z, rank, world_size, *, all_on_one=False):
    """Batches of uneven shares; of none at all on every other rank if `all_on_one`."""
    if all_on_one:
        return z.split(32) if rank == 0 else ()
    return z[rank::world_size].split(32)


def same(value, truth):
    return float(value) == pytest.approx(truth, rel=1e-12)


def epoch(rank, world_size, *, all_on_one=False, settings=None, **keywords):
    z = embeddings()
    metric = RankMe(DIM, **(settings or {}), **keywords)
    mine = of_rank(z, rank, world_size, all_on_one=all_on_one)
    for batch in mine:
        metric.update(batch)
    own = metric.n_rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics warns where a rank has no rows
        value = metric.compute()
    # The stream goes on with the rows of this rank.
    assert metric.n_rows == own == sum(map(len, mine))
    for batch in mine:
        metric.update(batch)
    assert metric.n_rows == 2 * own
    return float(value)


SETTINGS = {"center": True, "normalize": True}


def plain(rank, world_size):
    return epoch(rank, world_size)


def empty_rank(rank, world_size):
    return epoch(rank, world_size, all_on_one=True)


def with_settings(rank, world_size):
    return epoch(rank, world_size, settings=SETTINGS)


def own_gather(rank, world_size):
    calls = []

    def gather(tensor, group=None):
        calls.append(tensor.shape)
        return gather_all_tensors(tensor, group)

    value = epoch(rank, world_size, dist_sync_fn=gather)
    assert len(calls) == 1
    return value


def no_gather(rank, world_size):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a gather of states")

    # A few words that say what each rank brings are gathered, and nothing as large as its sums.
    def of_little(out, own, *args, **kwargs):
        assert own.nbytes < 4 * DIM**2, "a gather of states"
        return kept["all_gather"](out, own, *args, **kwargs)

    kept = {name: getattr(dist, name) for name in ("all_gather", "all_gather_into_tensor")}
    dist.all_gather, dist.all_gather_into_tensor = of_little, refuse
    try:
        return epoch(rank, world_size)
    finally:
        for name, function in kept.items():
            setattr(dist, name, function)


def on_step(rank, world_size):
    z = embeddings(96)
    metric = RankMe(DIM, dist_sync_on_step=True)
    steps = [float(metric(batch)) for batch in z[rank::world_size].split(8)]
    return [*steps, float(metric.compute())]


def synced(rank, world_size):
    z = embeddings()
    metric = RankMe(DIM, sync_on_compute=False)
    metric.update(z[rank::world_size])
    own = float(metric.compute())
    metric.sync()
    acc = metric.accumulator()
    with pytest.raises(TorchMetricsUserError, match="shouldn't be synced"):
        metric.forward(z)
    metric.unsync()
    assert metric.n_rows == len(z[rank::world_size])
    return own, acc.score(), acc.n_rows


def collection(rank, world_size):
    metrics = MetricCollection({"plain": RankMe(DIM), "centred": RankMe(DIM, center=True)})
    for batch in of_rank(embeddings(), rank, world_size):
        metrics.update(batch)
    return {name: float(value) for name, value in metrics.compute().items()}


def bad_rows(rank, world_size):
    z = embeddings()[rank::world_size]
    if rank:  # the first has finite rows alone
        z[:rank] = torch.nan
    metric, lenient = RankMe(DIM), RankMe(DIM, skip_nonfinite=True)
    for one in (metric, lenient):
        one.update(z)
    values = [float(one.compute()) for one in (metric, lenient)]
    metric.sync()
    return *values, metric.n_rows, metric.n_skipped


def other_dims(rank, _world_size):
    metric = RankMe(DIM + rank)
    metric.update(torch.ones(2, DIM + rank))
    with pytest.raises(
        ValueError, match=r"dim of the accumulators differs among the ranks: 24 \(rank 0\) and"
    ):
        metric.compute()


WORKS = (
    plain,
    empty_rank,
    with_settings,
    own_gather,
    no_gather,
    on_step,
    synced,
    collection,
    bad_rows,
    other_dims,
)


def all_works(rank, world_size):
    return {work.__name__: work(rank, world_size) for work in WORKS}


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request):
    """Return what each work returned, by rank: one group for all, since ranks start slowly."""
    results = on_ranks(request.param, all_works, request.param)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.mark.parametrize("work", [plain, empty_rank, own_gather, no_gather])
def test_every_rank_has_the_score_of_all_rows(ranks, work):
    values = {rank[work.__name__] for rank in ranks}
    assert len(values) == 1
    assert same(values.pop(), rankme.score(embeddings()))


def test_settings_are_kept(ranks):
    for rank in ranks:
        assert same(rank["with_settings"], rankme.score(embeddings(), **SETTINGS))


def test_ranks_are_brought_together_on_each_step_if_that_is_wanted(ranks):
    z = embeddings(96)
    size = 8 * len(ranks)
    for rank in ranks:
        *steps, total = rank["on_step"]
        assert same(total, rankme.score(z))
        for step, value in enumerate(steps):
            assert same(value, rankme.score(z[size * step : size * (step + 1)]))


def test_sync_and_unsync(ranks):
    z = embeddings()
    for rank, results in enumerate(ranks):
        own, whole, n_rows = results["synced"]
        assert same(own, rankme.score(z[rank :: len(ranks)]))
        assert same(whole, rankme.score(z))
        assert n_rows == len(z)


def test_collections(ranks):
    for rank in ranks:
        assert same(rank["collection"]["plain"], rankme.score(embeddings()))
        assert same(rank["collection"]["centred"], rankme.score(embeddings(), center=True))


def test_rows_left_out_are_counted_over_all_ranks(ranks):
    z = embeddings()
    for rank in range(len(ranks)):
        z[rank :: len(ranks)][:rank] = torch.nan
    n_skipped = sum(range(len(ranks)))
    for rank in ranks:
        plain, value, *counts = rank["bad_rows"]
        assert math.isnan(plain)
        assert same(value, rankme.score(z, skip_nonfinite=True))
        assert counts == [len(z) - n_skipped, n_skipped]


def test_metrics_that_differ_are_an_error_on_every_rank(ranks):
    assert all("other_dims" in rank for rank in ranks)
