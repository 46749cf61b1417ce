"""What ``rankme bench --gpu`` runs: one NVIDIA GPU, rankme beside cuBLAS, PyTorch and CuPy."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

import rankme
from rankme.bench.gpu.batch import measure_batch
from rankme.bench.gpu.gram import measure_gram_step
from rankme.bench.gpu.records import GpuResults
from rankme.bench.gpu.report import as_json, markdown, tables
from rankme.bench.gpu.rivals import measure_scores, release
from rankme.bench.gpu.timing import Clock
from rankme.bench.machine import describe_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FULL", "QUICK", "Sizes", "run_gpu_bench"]

BUDGET = 150.0


@dataclass(frozen=True)
class Sizes:
    """What is measured: (N, K) of the Gram step and of the scores, (B, N, K) of the batch."""

    gram: tuple[int, int]
    scores: Sequence[tuple[int, int]]
    batch: tuple[int, int, int]


FULL = Sizes(
    (1_000_000, 2048),
    ((25_600, 2048), (1_000_000, 768), (1_000_000, 2048)),
    (100_000, 50, 4096),
)
QUICK = Sizes((4096, 128), ((1024, 64),), (200, 16, 64))


def run_gpu_bench(
    *,
    sizes: Sizes = FULL,
    output: str | Path | None = None,
    name: str = "gpu",
    device: str = "cuda:0",
    budget: float = BUDGET,
) -> int:
    """Measure, print the tables and, where asked, write the report.

    Parameters
    ----------
    sizes : Sizes
        `QUICK` only shows that everything runs.
    output : path-like, optional
        Folder for ``<name>.md`` and ``<name>.json``; it is made if it is missing.
    name : str
        Stem of the files.
    device : str
        The GPU. ``"cpu"`` runs the same code without one, for the tests.
    budget : float
        Seconds after which what is left is not measured, and the report says so.

    Returns
    -------
    int
        0, or 1 if rankme itself failed somewhere. A competitor that fails is an entry that says so.

    Raises
    ------
    ImportError
        If PyTorch, which makes the matrices, is not installed.
    OSError
        If the folder cannot be made or written.
    """
    import torch  # noqa: PLC0415 - slow, and not there for everyone

    # Our competitors are to be as exact as they can be asked to be.
    torch.backends.cuda.matmul.allow_tf32 = False
    if output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    results = GpuResults(describe_gpu(torch, device))
    measure_all(results, torch, device, Clock(torch, device, budget), sizes)
    results.seconds = time.perf_counter() - begin
    console = Console()
    for table in tables(results):
        console.print(table.rich())
    if output is not None:
        folder = Path(output)
        (folder / f"{name}.md").write_text(markdown(results, name), encoding="utf-8")
        raw = json.dumps(as_json(results), indent=1)
        (folder / f"{name}.json").write_text(raw + "\n", encoding="utf-8")
        console.print(f"written: {folder / name}.md, .json")
    return int(any(failure is not None for failure in our_failures(results)))


def measure_all(results: GpuResults, torch: Any, device: str, clock: Clock, sizes: Sizes) -> None:
    """Fill in the results, the most important ones first."""
    rows, columns = sizes.gram
    results.gram = measure_gram_step(torch, device, clock, rows=rows, columns=columns)
    release(torch, device)
    count, rows, columns = sizes.batch
    results.batch = measure_batch(torch, device, clock, count=count, rows=rows, columns=columns)
    release(torch, device)
    for rows, columns in sizes.scores:
        results.scores.append(measure_scores(torch, device, clock, rows=rows, columns=columns))
        release(torch, device)


def our_failures(results: GpuResults) -> list[str | None]:
    """List what went wrong with rankme itself."""
    lines = [scores.lines[0] for scores in results.scores]
    if results.gram is not None:
        lines += [line for key, line in results.gram.steps.items() if key.startswith("ours")]
    if results.batch is not None:
        lines.append(results.batch.lines[0])
    return [line.failure for line in lines]


def describe_gpu(torch: Any, device: str) -> dict[str, str]:
    """Name the machine, the GPU, its driver, the libraries and the commit."""
    facts = describe_machine()
    if os.environ.get("RANKME_COMMIT"):  # where the files came without their history
        facts["commit"] = os.environ["RANKME_COMMIT"]
    facts["rankme"] = rankme.__version__
    facts["PyTorch"] = str(torch.__version__)
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    for package in ("cupy-cuda13x", "nvidia-cublas", "nvidia-cusolver"):
        facts[package] = installed.get(package, "not installed")
    known = rankme.show_config("dicts")["cuda"]
    facts["GPU"] = str(known.get(device, f"none ({known.get('reason')})"))
    facts["CUDA"] = ", ".join(
        f"{key} {value}"
        for key, value in known.items()
        if key not in ("available", "reason") and not key.startswith("cuda:")
    )
    smi = shutil.which("nvidia-smi")
    if smi is not None:
        done = subprocess.run(
            [smi, "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        )
        facts["NVIDIA driver"] = (done.stdout.splitlines() or ["unknown"])[0]
    return facts
