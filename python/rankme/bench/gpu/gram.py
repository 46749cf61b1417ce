"""The Gram step: ours from the GPU's memory and from the host's, and cuBLAS beside it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import rankme
from rankme.bench.gpu.data import gaussian
from rankme.bench.gpu.records import GramStep, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.bench.gpu.timing import Clock

__all__ = ["measure_gram_step"]

COPY_BYTES = 2**30
# Ways to multiply that stand beside the one that is chosen: width of the tiles, 0 for cublasDsyrk,
# and into how many ranges the rows are split.
WAYS = {"dsyrk": (0, 1), "tiles of 128": (128, 4), "tiles of 256": (256, 4)}
REPEATS = 5


def measure_gram_step(
    torch: Any, device: str, clock: Clock, *, rows: int, columns: int, copy_bytes: int = COPY_BYTES
) -> GramStep:
    """Time `Accumulator.update` on all rows at once, and the products that bound it.

    Parameters
    ----------
    torch : module
    device : str
    clock : Clock
    rows, columns : int
        N and K.
    copy_bytes : int
        Of the copies that measure the pinned rate.

    Returns
    -------
    GramStep
    """
    result = GramStep(rows, columns)
    z = gaussian(torch, device, rows, columns, dtype=torch.float32)

    def step(key: str, title: str, array: Any, **options: Any) -> None:
        acc = rankme.Accumulator(columns, device=device, **options)
        result.steps[key] = attempt(clock, title, lambda: acc.update(array))

    step("ours", "rankme, float32 on the GPU", z)
    if device != "cpu":
        result.steps |= ways_of_ours(clock, z, device)
    host = z.cpu().numpy()
    step("ours-host", "rankme, float32 in host memory", host)
    if device != "cpu":
        result.copy_rate = pinned_copy_rate(torch, device, clock, copy_bytes)
    del host
    half = z.half()
    step("ours-half", "rankme, float16 on the GPU", half)
    if device != "cpu":
        step("ours-fast", 'rankme, float16 on the GPU, precision="fast"', half, precision="fast")
    del half
    # No more than one matrix of each dtype at a time: the float64 one is twice as large.
    double = z.double()
    del z
    if device != "cpu":
        result.steps |= cublas_lines(torch, clock, double)
    return result


def ways_of_ours(clock: Clock, z: Any, device: str) -> dict[str, Line]:
    """Time our step with each way to multiply, to show that the chosen one is the faster."""
    lines = {}
    for name, (tile, splits) in WAYS.items():
        acc = rankme.Accumulator(z.shape[1], device=device)
        acc._core.set_products(tile, splits, 0)  # noqa: SLF001 - there is no public choice

        def update(acc: rankme.Accumulator = acc) -> None:
            acc.update(z)

        lines[f"way-{name}"] = attempt(clock, f"the same by {name}", update)
    return lines


def attempt(clock: Clock, title: str, job: Callable[[], object], repeats: int = REPEATS) -> Line:
    """Time one job; what it raises is its entry."""
    try:
        seconds = clock.many(job, repeats)
    except Exception as error:  # noqa: BLE001 - a competitor that fails is an entry that says so
        return Line(title, failure=failure_text(error))
    return Line(title, sorted(seconds)[len(seconds) // 2], len(seconds))


def failure_text(error: Exception) -> str:
    """Name an error in a line of a table."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:160].rstrip(": ")


def cublas_lines(torch: Any, clock: Clock, double: Any) -> dict[str, Line]:
    """Time one cublasDgemm and one cublasDsyrk of float64 rows, by CuPy's thin wrappers."""
    titles = {"dgemm": "one cublasDgemm", "dsyrk": "one cublasDsyrk"}
    if importlib.util.find_spec("cupy") is None:
        return {key: Line(title, failure="no CuPy") for key, title in titles.items()}
    cupy, cublas = importlib.import_module("cupy"), importlib.import_module("cupy.cublas")
    a = cupy.from_dlpack(double)
    out = cupy.zeros((a.shape[1], a.shape[1]))
    clock.wait()
    jobs: dict[str, Callable[[], object]] = {
        "dgemm": lambda: cublas.gemm("T", "N", a, a, out=out),
        "dsyrk": lambda: cublas.syrk("T", a, out=out, lower=True),
    }
    lines = {key: attempt(clock, titles[key], job) for key, job in jobs.items()}
    expected = double[:, 0].T @ double[:, 0]
    if not torch.allclose(torch.from_dlpack(out)[0, 0], expected, rtol=1e-9):
        raise AssertionError("cuBLAS was not called as meant: its product is another one")
    return lines


def pinned_copy_rate(torch: Any, device: str, clock: Clock, size: int) -> float:
    """Bytes a second from pinned host memory to the GPU."""
    source = torch.empty(size, dtype=torch.uint8, pin_memory=True).random_(0, 256)
    target = torch.empty(size, dtype=torch.uint8, device=device)
    seconds = clock.median(lambda: target.copy_(source, non_blocking=True), 2 * REPEATS)
    return float(size / seconds)
