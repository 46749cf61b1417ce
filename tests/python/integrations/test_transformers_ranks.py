"""Both over two gloo processes: an odd number of inputs, each counted once, one number on both."""

import math
import os
import warnings

import pytest
import torch

import rankme
from ranks import on_ranks
from tiny_transformers import bert, items, padded, rows_by_hand

# Two processes with batches of 4: the last 8 of 13 are filled up by 3 repeats, those of 3 by 5.
SIZES = [13, 3]


def launched(rank):
    """Let the Trainer find the process group, which it knows nothing of before."""
    from accelerate.state import AcceleratorState

    from rankme.integrations._hidden_states import this_process

    with pytest.raises(RuntimeError, match="has 2 processes, the Trainer 1, and each row"):
        this_process()
    AcceleratorState._reset_state(reset_partial_state=True)
    # As torchrun sets them.
    where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": 29500}
    os.environ.update({key: str(value) for key, value in where.items()}, MASTER_ADDR="127.0.0.1")


def trainer_with(own_pool, folder):
    """Make a Trainer with the metric, and with callbacks of several kinds."""
    from transformers import Trainer, TrainingArguments

    from rankme.integrations.transformers import ComputeRankMe, RankMeCallback

    compute = ComputeRankMe(pool="last_token")
    args = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=4,
        per_device_eval_batch_size=4,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
        eval_strategy="steps",
        eval_steps=1,
        max_steps=1,
        learning_rate=0.0,
        batch_eval_metrics=True,
        include_for_metrics=["inputs"],
    )
    return Trainer(
        model=bert(output_hidden_states=True),
        args=args,
        train_dataset=items(20),
        eval_dataset={str(size): items(size) for size in SIZES},
        data_collator=padded,
        compute_metrics=compute,
        preprocess_logits_for_metrics=compute.hidden_states,
        callbacks=[
            RankMeCallback("bert", name="hooked"),
            RankMeCallback("bert", name="capped", max_rows=9),
            RankMeCallback("bert", name="words", pool="tokens"),
            RankMeCallback("bert", name="own", pool=own_pool),
        ],
    )


def both(rank, folder):
    """Evaluate with callback and metric; then with bad rows, and an error, on one process."""
    torch.set_num_threads(1)
    launched(rank)
    wrong = []

    def own_pool(states, _mask):
        if wrong:
            raise ValueError("of no use")
        return states[:, 0]

    trainer = trainer_with(own_pool, f"{folder}/{rank}")
    trainer.train()
    logged = {}
    for entry in trainer.state.log_history:
        logged.update({key: value for key, value in entry.items() if key.startswith("eval_")})
    if rank == 1:
        trainer.model.bert.embeddings.register_forward_hook(lambda _m, _i, out: out * math.nan)
    metrics = trainer.evaluate(items(13), metric_key_prefix="nan")
    bad = {key: value for key, value in metrics.items() if "rankme" in key or "hooked" in key}
    wrong += [True] * rank
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises((RuntimeError, ValueError)) as told:
            trainer.evaluate(items(13))
    warned = [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
    return logged, bad, str(told.value), warned


def test_two_processes_have_the_numbers_of_one(tmp_path):
    first, second = on_ranks(2, both, str(tmp_path), group_timeout=120)
    errors = [found for found in (first, second) if isinstance(found, Exception)]
    assert not errors
    model = bert()
    for logged, *_ in (first, second):
        for size in SIZES:
            for key, pool in [
                ("rankme", "last_token"),
                ("hooked", "token_mean"),
                ("words", "tokens"),
            ]:
                rows = rows_by_hand(model, items(size), pool)
                assert logged[f"eval_{size}_{key}_n_rows"] == len(rows)
                score = logged[f"eval_{size}_{key}"]
                assert score == pytest.approx(rankme.score(rows), rel=1e-12)
        # The first rows of each process, whose batches take turns.
        rows = rows_by_hand(model, items(13), "token_mean")[[0, 1, 2, 3, 8, 4, 5, 6, 7]]
        assert logged["eval_13_capped"] == pytest.approx(rankme.score(rows), rel=1e-12)
    for _, bad, *_ in (first, second):
        assert math.isnan(bad["nan_rankme"])
        assert math.isnan(bad["nan_hooked"])
        assert bad["nan_hooked_n_rows"] + bad["nan_hooked_n_skipped"] == 13
        assert bad["nan_hooked_n_rows"] == 8
    timed = ("runtime", "second", "time")
    assert {k: v for k, v in first[0].items() if not k.endswith(timed)} == {
        k: v for k, v in second[0].items() if not k.endswith(timed)
    }
    assert "rank 1" in first[2]
    assert "of no use" in first[2]
    assert "of no use" in second[2]
    assert any("rank 1: of no use" in text for text in second[3])
