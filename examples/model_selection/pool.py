"""The candidates: forecasters that are pre-trained here, and Fracast of PyPI.

A candidate gives a feature of K numbers for each window, and a forecast by its own head.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .files import write_whole
from .networks import LOOK_BACK, REACH, Forecaster, build
from .windows import Windows

__all__ = ["FRACAST", "Fracast", "Pretrained", "pretrain", "width_of"]

FRACAST = "fracast-64"
_BATCH = 64
_CHUNK = 32  # windows that go through a network at once
_CHUNK_OF_FRACAST = (
    4  # of 2,048 steps: more than these leave the caches, and take 1.5 times as long
)
_RATE = 2e-3


def width_of(name: str) -> int:
    """Return K of a candidate: its name ends in it."""
    return int(name.rpartition("-")[2])


def pretrain(name: str, seed: int, sources: Sequence[Windows], steps: int, path: Path) -> float:
    """Train a forecaster on windows of all sources in turn, and save its weights.

    Squared error, Adam with a rate of 2e-3 that falls to 0 as half a cosine, batches of 64.

    Parameters
    ----------
    name, seed
        As `build` takes them; the seed also draws the batches.
    sources : sequence of Windows
        Batches come from each in turn.
    steps : int
        Batches.
    path : Path
        Where the weights go, as one whole file.

    Returns
    -------
    float
        The mean loss of the last tenth of the batches.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the end: nothing is saved.
    """
    model = build(name, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = np.random.default_rng(seed)
    losses = []
    for step in range(steps):
        source = sources[step % len(sources)]
        rows = rng.integers(len(source.past), size=_BATCH)
        forecast = model(torch.from_numpy(source.past[rows]))
        loss = torch.nn.functional.mse_loss(forecast, torch.from_numpy(source.future[rows]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    last = float(np.mean(losses[-max(1, steps // 10) :]))
    if not np.isfinite(last):
        raise FloatingPointError(f"{name}, seed {seed}: the loss of pre-training is {last}")
    with write_whole(path) as part:
        torch.save(model.state_dict(), part)
    return last


class Pretrained:
    """A forecaster that `pretrain` has saved."""

    def __init__(self, name: str, path: Path) -> None:
        self._model: Forecaster = build(name, 0).eval()
        self._model.load_state_dict(torch.load(path, weights_only=True))

    def features(self, past: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the encoder's output, (N, 192) to (N, K)."""
        return self._run(self._model.encoder, past)

    def forecast(self, past: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the pre-trained head says, (N, 192) to (N, 96)."""
        return self._run(self._model, past)

    @staticmethod
    def _run(module: torch.nn.Module, past: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = torch.from_numpy(past).split(_CHUNK)
            return torch.cat([module(part) for part in parts]).numpy()


class Fracast:
    """Fracast-0, 85,001 parameters, whose weights are in its wheel.

    Its context of 2,048 steps is filled from the right with the window's 192; the rest is masked,
    as the package itself does with short series. A feature is the output of its core at the last
    step. The window is brought to [0, 1] first, which the package does too.
    """

    def __init__(self) -> None:
        try:
            from fracast.inference import FracastModel  # noqa: PLC0415
        except ImportError:
            raise SystemExit(
                'fracast is missing: pip install "rankme[examples-time-series]"'
            ) from None
        self._model = FracastModel.from_pretrained(weights="fp32")

    def features(self, past: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the core's output at the last step, (N, 192) to (N, 64)."""
        context = self._model.context_length
        low = past.min(axis=1, keepdims=True)
        unit = (past - low) / np.maximum(past.max(axis=1, keepdims=True) - low, 1e-5)
        found = []
        for part in torch.from_numpy(unit).split(_CHUNK_OF_FRACAST):
            values = torch.zeros(len(part), 1, context)
            known = torch.zeros(len(part), 1, context, dtype=torch.bool)
            values[:, 0, -LOOK_BACK:] = part
            known[:, 0, -LOOK_BACK:] = True
            with torch.inference_mode():
                found.append(self._model.core(values, known, known.float())[:, -1])
        return torch.cat(found).numpy()

    def forecast(self, past: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return its median forecast, (N, 192) to (N, 96)."""
        median = int(np.argmin(np.abs(np.array(self._model.quantiles) - 0.5)))
        parts = np.split(past, range(_CHUNK_OF_FRACAST, len(past), _CHUNK_OF_FRACAST))
        quantiles = [self._model.forecast_batch(part, horizon=REACH) for part in parts]
        return np.concatenate(quantiles)[:, :, median].astype(np.float32)
