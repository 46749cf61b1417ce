"""`RankMeCallback` in real Trainer runs: the numbers are those of the rows, and all get them."""

import copy
import math

import pytest
import torch
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments

import rankme
from rankme.integrations.transformers import RankMeCallback
from tiny_transformers import (
    bert,
    gpt,
    items,
    left_padded,
    padded,
    rows_by_hand,
    with_full_rank,
)

torch.set_num_threads(1)
EVAL = items(37)
LAYERS = ["bert.encoder.layer.0", "bert.encoder.layer.1"]


def trainer_of(
    model,
    callbacks,
    folder,
    *,
    collate=padded,
    data=EVAL,
    eval_data=EVAL,
    model_init=None,
    **options,
):
    settings = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 4,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "save_strategy": "no",
        "max_steps": 4,
        "learning_rate": 1e-3,
    }
    return Trainer(
        model=model,
        model_init=model_init,
        args=TrainingArguments(**settings | options),
        train_dataset=data,
        eval_dataset=eval_data,
        data_collator=collate,
        callbacks=callbacks,
    )


@pytest.mark.parametrize("collate", [padded, left_padded])
@pytest.mark.parametrize("pool", ["token_mean", "first_token", "last_token", "tokens"])
def test_each_layer_has_the_score_of_its_rows_without_padding(tmp_path, pool, collate):
    model = bert()
    watch = RankMeCallback(LAYERS, pool=pool)
    metrics = trainer_of(model, [watch], tmp_path, collate=collate).evaluate()
    for layer, name in enumerate(LAYERS, start=1):
        rows = rows_by_hand(model, EVAL, pool, layer, collate)
        assert metrics[f"eval_rankme/{name}"] == pytest.approx(rankme.score(rows), rel=1e-12)
        assert metrics[f"eval_rankme/{name}_n_rows"] == len(rows)
        assert metrics[f"eval_rankme/{name}_low"] <= metrics[f"eval_rankme/{name}"]


