"""``rankme bench``."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from rankme.cli._options import require_threads

__all__ = ["HELP", "bench"]

HELP = (
    "Time rankme beside NumPy, SciPy, PyTorch, oneDAL and other packages for embeddings; or, on a "
    "GPU, beside PyTorch and CuPy."
)


def bench(
    *,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NxK", help="Rows x columns, such as 25600x2048; may be given several times."
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, help="Timed runs of each competitor; 5, or 1 with --quick."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder for the tables with the machine's description, the pictures and the raw "
            "numbers.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="STEM", help="Names the files in --output; cpu.")
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N...]",
            help="Measure everything with each of these numbers of threads, such as 1,2; with all "
            "cores unless given.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECTION",
            help="scores, fast, layers, batches, gram, eigenvalues or peers; may be given several "
            "times.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One round on small shapes.")] = False,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Measure the first NVIDIA GPU instead; needs PyTorch.")
    ] = False,
) -> int:
    """Run the benchmark; return the exit status."""
    if gpu:
        if shape or only or (repeats, threads, name) != (None, None, None):
            raise typer.BadParameter("--gpu has shapes, repeats, sections and names of its own")
        return _bench_gpu(output, quick=quick)
    if quick and repeats is not None:
        raise typer.BadParameter(
            "--quick takes one round; --repeats cannot be given with it", param_hint="'--repeats'"
        )
    require_threads()
    shapes = None if not shape else [_parse_shape(text) for text in shape]
    numbers = None if threads is None else _parse_threads(threads)
    stem = "cpu" if name is None else _checked_name(name)
    from rankme.bench import checked_sections, checked_threads, run_bench  # noqa: PLC0415

    try:
        checked_sections(only)
        checked_threads(numbers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return run_bench(
        shapes=shapes,
        repeats=repeats,
        output=output,
        quick=quick,
        name=stem,
        threads=numbers,
        only=only,
    )


def _bench_gpu(output: Path | None, *, quick: bool) -> int:
    """Run the benchmark of the GPU; return the exit status."""
    from rankme import cuda  # noqa: PLC0415
    from rankme.bench.gpu import FULL, QUICK, run_gpu_bench  # noqa: PLC0415

    if not cuda.is_available():
        raise typer.BadParameter(f"--gpu: {cuda.describe()['reason']}")
    return run_gpu_bench(sizes=QUICK if quick else FULL, output=output)


def _parse_shape(text: str) -> tuple[int, int]:
    """Return N and K of a text such as 25600x2048."""
    match = re.fullmatch(r"([1-9][0-9]*)[xX]([1-9][0-9]*)", text)
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not of the form NxK with both at least 1", param_hint="'--shape'"
        )
    return int(match[1]), int(match[2])


def _parse_threads(text: str) -> list[int]:
    """Return the numbers of a text such as 1,2."""
    if re.fullmatch(r"[1-9][0-9]*(,[1-9][0-9]*)*", text) is None:
        raise typer.BadParameter(
            f"{text!r} is not of the form N or N,N with all at least 1", param_hint="'--threads'"
        )
    return [int(one) for one in text.split(",")]


def _checked_name(name: str) -> str:
    """Return a name that is one part of a path and needs no quoting in Markdown."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is None:
        raise typer.BadParameter(
            f"{name!r} has something else than letters, digits, '.', '_' and '-'",
            param_hint="'--name'",
        )
    return name
