"""One competitor in a process of its own; started by :mod:`rankme.bench.client`.

This file is run by its path and imports ``rankme`` in our own worker only: a competitor's process
must not hold our BLAS library beside its own. Requests and replies are one JSON object a line.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # A script's folder comes first on the path, and a file in it may carry a library's name.
    sys.path.pop(0)

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]
    Job: TypeAlias = Callable[[], object]

EPS = 1e-7
ROWS_PER_BLOCK = 8192
PAGE = 4096
PROC = Path("/proc/self")


def rankme_of(singular_values: NDArray[Any]) -> float:
    """RankMe of a spectrum, written down once more so that the reference shares no code with ours.

    Garrido et al., ICML 2023, eq. 1-2, evaluated in float64 whatever the competitor computed in.
    """
    sigma = np.asarray(singular_values, dtype=np.float64)
    p = sigma / sigma.sum() + EPS
    return float(np.exp(-np.sum(p * np.log(p))))


def from_eigenvalues(eigenvalues: NDArray[Any]) -> float:
    """RankMe from the eigenvalues of a Gram matrix; negative ones are rounding."""
    return rankme_of(np.sqrt(np.maximum(eigenvalues, 0)))


def score_ours(z: Matrix) -> Job:
    """`rankme.score`."""
    rankme = importlib.import_module("rankme")
    return lambda: rankme.score(z)


def score_numpy_svd(z: Matrix) -> Job:
    """`numpy.linalg.svd` without vectors (LAPACK gesdd, in double precision)."""
    return lambda: rankme_of(np.linalg.svd(z, compute_uv=False))


def score_reference(z: Matrix) -> Job:
    """Singular values of the float64 copy: what every error is measured against."""
    return lambda: rankme_of(np.linalg.svd(z.astype(np.float64), compute_uv=False))


def score_scipy_svdvals(z: Matrix) -> Job:
    """`scipy.linalg.svdvals`, which stays in float32."""
    linalg = importlib.import_module("scipy.linalg")
    return lambda: rankme_of(linalg.svdvals(z))


def score_torch_svdvals(z: Matrix) -> Job:
    """`torch.linalg.svdvals` on the CPU, which stays in float32."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)
    return lambda: rankme_of(torch.linalg.svdvals(tensor).numpy())


def numpy_gram_job(z: Matrix, dtype: type[np.floating[Any]]) -> Job:
    """Prepare the NumPy shortcut, which forms the smaller Gram matrix as a careful user would."""

    def job() -> float:
        a = z.astype(dtype, copy=False)
        gram = a @ a.T if a.shape[0] < a.shape[1] else a.T @ a
        return from_eigenvalues(np.linalg.eigvalsh(gram))

    return job