def test_last_takes_the_last_word_of_a_causal_model(tmp_path):
    model = gpt()
    watch = RankMeCallback("transformer", pool="last_token", metrics=["participation_ratio"])
    metrics = trainer_of(model, [watch], tmp_path).evaluate()
    rows = rows_by_hand(model, EVAL, "last_token")
    assert metrics["eval_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    expected = rankme.spectrum(rows).metrics()["participation_ratio"]
    assert metrics["eval_rankme_participation_ratio"] == pytest.approx(expected, rel=1e-10)


def test_modules_and_functions_are_taken_too(tmp_path):
    model = bert()
    layers = [model.bert.pooler, model.bert]
    watch = RankMeCallback(
        layers, pool=lambda states, _: states if states.ndim == 2 else states[:, 0]
    )
    metrics = trainer_of(model, [watch], tmp_path).evaluate()
    rows = rows_by_hand(model, EVAL, "first_token")
    assert metrics["eval_rankme/bert"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert metrics["eval_rankme/bert.pooler_n_rows"] == len(EVAL)


def test_a_cap_takes_the_first_rows(tmp_path):
    model = bert()
    metrics = trainer_of(model, [RankMeCallback("bert", max_rows=11)], tmp_path).evaluate()
    rows = rows_by_hand(model, EVAL, "token_mean")[:11]
    assert metrics["eval_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)


class Notes(TrainerCallback):
    """What a callback of the user sees, and the state of the model at that time."""

    def __init__(self):
        self.seen = []

    def on_evaluate(self, args, state, control, metrics=None, model=None, **_):  # noqa: ARG002
        rows = rows_by_hand(model, EVAL, "token_mean")
        self.seen.append((dict(metrics), rankme.score(rows)))


def test_the_best_model_is_chosen_by_it_and_every_evaluation_is_logged(tmp_path):
    notes = Notes()
    stop = EarlyStoppingCallback(early_stopping_patience=10)
    trainer = trainer_of(
        bert(),
        [notes, stop, RankMeCallback("bert")],
        tmp_path,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=1,
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="rankme",
        learning_rate=0.05,
    )
    trainer.train()
    assert len(notes.seen) == 4
    values = [metrics["eval_rankme"] for metrics, _ in notes.seen]
    for metrics, expected in notes.seen:
        assert metrics["eval_rankme"] == pytest.approx(expected, rel=1e-12)
        assert metrics["eval_rankme_n_rows"] == len(EVAL)
    logged = [entry["eval_rankme"] for entry in trainer.state.log_history if "eval_rankme" in entry]
    assert logged == values
    assert trainer.state.best_metric == max(values)
    assert len(set(values)) == 4
    # The weights are those of the best step again.
    assert rankme.score(rows_by_hand(trainer.model, EVAL, "token_mean")) == pytest.approx(
        max(values)
    )


def test_the_end_of_training_and_predictions_are_no_evaluation(tmp_path):
    model = bert()
    trainer = trainer_of(model, [RankMeCallback("bert")], tmp_path)
    trainer.train()
    assert not [entry for entry in trainer.state.log_history if "eval_rankme" in entry]
    found = trainer.predict(EVAL[:30]).metrics
    rows = rows_by_hand(model, EVAL[:30], "token_mean")
    assert found["test_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert "test_rankme" not in trainer.evaluate()


def test_each_of_several_sets_has_its_own(tmp_path):
    model = bert()
    sets = {"long": EVAL, "short": EVAL[:21]}
    trainer = trainer_of(model, [RankMeCallback("bert")], tmp_path, eval_data=sets)
    for _ in range(2):  # and no warning that they differ in length
        metrics = trainer.evaluate()
    for name, data in sets.items():
        rows = rows_by_hand(model, data, "token_mean")
        assert metrics[f"eval_{name}_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)


def test_a_shorter_evaluation_is_warned_of(tmp_path):
    trainer = trainer_of(bert(), [RankMeCallback("bert")], tmp_path)
    trainer.evaluate()
    with pytest.warns(UserWarning, match="has 21 rows in this pass and had 37"):
        trainer.evaluate(EVAL[:21])


def test_forward_passes_of_others_do_not_count(tmp_path):
    model = bert()
    trainer = trainer_of(model, [RankMeCallback("bert")], tmp_path)

    def all_of_it():
        with torch.no_grad():
            model.eval()(**padded(EVAL))
            model.bert(**{k: v for k, v in padded(EVAL).items() if k != "labels"})

    all_of_it()
    metrics = trainer.evaluate()
    all_of_it()
    assert metrics["eval_rankme_n_rows"] == len(EVAL)
    assert trainer.evaluate()["eval_rankme"] == metrics["eval_rankme"]


def test_a_teacher_that_is_a_copy_does_not_count(tmp_path):
    class Distilled(Trainer):
        def compute_loss(self, model, inputs, *args, **kwargs):
            found = super().compute_loss(model, inputs, *args, **kwargs)
            teacher(**inputs)
            return found

    model = bert()
    trainer = trainer_of(model, [RankMeCallback(LAYERS)], tmp_path)
    trainer.__class__ = Distilled
    teacher = with_full_rank(copy.deepcopy(model).eval())  # behind the hooks; its rows differ
    metrics = trainer.evaluate()
    rows = rows_by_hand(model, EVAL, "token_mean", 1)
    assert metrics[f"eval_rankme/{LAYERS[0]}"] == pytest.approx(rankme.score(rows), rel=1e-12)


def test_an_evaluation_that_was_broken_off_leaves_nothing_behind(tmp_path):
    model = bert()
    trainer = trainer_of(model, [RankMeCallback("bert")], tmp_path)

    class Broken(list):
        def __getitem__(self, i):
            if i > 20:
                raise KeyboardInterrupt
            return super().__getitem__(i)

    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate(Broken(EVAL))
    assert trainer.evaluate()["eval_rankme_n_rows"] == len(EVAL)


# The name that both ends of the range have.
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
def test_gradient_checkpointing_and_bf16_count_a_row_once(tmp_path):
    model = bert(torch.float32)
    model.gradient_checkpointing_enable()
    layer = LAYERS[0]
    options = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 2, "bf16": True}
    trainer = trainer_of(model, [RankMeCallback(layer)], tmp_path, **options)
    trainer.train()
    entries = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    assert [entry["eval_rankme_n_rows"] for entry in entries] == [len(EVAL)] * 2
    found = []
    for start in range(0, len(EVAL), 4):
        batch = padded(EVAL[start : start + 4])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            states = model.eval()(**batch, output_hidden_states=True).hidden_states[1].double()
        mask = batch["attention_mask"][..., None]
        found.append((states * mask).sum(1) / mask.sum(1))
    expected = rankme.score(torch.cat(found).numpy())
    assert entries[-1]["eval_rankme"] == pytest.approx(expected, rel=1e-6)


class Bag(torch.nn.Module):
    """Words that are mixed one by one: little for a compiler to do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(40, 8)
        self.mix = torch.nn.Linear(8, 8)

    def forward(self, input_ids, attention_mask, labels):
        scores = (self.mix(self.embed(input_ids)) * attention_mask[..., None]).sum(1)
        return torch.nn.functional.cross_entropy(scores, labels), scores


# PyTorch's own, of what it compiles in parts.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_a_compiled_model_is_seen_as_one_that_is_not(tmp_path, monkeypatch):
    # Where version 4 keeps it, for all Trainers to come.
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")
    options = {"max_steps": 1, "data": EVAL[:8]}
    compiled = {"torch_compile": True, "torch_compile_backend": "eager"}
    scores = []
    for more in ({}, compiled):
        trainer = trainer_of(Bag().double(), [RankMeCallback("mix")], tmp_path, **options | more)
        trainer.train()
        scores.append(trainer.evaluate()["eval_rankme"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)


def test_a_row_that_is_not_finite_makes_nan_and_a_count(tmp_path):
    model = bert()
    spoiled = {"on": True}

    def spoil(_module, _inputs, output):
        states = output[0] if isinstance(output, tuple) else output
        if spoiled["on"] and len(states) == 1:  # the last batch
            states[0, 0, 0] = math.nan

    model.bert.encoder.layer[0].register_forward_hook(spoil)
    trainer = trainer_of(model, [RankMeCallback(LAYERS[0])], tmp_path)
    metrics = trainer.evaluate()
    assert math.isnan(metrics["eval_rankme"])
    assert (metrics["eval_rankme_n_rows"], metrics["eval_rankme_n_skipped"]) == (36, 1)
    spoiled["on"] = False
    assert math.isfinite(trainer.evaluate()["eval_rankme"])


def test_wrong_layers_and_settings_are_told():
    with pytest.raises(ValueError, match=r"pool must be 'token_mean', 'last_token', .* not 'cls'"):
        RankMeCallback("bert", pool="cls")
    with pytest.raises(ValueError, match="there is no metric 'rank'"):
        RankMeCallback("bert", metrics=["rank"])


def test_unknown_layers_are_told_when_the_trainer_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"no module 'bert.encoder.layer.7'; near it are"):
        trainer_of(bert(), [RankMeCallback("bert.encoder.layer.7")], tmp_path)


def test_what_is_no_hidden_state_is_told(tmp_path):
    with pytest.raises(TypeError, match=r"layer '' returns .*Output without a last_hidden_state"):
        trainer_of(bert(), [RankMeCallback("")], tmp_path).evaluate()
    with pytest.raises(ValueError, match=r"layer 'mix' gives shape .* tokens has \(4, 2\)"):
        trainer_of(
            TakesMore(), [RankMeCallback("mix", mask="tokens")], tmp_path, collate=short_mask
        ).evaluate()


class TakesMore(Bag):
    def forward(self, input_ids, attention_mask, tokens, labels):  # noqa: ARG002
        return super().forward(input_ids, attention_mask, labels)


def short_mask(batch):
    found = padded(batch)
    return found | {"tokens": found["attention_mask"][:, :2]}


def test_a_callback_that_comes_too_late_is_told(tmp_path):
    trainer = trainer_of(bert(), [], tmp_path)
    trainer.add_callback(RankMeCallback("bert"))
    with pytest.raises(RuntimeError, match=r"Trainer\(callbacks=\[...\]\) tells it"):
        trainer.evaluate()
    trainer.train()
    assert trainer.evaluate()["eval_rankme_n_rows"] == len(EVAL)


def test_a_model_that_is_made_for_the_training_is_the_one_that_is_watched(tmp_path):
    def made():
        return bert()

    callbacks = [RankMeCallback("bert")]
    trainer = trainer_of(None, callbacks, tmp_path, model_init=made, max_steps=1)
    before = trainer.model
    trainer.train()
    assert trainer.model is not before
    rows = rows_by_hand(trainer.model, EVAL, "token_mean")
    assert trainer.evaluate()["eval_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)


def test_threads_over_gpus_are_refused(tmp_path):
    args = TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    args._n_gpu = 2
    with pytest.raises(ValueError, match="torchrun --nproc-per-node 2"):
        Trainer(model=bert(), args=args, callbacks=[RankMeCallback("bert")])
