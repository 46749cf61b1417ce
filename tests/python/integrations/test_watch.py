"""`watch`: modules of a PyTorch model, compiled, wrapped, under autocast, and checkpointed."""

import copy
import io
import re
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import rankme
from engines import assert_same, one_process
from rankme.integrations.torch import watch

K = 8
INPUTS = torch.from_numpy(np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(5, K), nn.GELU(), nn.Linear(K, K))
        self.projector = nn.Sequential(nn.Linear(K, 4), nn.BatchNorm1d(4))
        self.unused = nn.Linear(2, 2)
        self.recompute = None

    def forward(self, x):
        if self.recompute is None:
            return self.projector(self.backbone(x))
        return self.projector(checkpoint(self.backbone, x, use_reentrant=self.recompute))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Encoder().eval()


def outputs(model, name="backbone", inputs=INPUTS):
    part = {"backbone": model.backbone, "projector": model}[name]
    with torch.no_grad():  # in the batches of `run`, since float32 products depend on them
        return torch.cat([part(batch) for batch in inputs.split(64)]).double().numpy()


def run(model, inputs=INPUTS):
    with torch.no_grad():
        for batch in inputs.split(64):
            model(batch)


def hooks_of(model):
    return sum(len(one._forward_hooks) for one in model.modules())


def test_three_lines(model):
    with watch(model, ["backbone", "projector"]) as w:
        run(model)
    for name, score in w.scores().items():
        assert score == pytest.approx(rankme.score(outputs(model, name)), rel=1e-12)
        assert w.metrics()[name]["n_rows"] == len(INPUTS)
    assert hooks_of(model) == 0
    run(model)
    assert w.result().sums["backbone"].n_rows == len(INPUTS)
    assert w.values()["rankme/projector/n_skipped"] == 0


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ("backbone", ["backbone"]),
        ("", [""]),
        ("backbone.*", ["backbone.0", "backbone.1", "backbone.2"]),
        (["p*r", "backbone.2"], ["projector", "backbone.2"]),
        ("[bp]*", ["backbone", "projector"]),  # and not what is in them
        ("*.1", ["backbone.1", "projector.1"]),
    ],
)
def test_modules_by_name_and_pattern(model, targets, names):
    with watch(model, targets) as w:
        run(model)
    assert list(w.scores()) == names


def test_modules_by_object(model):
    with watch(model, model.backbone) as w, watch(model, [model.projector, "backbone"]) as v:
        run(model)
    assert list(w.scores()) == ["backbone"]
    assert list(v.scores()) == ["projector", "backbone"]


@pytest.mark.parametrize(
    ("targets", "error", "text"),
    [
        ("backbon", ValueError, "no module 'backbon'; near it are 'backbone'"),
        ("encoder", ValueError, "it has 'backbone', 'backbone.0', .* 'unused'"),
        ("x.*", ValueError, r"no module 'x\.\*'"),
        ([], ValueError, "there is no target; name a module"),
        ([3], TypeError, "a target is the name of a module, a pattern or a module, not int"),
        (nn.Linear(2, 2), ValueError, "the .*Linear that is a target is no part of the model"),
    ],
)
def test_modules_that_are_not_there(model, targets, error, text):
    with pytest.raises(error, match=text):
        watch(model, targets)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pool": {"backbon": "tokens"}}, "pool tells of 'backbon', and modules are 'backbone'"),
        ({"pool": {"backbone": "mean"}}, "pool must be 'token_mean', .* or None, not 'mean'"),
        ({"pool": "mean"}, "pool must be 'token_mean', .* or None, not 'mean'"),
        ({"metrics": ["stable_rank", "rank"]}, "there is no metric 'rank'; .* stable_rank"),
        ({"metrics": "rank"}, "there is no metric 'rank'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(model, options, text):
    with pytest.raises(ValueError, match=text):
        watch(model, "backbone", **options)


def test_keys_for_a_store_that_keeps_a_file_a_key(model):
    with watch(model, ["backbone", "projector"], metrics="stable_rank") as w:
        run(model)
    slashes, lines = w.values(), w.values(separator="_")
    assert lines["rankme/backbone_stable_rank"] == slashes["rankme/backbone/stable_rank"]
    assert list(lines.values()) == list(slashes.values())
    assert not any(one.startswith(f"{key}/") for key in lines for one in lines)


def test_a_long_list_of_modules_is_cut():
    deep = nn.Sequential(*[nn.Identity() for _ in range(50)])
    with pytest.raises(ValueError, match=r"and 20 more, as of model\.named_modules"):
        watch(deep, "encoder")


def saved_and_loaded(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, saved_and_loaded])
def test_a_copy_of_the_model_is_not_watched(model, copied):
    with watch(model, "backbone") as w:
        teacher = copied(model)
        run(model)
        run(teacher)
    assert w.metrics()["backbone"]["n_rows"] == len(INPUTS)


def test_hooks_are_gone_after_an_error_in_the_loop(model):
    with pytest.raises(ConnectionError), watch(model, "backbone"):
        raise ConnectionError
    assert hooks_of(model) == 0


def test_bad_outputs_name_the_module(model):
    model.tokens = nn.Unflatten(1, (2, 4)).eval()
    model.projector = nn.Sequential(model.tokens, nn.Flatten())
    with (
        pytest.raises(ValueError, match=r"target 'tokens' returns shape \(64, 2, 4\), .*pool="),
        watch(model, "tokens"),
    ):
        run(model)
    assert hooks_of(model) == 0
    with pytest.raises(ValueError, match="target 'unused' gave no rows"), watch(model, "unused"):
        run(model)


