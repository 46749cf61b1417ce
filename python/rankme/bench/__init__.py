"""What ``rankme bench`` runs: this machine, rankme beside NumPy, SciPy, PyTorch and oneDAL.

Nothing here is imported by ``import rankme``, and no competitor is imported into this process.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rankme.bench.competitors import (
    BATCH,
    BATCHES,
    GRAM,
    QUICK_BATCHES,
    QUICK_SHAPES,
    QUICK_WIDTHS,
    SCORE,
    SHAPES,
    WIDTHS,
)
from rankme.bench.machine import describe_machine
from rankme.bench.measure import (
    gram_rows,
    measure_batch,
    measure_gram,
    measure_rate,
    measure_scores,
)
from rankme.bench.records import Results
from rankme.bench.report import as_json, batch_table, goal_table, gram_tables, markdown, score_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["run_bench"]

REPEATS = 5
QUICK_GRAM_ROWS = 1024


def run_bench(
    *,
    shapes: Sequence[tuple[int, int]] | None = None,
    repeats: int | None = None,
    output: str | Path | None = None,
    quick: bool = False,
    name: str = "cpu",
) -> int:
    """Measure, print the tables and, where asked, write the report.

    Parameters
    ----------
    shapes : sequence of (int, int), optional
        (N, K) of the matrices to score; ``competitors.SHAPES`` unless given.
    repeats : int, optional
        Rounds after the warm-up; 5 unless given. `quick` takes one, and none may be given then.
    output : path-like, optional
        Folder for ``<name>.md``, ``<name>.json`` and, with Matplotlib, ``<name>.png``; it is made
        if it is missing. Without it, nothing is written.
    quick : bool
        One round on small matrices: a check that everything runs, not a measurement.
    name : str
        Stem of the files.

    Returns
    -------
    int
        0, or 1 if rankme itself failed somewhere. A competitor that fails is an entry that says so.

    Raises
    ------
    ValueError
        If a shape or `repeats` is not positive, or if `repeats` is given with `quick`.
    OSError
        If the folder cannot be made or written.
    """
    if quick and repeats is not None:
        raise ValueError("quick takes one round; repeats cannot be given with it")
    shapes = tuple(shapes) if shapes else (QUICK_SHAPES if quick else SHAPES)
    if repeats is None:
        repeats = 1 if quick else REPEATS
    if repeats < 1 or any(min(shape) < 1 for shape in shapes):
        raise ValueError(f"shapes and repeats must be positive, not {shapes} and {repeats}")
    widths = QUICK_WIDTHS if quick else WIDTHS
    machine = describe_machine()
    if output is not None:  # now, because a bad folder would waste the whole measurement
        Path(output).mkdir(parents=True, exist_ok=True)
    console = Console()
    batches = QUICK_BATCHES if quick else BATCHES
    groups = len(shapes) * len(SCORE) + len(widths) * len(GRAM) + len(batches) * len(BATCH)
    steps = (repeats + 1) * groups + 2 * len(shapes) + len(widths) + 2 * len(batches)
    with progress_bar(console, steps) as tell:
        results = measure_all(
            shapes, widths, batches, repeats=repeats, quick=quick, tell=tell, console=console
        )
    for table in (*gram_tables(results), goal_table(results)):
        console.print(table.rich())
    if output is not None:
        write_report(results, machine, Path(output), name=name, console=console)
    ours = [group.entry("ours") for group in results.scores]
    ours += [group.entry("gram-ours") for group in results.gram]
    ours += [group.entry("batch-ours") for group in results.batches]
    return int(any(entry.failure is not None for entry in ours))


def measure_all(
    shapes: Sequence[tuple[int, int]],
    widths: Sequence[int],
    batches: Sequence[tuple[int, int, int]],
    *,
    repeats: int,
    quick: bool,
    tell: Callable[[str], None],
    console: Console,
) -> Results:
    """Measure every shape and batch, printing tables as soon as they are there; then widths."""
    results = Results([], [], repeats)
    for rows, columns in shapes:
        group, libraries = measure_scores(rows, columns, repeats=repeats, tell=tell)
        results.scores.append(group)
        results.libraries |= libraries
        console.print(score_table(group).rich())
    for batch in batches:
        group, libraries = measure_batch(*batch, repeats=repeats, tell=tell)
        results.batches.append(group)
        results.libraries |= libraries
        console.print(batch_table(group).rich())
    rate = 0.0 if quick else measure_rate()
    for width in widths:
        size = QUICK_GRAM_ROWS if quick else gram_rows(width, rate=rate)
        group, libraries = measure_gram(width, rows=size, repeats=repeats, tell=tell)
        results.gram.append(group)
        results.libraries |= libraries
    return results


@contextmanager
def progress_bar(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Give ``tell(step)``, which moves a bar on a terminal and does nothing in a pipe.

    The bar is drawn between runs only: one that redraws itself would take time from them.
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task("", total=total)

        def tell(step: str) -> None:
            progress.update(task, description=step, advance=1, refresh=True)

        yield tell


def write_report(
    results: Results, machine: Mapping[str, str], folder: Path, *, name: str, console: Console
) -> None:
    """Write the Markdown, the JSON and, where Matplotlib is installed, the picture."""
    try:
        from rankme.bench.plot import draw  # noqa: PLC0415 - Matplotlib is optional and slow to import
    except ImportError:
        console.print("Matplotlib is not installed: no picture is drawn")
        image = False
    else:
        draw(results, folder / f"{name}.png")
        image = True
    text = markdown(results, machine, name=name, image=image)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    raw = json.dumps(as_json(results, machine), indent=1)
    (folder / f"{name}.json").write_text(raw + "\n", encoding="utf-8")
    console.print(f"written: {folder / name}.md, .json" + (", .png" if image else ""))
