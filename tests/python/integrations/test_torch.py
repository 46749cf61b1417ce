"""`collect`: what modules of a PyTorch model return, as accumulators that can be compared."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rankme
from command import run
from rankme.integrations.torch import collect

N, IN, K = 600, 6, 8
INPUTS = torch.randn(N, IN, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Encoder(nn.Module):
    """Returns tokens and a map beside the embedding; the activation works in place."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.norm = nn.BatchNorm1d(IN)
        self.body = nn.Linear(IN, K)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.tokens = nn.Identity()
        self.map = nn.Identity()
        self.both = Pair()
        self.unused = nn.Identity()
        self.double()  # float32 depends on how many inputs are a batch

    def forward(self, x):
        hidden = self.drop(self.act(self.body(self.norm(x))))
        tokens = self.tokens(torch.stack([hidden, 2 * hidden, -hidden], dim=1))
        self.map(tokens.transpose(1, 2)[..., None].expand(-1, -1, -1, 2))
        self.both(hidden)
        return hidden


class Pair(nn.Module):
    def forward(self, x):
        return x, 2 * x


@pytest.fixture
def model():
    made = Encoder()
    made.train()
    made.norm.eval()  # as of a frozen part
    return made


def loader(size=64):
    return DataLoader(INPUTS, batch_size=size)


def outputs(model, name):
    """What a module returns for all inputs at once, in evaluation mode."""
    found = []
    module = dict(model.named_modules())[name]
    hook = module.register_forward_hook(lambda _m, _i, out: found.append(out.detach().clone()))
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    with torch.no_grad():
        model(INPUTS)
    hook.remove()
    for one, mode in modes:
        one.training = mode
    return found[0].numpy()


def sums_of(rows):
    acc = rankme.Accumulator(rows.shape[1], groups=16)
    acc.update(rows)
    return acc


def assert_same(acc, rows):
    expected = sums_of(np.ascontiguousarray(rows))
    assert acc.n_rows == expected.n_rows
    assert acc.groups == 16
    assert acc.score() == pytest.approx(expected.score(), rel=1e-12)
    assert acc.estimate().std_error == pytest.approx(expected.estimate().std_error, rel=1e-9)


@pytest.mark.parametrize("size", [64, 600, 7])
def test_rows_are_the_outputs_in_evaluation_mode(model, size):
    # "body" is followed by an activation in place, whose zeros must not be seen.
    sums = collect(model, loader(size), ["body", ""])
    assert list(sums) == ["body", ""]
    for name, acc in sums.items():
        assert_same(acc, outputs(model, name))
    assert abs(sums["body"].score() - sums[""].score()) > 0.5


@pytest.mark.parametrize(
    ("module", "pool", "rows"),
    [
        ("tokens", "token_mean", lambda z: z.mean(axis=1)),
        ("tokens", "first_token", lambda z: z[:, 0]),
        ("tokens", "tokens", lambda z: z.reshape(-1, K)),
        ("map", "map_mean", lambda z: z.mean(axis=(2, 3))),
        ("map", "positions", lambda z: z.transpose(0, 2, 3, 1).reshape(-1, K)),
        ("tokens", lambda out: out[:, 1], lambda z: z[:, 1]),
    ],
)
def test_pooling(model, module, pool, rows):
    assert_same(collect(model, loader(), module, pool=pool)[module], rows(outputs(model, module)))


def test_pools_by_module_and_parts_of_an_output(model):
    pool = {"tokens": "token_mean", "both": lambda out: out[1]}
    sums = collect(model, loader(), ["tokens", "both", "body"], pool=pool)
    assert {acc.n_rows for acc in sums.values()} == {N}
    assert sums["both"].score() == pytest.approx(sums_of(outputs(model, "")).score(), rel=1e-12)


def test_the_first_rows_are_taken_and_no_more_batches(model):
    drawn = []

    def batches():
        for batch in loader():
            drawn.append(len(batch))
            yield batch

    sums = collect(model, batches(), ["body", "tokens"], max_rows=300, pool={"tokens": "tokens"})
    assert_same(sums["body"], outputs(model, "body")[:300])
    assert_same(sums["tokens"], outputs(model, "tokens").reshape(-1, K)[:300])
    assert len(drawn) == 5


def test_batches_that_are_no_tensor(model):
    data = DataLoader(TensorDataset(INPUTS, torch.arange(N)), batch_size=50)
    acc = collect(
        model,
        data,
        "body",
        forward=lambda model, batch: model(batch[0]),
        ids=lambda batch: batch[1],
    )["body"]
    assert_same(acc, outputs(model, "body"))
    expected = rankme.Accumulator(K, groups=16)
    expected.update(np.zeros((N, K)), ids=range(N))
    assert acc.fingerprint == expected.fingerprint
    with pytest.raises(TypeError, match=r"a batch is list and no tensor; forward="):
        collect(model, data, "body")


def test_ids_of_tokens_are_those_of_their_inputs(model):
    names = [f"{i}" for i in range(N)]
    data = DataLoader(list(zip(INPUTS, names, strict=True)), batch_size=64)
    acc = collect(
        model,
        data,
        "tokens",
        pool="tokens",
        max_rows=1000,
        forward=lambda model, batch: model(batch[0]),
        ids=lambda batch: batch[1],
    )["tokens"]
    expected = rankme.Accumulator(K, groups=16)
    expected.update(np.zeros((1000, K)), ids=np.repeat(names, 3)[:1000])
    assert acc.fingerprint == expected.fingerprint


