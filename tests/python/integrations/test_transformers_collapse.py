"""What `RankMeCallback` does in a real Trainer run whose states fall on one point."""

import warnings

import pytest
import torch
from transformers import Trainer, TrainingArguments

from rankme.integrations.transformers import RankMeCallback
from tiny_transformers import bert, items, padded

torch.set_num_threads(1)
STEPS = 40


class Pulled(Trainer):
    """Nothing but a pull of all sentences to one another."""

    def compute_loss(self, model, inputs, return_outputs=False, **_):
        out = model(**inputs, output_hidden_states=True)
        rows = out.hidden_states[-1].mean(dim=1)
        loss = (rows - rows.roll(1, 0)).square().sum(dim=1).mean()
        return (loss, out) if return_outputs else loss


def spread_bert():
    """Return a BERT whose states are not all behind one bias, as one is before training."""
    model = bert()
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.zeros_(module.bias)
    return model


def ran(folder, kind, **options):
    """Return a trainer after training, and the callback that looked on every other step."""
    watch = RankMeCallback("bert.encoder.layer.1", **options)
    args = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=16,
        per_device_eval_batch_size=32,
        learning_rate=0.05 if kind is Pulled else 1e-3,
        lr_scheduler_type="constant",
        max_steps=STEPS,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = kind(
        model=spread_bert(),
        args=args,
        train_dataset=items(64),
        eval_dataset=items(96),
        data_collator=padded,
        callbacks=[watch],
    )
    trainer.train()
    return trainer


def test_the_trainer_stops(tmp_path):
    with pytest.warns(UserWarning, match=r"^eval_rankme is .* collapsed; the run is stopped$"):
        trainer = ran(tmp_path, Pulled, on_collapse="stop")
    assert trainer.state.global_step < STEPS
    logged = [line for line in trainer.state.log_history if "eval_rankme" in line]
    assert logged[-1]["step"] == trainer.state.global_step
    assert logged[-1]["eval_rankme"] < 1.1


def test_it_warns_once_and_a_function_is_told(tmp_path):
    with pytest.warns(UserWarning, match="the embeddings have collapsed$") as caught:
        trainer = ran(tmp_path, Pulled, on_collapse="warn")
    assert sum("collapsed" in str(one.message) for one in caught) == 1
    assert trainer.state.global_step == STEPS
    found = []
    ran(tmp_path, Pulled, on_collapse=found.append, name="mine")
    assert [(one.key, one.limit) for one in found] == [("eval_mine", 8)]


def test_a_healthy_run_goes_on(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*collapsed")
        trainer = ran(tmp_path, Trainer, on_collapse="stop")
    assert trainer.state.global_step == STEPS


def test_an_evaluation_by_itself_tells_nothing(tmp_path):
    found = []
    trainer = ran(tmp_path, Pulled, on_collapse=found.append)
    found.clear()
    for _ in range(3):
        assert trainer.evaluate()["eval_rankme"] > 0
    assert not found


def test_what_is_no_action_is_refused():
    with pytest.raises(ValueError, match="on_collapse must be 'warn', 'stop', a function or None"):
        RankMeCallback("bert", on_collapse="halt")
