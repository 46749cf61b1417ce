"""What the callback logs is what Lightning's own loggers write down, read back from their files."""

import csv
import os
import warnings

import pytest

from lightning_runs import Vicreg, fit, trainer
from rankme.integrations.lightning import RankMeCallback

ENDS = ("", "low", "high", "n_rows", "n_skipped")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return what fits with a logger, and gives the values by step that were meant for it."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")

    def with_logger(logger, separator="/"):
        callback = RankMeCallback(target="hidden", every_n_steps=4, separator=separator)
        made = trainer(tmp_path, callback, logger=logger, max_epochs=2, log_every_n_steps=1000)
        fit(Vicreg(), made)
        found = {}
        for one in callback.history:
            prefix = "train/" if one["stage"] == "train" else ""
            for key in (f"rankme{separator}{end}" if end else "rankme" for end in ENDS):
                found.setdefault(prefix + key, []).append(one[prefix + key])
        # Twelve steps and two epochs.
        assert {key: len(values) for key, values in found.items()} == {
            key: 3 if key.startswith("train") else 2 for key in found
        }
        assert len(found) == 2 * len(ENDS)
        return found

    return with_logger


def test_csv(tmp_path, run):
    from lightning.pytorch.loggers import CSVLogger

    expected = run(CSVLogger(tmp_path, name="csv", version=0))
    with (tmp_path / "csv" / "version_0" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for key, values in expected.items():
        assert [float(row[key]) for row in rows if row[key]] == values


def test_tensorboard(tmp_path, run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning.pytorch.loggers import TensorBoardLogger
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        expected = run(TensorBoardLogger(tmp_path, name="tb", version=0))
        events = EventAccumulator(os.fspath(tmp_path / "tb" / "version_0")).Reload()
    for key, values in expected.items():
        found = [event.value for event in events.Scalars(key)]
        assert found == pytest.approx(values, rel=1e-6)  # float32


def test_mlflow(tmp_path, run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning.pytorch.loggers import MLFlowLogger

        logger = MLFlowLogger(save_dir=os.fspath(tmp_path / "ml"))
        with pytest.raises(ValueError, match=r"keeps the metric 'rankme' as a file.*separator='_'"):
            run(logger)
        expected = run(logger, separator="_")
        for key, values in expected.items():
            found = logger.experiment.get_metric_history(logger.run_id, key)
            assert [one.value for one in found] == values


def wandb_records(path):
    """Yield the records of an offline run: a log of LevelDB behind seven bytes."""
    data, place, record = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        end = place + 7 + int.from_bytes(data[place + 4 : place + 6], "little")
        record += data[place + 7 : end]
        if data[place + 6] in (1, 4):  # whole, or the last part
            yield record
            record = b""
        place = end


def test_wandb(tmp_path, run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wandb
        from lightning.pytorch.loggers import WandbLogger
        from wandb.proto import wandb_internal_pb2

        wandb.teardown()  # it keeps what it has read of the environment for an earlier test
        expected = run(WandbLogger(save_dir=tmp_path, offline=True))
        wandb.finish()
        wandb.teardown()  # what its service has to write is written when that has ended
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    found = {}
    for data in wandb_records(path):
        record = wandb_internal_pb2.Record.FromString(data)
        for item in record.history.item:
            key = item.key or ".".join(item.nested_key)
            found.setdefault(key, []).append(float(item.value_json))
    assert {key: found.get(key) for key in expected} == expected, sorted(found)
