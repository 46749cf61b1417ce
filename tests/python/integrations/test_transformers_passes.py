"""Evaluations of a Trainer whose loader is used again, after one that was broken off."""

from helpers import ROOT, output_of

# By itself: the loader's workers are forked, and the JAX of other tests has threads.
PROGRAM = """
import sys

from transformers import Trainer, TrainingArguments

from rankme.integrations.transformers import ComputeRankMe, RankMeCallback
from tiny_transformers import bert, items, padded


class Broken(Trainer):
    n_left = 3

    def prediction_step(self, *args, **kwargs):
        self.n_left -= 1
        if self.n_left == 0:
            raise KeyboardInterrupt
        return super().prediction_step(*args, **kwargs)


for way in ("hooks", "metric"):
    by_hooks = way == "hooks"
    compute = ComputeRankMe()
    options = {"callbacks": [RankMeCallback("bert")]}
    if not by_hooks:
        options = {"compute_metrics": compute}
        options["preprocess_logits_for_metrics"] = compute.hidden_states
    args = TrainingArguments(
        output_dir=sys.argv[1],
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
    trainer = Broken(model, args, eval_dataset=items(37), data_collator=padded, **options)
    try:
        trainer.evaluate()
    except KeyboardInterrupt:
        counts = [trainer.evaluate()["eval_rankme_n_rows"] for _ in range(2)]
        print(way, *map(int, counts))
"""


def test_a_loader_that_is_used_again_begins_anew(tmp_path):
    support = ROOT / "tests" / "python" / "support"
    printed = output_of(PROGRAM, tmp_path, PYTHONPATH=str(support)).splitlines()
    assert [line for line in printed if line.startswith(("hooks", "metric"))] == [
        "hooks 37 37",
        "metric 37 37",
    ]
