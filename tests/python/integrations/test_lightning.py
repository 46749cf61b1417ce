"""The callback in real Lightning runs on real images: what it logs, monitors, stops, resumes."""
# ruff: noqa: ARG002  (Lightning says what is called with what)

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import rankme
from lightning_runs import TAIL, Vicreg, fit, loader, pl, quiet, trainer, validation_images
from rankme.integrations.lightning import RankMeCallback

# A float32 network rounds otherwise where a batch lies elsewhere in memory. What was logged is held
# to the very rows in test_training_batches.
FORWARD = 1e-6


def rows_of(model, part="backbone", inputs=None, shift=0):
    """Return what a model makes of images, in evaluation mode and the same batches."""
    x = validation_images() if inputs is None else inputs
    model.eval()
    with torch.no_grad():
        hidden = [model.backbone(batch) for batch in x.split(16)]
        out = hidden if part == "backbone" else [model.projector(h + shift) for h in hidden]
    return torch.cat(out).numpy()


def ran(tmp_path, model=None, *, more=(), **options):
    """Return the trainer, the model and the callback of a run of an epoch or more."""
    trained = {name: options.pop(name) for name in list(options) if name in TRAINER}
    callback = RankMeCallback(**{"target": "backbone", **options})
    made = trainer(tmp_path, callback, *more, **trained)
    return made, fit(model or Vicreg(), made), callback


TRAINER = {"max_epochs", "enable_checkpointing", "logger", "num_sanity_val_steps", "barebones"}


def views(outputs, _batch):
    return outputs["z"]


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("backbone", "backbone"),
        ("backbon?", "backbone"),
        ("hidden", "backbone"),  # a key of the outputs
        (views, "projector"),
        ({"mine": views}, "projector"),
    ],
)
def test_the_value_is_that_of_the_rows(tmp_path, target, part):
    made, model, callback = ran(tmp_path, target=target)
    rows = rows_of(model, part)
    logged = made.callback_metrics
    assert logged["rankme"].item() == pytest.approx(rankme.score(rows), rel=FORWARD)
    assert logged["rankme/low"] <= logged["rankme"] <= logged["rankme/high"]
    assert (logged["rankme/n_rows"], logged["rankme/n_skipped"]) == (len(rows), 0)
    assert callback.history[-1]["rankme"] == logged["rankme"].item()
    assert len(callback.history) == 1  # the sanity check is passed by
    assert callback.reading.sums.popitem()[1].n_rows == len(rows)


def test_both_intervals_hold_the_value_where_the_tail_is_tiny(tmp_path):
    made, model, _ = ran(tmp_path, target="tail")
    rows = rows_of(model, "projector") * TAIL.numpy()
    exact = rankme.spectrum(rows, method="qr")
    assert exact.singular_values[-1] < 1e-8 * exact.singular_values[0]
    sums = rankme.Accumulator(rows.shape[1])
    sums.update(rows)
    low, high = sums.spectrum().rankme_bounds()
    logged = {key: value.item() for key, value in made.callback_metrics.items()}
    assert low <= logged["rankme"] <= high
    assert logged["rankme/low"] <= exact.rankme() <= logged["rankme/high"]
    assert logged["rankme/high"] / logged["rankme/low"] - 1 < 1e-4


def test_several_targets_and_all_keys(tmp_path):
    model = Vicreg()
    made, model, _ = ran(
        tmp_path,
        model,
        target=[model.projector, "hidden", views],
        metrics=["participation_ratio"],
        groups=8,
        run_length=1,
    )
    logged = made.callback_metrics
    rows = rows_of(model, "projector")
    for key in ("rankme/projector", "rankme/views"):
        # The module runs twice in a step, for two views.
        assert logged[f"{key}/n_rows"] == (1 + (key == "rankme/projector")) * len(rows)
    spectrum = rankme.spectrum(rows)
    assert logged["rankme/views"].item() == pytest.approx(spectrum.rankme(), rel=FORWARD)
    ratio = logged["rankme/views/participation_ratio"].item()
    assert ratio == pytest.approx(spectrum.participation_ratio(), rel=FORWARD)
    error = logged["rankme/views/std_error"].item()
    acc = rankme.Accumulator(16, groups=8, run_length=1)
    acc.update(rows)
    assert error == pytest.approx(acc.estimate().std_error, rel=FORWARD)
    assert "rankme/hidden/low" in logged


