"""What `report_to` names gets the numbers of each evaluation, with its step."""

import pytest
import torch
from transformers import Trainer, TrainingArguments

from rankme.integrations.transformers import RankMeCallback
from tiny_transformers import bert, items, padded

torch.set_num_threads(1)
LAYERS = ["bert.encoder.layer.0", "bert"]


def train(folder, reporter):
    args = TrainingArguments(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=8,
        per_device_eval_batch_size=8,
        report_to=reporter,
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
        eval_strategy="steps",
        eval_steps=1,
        max_steps=2,
    )
    trainer = Trainer(
        model=bert(),
        args=args,
        train_dataset=items(16),
        eval_dataset=items(19),
        data_collator=padded,
        callbacks=[RankMeCallback(LAYERS), RankMeCallback("bert", pool="first_token", name="cls")],
    )
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    keys = [f"eval_rankme/{name}{end}" for name in LAYERS for end in ("", "_low", "_n_rows")]
    keys += ["eval_cls", "eval_cls_high"]
    return {key: [(entry["step"], entry[key]) for entry in logged] for key in keys}


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    expected = train(tmp_path, "tensorboard")
    (written,) = tmp_path.rglob("events.out.*")
    events = EventAccumulator(str(written)).Reload()
    for key, values in expected.items():
        seen = events.Scalars(key.replace("eval_", "eval/", 1))
        assert [one.step for one in seen] == [step for step, _ in values]
        assert [one.value for one in seen] == pytest.approx([value for _, value in values])


def test_mlflow_keeps_them_in_local_files(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())  # other tests may have set another
    expected = train(tmp_path, "mlflow")
    client = mlflow.MlflowClient((tmp_path / "runs").as_uri())
    (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
    for key, values in expected.items():
        seen = client.get_metric_history(run.info.run_id, key)
        assert [one.step for one in seen] == [step for step, _ in values]
        assert [one.value for one in seen] == pytest.approx([value for _, value in values])


def test_wandb_offline(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    wandb.teardown()  # it keeps what it has read of the environment for an earlier test
    expected = train(tmp_path, "wandb")
    summary = dict(wandb.run.summary)
    wandb.finish()
    for key, values in expected.items():
        assert summary[key.replace("eval_", "eval/", 1)] == pytest.approx(values[-1][1])