def torch_gram_job(z: Matrix, dtype: str) -> Job:
    """Prepare the PyTorch shortcut, which forms the smaller Gram matrix too."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)

    def job() -> float:
        a = tensor.to(getattr(torch, dtype))
        gram = a @ a.T if a.shape[0] < a.shape[1] else a.T @ a
        return from_eigenvalues(torch.linalg.eigvalsh(gram).numpy())

    return job


def gram_ours(z: Matrix) -> Job:
    """`Accumulator.update` with the whole float32 matrix, conversion included."""
    accumulator = importlib.import_module("rankme").Accumulator(dim=z.shape[1])
    a = np.array(z)

    def job() -> object:
        accumulator.update(a)
        return accumulator

    return job


def gram_unprobed(z: Matrix) -> Job:
    """`gram_ours` without its probes, to tell what they cost."""
    core = importlib.import_module("rankme._core")
    accumulator = core.GramAccumulator(z.shape[1], False, 0, probed=False)
    a = core.ArrayView(np.array(z))

    def job() -> object:
        accumulator.update(a)
        return accumulator

    return job


def gram_ours_blocks(z: Matrix) -> Job:
    """`Accumulator.update` with float64 row blocks: the twin of `gram_onedal_blocks`."""
    accumulator = importlib.import_module("rankme").Accumulator(dim=z.shape[1])
    blocks = float64_blocks(z)

    def job() -> object:
        for block in blocks:
            accumulator.update(block)
        return accumulator

    return job


def gram_onedal_blocks(z: Matrix) -> Job:
    """Online covariance of oneDAL on float64 row blocks, uncentred, its input check left out."""
    covariance = importlib.import_module("sklearnex.covariance")
    estimator = covariance.IncrementalEmpiricalCovariance(assume_centered=True, copy=False)
    blocks = float64_blocks(z)

    def job() -> object:
        for block in blocks:
            estimator.partial_fit(block, check_input=False)
        return estimator

    return job


def float64_blocks(z: Matrix) -> list[NDArray[np.float64]]:
    """Convert before the clock starts, and cut into row blocks."""
    a = z.astype(np.float64)
    return [a[first : first + ROWS_PER_BLOCK] for first in range(0, a.shape[0], ROWS_PER_BLOCK)]


def gram_dgemm(z: Matrix) -> Job:
    """One dgemm of the same size.

    NumPy turns ``a.T @ a`` into a syrk. The second operand starts a row later in the same buffer,
    so it is another matrix and a gemm is called, without the memory of a second copy.
    """
    rows, columns = z.shape
    buffer = np.empty((rows + 1, columns))
    buffer[:rows] = z
    buffer[rows] = z[0]
    out = np.empty((columns, columns))
    return lambda: np.matmul(buffer[:rows].T, buffer[1:], out=out)


def mean_rankme(rows_of_values: NDArray[Any]) -> float:
    """Mean RankMe of a batch of spectra, shape (B, m): `rankme_of`, without a loop in Python."""
    sigma = np.asarray(rows_of_values, dtype=np.float64)
    p = sigma / sigma.sum(axis=1, keepdims=True) + EPS
    return float(np.exp(-np.sum(p * np.log(p), axis=1)).mean())


def batch_ours(z: Matrix) -> Job:
    """`rankme.score_batch`; the mean score stands for all."""
    rankme = importlib.import_module("rankme")
    return lambda: float(rankme.score_batch(z).mean())


def batch_torch_svdvals(z: Matrix) -> Job:
    """`torch.linalg.svdvals` of the whole batch, which stays in float32."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)
    return lambda: mean_rankme(torch.linalg.svdvals(tensor).numpy())


def smaller_gram(a: NDArray[Any]) -> NDArray[Any]:
    """Gram matrices of the smaller sides."""
    t = np.swapaxes(a, -1, -2)
    gram: NDArray[Any] = a @ t if a.shape[-2] < a.shape[-1] else t @ a
    return gram


def batch_numpy_loop(z: Matrix) -> Job:
    """Loop over the matrices: the smaller side's float64 Gram matrix, and its eigenvalues."""

    def job() -> float:
        eigenvalues = [np.linalg.eigvalsh(smaller_gram(a.astype(np.float64))) for a in z]
        return mean_rankme(np.sqrt(np.maximum(eigenvalues, 0)))

    return job


def batch_numpy(z: Matrix) -> Job:
    """Do the same in NumPy's own batches, which need a float64 copy of all matrices."""

    def job() -> float:
        eigenvalues = np.linalg.eigvalsh(smaller_gram(z.astype(np.float64)))
        return mean_rankme(np.sqrt(np.maximum(eigenvalues, 0)))

    return job


def batch_reference(z: Matrix) -> Job:
    """Singular values of the float64 copies."""
    return lambda: mean_rankme(np.linalg.svd(z.astype(np.float64), compute_uv=False))


JOBS: dict[str, Callable[[Matrix], Job]] = {
    "ours": score_ours,
    "numpy-svd": score_numpy_svd,
    "scipy-svdvals": score_scipy_svdvals,
    "torch-svdvals": score_torch_svdvals,
    "numpy-gram32": lambda z: numpy_gram_job(z, np.float32),
    "numpy-gram64": lambda z: numpy_gram_job(z, np.float64),
    "torch-gram32": lambda z: torch_gram_job(z, "float32"),
    "torch-gram64": lambda z: torch_gram_job(z, "float64"),
    "reference": score_reference,
    "dgemm": gram_dgemm,
    "gram-ours": gram_ours,
    "gram-unprobed": gram_unprobed,
    "gram-ours-blocks": gram_ours_blocks,
    "gram-onedal-blocks": gram_onedal_blocks,
    "batch-ours": batch_ours,
    "batch-torch-svdvals": batch_torch_svdvals,
    "batch-numpy-loop": batch_numpy_loop,
    "batch-numpy": batch_numpy,
    "batch-reference": batch_reference,
}


