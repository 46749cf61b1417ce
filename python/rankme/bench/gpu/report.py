"""The tables of the GPU benchmark, as Markdown, on the terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rankme.bench.gpu.data import DECAY
from rankme.bench.gpu.goals import SMALL_ERROR, copy_share, goals, gram_tflops
from rankme.bench.tables import Table, number

if TYPE_CHECKING:
    from rankme.bench.gpu.records import Batch, GpuResults, GramStep, Line, Scores

__all__ = ["as_json", "markdown", "tables"]

SCHEMA = "rankme.bench-gpu/1"
METHOD = f"""\
Everyone runs in one process on the same arrays, which are random and lie on the GPU unless a line
says otherwise. Seconds are read on the host's clock between two synchronisations, launches
included: the median of the runs that are named, after one that does not count; a run of more than
two seconds counts alone. Where a rival would take too long, some rows of the matrix, or some
matrices of the batch, were timed and the time scaled up in proportion; the line says so. The
relative error is that of RankMe (eps = 1e-7) against float64: for the matrices an SVD of the
triangle that a QR factorisation of all rows leaves, for the batch NumPy's SVD of its first
matrices. The matrices to score have singular values that fall like k^-{DECAY:g}. The Gram step
counts N K (K + 1) flop, one dgemm twice as many.
"""


def tables(results: GpuResults) -> list[Table]:
    """Build every table of what was measured."""
    found = [] if results.gram is None else [gram_table(results.gram)]
    found += [score_table(scores) for scores in results.scores]
    if results.batch is not None:
        found.append(batch_table(results.batch))
    cells = [[goal.text, goal.measured, goal.verdict] for goal in goals(results)]
    found.append(Table("Goals", "lrl", ["goal", "measured", "verdict"], cells))
    return found


def gram_table(step: GramStep) -> Table:
    """Build the table of the Gram step."""
    cells = [
        [name_of(line), number(line.seconds, "#.3g"), number(gram_tflops(step, key), ".1f")]
        for key, line in step.steps.items()
    ]
    note = ""
    share = copy_share(step)
    if step.copy_rate is not None and share is not None:
        note = (
            f"Pinned host memory is copied to the GPU at {step.copy_rate / 1e9:.1f} GB/s; rows in "
            f"ordinary host memory are taken in at {share:.0%} of that."
        )
    title = f"Gram step of {step.rows:,} x {step.columns:,}"
    return Table(title, "lrr", ["", "median\nseconds", "TFLOP/s"], cells, note)


def score_table(scores: Scores) -> Table:
    """Build the table of one matrix."""
    ours = scores.lines[0].seconds
    cells = [[*cells_of(line, ours), number(line.error, ".1e")] for line in scores.lines]
    header = ["", "median\nseconds", "ratio\nto ours", "relative\nerror"]
    title = f"RankMe of {scores.rows:,} x {scores.columns:,}, float32 on the GPU"
    note = f"An error above {SMALL_ERROR:g} is that of another number than RankMe."
    return Table(title, "lrrr", header, cells, note)


def batch_table(batch: Batch) -> Table:
    """Build the table of the batch."""
    ours = batch.lines[0].seconds
    cells = [[*cells_of(line, ours), number(line.error, ".1e")] for line in batch.lines]
    header = ["", "seconds\nof all", "ratio\nto ours", "largest\nerror"]
    title = f"Batch of {batch.count:,} matrices of {batch.rows} x {batch.columns:,}, float16"
    return Table(title, "lrrr", header, cells)


def cells_of(line: Line, ours: float | None) -> list[str]:
    """Name, seconds and ratio of one line."""
    ratio = None if line.seconds is None or not ours else line.seconds / ours
    return [name_of(line), number(line.seconds, "#.3g"), number(ratio, ".2f")]


def name_of(line: Line) -> str:
    """Name who it was, how often, and what must be known of the number."""
    if line.failure is not None:
        return f"{line.title}: {line.failure}"
    part = f", scaled from {line.slice_of:,}" if line.slice_of else ""
    return f"{line.title} ({line.repeats} run{'s' if line.repeats > 1 else ''}{part})"


def markdown(results: GpuResults, name: str) -> str:
    """Write the whole report."""
    facts = "\n".join(f"- {key}: {value}" for key, value in results.machine.items())
    parts = [f"# Benchmark: {name}", facts, METHOD.rstrip()]
    parts += [f"## {table.title}\n\n{table.markdown()}" for table in tables(results)]
    parts.append(f"The benchmark took {results.seconds:.0f} s.")
    return "\n\n".join(parts) + "\n"


def as_json(results: GpuResults) -> dict[str, Any]:
    """Everything measured, and the verdicts."""
    return {
        "schema": SCHEMA,
        **asdict(results),
        "goals": [asdict(goal) for goal in goals(results)],
    }
