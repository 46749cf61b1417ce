"""RankMe as a metric of torchmetrics: the score of all rows, whatever the host does to it."""

import pickle

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torchmetrics import MeanMetric, MetricCollection

import rankme
from gpu import NO_GPU
from metric_rows import DIM, batches, embeddings, filled, same
from rankme.integrations.torchmetrics import RankMe

SETTINGS = [
    {},
    {"center": True},
    {"normalize": True, "eps": 0},
    {"center": True, "normalize": True, "eps": 1e-3},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_value_is_that_of_all_rows(settings, dtype):
    z = embeddings(dtype=dtype)
    value = filled(z, **settings).compute()
    assert value.shape == ()
    assert value.dtype == torch.float64
    assert same(value, rankme.score(z, **settings))


def test_gradients_are_not_tracked():
    z = embeddings().requires_grad_()
    metric = RankMe(DIM)
    assert not metric(z).requires_grad
    assert not metric.compute().requires_grad


def test_forward_scores_the_batch_and_keeps_all():
    z = embeddings()
    metric = RankMe(DIM, center=True)
    for batch in batches(z):
        assert same(metric(batch), rankme.score(batch, center=True))
    assert metric.update_count == len(batches(z))
    assert same(metric.compute(), rankme.score(z, center=True))


def test_values_are_kept_until_the_next_rows():
    z = embeddings()
    metric = filled(z[:100])
    assert metric.compute() is metric.compute()
    metric.update(z[100:])
    assert same(metric.compute(), rankme.score(z))
    metric.reset()
    assert (metric.n_rows, metric.update_count) == (0, 0)
    metric.update(z[:7])
    assert same(metric.compute(), rankme.score(z[:7]))


def test_a_collection_shares_what_can_be_shared():
    z = embeddings()
    settings = {
        "plain": {},
        "centred": {"center": True, "eps": 1e-5},
        "unit": {"normalize": True},
        "lenient": {"skip_nonfinite": True},
    }
    metrics = MetricCollection({name: RankMe(DIM, **kw) for name, kw in settings.items()})
    for batch in batches(z):
        metrics.update(batch)
    groups = sorted(map(sorted, metrics.compute_groups.values()))
    assert groups == [["centred", "lenient", "plain"], ["unit"]]
    values = metrics.compute()
    for name, chosen in settings.items():
        assert same(values[name], rankme.score(z, **chosen)), name
    metrics.reset()
    metrics.update(z[:50])
    assert same(metrics.compute()["centred"], rankme.score(z[:50], center=True, eps=1e-5))


def test_a_collection_gives_each_metric_what_it_asks_for():
    z = embeddings()
    metrics = MetricCollection({"rankme": RankMe(DIM), "loss": MeanMetric()})
    for batch in batches(z):
        metrics.update(Z=batch, value=batch.mean())
    assert same(metrics.compute()["rankme"], rankme.score(z))
    values = metrics(Z=z[:10], value=torch.tensor(1.0))
    assert same(values["rankme"], rankme.score(z[:10]))


def test_rows_that_do_not_fit_change_nothing():
    z = embeddings()
    metric = RankMe(DIM)
    for on_step in (metric.update, metric.forward):
        metric.reset()
        metric.update(z[:200])
        with pytest.raises(ValueError, match=f"Z has {DIM - 1} columns"):
            on_step(z[:10, 1:])
        metric.update(z[200:])
        assert metric.n_rows == len(z)
        assert same(metric.compute(), rankme.score(z))


def test_rows_that_are_not_finite_are_counted_and_the_value_is_nan():
    z = embeddings()
    z[::50, 0] = torch.inf
    metric, lenient = filled(z), filled(z, skip_nonfinite=True)
    for one in (metric, lenient, pickle.loads(pickle.dumps(metric))):
        assert (one.n_rows, one.n_skipped) == (294, 7)
    assert torch.isnan(metric.compute())
    assert same(lenient.compute(), rankme.score(z, skip_nonfinite=True))
    assert torch.isnan(metric(z[:60]))
    assert torch.isnan(filled(z[::50], skip_nonfinite=True).compute())
    # The next epoch is as good as any.
    metric.reset()
    metric.update(z[1:50])
    assert same(metric.compute(), rankme.score(z[1:50]))


def test_wrong_input_is_named():
    metric = RankMe(DIM)
    with pytest.raises(TypeError, match=r"Z must be a torch.Tensor, not numpy.ndarray"):
        metric.update(np.zeros((3, DIM)))
    with pytest.raises(ValueError, match=r"reshape\(-1, 40\)"):
        metric.update(torch.ones(2, 3, DIM))
    with pytest.raises(ValueError, match="Z has 3 columns, the accumulator has dim 40"):
        metric.update(torch.ones(2, 3))
    with pytest.raises(ValueError, match="dim must be"):
        RankMe(0)
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        RankMe(3, eps=2)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `centre`"):
        RankMe(3, centre=True)


def test_no_rows_are_an_error():
    metric = RankMe(DIM)
    with (
        pytest.warns(UserWarning, match="before the ``update`` method"),
        pytest.raises(ValueError, match="no rows"),
    ):
        metric.compute()
    metric.update(torch.empty(0, DIM))
    with pytest.raises(ValueError, match="no rows"):
        metric.compute()


def test_the_sums_are_an_accumulator():
    z = embeddings()
    metric = filled(z)
    acc = metric.accumulator()
    low, high = acc.spectrum().rankme_bounds()
    assert low <= float(metric.compute()) <= high
    acc.update(z.numpy())
    assert metric.n_rows == len(z)


def test_plots():
    metric = filled(embeddings())
    fig, ax = metric.plot()
    assert ax.get_ylim()[0] <= 0
    assert ax.get_ylim()[1] >= DIM
    values = [metric.compute(), metric.compute()]
    assert metric.plot(values, ax=ax)[1] is ax
    plt.close(fig)


def test_modules_are_walked_without_making_the_vector():
    metric = filled(embeddings())
    assert hash(metric) == hash(metric)
    assert list(torch.nn.ModuleList([metric]).modules())[1] is metric
    assert metric._vector is None
    assert hash(metric) != hash(metric.clone())


@pytest.mark.gpu
@pytest.mark.skipif(not rankme.cuda.is_available(), reason=NO_GPU)
def test_rows_on_a_gpu_are_added_up_there():
    z = embeddings()
    metric = RankMe(DIM).to("cuda")
    for batch in batches(z[:200].cuda()):
        metric.update(batch)
    assert metric.accumulator().device == "cuda:0"
    assert metric.sums.device == torch.device("cuda:0")
    metric.update(z[200:])  # rows of the host go where the sums are
    value = metric.compute()
    assert value.device == torch.device("cuda:0")
    assert float(value) == pytest.approx(rankme.score(z), rel=1e-9)
    there = metric.to("cpu").clone()
    assert float(there.compute()) == pytest.approx(float(value), rel=1e-9)
    there.to("cuda", torch.bfloat16).update(z.cuda())
    assert there.n_rows == 2 * len(z)
