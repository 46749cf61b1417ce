"""RankMe of one matrix on the GPU by rankme, PyTorch and CuPy."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import rankme
from rankme.bench.gpu.data import power_law, reference_spectrum
from rankme.bench.gpu.gram import failure_text
from rankme.bench.gpu.records import Line, Scores
from rankme.bench.gpu.timing import LONG_RUN
from rankme.bench.jobs import from_eigenvalues, rankme_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.bench.gpu.timing import Clock

__all__ = ["measure_scores"]

REPEATS = 3
OUR_REPEATS = 7
TRIAL_ROWS = 4096
# A run that would take longer than this is scaled up from its trial.
LONGEST = 8.0


@dataclass(frozen=True)
class Rival:
    """A way to RankMe of a torch tensor on the GPU; ``needs`` is a package."""

    title: str
    score: Callable[[Any], float]
    needs: str = "torch"
    repeats: int = REPEATS


def rivals(torch: Any) -> list[Rival]:
    """List everyone, ours first."""

    def on_host(values: Any) -> Any:
        return values.double().cpu().numpy()

    def eigenvalues(z: Any) -> float:
        return from_eigenvalues(on_host(torch.linalg.eigvalsh(z.T @ z)))

    def cupy_svd(z: Any) -> float:
        cupy = importlib.import_module("cupy")
        sigma = cupy.linalg.svd(cupy.from_dlpack(z), compute_uv=False)
        return rankme_of(cupy.asnumpy(sigma))

    def cupy_eigenvalues(z: Any, dtype: str) -> float:
        cupy = importlib.import_module("cupy")
        a = cupy.from_dlpack(z).astype(dtype, copy=False)
        return from_eigenvalues(cupy.asnumpy(cupy.linalg.eigvalsh(a.T @ a)))

    return [
        Rival("rankme.score", rankme.score, repeats=OUR_REPEATS),
        Rival("torch svdvals", lambda z: rankme_of(on_host(torch.linalg.svdvals(z)))),
        Rival("torch eigvalsh(Z.T @ Z), float32", eigenvalues),
        Rival("torch eigvalsh(Z.T @ Z), float64", lambda z: eigenvalues(z.double())),
        Rival("cupy svd", cupy_svd, "cupy"),
        Rival("cupy eigvalsh(Z.T @ Z), float32", lambda z: cupy_eigenvalues(z, "float32"), "cupy"),
        Rival("cupy eigvalsh(Z.T @ Z), float64", lambda z: cupy_eigenvalues(z, "float64"), "cupy"),
    ]


def measure_scores(torch: Any, device: str, clock: Clock, *, rows: int, columns: int) -> Scores:
    """Time everyone on one matrix and hold their scores against a float64 SVD.

    Parameters
    ----------
    torch : module
    device : str
    clock : Clock
    rows, columns : int
        N and K of the float32 matrix.

    Returns
    -------
    Scores
    """
    z = power_law(torch, device, rows, columns)
    result = Scores(rows, columns, rankme_of(reference_spectrum(torch, z)))
    for rival in rivals(torch):
        result.lines.append(measure_one(rival, z, result.reference, clock))
        release(torch, device)
    return result


def measure_one(rival: Rival, z: Any, reference: float, clock: Clock) -> Line:
    """Time one way, on some rows first and on all of them where that is affordable."""
    line = Line(rival.title)
    if importlib.util.find_spec(rival.needs) is None:
        line.failure = f"no {rival.needs}"
        return line
    scores: list[float] = []
    trial = z[:TRIAL_ROWS]
    try:
        clock.once(lambda: rival.score(z[:64, :32]))  # loads the libraries
        seconds = clock.once(lambda: rival.score(trial))
        scaled = seconds * len(z) / len(trial)
        if len(trial) < len(z) and scaled > LONGEST and rival.title != "rankme.score":
            line.seconds, line.repeats, line.slice_of = scaled, 1, len(trial)
            return line
        times = [clock.once(lambda: scores.append(rival.score(z)))]
        # The first run on a shape tunes and allocates; a long one counts for itself.
        if times[0] < LONG_RUN:
            times = [clock.once(lambda: rival.score(z)) for _ in range(rival.repeats)]
        line.seconds, line.repeats = float(np.median(times)), len(times)
        line.error = abs(scores[0] - reference) / reference
    except Exception as error:  # noqa: BLE001 - out of memory, most of all
        line.failure = failure_text(error)
    return line


def release(torch: Any, device: str) -> None:
    """Give back what the libraries keep of the GPU's memory, so that the next one has all of it."""
    if device != "cpu":
        torch.cuda.empty_cache()
        if importlib.util.find_spec("cupy") is not None:
            cupy = importlib.import_module("cupy")
            cupy.get_default_memory_pool().free_all_blocks()