def test_training_mode_is_passed_by(model):
    model.train()
    with watch(model, "projector") as w:
        run(model)
        model.eval()
        run(model)
    assert_same(w.result().sums["projector"], one_process(outputs(model, "projector")))
    model.train()
    with pytest.raises(ValueError, match="not in evaluation"), watch(model, "projector"):
        run(model)
    with watch(model, "projector", only_eval=False) as w:
        run(model)
    assert w.metrics()["projector"]["n_rows"] == len(INPUTS)


def test_passes(model):
    with watch(model, "backbone") as w:
        run(model)
        first = w.scores()
        w.reset()
        run(model, INPUTS.flip(0) * 2)
        second = w.scores()
        w.reset()
    assert first == {"backbone": pytest.approx(rankme.score(outputs(model)), rel=1e-12)}
    assert second != first
    assert w.scores() == second  # no rows came after the last reset


def test_each_with_is_a_pass(model):
    w = watch(model, "backbone")
    for inputs in (INPUTS[:64], INPUTS[64:128]):
        with w:
            run(model, inputs)
        assert_same(w.result().sums["backbone"], one_process(outputs(model, inputs=inputs)))
    with pytest.raises(ValueError, match="'backbone' gave no rows in this pass"), w:
        pass  # which does not give the scores of the pass before
    with w:
        run(model, INPUTS[:64])
        with pytest.raises(RuntimeError, match="this watch is entered already"):
            w.__enter__()
    assert w.metrics()["backbone"]["n_rows"] == 64
    assert hooks_of(model) == 0


def test_tokens_with_a_mask(model):
    model.tokens = nn.Unflatten(1, (2, 4)).eval()
    model.projector = nn.Sequential(model.tokens, nn.Flatten())
    masks = torch.arange(400).reshape(200, 2) % 3 > 0
    with watch(model, "tokens") as w, torch.no_grad():
        for batch, mask in zip(INPUTS.split(64), masks.split(64), strict=True):
            w.mask = mask
            model(batch)
    z = outputs(model).reshape(200, 2, 4)[masks.numpy()]
    assert_same(w.result().sums["tokens"], one_process(z))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("full", [False, True])
def test_compiled_models(model, backend, full):
    torch.compiler.reset()
    expected = one_process(outputs(model))
    compiled = torch.compile(model, backend=backend, fullgraph=full)
    for warm in (False, True, True):
        if warm:
            run(compiled)
        with watch(compiled, "backbone") as w:
            run(compiled)
        assert_same(w.result().sums["backbone"], expected)
        with watch(model, "backbone") as w:  # the model that was compiled
            run(compiled)
        assert_same(w.result().sums["backbone"], expected)


def test_a_part_that_is_compiled(model):
    torch.compiler.reset()
    expected = one_process(outputs(model))
    model.backbone = torch.compile(model.backbone, backend="eager")
    model.projector.compile(backend="eager")
    run(model)
    with watch(model, ["backbone", "backbone.2", "projector"]) as w:
        run(model)
    assert list(w.scores()) == ["backbone", "backbone.2", "projector"]
    for name in ("backbone", "backbone.2"):
        assert_same(w.result().sums[name], expected)


def test_autocast(model):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with watch(model, "backbone") as w:
            run(model)
        with torch.no_grad():
            z = model.backbone(INPUTS)
    assert z.dtype == torch.bfloat16
    assert_same(w.result().sums["backbone"], one_process(z.float().numpy()))


@pytest.mark.parametrize("reentrant", [False, True])
def test_rows_of_a_recomputed_module_are_counted_once(model, reentrant):
    model.recompute = reentrant
    model.train()
    runs = []
    model.backbone[0].register_forward_hook(lambda *_: runs.append(1))
    inputs = INPUTS.clone().requires_grad_()
    with watch(model, ["backbone", "backbone.0"], only_eval=False) as w:
        model(inputs).sum().backward()
    assert len(runs) == 2
    assert {row["n_rows"] for row in w.metrics().values()} == {len(INPUTS)}


def test_hooks_that_are_not_due_cost_little(model):
    with watch(model, model.unused, max_rows=5) as w:
        rows = torch.zeros(5, 2)
        w.active = False
        assert seconds_of(model.unused, rows) < 50e-6
        w.active = True
        run(model.unused, rows)
        assert w.is_full
        assert seconds_of(model.unused, rows) < 50e-6


def seconds_of(module, rows):
    """What its hooks add to a call, at best."""
    hooks = list(module._forward_hooks.values())
    seconds = []
    for _ in range(200):
        begin = time.perf_counter()
        for hook in hooks:
            hook(module, (), rows)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def test_inference_mode(model):
    with torch.inference_mode(), watch(model, ["", "backbone"], pool={"": lambda z: z[:, :3]}) as w:
        model(INPUTS)
    assert_same(w.result().sums["backbone"], one_process(outputs(model)))
    assert {"rankme", "rankme/low", "rankme/backbone", "rankme/backbone/low"} <= w.values().keys()


def test_a_checkpoint_holds_the_rows_so_far(model):
    with watch(model, "backbone") as w:
        run(model, INPUTS[:64])
        file = io.BytesIO()
        torch.save({"model": model.state_dict(), "rankme": w.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    with watch(model, "backbone") as w:
        w.load_state_dict(state["rankme"])
        run(model, INPUTS[64:])
    whole = one_process(outputs(model, inputs=INPUTS))
    assert w.scores()["backbone"] == pytest.approx(whole.score(), rel=1e-6)
    assert w.metrics()["backbone"]["n_rows"] == len(INPUTS)
    w.load_state_dict(state["rankme"])
    assert w.metrics()["backbone"]["n_rows"] == 64
    state = copy.deepcopy(state["rankme"])
    state["sums"]["backbone"][-100] ^= 1
    with pytest.raises(ValueError, match=re.escape("target 'backbone': the checksum does not")):
        w.load_state_dict(state)
