"""Draw collapse.png: two training runs, of which one collapses, while RankMe looks on.

Both learn from two views of the 1,797 images of handwritten digits that come with scikit-learn, by
the loss of SimSiam (arXiv:2011.10566), in Lightning. From step 150 on one of them goes on without
stop-gradient and predictor, which are what keeps it from mapping all images to one point. Its loss
then looks better than ever. `RankMeCallback` scores the held-out images every 15 steps and tells
when the embeddings have collapsed; here it lets the run go on, so that all of it can be drawn.
collapse-dark.png is the same for dark pages.

Needs the extras lightning and plot, scikit-learn, no network, and about ten seconds on one core:
python docs/figures/collapse.py
"""
# ruff: noqa: T201, ARG002

import logging
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import matplotlib as mpl
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rankme.integrations.lightning import RankMeCallback

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
STEPS, BREAKS, EVERY, BATCH, WIDTH = 300, 150, 15, 128, 64
COLOURS = {"healthy": "C0", "collapsing": "C1"}


class SimSiam(pl.LightningModule):
    """Two views, one predicted from the other, until that is taken away."""

    def __init__(self, *, breaks: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.breaks = breaks
        self.encoder = nn.Sequential(
            *(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()),
            *(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, WIDTH)),
        )
        self.predictor = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, WIDTH))
        self.losses: list[float] = []

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return minus the cosine between what is predicted of a view and the other view."""
        a, b = (self.encoder(view(batch[0])) for _ in range(2))
        cosine = nn.functional.cosine_similarity
        if self.global_step < self.breaks:
            pairs = ((self.predictor(a), b.detach()), (self.predictor(b), a.detach()))
            loss = -sum(cosine(one, other).mean() for one, other in pairs) / 2
        else:
            loss = -cosine(a, b).mean()
        self.losses.append(float(loss))
        return loss

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        """Encode held-out images; the callback looks at what the encoder returns."""
        self.encoder(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def view(images: torch.Tensor) -> torch.Tensor:
    """Change the brightness of images, shift them by up to a pixel, and add noise."""
    n = len(images)
    padded = nn.functional.pad(images.reshape(n, 8, 8), (1, 1, 1, 1))
    down, right = torch.randint(0, 3, (2, n, 1, 1))
    place = torch.arange(8)
    moved = padded[torch.arange(n)[:, None, None], down + place[:, None], right + place]
    bright = 0.7 + 0.6 * torch.rand(n, 1, 1)
    return (bright * moved + 0.15 * torch.randn(n, 8, 8)).flatten(1)


class Run(NamedTuple):
    """What a run has left behind."""

    losses: list[float]
    steps: list[int]
    scores: list[float]
    alarms: list[int]  # steps


def train(*, breaks: int) -> Run:
    """Train one model and return what was seen of it."""
    images = torch.from_numpy(load_digits().data.astype(np.float32) / 16)
    model = SimSiam(breaks=breaks)
    alarms: list[int] = []

    def told(_: Any) -> None:
        alarms.append(model.global_step)

    callback = RankMeCallback(target="encoder", on_collapse=told)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        val_check_interval=EVERY,
        check_val_every_n_epoch=None,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(TensorDataset(images[:1300]), BATCH, shuffle=True, drop_last=True)
    trainer.fit(model, loader, DataLoader(TensorDataset(images[1300:]), BATCH))
    seen = [(one["step"], one["rankme"]) for one in callback.history]
    return Run(model.losses, [step for step, _ in seen], [score for _, score in seen], alarms)


def caption(runs: dict[str, Run]) -> str:
    """Say in one sentence what the picture shows."""
    healthy, collapsing = (runs[name].scores[-1] for name in COLOURS)
    (alarm,) = runs["collapsing"].alarms
    return (
        f"RankMe {healthy:.1f} of {WIDTH} after {STEPS} steps, and {collapsing:.1f} without "
        f"stop-gradient from step {BREAKS} on; the alarm came at step {alarm}"
    )


def draw(runs: dict[str, Run], path: Path) -> None:
    """Draw the losses and the scores of both runs."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for name, run in runs.items():
        smooth = np.convolve(run.losses, np.ones(10) / 10, "valid")
        left.plot(range(10, STEPS + 1), smooth, color=COLOURS[name])
        right.plot(run.steps, run.scores, color=COLOURS[name], marker="o", markersize=3, label=name)
    for step in runs["collapsing"].alarms[:1]:
        score = runs["collapsing"].scores[runs["collapsing"].steps.index(step)]
        right.annotate(
            f"alarm, step {step}",
            (step, score),
            (step + 12, score + 5),
            arrowprops={"arrowstyle": "->", "color": mpl.rcParams["text.color"]},
        )
    for axes, title in ((left, "Loss: the lower the better?"), (right, f"RankMe, of {WIDTH}")):
        axes.set_title(title, loc="left")
        axes.set_xlabel("step")
        axes.axvline(BREAKS, color="0.6", linewidth=0.8, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
    right.set_ylim(0)
    right.legend(frameon=False)
    metadata = {"Software": None, "Description": caption(runs)}
    figure.savefig(path, dpi=130, metadata=metadata)
    plt.close(figure)


def main() -> None:
    """Draw both pictures beside this file, or into the folder that is given."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if sys.argv[1:] else HERE
    runs = {"healthy": train(breaks=STEPS), "collapsing": train(breaks=BREAKS)}
    for style, end in (("light", ""), ("dark", "-dark")):
        with plt.style.context(HERE / f"{style}.mplstyle"):
            draw(runs, folder / f"collapse{end}.png")
    print(caption(runs))


if __name__ == "__main__":
    main()
