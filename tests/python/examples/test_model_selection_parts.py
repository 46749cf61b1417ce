"""The candidates, the heads and the verdict of the study of model selection."""

import json

import numpy as np
import pytest
import torch
from examples.model_selection.heads import PENALTIES, block_means, fit_head, squared
from examples.model_selection.networks import KINDS, LOOK_BACK, REACH, build
from examples.model_selection.pool import FRACAST, Fracast, pretrain, width_of
from examples.model_selection.published import published
from examples.model_selection.study import Piece, Settings
from examples.model_selection.tables import page
from examples.model_selection.verdict import agreements, by_width, compared, errors_of
from examples.model_selection.windows import Windows
from scipy import optimize

from helpers import ROOT


def windows(n, seed):
    rng = np.random.default_rng(seed)
    past = rng.standard_normal((n, LOOK_BACK)).astype(np.float32)
    future = rng.standard_normal((n, REACH)).astype(np.float32)
    return Windows(past, future, rng.uniform(0.2, 2, n))


# ---- candidates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_is_as_wide_as_said_and_sees_the_whole_window(kind):
    model = build(f"{kind}-24", 3)
    past = torch.from_numpy(windows(5, 0).past).requires_grad_()
    features = model.encoder(past)
    assert features.shape == (5, width_of(f"{kind}-24"))
    assert model(past).shape == (5, REACH)
    (gradient,) = torch.autograd.grad(features.square().sum(), past)
    assert (gradient != 0).all()


