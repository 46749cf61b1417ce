"""A small self-supervised model for Lightning, and a trainer that is quiet and quick."""
# ruff: noqa: ARG002  (Lightning says what is called with what)

import contextlib
import logging
import os
import warnings

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from images import images

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

N_TRAIN, N_VALIDATION = 384, 101  # the second is odd, so that two ranks do not share it evenly
TAIL = torch.logspace(0, -15, 16)  # of columns, so that singular values end far below 1e-8


class Vicreg(pl.LightningModule):
    """Two noisy views, by the loss of VICReg, or by its invariance alone."""

    def __init__(self, *, spread=True):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24))
        self.projector = nn.Sequential(nn.ReLU(), nn.Linear(24, 16))
        self.spread = spread
        self.random = torch.Generator().manual_seed(0)

    def training_step(self, batch, batch_idx):
        (x,) = batch
        views = [x + 0.2 * torch.randn(x.shape, generator=self.random) for _ in range(2)]
        hidden = [self.backbone(view) for view in views]
        a, b = (self.projector(h) for h in hidden)
        loss = 25 * (a - b).square().mean()
        for z in (a, b) if self.spread else ():
            loss = loss + 12.5 * torch.relu(1 - (z.var(0) + 1e-4).sqrt()).mean()
            covariance = torch.cov(z.T)
            loss = loss + (covariance.square().sum() - covariance.diagonal().square().sum()) / 16
        found = {"hidden": hidden[0], "z": a, "other": b, "tail": a * TAIL}
        return {"loss": loss, **{name: rows.detach() for name, rows in found.items()}}

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        (x,) = batch
        h = self.backbone(x)
        z = self.projector(h)
        return {"hidden": h, "z": z, "other": self.projector(h + 0.1), "tail": z * TAIL}

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=5e-3)

    def train_dataloader(self):
        return loader(torch.from_numpy(images(N_TRAIN)), 64)

    def val_dataloader(self):
        return loader(validation_images(), 16)

    test_dataloader = val_dataloader


def validation_images():
    return torch.from_numpy(images(N_TRAIN + N_VALIDATION)[N_TRAIN:])


def loader(rows, batch_size):
    return DataLoader(TensorDataset(rows), batch_size)


def trainer(folder, *callbacks, **options):
    """Return a trainer on the CPU that writes to a folder alone."""
    defaults = {"max_epochs": 1, "logger": False, "enable_checkpointing": False}
    with quiet():
        return pl.Trainer(
            **{
                "accelerator": "cpu",
                "devices": 1,
                "callbacks": list(callbacks),
                "default_root_dir": os.fspath(folder),
                "enable_model_summary": False,
                "enable_progress_bar": False,
                **defaults,
                **options,
            }
        )


@contextlib.contextmanager
def quiet():
    """Pass by what Lightning advises, and what PyTorch tells Lightning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        warnings.filterwarnings("ignore", message="`isinstance.treespec, LeafSpec.` is deprecated")
        yield


@contextlib.contextmanager
def one_thread():
    """Compute small things without threads that wait for one another on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(model, made, **options):
    """Fit a model, and return it."""
    with quiet(), one_thread():
        made.fit(model, **options)
    return model
