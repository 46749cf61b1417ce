"""One competitor in a process of its own; started by :mod:`rankme.bench.client`.

This file is run by its path, and so are the jobs beside it; ``rankme`` is imported in our own
worker only: a competitor's process must not hold our BLAS library beside its own. Requests and
replies are one JSON object a line.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import runpy
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # A script's folder comes first on the path, and a file in it may carry a library's name.
    sys.path.pop(0)
    # Before a library counts the cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[2])])

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]
    Job: TypeAlias = Callable[[], object]

PAGE = 4096
PROC = Path("/proc/self")
PEERS = {
    "embedding_quality": "embedding-quality",
    "reptrix": "reptrix",
    "vendi_score": "vendi-score",
}


def map_matrix(path: str) -> Matrix:
    """Map a ``.npy`` file and touch every page, so that no page fault is left for the clock.

    Copy-on-write gives an array that PyTorch accepts as writable; nothing writes, so all workers
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
    """Run once: seconds by two clocks, score (where there is one), peak MiB over the start."""
    gc.collect()
    try:
        (PROC / "clear_refs").write_text("5")  # sets VmHWM back to VmRSS, proc(5)
        before = memory_kib("VmRSS")
    except OSError:
        before = None
    start, processor = time.perf_counter(), time.process_time()
    value = job()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    peak = memory_kib("VmHWM")
    return {
        "seconds": seconds,
        "processor": processor,
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
    metadata = importlib.import_module("importlib.metadata")
    if "sklearnex" in sys.modules:
        told["sklearnex"] = (
            f"scikit-learn-intelex {metadata.version('scikit-learn-intelex')} (oneDAL)"
        )
    for module, package in PEERS.items():
        if module in sys.modules:
            told[module] = f"{package} {metadata.version(package)}"
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
        key, path = state["key"], request["path"]
        file_jobs = runpy.run_path(str(Path(__file__).with_name("file_jobs.py")))["FILE_JOBS"]
        if key in file_jobs:
            state["job"] = file_jobs[key](path)
        else:
            jobs = runpy.run_path(str(Path(__file__).with_name("jobs.py")))["JOBS"]
            state["job"] = jobs[key](map_matrix(path))
        return {"libraries": describe()}
    if request["op"] == "rate":
        return {"rate": dgemm_rate()}
    return timed(state["job"])


def in_words(error: Exception) -> str:
    """Say in one line what went wrong."""
    # PyTorch has no error of its own for it: "can't allocate memory: you tried to allocate ...".
    if isinstance(error, MemoryError) or "t allocate memory" in str(error):
        return "out of memory"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def main() -> None:
    """Answer requests from standard input until it ends."""
    # Libraries may print: that goes to standard error, and replies get a pipe of their own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        # Where memory runs out, the system is to end this process and not the benchmark.
        with contextlib.suppress(OSError):
            (PROC / "oom_score_adj").write_text("1000")
        memory = int(sys.argv[3])
        if memory:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        state: dict[str, Any] = {"key": sys.argv[1]}
        for line in sys.stdin:
            try:
                reply = answer(json.loads(line), state)
            except Exception as error:  # noqa: BLE001 - whatever it is, its entry reports it
                reply = {"failed": in_words(error)}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


if __name__ == "__main__":
    main()