def test_checkpoints_are_compared_as_pairs(tmp_path):
    data = DataLoader(list(zip(INPUTS, range(N), strict=True)), batch_size=64)
    for step in (1, 2):
        acc = collect(
            Encoder(seed=step),
            data,
            "body",
            max_rows=512,
            forward=lambda model, batch: model(batch[0]),
            ids=lambda batch: batch[1],
            tags={"step": step, "split": "eval"},
        )["body"]
        assert acc.tags == {"layer": "body", "step": step, "split": "eval"}
        acc.save(tmp_path / f"{step}.rankme")
    found = rankme.compare({str(step): tmp_path / f"{step}.rankme" for step in (1, 2)})
    assert (found.paired, found.rows) == (True, 512)
    assert {run.tags["step"] for run in found.runs} == {1, 2}


def state_of(model):
    return [(one.training, len(one._forward_hooks)) for one in model.modules()]


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_it_was(model, fails):
    before = state_of(model)
    parameters = [one.clone() for one in model.state_dict().values()]

    def batches():
        yield INPUTS[:64]
        assert not model.training
        assert not torch.is_grad_enabled()
        if fails:
            raise ConnectionError

    if fails:
        with pytest.raises(ConnectionError):
            collect(model, batches(), "body")
    else:
        collect(model, batches(), "body")
    assert state_of(model) == before
    assert torch.is_grad_enabled()
    after = model.state_dict().values()
    assert all(map(torch.equal, parameters, after))  # also the statistics of the normalisation


def test_modules_by_pattern_and_object(model):
    assert list(collect(model, loader(), ["b?dy", model.norm])) == ["body", "norm"]
    assert list(collect(model, loader(), model.act)) == ["act"]


@pytest.mark.parametrize(
    ("modules", "pool", "error", "text"),
    [
        ([], None, ValueError, "there is no target; name a module"),
        ("head.*", None, ValueError, r"the model has no module 'head\.\*'"),
        ("body", {"bdy": "tokens"}, ValueError, "pool tells of 'bdy', and modules are 'body'"),
        ("head", None, ValueError, "no module 'head'; it has 'norm', 'body', "),
        ("unused", None, ValueError, "module 'unused' did not run"),
        ("tokens", None, ValueError, r"module 'tokens' returns shape \(64, 3, 8\), .*pool="),
        ("both", None, TypeError, "module 'both' returns tuple and no tensor; pool=lambda"),
        ("body", "tokens", ValueError, r"takes outputs of shape \(n, T, K\), and module 'body'"),
        ("body", "mean", ValueError, "pool must be 'token_mean', .* not 'mean'"),
    ],
)
def test_what_cannot_be_collected(model, modules, pool, error, text):
    with pytest.raises(error, match=text):
        collect(model, loader(), modules, pool=pool)


def test_a_module_that_runs_twice(model):
    with pytest.raises(ValueError, match="module 'body' runs more than once for a batch"):
        collect(model, loader(), "body", forward=lambda m, x: (m(x), m(x)))


def test_bad_values_name_the_module(model):
    with torch.no_grad():
        model.body.bias[3] = float("nan")
    with pytest.raises(ValueError, match=r"module 'body': Z\[0, 3\] is nan"):
        collect(model, loader(), "body")


def test_no_batch(model):
    with pytest.raises(ValueError, match="the loader gave no batch"):
        collect(model, [], "body")


def test_saved_sums_are_what_compare_reads(tmp_path):
    for step in (1, 2):
        model = Encoder(step)
        sums = collect(
            model,
            DataLoader(TensorDataset(INPUTS, torch.arange(N)), batch_size=64),
            ["", "body"],
            forward=lambda model, batch: model(batch[0]),
            ids=lambda batch: batch[1],
            tags={"step": step},
            save=tmp_path / "runs" / f"step-{step}",
        )
    folder = tmp_path / "runs" / "step-2"
    assert sorted(file.name for file in folder.iterdir()) == ["@model.rankme", "body.rankme"]
    loaded = rankme.Accumulator.load(folder / "body.rankme")
    assert loaded.tags == {"layer": "body", "step": 2}
    assert loaded.score() == sums["body"].score()
    result = run("compare", *sorted((tmp_path / "runs").glob("*/body.rankme")), "--json")
    told = json.loads(result.stdout)
    assert told["paired"]
    assert {one["name"]: one["tags"]["step"] for one in told["runs"]} == {"step-1": 1, "step-2": 2}


def test_saved_sums_are_not_replaced_unless_told_so(model, tmp_path):
    first = collect(model, loader(), "body", save=tmp_path)["body"]
    with pytest.raises(FileExistsError, match=r"body\.rankme is there already; overwrite=True"):
        collect(model, None, "body", save=tmp_path)  # before the loader is looked at
    other = collect(Encoder(3), loader(), "body", save=tmp_path, overwrite=True)["body"]
    assert rankme.Accumulator.load(tmp_path / "body.rankme").score() == other.score()
    assert other.score() != first.score()


def test_odd_names_of_modules_are_names_of_files(tmp_path):
    model = nn.Sequential()
    for name in ("@model", "a/b", "ü *"):
        model.add_module(name, nn.Linear(IN if name == "@model" else K, K).double())
    collect(model, loader(), ["", "@model", "a/b", "ü *"], save=tmp_path)
    found = {file.name for file in tmp_path.iterdir()}
    assert found == {
        "@model.rankme",
        "%40model.rankme",
        "a%2Fb.rankme",
        "%C3%BC%20%2A.rankme",
    }
