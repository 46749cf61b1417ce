"""The callback under DDP, in two processes that talk over gloo."""

import os
import warnings

import pytest
import torch

import rankme
from ranks import on_ranks

KEYS = (
    *("rankme/hidden", "rankme/backbone", "rankme/lidar", "rankme/hidden/n_rows"),
    *("rankme/tail", "rankme/tail/low", "rankme/tail/high"),
)


def tail_of(rows):
    """Return the exact value of rows with a tiny tail, and the interval of their sum in one go."""
    exact = rankme.spectrum(rows, method="qr")
    assert exact.singular_values[-1] < 1e-8 * exact.singular_values[0]
    sums = rankme.Accumulator(rows.shape[1])
    sums.update(rows)
    return exact.rankme(), *sums.spectrum().rankme_bounds()


def run(rank, folder):
    """Fit, validate, and fail, on one of two ranks; return what each found."""
    # What a launcher such as torchrun tells; the process group is there already.
    os.environ.update(
        {"TORCHELASTIC_RUN_ID": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
        | dict.fromkeys(("RANK", "LOCAL_RANK", "GROUP_RANK"), str(rank))
        | dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), "2")
    )
    from lightning_runs import N_VALIDATION, TAIL, Vicreg, fit, pl, trainer, validation_images
    from rankme.integrations.lightning import RankMeCallback

    torch.set_num_threads(1)
    ddp = {"strategy": "ddp", "devices": 2}
    callback = RankMeCallback(
        target=["backbone", "hidden", "tail"],
        lidar=["z", "other"],
        every_n_steps=2,
        on_collapse=None,
    )
    keep = pl.callbacks.ModelCheckpoint(folder, monitor="rankme/hidden", mode="max")
    stop = pl.callbacks.EarlyStopping("rankme/hidden", mode="max", patience=1, min_delta=1e9)
    made = trainer(folder, callback, keep, stop, max_epochs=4, enable_checkpointing=True, **ddp)
    model = fit(Vicreg(), made).eval()
    logged = {key: made.callback_metrics[key].item() for key in KEYS}
    with torch.no_grad():
        hidden = model.backbone(validation_images())
        pairs = torch.stack([model.projector(hidden), model.projector(hidden + 0.1)], dim=1)
    expected = rankme.score(hidden), rankme.metrics.lidar(pairs)
    trained = [
        one["train/rankme/hidden/n_rows"] for one in callback.history if "train" in one["stage"]
    ]
    assert hidden.shape[0] == N_VALIDATION

    alarm = RankMeCallback(target="z", on_collapse="stop")
    made = trainer(folder, alarm, max_epochs=8, **ddp)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*the run is stopped")
        fit(Vicreg(spread=False), made)

    class Changing(Vicreg):
        def validation_step(self, batch, batch_idx):
            found = super().validation_step(batch, batch_idx)
            return {"z": found["hidden" if rank == 1 and batch_idx == 2 else "z"]}

    try:
        fit(Changing(), trainer(folder, RankMeCallback(target="z"), num_sanity_val_steps=0, **ddp))
    except (ValueError, RuntimeError) as error:
        problem = f"{type(error).__name__}: {error}"
    return {
        "logged": logged,
        "expected": expected,
        "tail": tail_of(pairs[:, 0] * TAIL),
        "trained": trained,
        "history": callback.history,
        "best": keep.best_model_score.item(),
        "epochs": (len(callback.history), made.current_epoch),
        "problem": problem,
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    first, second = on_ranks(
        2, run, str(tmp_path_factory.mktemp("ddp")), group_timeout=100, timeout=300
    )
    for one in (first, second):
        if isinstance(one, Exception):
            raise one
    return first, second


def test_every_rank_logs_the_value_of_all_rows(found):
    first, second = found
    assert first["history"] == second["history"]
    score, lidar = first["expected"]
    assert first["logged"]["rankme/hidden"] == first["logged"]["rankme/backbone"]
    for logged in (first["logged"], second["logged"]):
        # PyTorch rounds the same rows otherwise in batches of another size, on some processors.
        assert logged["rankme/hidden"] == pytest.approx(score, rel=1e-7)
        assert logged["rankme/lidar"] == pytest.approx(lidar, rel=1e-7)
        # An odd number: one that DistributedSampler repeats is not counted.
        assert logged["rankme/hidden/n_rows"] == 101
    assert set(first["trained"]) == {128}  # 64 on each rank


def test_both_intervals_hold_the_value_where_the_tail_is_tiny(found):
    for one in found:
        value, low, high = one["tail"]
        logged = one["logged"]
        assert low <= logged["rankme/tail"] <= high
        assert logged["rankme/tail/low"] <= value <= logged["rankme/tail/high"]


def test_monitors_and_the_alarm_work_on_all_ranks(found):
    first, second = found
    assert first["best"] == second["best"]
    assert first["epochs"] == second["epochs"]
    assert first["epochs"][1] < 5  # stopped


def test_an_error_of_one_rank_ends_both(found):
    first, second = found
    assert first["problem"].startswith("RuntimeError: rank 1 has nothing that can be reduced")
    assert second["problem"].startswith("ValueError: rank 1: target 'z': rows have width 24")