def test_lidar_is_of_views_side_by_side(tmp_path):
    def side_by_side(outputs, _batch):
        return torch.stack([outputs["z"], outputs["other"]], dim=1)

    pairs = []
    for lidar in (["z", "other"], side_by_side):
        made, model, _ = ran(tmp_path, lidar=lidar, delta=1e-5)
        groups = np.stack([rows_of(model, "projector", shift=by) for by in (0, 0.1)], axis=1)
        pairs.append(made.callback_metrics["rankme/lidar"].item())
        assert pairs[-1] == pytest.approx(rankme.metrics.lidar(groups, delta=1e-5), rel=FORWARD)
    assert pairs[0] == pairs[1]


def test_lidar_takes_no_rows_whose_views_are_not_known(tmp_path):
    with pytest.raises(ValueError, match=r"lidar: target 'z' has shape \(16, 16\); wanted .*view"):
        ran(tmp_path, lidar="z", num_sanity_val_steps=0)
    with pytest.raises(ValueError, match="lidar: targets 'z', 'hidden' have the shapes"):
        ran(tmp_path, lidar=["z", "hidden"], num_sanity_val_steps=0)


def test_the_names_of_the_peer(tmp_path):
    made, model, _ = ran(tmp_path, name="mine", queue_length=40, target_shape=24)
    assert made.callback_metrics["mine/n_rows"] == 40
    first = rows_of(model)[:40]
    assert made.callback_metrics["mine"].item() == pytest.approx(rankme.score(first), rel=FORWARD)
    with pytest.raises(ValueError, match=r"target 'backbone' gives rows of width 24, and target_s"):
        ran(tmp_path, target_shape=(16,))


def test_monitors(tmp_path):
    keep = pl.callbacks.ModelCheckpoint(tmp_path, monitor="rankme", mode="max", filename="best")
    stop = pl.callbacks.EarlyStopping("rankme", mode="max", patience=1, min_delta=1e9)
    made, _, callback = ran(tmp_path, more=[keep, stop], max_epochs=6, enable_checkpointing=True)
    assert made.current_epoch == 2  # nothing improves by 1e9
    assert keep.best_model_score.item() == max(one["rankme"] for one in callback.history)
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    state = best["callbacks"][callback.state_key]
    assert state["history"] == callback.history[: len(state["history"])]


