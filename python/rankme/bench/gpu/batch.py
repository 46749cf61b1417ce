"""A batch of small matrices on the GPU, beside PyTorch's batched routines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rankme
from rankme.bench.gpu.data import gaussian
from rankme.bench.gpu.gram import attempt, failure_text
from rankme.bench.gpu.records import Batch, Line
from rankme.bench.gpu.rivals import release
from rankme.bench.jobs import rankme_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.bench.gpu.timing import Clock

__all__ = ["measure_batch"]

REPEATS = 3
SLICE = 1000  # of the matrices: PyTorch takes milliseconds for each
AT_ONCE = 10_000  # made at a time
CHECKED = 20


def measure_batch(
    torch: Any, device: str, clock: Clock, *, count: int, rows: int, columns: int
) -> Batch:
    """Time `rankme.score_batch` on all matrices and PyTorch on a slice of them.

    Parameters
    ----------
    torch : module
    device : str
    clock : Clock
    count, rows, columns : int
        Of the float16 batch.

    Returns
    -------
    Batch
    """
    result = Batch(count, rows, columns)
    z = torch.empty(count, rows, columns, dtype=torch.float16, device=device)
    for seed, part in enumerate(z.split(AT_ONCE)):
        part.copy_(gaussian(torch, device, *part.shape, dtype=torch.float16, seed=seed))
    checked = z[:CHECKED].double().cpu().numpy()
    expected = np.array([rankme_of(np.linalg.svd(one, compute_uv=False)) for one in checked])

    ours = attempt(clock, "rankme.score_batch", lambda: rankme.score_batch(z), REPEATS)
    if ours.failure is None:
        ours.error = worst(rankme.score_batch(z[:CHECKED]), expected)
    result.lines.append(ours)

    def svdvals(part: Any) -> Any:
        return torch.linalg.svdvals(part.float())

    def small_gram(part: Any) -> Any:
        wide = part.double()
        return torch.linalg.eigvalsh(wide @ wide.mT).clamp(min=0).sqrt()

    for title, sigma in (
        ("torch svdvals, float32", svdvals),
        ("torch eigvalsh(Z @ Z.T), float64", small_gram),
    ):
        release(torch, device)
        result.lines.append(time_slice(clock, title, sigma, z, expected))
    return result


def time_slice(
    clock: Clock, title: str, sigma: Callable[[Any], Any], z: Any, expected: Any
) -> Line:
    """Time a way on a slice of the batch; its seconds are scaled up to the whole."""
    part = z[:SLICE]
    line = attempt(clock, title, lambda: sigma(part), REPEATS)
    if line.seconds is None:
        return line
    line.seconds *= len(z) / len(part)
    line.slice_of = len(part) if len(part) < len(z) else None
    try:
        values = sigma(z[:CHECKED]).double().cpu().numpy()
        line.error = worst(np.array([rankme_of(one) for one in values]), expected)
    except Exception as error:  # noqa: BLE001 - as in `attempt`
        line.failure = failure_text(error)
    return line


def worst(scores: Any, expected: Any) -> float:
    """Return the largest relative error."""
    return float(np.max(np.abs(np.asarray(scores) - expected) / expected))
