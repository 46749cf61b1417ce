"""The sinks of the guide hand what `watch` read to real loggers, which keep it with its step."""

import re

import pytest
import torch

from helpers import ROOT
from rankme.integrations.torch import watch

torch.set_num_threads(1)
GUIDE = ROOT / "docs" / "guides" / "watch-a-training-run.md"


def sink(title, **names):
    """Return the function that the guide has for a logger, which uses these names."""
    (block,) = re.findall(r"^log = .*?^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (line,) = (one for one in block.strip("`").split("log = ") if f"# {title}" in one)
    made = {}
    exec(f"log = {line}", names, made)  # noqa: S102
    return made["log"]


@pytest.fixture(scope="module")
def passes():
    """Return the values of two passes, under keys that every store can hold."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 4)).eval()
    read = []
    for scale in (1.0, 0.5):
        with watch(model, ["0", "1"]) as w, torch.no_grad():
            model(torch.randn(50, 8) * scale ** torch.arange(8))
        read.append(w.values(separator="_"))
    assert read[0]["rankme/0"] > read[1]["rankme/0"]
    return read


def test_tensorboard(tmp_path, passes):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        log = sink("TensorBoard", writer=writer)
        for step, values in enumerate(passes):
            log(values, step)
    events = EventAccumulator(str(tmp_path)).Reload()
    for key in passes[0]:
        seen = [(one.step, one.value) for one in events.Scalars(key)]
        assert seen == [(step, pytest.approx(values[key])) for step, values in enumerate(passes)]


def test_mlflow_in_local_files(tmp_path, monkeypatch, passes):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    log = sink("MLflow", mlflow=mlflow)
    with mlflow.start_run() as run:
        for step, values in enumerate(passes):
            log(values, step)
    for key in passes[0]:
        seen = mlflow.MlflowClient().get_metric_history(run.info.run_id, key)
        assert [(one.step, one.value) for one in seen] == [
            (step, values[key]) for step, values in enumerate(passes)
        ]


def test_wandb_offline(tmp_path, passes):
    import wandb

    settings = wandb.Settings(silent=True)
    with wandb.init(mode="offline", dir=tmp_path, settings=settings) as run:
        log = sink("Weights & Biases", run=run)
        for step, values in enumerate(passes):
            log(values, step)
        log({}, len(passes))  # a step is kept when the next one begins
        kept = dict(run.summary)
    for key, value in passes[1].items():
        assert kept[key] == value
