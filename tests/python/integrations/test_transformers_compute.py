"""`ComputeRankMe` as the `compute_metrics` of real Trainer runs."""

import math

import pytest
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments

import rankme
from rankme.integrations.transformers import ComputeRankMe
from tiny_transformers import bert, gpt, items, left_padded, padded, rows_by_hand

torch.set_num_threads(1)
EVAL = items(37)
BATCHES = {"batch_eval_metrics": True, "include_for_metrics": ["inputs"]}


def trainer_of(model, compute, folder, *, collate=padded, reduce=True, **options):
    model.config.output_hidden_states = True
    settings = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 4,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "save_strategy": "no",
        "max_steps": 3,
    }
    return Trainer(
        model=model,
        args=TrainingArguments(**settings | options),
        train_dataset=EVAL,
        eval_dataset=EVAL,
        data_collator=collate,
        compute_metrics=compute,
        preprocess_logits_for_metrics=compute.hidden_states if reduce else None,
    )


@pytest.mark.parametrize("collate", [padded, left_padded])
@pytest.mark.parametrize("pool", ["token_mean", "first_token", "last_token", "tokens"])
def test_it_is_the_score_of_the_rows_without_padding(tmp_path, pool, collate):
    model = gpt() if pool == "last_token" else bert()
    compute = ComputeRankMe(pool=pool, layer=1)
    trainer = trainer_of(model, compute, tmp_path, collate=collate, **BATCHES)
    rows = rows_by_hand(model, EVAL, pool, 1, collate)
    for _ in range(2):  # it begins anew by itself
        metrics = trainer.evaluate()
        assert metrics["eval_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
        assert metrics["eval_rankme_n_rows"] == len(rows)
        assert metrics["eval_rankme_low"] <= metrics["eval_rankme"] <= metrics["eval_rankme_high"]


def test_the_best_model_is_chosen_by_it(tmp_path):
    trainer = trainer_of(
        bert(),
        ComputeRankMe(),
        tmp_path,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        learning_rate=0.05,
        load_best_model_at_end=True,
        metric_for_best_model="rankme",
        **BATCHES,
    )
    trainer.train()
    logged = [entry["eval_rankme"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(set(logged)) == 3
    assert trainer.state.best_metric == max(logged)
    rows = rows_by_hand(trainer.model, EVAL, "token_mean")
    assert rankme.score(rows) == pytest.approx(max(logged), rel=1e-12)


@pytest.mark.parametrize("options", [{}, BATCHES])
def test_rows_without_tokens_need_no_mask_and_no_batches(tmp_path, options):
    model = bert()
    compute = ComputeRankMe(mask=None, pool="first_token", metrics=["stable_rank"], max_rows=30)
    metrics = trainer_of(model, compute, tmp_path, **options).evaluate()
    rows = rows_by_hand(model, EVAL, "first_token")[:30]
    assert metrics["eval_rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert metrics["eval_rankme_stable_rank"] == pytest.approx(
        rankme.spectrum(rows).metrics()["stable_rank"], rel=1e-10
    )


def test_a_function_says_which_part_is_meant(tmp_path):
    compute = ComputeRankMe(mask=None, layer=lambda outputs: outputs[0])
    model = bert()
    metrics = trainer_of(model, compute, tmp_path).evaluate()
    with torch.no_grad():
        scores = torch.cat([model(**padded(EVAL[i : i + 4])).logits for i in range(0, 37, 4)])
    assert metrics["eval_rankme"] == pytest.approx(rankme.score(scores.numpy()), rel=1e-12)


def test_rows_that_are_not_finite_make_nan_and_a_count():
    compute = ComputeRankMe()
    rows = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    rows[7, 2] = math.inf
    assert compute(EvalPrediction(rows[:10], None), compute_result=False) == {}
    found = compute(EvalPrediction(rows[10:], None), compute_result=True)
    assert math.isnan(found["rankme"])
    assert (found["rankme_n_rows"], found["rankme_n_skipped"]) == (19, 1)
    assert compute(EvalPrediction(rows[10:].numpy(), None))["rankme_n_skipped"] == 0


def test_an_evaluation_that_was_broken_off_leaves_nothing_behind(tmp_path):
    trainer = trainer_of(bert(), ComputeRankMe(), tmp_path, **BATCHES)

    class Broken(list):
        def __getitem__(self, i):
            if i > 20:
                raise KeyboardInterrupt
            return super().__getitem__(i)

    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate(Broken(EVAL))
    assert trainer.evaluate()["eval_rankme_n_rows"] == len(EVAL)


def test_what_is_missing_is_told_with_what_to_set(tmp_path):
    for options in ({}, {"batch_eval_metrics": True}, {"include_for_metrics": ["inputs"]}):
        trainer = trainer_of(bert(), ComputeRankMe(), tmp_path, **options)
        with pytest.raises(ValueError, match=r"include_for_metrics=\['inputs'\]\) gives it"):
            trainer.evaluate()
    trainer = trainer_of(bert(), ComputeRankMe(), tmp_path, reduce=False, **BATCHES)
    with pytest.raises(TypeError, match=r"preprocess_logits_for_metrics=compute\.hidden_states"):
        trainer.evaluate()
    trainer = trainer_of(bert(), ComputeRankMe(), tmp_path, **BATCHES)
    trainer.model.config.output_hidden_states = False
    with pytest.raises(ValueError, match="returned no tuples of hidden states; wanted is one"):
        trainer.evaluate()
