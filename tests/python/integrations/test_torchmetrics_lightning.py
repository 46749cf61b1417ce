"""RankMe as a metric that Lightning logs, in a real run on the digits of scikit-learn."""

import warnings

import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import rankme
from rankme.integrations.torchmetrics import RankMe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the host warns of when it is imported is not ours
    import lightning

DIM = 32


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Sequential(torch.nn.Linear(64, DIM), torch.nn.ReLU())
        self.head = torch.nn.Linear(DIM, 10)
        self.rankme = RankMe(DIM)
        self.seen = []
        self.truths = []

    def training_step(self, batch, _batch_idx):
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.head(self.backbone(images)), labels)

    def validation_step(self, batch, _batch_idx):
        z = self.backbone(batch[0])
        self.seen.append(z.detach())
        self.rankme.update(z)
        self.log("rankme", self.rankme)

    def on_validation_epoch_end(self):
        self.truths.append(rankme.score(torch.cat(self.seen)))
        self.seen.clear()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Logged(lightning.Callback):
    def __init__(self):
        self.values = []

    def on_validation_end(self, trainer, _module):
        if not trainer.sanity_checking:
            self.values.append(float(trainer.callback_metrics["rankme"]))


@pytest.mark.filterwarnings("ignore")  # of the host: few workers, no logger
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_lightning_logs_the_score_of_the_epoch(precision, tmp_path):
    digits = load_digits()
    images = torch.tensor(digits.data[:501] / 16, dtype=torch.float32)
    if precision == "bf16-true":
        images = images.bfloat16()
    data = TensorDataset(images, torch.tensor(digits.target[:501]))
    torch.manual_seed(0)
    module, logged = Classifier(), Logged()
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[logged],
        num_sanity_val_steps=2,
        default_root_dir=tmp_path,
    )
    loader = DataLoader(data, batch_size=64)
    trainer.fit(module, loader, loader)
    sanity, *truths = module.truths
    assert len(truths) == 2
    assert sanity != truths[0] != truths[1]
    assert logged.values == pytest.approx(truths, rel=1e-12)
