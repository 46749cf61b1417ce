"""What ``rankme bench`` runs: this machine, rankme beside NumPy, SciPy, PyTorch, oneDAL and peers.

Nothing here is imported by ``import rankme``, and no competitor is imported into this process.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rankme.bench.competitors import FULL, QUICK, Sizes
from rankme.bench.machine import describe_machine, usable_cores
from rankme.bench.measure import Terms
from rankme.bench.progress import progress_bar
from rankme.bench.records import SECTIONS
from rankme.bench.report import as_json, goal_table, markdown, newest_tables
from rankme.bench.sections import Plan, measure_sections, our_failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rankme.bench.records import Results

__all__ = ["SECTIONS", "run_bench"]

REPEATS = 5


def run_bench(
    *,
    shapes: Sequence[tuple[int, int]] | None = None,
    repeats: int | None = None,
    output: str | Path | None = None,
    quick: bool = False,
    name: str = "cpu",
    threads: Sequence[int] | None = None,
    only: Sequence[str] | None = None,
) -> int:
    """Measure, print the tables and, where asked, write the report.

    Parameters
    ----------
    shapes : sequence of (int, int), optional
        (N, K) of the matrices to score; those of ``competitors.FULL`` unless given.
    repeats : int, optional
        Rounds after the warm-up; 5 unless given. `quick` takes one, and none may be given then.
    output : path-like, optional
        Folder for ``<name>.md``, ``<name>.json`` and, with Matplotlib, ``<name>.png`` and
        ``<name>-dark.png``; it is made if it is missing. The tables are written anew after every
        shape, so that a run that is cut short leaves what it had. Without it, nothing is written.
    quick : bool
        One round on small matrices: a check that everything runs, not a measurement.
    name : str
        Stem of the files.
    threads : sequence of int, optional
        Everything is measured with each of these; as many as there are cores unless given, or what
        ``RANKME_NUM_THREADS`` says. Each competitor is held to as many cores.
    only : sequence of str, optional
        Sections to measure, of ``SECTIONS``; all unless given.

    Returns
    -------
    int
        0, or 1 if rankme itself failed somewhere. A competitor that fails is an entry that says so.

    Raises
    ------
    ValueError
        If a shape or `repeats` is not positive, `repeats` is given with `quick`, a number of
        threads is below 1, above the usable cores or given twice, or a section is unknown.
    OSError
        If the folder cannot be made or written.
    """
    plan = Plan(checked_sizes(shapes, quick=quick), checked_sections(only))
    terms = Terms(checked_repeats(repeats, quick=quick), checked_threads(threads), lambda _: None)
    machine = describe_machine()
    if output is not None:  # now, because a bad folder would waste the whole measurement
        Path(output).mkdir(parents=True, exist_ok=True)
    console = Console()

    def show(results: Results, section: str, finished: bool) -> None:
        for table in newest_tables(results, section, finished=finished):
            console.print(table.rich())
        if output is not None:
            write_tables(results, machine, Path(output), name=name, image=False)

    with progress_bar(console, plan.steps(terms)) as tell:
        results = measure_sections(plan, replace(terms, tell=tell), show)
    console.print(goal_table(results).rich())
    if output is not None:
        write_report(results, machine, Path(output), name=name, console=console)
    failures = our_failures(results)
    for failure in failures:
        console.print(f"failed: {failure}", markup=False)
    return int(bool(failures))


def checked_repeats(repeats: int | None, *, quick: bool) -> int:
    """Return the rounds after the warm-up."""
    if repeats is None:
        return 1 if quick else REPEATS
    if quick:
        raise ValueError("quick takes one round; repeats cannot be given with it")
    if repeats < 1:
        raise ValueError(f"repeats must be positive, not {repeats}")
    return repeats


def checked_sizes(shapes: Sequence[tuple[int, int]] | None, *, quick: bool) -> Sizes:
    """Sizes of every section; those of the scores may be given."""
    sizes = QUICK if quick else FULL
    if not shapes:
        return sizes
    if any(min(shape) < 1 for shape in shapes):
        raise ValueError(f"shapes must be positive, not {tuple(shapes)}")
    return replace(sizes, scores=tuple(shapes), fast=tuple(shapes))


def checked_sections(only: Sequence[str] | None) -> tuple[str, ...]:
    """Sections to measure, in the order of the report."""
    unknown = [section for section in only or () if section not in SECTIONS]
    if unknown:
        raise ValueError(f"only may be one of {', '.join(SECTIONS)}, not {', '.join(unknown)}")
    return tuple(one for one in SECTIONS if not only or one in only)


def checked_threads(threads: Sequence[int] | None) -> tuple[int, ...]:
    """Numbers of threads to measure with."""
    cores = usable_cores()
    if not threads:
        threads = [min(int(os.environ.get("RANKME_NUM_THREADS", "").strip() or cores), cores)]
    if len(set(threads)) < len(threads) or not all(1 <= one <= cores for one in threads):
        told = ", ".join(map(str, threads))
        raise ValueError(f"threads must be different numbers of 1 to {cores} cores, not {told}")
    return tuple(threads)


def write_tables(
    results: Results, machine: Mapping[str, str], folder: Path, *, name: str, image: bool
) -> None:
    """Write the Markdown and the JSON."""
    text = markdown(results, machine, name=name, image=image)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    raw = json.dumps(as_json(results, machine), indent=1)
    (folder / f"{name}.json").write_text(raw + "\n", encoding="utf-8")


def write_report(
    results: Results, machine: Mapping[str, str], folder: Path, *, name: str, console: Console
) -> None:
    """Write the tables and, where Matplotlib is installed, the pictures."""
    try:
        from rankme.bench.plot import draw  # noqa: PLC0415 - Matplotlib is optional and slow to import
    except ImportError:
        console.print("Matplotlib is not installed: no picture is drawn")
        image = False
    else:
        draw(results, folder / f"{name}.png")
        draw(results, folder / f"{name}-dark.png", dark=True)
        image = True
    write_tables(results, machine, folder, name=name, image=image)
    pictures = ".png, -dark.png" if image else ""
    console.print(f"written: {folder / name}.md, .json" + (f", {pictures}" if pictures else ""))
