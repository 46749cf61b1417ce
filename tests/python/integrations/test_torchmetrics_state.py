"""The state of RankMe as a metric: merged, copied, converted and saved, no digit changes."""

import copy
import io
import pickle

import pytest
import torch
from torchmetrics import Metric

import rankme
from metric_rows import DIM, batches, embeddings, filled, same
from rankme.integrations.torchmetrics import RankMe


@pytest.mark.parametrize("as_dict", [False, True])
def test_states_are_merged(as_dict):
    z = embeddings().double()
    z[:100] *= 1e-150
    metric, other = filled(z[:100]), filled(z[100:])
    metric.merge_state(other.metric_state if as_dict else other)
    assert metric.n_rows == len(z)
    assert same(metric.compute(), rankme.score(z))
    assert same(other.compute(), rankme.score(z[100:]))


def test_what_cannot_be_merged_is_named():
    metric = filled(embeddings())
    before = metric.sums
    with pytest.raises(ValueError, match=r"numbers, and dim=40 needs \d+: .* another dim"):
        metric.merge_state(RankMe(DIM + 1))
    with pytest.raises(
        ValueError, match="a metric with normalize=True, and this one has normalize=F"
    ):
        metric.merge_state(RankMe(DIM, normalize=True))
    with pytest.raises(ValueError, match="state variable sums to be present"):
        metric.merge_state({})
    assert metric.sums is before


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, RankMe.clone, lambda m: pickle.loads(pickle.dumps(m)), copy.copy],
    ids=["deepcopy", "clone", "pickle", "copy"],
)
def test_copies_are_independent(copied):
    z = embeddings()
    metric = filled(z[:200], eps=1e-4)
    other = copied(metric)
    assert same(other.compute(), rankme.score(z[:200], eps=1e-4))
    other.update(z[200:])
    assert same(other.compute(), rankme.score(z, eps=1e-4))
    assert same(metric.compute(), rankme.score(z[:200], eps=1e-4))


@pytest.mark.parametrize(
    "convert",
    [
        lambda module: module.to(torch.bfloat16),
        lambda module: module.half(),
        lambda module: module.bfloat16(),
        lambda module: module.to("cpu", torch.float16),
        lambda module: module["rankme"].set_dtype(torch.float32),
        lambda module: module["rankme"].to("cpu", torch.bfloat16),
    ],
)
def test_no_conversion_changes_a_digit(convert):
    z = embeddings()
    module = torch.nn.ModuleDict({"rankme": RankMe(DIM)})
    metric = module["rankme"]
    for batch in batches(z[:200]):
        metric.update(batch)
    value = metric.compute()
    sums = metric.sums.clone()
    convert(module)
    assert torch.equal(metric.sums, sums)
    assert metric.compute().equal(value)
    metric.update(z[200:])
    assert same(metric.compute(), rankme.score(z))
    metric.reset()
    metric.update(z)
    assert same(metric.compute(), rankme.score(z))


def test_checkpoints():
    z = embeddings()
    module = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 2), "rankme": RankMe(DIM)})
    assert set(module.state_dict()) == {"layer.weight", "layer.bias"}
    module["rankme"].persistent(True)
    module["rankme"].update(z[:200])
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    resumed = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 2), "rankme": RankMe(DIM)})
    resumed["rankme"].persistent(True)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    resumed["rankme"].update(z[200:])
    assert same(resumed["rankme"].compute(), rankme.score(z))


def test_a_value_is_not_kept_for_other_sums():
    z = embeddings()
    metric, other = filled(z[:100]), filled(z[100:])
    metric.compute()
    metric.merge_state(other)
    assert same(metric.compute(), rankme.score(z))
    other.persistent(True)
    metric.persistent(True)
    metric.load_state_dict(other.state_dict())
    assert same(metric.compute(), rankme.score(z[100:]))


def test_checkpoints_of_something_else_are_refused():
    metric = filled(embeddings())
    metric.persistent(True)
    state = metric.state_dict()
    with pytest.raises(ValueError, match=r"must be float64, not torch\.bfloat16"):
        RankMe(DIM).load_state_dict({"sums": state["sums"].bfloat16()})
    with pytest.raises(ValueError, match="dim=41 needs"):
        RankMe(DIM + 1).load_state_dict(state)
    with pytest.raises(ValueError, match="make it with normalize=False"):
        RankMe(DIM, normalize=True).load_state_dict(state)
    with pytest.raises(ValueError, match="were damaged"):
        RankMe(DIM).load_state_dict({"sums": torch.full_like(state["sums"], torch.nan)})


class MeanOfBatches(Metric):
    """What one writes first: a score a batch, averaged."""

    full_state_update = False

    def __init__(self):
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, z):
        self.total += rankme.score(z)
        self.count += 1

    def compute(self):
        return self.total / self.count


class SumOfSquares(Metric):
    """What one writes next: a Gram matrix as a state, which moves with the module."""

    full_state_update = False

    def __init__(self, dim):
        super().__init__()
        self.add_state("gram", torch.zeros(dim, dim), dist_reduce_fx="sum")

    def update(self, z):
        self.gram += z.T @ z

    def compute(self):
        sigma = torch.linalg.eigvalsh(self.gram.double()).clamp(min=0).sqrt()
        p = sigma / sigma.sum() + 1e-7
        return torch.exp(-(p * p.log()).sum())


def test_the_obvious_wrappers_are_wrong_and_this_one_is_right():
    z = embeddings(640).bfloat16()
    truth = rankme.score(z)
    module = torch.nn.ModuleDict(
        {"mean": MeanOfBatches(), "squares": SumOfSquares(DIM), "rankme": RankMe(DIM)}
    ).to(torch.bfloat16)
    for batch in batches(z):
        for metric in module.values():
            metric.update(batch)
    assert same(module["rankme"].compute(), truth)
    assert abs(float(module["mean"].compute()) - truth) > 0.05 * truth
    assert abs(float(module["squares"].compute()) - truth) > 0.05 * truth
