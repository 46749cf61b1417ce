"""Evaluations of a Trainer whose loader is used again, after one that was broken off."""

import pytest
from transformers import Trainer, TrainingArguments

from rankme.integrations.transformers import ComputeRankMe, RankMeCallback
from tiny_transformers import bert, items, padded

EVAL = items(37)


class Broken(Trainer):
    n_left = 3

    def prediction_step(self, *args, **kwargs):
        self.n_left -= 1
        if self.n_left == 0:
            raise KeyboardInterrupt
        return super().prediction_step(*args, **kwargs)


@pytest.mark.parametrize("by_hooks", [True, False])
def test_a_loader_that_is_used_again_begins_anew(tmp_path, by_hooks):
    compute = ComputeRankMe()
    way = {"callbacks": [RankMeCallback("bert")]}
    if not by_hooks:
        way = {
            "compute_metrics": compute,
            "preprocess_logits_for_metrics": compute.hidden_states,
        }
    args = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_eval_batch_size=4,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_num_workers=1,
        dataloader_persistent_workers=True,
        batch_eval_metrics=not by_hooks,
        include_for_metrics=[] if by_hooks else ["inputs"],
    )
    model = bert(output_hidden_states=True)
    trainer = Broken(model, args, eval_dataset=EVAL, data_collator=padded, **way)
    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate()
    for _ in range(2):
        assert trainer.evaluate()["eval_rankme_n_rows"] == len(EVAL)