def map_matrix(path: str) -> Matrix:
    """Map a ``.npy`` file and touch every page, so that no page fault is left for the clock.

    Copy-on-write gives an array that PyTorch accepts as writable; nobody writes, so all workers
    share one copy in the page cache.
    """
    z: Matrix = np.load(path, mmap_mode="c").view(np.ndarray)
    z.reshape(-1).view(np.uint8)[::PAGE].sum()
    return z


def memory_kib(field: str) -> int | None:
    """One ``kB`` field of ``/proc/self/status``; None where the kernel does not tell it."""
    status = (PROC / "status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) if found else None


def timed(job: Job) -> dict[str, Any]:
    """Run once: seconds, score (where there is one) and peak memory over the start, in MiB."""
    gc.collect()
    try:
        (PROC / "clear_refs").write_text("5")  # sets VmHWM back to VmRSS, proc(5)
        before = memory_kib("VmRSS")
    except OSError:
        before = None
    start = time.perf_counter()
    value = job()
    seconds = time.perf_counter() - start
    peak = memory_kib("VmHWM")
    return {
        "seconds": seconds,
        "score": value if isinstance(value, float) else None,
        "peak_mib": None if before is None or peak is None else max(peak - before, 0) / 1024,
    }


def dgemm_rate() -> float:
    """Flop a second of a 1024-cubed dgemm, best of four; it sizes the Gram runs."""
    a, b = np.ones((2, 1024, 1024))
    best = min(timed(lambda: a @ b)["seconds"] for _ in range(4))
    return float(2 * 1024**3 / best)


def describe() -> dict[str, str]:
    """Versions, BLAS builds and thread counts of the libraries that this process has loaded."""
    told = {"numpy": f"NumPy {np.__version__}, {blas_of(np)}"}
    if (scipy := sys.modules.get("scipy")) is not None:
        told["scipy"] = f"SciPy {scipy.__version__}, {blas_of(scipy)}"
    if (torch := sys.modules.get("torch")) is not None:
        blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
        name = blas[1] if blas else "BLAS unknown"
        told["torch"] = f"PyTorch {torch.__version__}, {name}, {torch.get_num_threads()} threads"
    if (rankme := sys.modules.get("rankme")) is not None:
        config = rankme.show_config("dicts")
        blas, threads = config["blas"]["build"], config["threads"]["budget"]
        told["rankme"] = f"rankme {rankme.__version__}, {blas}, {threads} threads"
    if "sklearnex" in sys.modules:
        version = importlib.import_module("importlib.metadata").version("scikit-learn-intelex")
        told["sklearnex"] = f"scikit-learn-intelex {version} (oneDAL)"
    return told


def blas_of(module: Any) -> str:
    """BLAS that NumPy or SciPy says it was built with, and its threads if known."""
    try:
        blas = module.show_config(mode="dicts")["Build Dependencies"]["blas"]
        name = f"{blas['name']} {blas['version']}"
    except (KeyError, TypeError):
        return "BLAS unknown"
    with contextlib.suppress(ImportError):
        pools = importlib.import_module("threadpoolctl").threadpool_info()
        folder = f"{module.__name__}.libs"
        threads = [pool["num_threads"] for pool in pools if folder in pool["filepath"]]
        if threads:
            name += f", {threads[0]} threads"
    return name


def answer(request: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request: ``open`` a matrix, ``run`` the job, or tell the dgemm ``rate``."""
    if request["op"] == "open":
        state["job"] = JOBS[state["key"]](map_matrix(request["path"]))
        return {"libraries": describe()}
    if request["op"] == "rate":
        return {"rate": dgemm_rate()}
    return timed(state["job"])


def main() -> None:
    """Answer requests from standard input until it ends."""
    # Libraries may print: that goes to standard error, and replies get a pipe of their own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        # Where memory runs out, the system is to end this process and not the benchmark.
        with contextlib.suppress(OSError):
            (PROC / "oom_score_adj").write_text("1000")
        state: dict[str, Any] = {"key": sys.argv[1]}
        for line in sys.stdin:
            try:
                reply = answer(json.loads(line), state)
            except MemoryError:
                reply = {"failed": "out of memory"}
            except Exception as error:  # noqa: BLE001 - whatever it is, its entry reports it
                reply = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


if __name__ == "__main__":
    main()