def test_a_seed_makes_the_weights():
    one, same, other = (build("gru-8", seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_training_that_fails_leaves_no_weights(tmp_path):
    bad = windows(70, 0)
    bad.future[:] = np.nan
    with pytest.raises(FloatingPointError, match="mlp-8, seed 0: the loss of pre-training is nan"):
        pretrain("mlp-8", 0, [bad], 3, tmp_path / "weights.pt")
    assert list(tmp_path.iterdir()) == []


def test_features_of_fracast_are_what_its_own_forecast_stands_on():
    """The core's last step, as a hook sees it while the package forecasts the same windows."""
    candidate = Fracast()
    past = windows(3, 0).past
    seen = []
    hook = candidate._model.core.register_forward_hook(lambda *args: seen.append(args[2]))
    own = candidate._model.forecast_batch(past, horizon=48)
    hook.remove()
    features = candidate.features(past)
    assert features.shape == (3, width_of(FRACAST))
    np.testing.assert_allclose(features, seen[0][:, -1].numpy(), atol=1e-5)
    forecast = candidate.forecast(past)
    assert forecast.shape == (3, REACH)
    np.testing.assert_allclose(forecast[:, :48], own[:, :, 4], atol=1e-5)  # quantile 0.5 of nine


# ---- heads ---------------------------------------------------------------------------------------


def test_a_head_minimises_what_it_says():
    """Against a numerical minimum of the weighted and penalised squared error."""
    fit, validation = windows(40, 1), windows(30, 2)
    features = [w.past[:, :3] * [1, 5, 0.1] + 2 for w in (fit, validation)]
    head = fit_head(features, (fit, validation), [1])
    x = (features[0] - features[0].mean(axis=0)) / features[0].std(axis=0)
    y = fit.future[:, 0].astype(np.float64)

    def minimum(penalty):
        def loss(w):
            gap = fit.scale * (y - x @ w[:3] - w[3])
            return gap @ gap + penalty * 40 * w[:3] @ w[:3]

        return optimize.minimize(loss, np.zeros(4), tol=1e-12).x

    found = [minimum(penalty) for penalty in PENALTIES]
    xv = (features[1] - features[0].mean(axis=0)) / features[0].std(axis=0)
    gaps = [validation.future[:, 0] - xv @ w[:3] - w[3] for w in found]
    losses = [(validation.scale**2 * gap**2).mean() for gap in gaps]
    best = int(np.argmin(losses))
    np.testing.assert_allclose(head.weights[1][:, 0], found[best], atol=1e-5)
    errors = head.errors(features[1].astype(np.float32), validation)[1]
    assert errors.mean() == pytest.approx(min(losses), rel=1e-5)


def test_a_head_finds_a_linear_future():
    w = windows(60, 3)
    w.future[:] = w.past[:, :1] + 2
    features = [w.past[:, :4], w.past[:, :4]]
    head = fit_head(features, (w, w), [2, 96])
    assert set(head.weights) == {2, 96}
    for error in head.errors(features[0], w).values():
        assert error.max() < 1e-6
    constant = [np.ones((60, 4), np.float32)] * 2  # collapsed features leave the constant
    assert fit_head(constant, (w, w), [2]).errors(constant[0], w)[2].mean() > 0.1


def test_errors_are_on_the_scale_of_the_series():
    w = windows(6, 4)
    forecast = w.future + 0.5
    np.testing.assert_allclose(squared(forecast, w, 7), 0.25 * w.scale**2, rtol=1e-5)
    assert block_means(np.arange(12.0).reshape(2, 6), 3).tolist() == [
        [0.5, 2.5, 4.5],
        [6.5, 8.5, 10.5],
    ]


# ---- verdict -------------------------------------------------------------------------------------

SETTINGS = Settings(horizons=(12, 24), blocks=4)


def piece(rng, width, level, common):
    errors = level + common + 0.01 * rng.standard_normal((2, 4))
    some = np.array([level, 2 * level])
    features = rng.standard_normal((400, width)).astype(np.float32)
    return Piece(features=features, errors=errors, zero_shot=some, few=some, seconds=1.0)


@pytest.fixture(scope="module")
def pieces():
    """Random features fill their space: RankMe is the width, and the widest is the worst here."""
    rng = np.random.default_rng(0)
    common = {"a": 5 * rng.standard_normal((2, 4)), "b": 5 * rng.standard_normal((2, 4))}
    levels = {"mlp-4": 1.0, "cnn-8": 2.0, "gru-16": 3.0, "mlp-32": 4.0}
    return {
        target: {
            name: [piece(rng, width_of(name), level, common[target]) for _ in range(2)]
            for name, level in levels.items()
        }
        for target in common
    }


def test_the_truth_has_the_error_that_candidates_do_not_share(pieces):
    rows = errors_of(pieces, SETTINGS)
    assert len(rows) == 2 * 2 * 4
    for row in rows:
        seeds = [one.errors for one in pieces[row["target"]][row["name"]]]
        h = SETTINGS.horizons.index(row["horizon"])
        assert row["truth"] == pytest.approx(np.mean(seeds, axis=(0, 2))[h])
        assert 0.001 < row["truth_error"] < 0.02  # and not the 2.5 of the blocks themselves


def test_the_verdict_is_agreements(pieces):
    comparisons = compared(pieces)
    for one in (*comparisons[False].values(), *comparisons[True].values()):
        assert one.best == "mlp-32"
        assert one.paired
        assert any(text.startswith("K differs (4, 8, 16, 32)") for text in one.warnings)
    found = agreements(pieces, comparisons, SETTINGS)
    assert len(found["RankMe"].cells) == 4
    for name in (
        "RankMe",
        "RankMe, centred",
        "width K",
    ):  # the widest is chosen, and it is the worst
        assert float(found[name].kendall) == pytest.approx(-1)
        assert found[name].rank == 4
        assert found[name].regret == pytest.approx(3, abs=0.1)
    for name in ("own forecast", "head on few windows"):
        assert float(found[name].weighted_tau) == pytest.approx(1)
        assert found[name].regret == 0
    assert found["RankMe"].warnings == ("4 runs are few: no p-value can be below 0.083",)
    with_width = by_width(comparisons)
    assert list(with_width) == ["RankMe", "RankMe, centred", "log RankMe / log K", "RankMe / K"]
    assert with_width["RankMe"] == pytest.approx(1)


def test_the_published_table_is_as_published():
    found = published()
    assert (found["n_cells"], found["n_models"]) == (56, 8)
    assert f"{found['width']['weighted_tau']:.3f}" == "-0.148"
    shown = {h: f"{tau:.3f}" for h, tau in found["width"]["by_horizon"].items()}
    assert shown == {"96": "-0.198", "192": "-0.167", "336": "-0.088", "720": "-0.139"}
    assert f"{found['wrong_direction']:.3f}" == "-0.235"
    assert found["narrowest"]["regret"] < found["width"]["regret_by_lot"] < found["width"]["regret"]


def told(one):
    """Return how a page tells what a criterion was worth: tau, interval and regret."""
    low, high = one["low"], one["high"]
    return f"{one['weighted_tau']:.3f}", f"{low:.2f} to {high:.2f}", f"{one['regret']:.4f}"


def test_pages_tell_the_committed_results():
    """All nine candidates, and the numbers of both pages."""
    study = ROOT / "examples" / "model_selection"
    results = json.loads((study / "results" / "results.json").read_text(encoding="utf-8"))
    assert page(results) == (study / "results" / "results.md").read_text(encoding="utf-8")
    assert {row["name"] for row in results["scores"]} == {*Settings().pool, FRACAST}
    own = (study / "README.md").read_text(encoding="utf-8")
    guide = (ROOT / "docs/guides/choose-a-model.md").read_text(encoding="utf-8")
    for name, one in results["criteria"].items():
        row = next(line for line in own.splitlines() if line.startswith(f"| {name} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        tau, interval, regret = told(one)
        assert cells[1:4] == [one["needs"], tau, interval]
        assert cells[4:6] == [f"{one['std_error_over_targets']:.2f}", regret]
    for name in ("RankMe", "width K", "log RankMe / log K", "RankMe / K"):
        assert f"| {name} | {' | '.join(told(results['criteria'][name]))} |" in guide
    few = results["criteria"]["head on few windows"]
    assert f"| a head on a tenth of the windows | {' | '.join(told(few))} |" in guide
    for text in (own, guide):
        assert f"{few['regret_by_lot']:.4f}" in text
