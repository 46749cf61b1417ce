"""What rankme promises on an H200, held against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme.bench.goals import Goal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.bench.gpu.records import Batch, GpuResults, GramStep, Line, Scores

__all__ = ["copy_share", "goals", "gram_tflops"]

TERA = 1e12
LEAST_TFLOPS = 45.0
LEAST_COPY_SHARE = 0.85
SMALL_ERROR = 1e-6
BATCH_RATIO = 10.0


def gram_tflops(step: GramStep, key: str) -> float | None:
    """Rate of a Gram step in TFLOP/s: N K (K + 1) flop, half of a dgemm's."""
    line = step.steps.get(key)
    if line is None or line.seconds is None:
        return None
    flop = step.rows * step.columns * (step.columns + 1)
    return (2 * flop if key == "dgemm" else flop) / line.seconds / TERA


def copy_share(step: GramStep) -> float | None:
    """Rate at which host rows are taken in, as a share of the pinned copy rate."""
    line = step.steps.get("ours-host")
    if line is None or line.seconds is None or step.copy_rate is None:
        return None
    return step.rows * step.columns * 4 / line.seconds / step.copy_rate


def goals(results: GpuResults) -> list[Goal]:
    """Every goal in the order of the tables, measured or not."""
    return [
        *gram_goals(results.gram),
        *(fastest_goal(scores) for scores in results.scores),
        *batch_goals(results.batch),
    ]


def gram_goals(step: GramStep | None) -> Iterator[Goal]:
    """Hold the Gram step against its rate and against the copy rate."""
    rate = gram_tflops(step, "ours") if step else None
    yield Goal(
        f"Gram step of float32 on the GPU: at least {LEAST_TFLOPS:g} TFLOP/s",
        "-" if rate is None else f"{rate:.1f}",
        None if rate is None else rate >= LEAST_TFLOPS,
    )
    share = copy_share(step) if step else None
    yield Goal(
        f"Gram step from host memory: at least {LEAST_COPY_SHARE:.0%} of the pinned copy rate",
        "-" if share is None else f"{share:.0%}",
        None if share is None else share >= LEAST_COPY_SHARE,
    )


def fastest_goal(scores: Scores) -> Goal:
    """Ours is to be the fastest of those with a small error."""
    text = (
        f"{scores.rows:,} x {scores.columns:,}: the fastest of those with an error "
        f"below {SMALL_ERROR:g}"
    )
    ours, *others = scores.lines
    if ours.seconds is None or ours.error is None:
        return Goal(text, "-", None)
    rivals = [
        line
        for line in others
        if line.seconds is not None and (line.error is None or line.error < SMALL_ERROR)
    ]
    if not rivals:
        return Goal(text, "no rival", None)
    best = min(rivals, key=seconds_of)
    ratio = seconds_of(best) / ours.seconds
    measured = f"{ratio:.2f} times faster than {best.title}"
    return Goal(text, measured, ratio >= 1 and ours.error < SMALL_ERROR)


def seconds_of(line: Line) -> float:
    """Seconds of a line that has some."""
    if line.seconds is None:
        raise ValueError(f"{line.title} was not timed")
    return line.seconds


def batch_goals(batch: Batch | None) -> Iterator[Goal]:
    """Hold the batch against every way that PyTorch has for one."""
    titles = ["torch svdvals, float32", "torch eigvalsh(Z @ Z.T), float64"]
    for title in titles:
        text = f"batch: at least {BATCH_RATIO:g} times faster than {title}"
        lines = {line.title: line for line in batch.lines} if batch else {}
        ours, theirs = lines.get("rankme.score_batch"), lines.get(title)
        if ours is None or theirs is None or not ours.seconds or theirs.seconds is None:
            yield Goal(text, "-", None)
        else:
            ratio = theirs.seconds / ours.seconds
            yield Goal(text, f"{ratio:.0f}", ratio >= BATCH_RATIO)