def test_it_resumes(tmp_path):
    keep = pl.callbacks.ModelCheckpoint(tmp_path, filename="last")
    _, _, before = ran(tmp_path, more=[keep], max_epochs=2, enable_checkpointing=True)
    after = RankMeCallback(target="backbone")
    made = trainer(tmp_path, after, max_epochs=3)
    fit(Vicreg(), made, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert after.history[:2] == before.history
    assert [one["epoch"] for one in after.history] == [0, 1, 2]
    assert after._guard.alarm.state_dict()["rankme"]["best"] > 0
    again = trainer(tmp_path, after, max_epochs=1)
    fit(Vicreg(), again)
    assert len(after.history) == 1  # another run, and nothing of the one before


def test_a_row_that_is_not_finite_does_not_end_a_run(tmp_path):
    class Bad(Vicreg):
        def validation_step(self, batch, batch_idx):
            found = super().validation_step(batch, batch_idx)
            if batch_idx == 2:
                found["hidden"][3, 1] = math.nan
            return found

    made, _, _ = ran(tmp_path, Bad(), target="hidden", lidar=["z", "other"], on_collapse="stop")
    logged = made.callback_metrics
    assert math.isnan(logged["rankme"])
    assert (logged["rankme/n_rows"], logged["rankme/n_skipped"]) == (100, 1)
    assert not made.should_stop


def test_training_batches(tmp_path):
    seen = []

    class Telling(Vicreg):
        def training_step(self, batch, batch_idx):
            found = super().training_step(batch, batch_idx)
            seen.append(found["hidden"].clone())
            return found

    made, _, callback = ran(
        tmp_path, Telling(), target="hidden", every_n_steps=3, train_batches=2, max_epochs=2
    )
    found = [one for one in callback.history if one["stage"] == "train"]
    assert len(seen) == 12
    assert [one["train/rankme/n_rows"] for one in found] == [128] * 4
    for i, one in enumerate(found):
        rows = torch.cat(seen[3 * i + 1 : 3 * i + 3]).numpy()
        assert one["train/rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert made.callback_metrics["train/rankme"].item() == found[-1]["train/rankme"]


def test_hooks_are_gone_after_each_batch(tmp_path):
    counts = []

    class Watching(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            counts.append(len(pl_module.backbone._forward_hooks))

    ran(tmp_path, every_n_steps=2, more=[Watching()])
    assert counts
    assert not any(counts)


class Failing(Vicreg):
    def validation_step(self, batch, batch_idx):
        self.backbone(batch[0])
        raise KeyError("other")


def test_hooks_are_gone_after_an_error(tmp_path):
    model = Failing()
    with pytest.raises(KeyError, match="other"):
        ran(tmp_path, model, num_sanity_val_steps=0)
    assert not model.backbone._forward_hooks


def test_several_dataloaders_and_test(tmp_path):
    model = Vicreg()
    x = validation_images()
    callback = RankMeCallback(target="hidden")
    made = trainer(tmp_path, callback)
    fit(model, made)  # whose validation data are not those that follow
    with quiet():
        made.validate(model, [loader(x, 16), loader(x[:50], 16)], verbose=False)
    for i, part in enumerate((x, x[:50])):
        value = made.callback_metrics[f"rankme/dataloader_idx_{i}"].item()
        assert value == pytest.approx(rankme.score(rows_of(model, inputs=part)), rel=FORWARD)
        assert made.callback_metrics[f"rankme/n_rows/dataloader_idx_{i}"] == len(part)
    callback = RankMeCallback(target="hidden", dataloader_idx=1)
    made = trainer(tmp_path, callback)
    with quiet():
        made.test(model, [loader(x, 16), loader(x[:50], 16)], verbose=False)
    assert made.callback_metrics["test/rankme/n_rows"] == 50
    assert callback.history[0]["stage"] == "test"


class Changing(Vicreg):
    def validation_step(self, batch, batch_idx):
        found = super().validation_step(batch, batch_idx)
        return {"z": found["hidden" if batch_idx == 2 else "z"], "text": "z", "none": batch[0][:0]}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("bakcbone", "target 'bakcbone' is not there: the step returned the keys 'z', 'text', 'n"),
        ("bakcbone", "the batch is list without keys, and no module has that name; there are 'ba"),
        ("z", "target 'z': rows have width 24, and had 16 before in this pass"),
        ("none", "target 'none' gives shape (0, 64), and there is no row in it"),
        ("text", "target 'text' returns str and no tensor"),
        ({"a": "backbone.*"}, "target 'a' is the pattern 'backbone.*', and there are 3 such mod"),
    ],
)
def test_a_wrong_target_is_named(tmp_path, target, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        ran(tmp_path, Changing(), target=target, num_sanity_val_steps=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": None}, "a target is None; there is no target; name a module"),
        ({"target": 3}, "a target is int; there is no target"),
        ({"target": []}, "there is no target"),
        ({"target": [lambda outputs, _: outputs, views]}, "a function needs a name"),
        ({"target": ["z", "z"]}, "two targets have one name"),
        ({"on_collapse": "halt"}, "on_collapse must be 'warn', 'stop', a function or None"),
        ({"stages": "validate"}, r"stages is a list of 'validate' and 'test'"),
        ({"every_n_steps": 2, "train_batches": 3}, "train_batches is 3, and every_n_steps is 2"),
        ({"target_shape": (3, 4)}, "target_shape is K or"),
        ({"min_share": 2}, "min_share is a share, from 0 to 1, not 2"),
        ({"metrics": ["rnak"]}, "there is no metric 'rnak'"),
    ],
)
def test_wrong_arguments_are_refused_at_once(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        RankMeCallback(**{"target": "backbone", **options})


def test_a_module_that_is_no_part_of_the_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear that is a target is no part of the model"):
        ran(tmp_path, target=nn.Linear(2, 2))
