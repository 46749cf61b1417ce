"""How a score is shown."""

from __future__ import annotations

import json
import sys
import warnings
from typing import TYPE_CHECKING

from rankme.cli._text import one_line
from rankme.metrics._interval_text import with_interval

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from rankme import Estimate
    from rankme.cli._result import Score

__all__ = [
    "draw",
    "print_json",
    "print_json_error",
    "print_text",
    "record_of",
    "title_of",
    "unequal_rows",
]

SCHEMA = "rankme.score/1"


def print_json(score: Score, *, pool: bool, metrics: bool) -> None:
    """Print a score as one JSON object on one line."""
    record = record_of(score, pool=pool, metrics=metrics)
    sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
    sys.stdout.flush()


def record_of(score: Score, *, pool: bool, metrics: bool) -> dict[str, object]:
    """Return what JSON has of a score.

    A pooled set of several files has no single path: its ``path`` is null and ``paths`` names the
    files. A metric that is infinite or not defined is null.
    """
    paths = score.paths
    spectrum = score.spectrum
    record: dict[str, object] = {
        "schema": SCHEMA,
        "path": paths[0] if len(paths) == 1 else None,
        **({"paths": list(paths)} if pool else {}),
        **({} if score.column is None else {"column": score.column}),
        "rankme": score.rankme,
        "low": score.low,
        "high": score.high,
        "n_rows": spectrum.n_rows,
        "n_cols": spectrum.n_cols,
        "n_files": None if score.files is None else len(score.files),
        "n_folders": None if score.files is None else len(_folders(score.files)),
        "n_skipped": spectrum.n_skipped,
        "dtype": score.dtype,
        "eps": score.options.eps,
        "center": spectrum.center,
        "normalize": spectrum.normalize,
        "method": spectrum.method,
        "precision": spectrum.precision,
        **({} if score.estimate is None else _sampling(score.estimate)),
    }
    if score.options.rows is not None:
        record |= {"rows": score.options.rows, "seed": score.options.seed}
    if metrics:
        record["metrics"] = _metrics(score)
    return record


def _sampling(estimate: Estimate) -> dict[str, object]:
    """Return what JSON has of the sampling error."""
    return {key: estimate.to_dict()[key] for key in ("std_error", "bias_corrected", "groups")}


def print_json_error(path: str, text: str) -> None:
    """Print as one JSON object on one line that a path was not scored, and why."""
    sys.stdout.write(json.dumps({"path": path, "error": text}) + "\n")
    sys.stdout.flush()


def _folders(files: Collection[str]) -> set[str]:
    """Return the folders that files lie in."""
    return {file.rpartition("/")[0] for file in files}


def unequal_rows(scores: Sequence[Score]) -> str | None:
    """Say that scores of sets of different size must not be compared, and what can be."""
    by_rows = {score.spectrum.n_rows: score for score in scores}
    if len(by_rows) <= 1:
        return None
    few, many = min(by_rows), max(by_rows)
    advice = f"score as many rows of each: --rows {few}"
    if any(score.spectrum.n_skipped for score in scores):
        advice = "rows were left out: drop them from the files, and then score as many of each"
    return (
        f"these scores must not be compared: N differs, {few} rows in "
        f"{title_of(by_rows[few])} and {many} in {title_of(by_rows[many])}, and "
        f"RankMe depends on N; {advice}"
    )


def title_of(score: Score) -> str:
    """Name a set: its paths, and which matrix of a container it is."""
    return " + ".join(score.paths) + ("" if score.column is None else f"[{score.column}]")


def print_text(score: Score, *, metrics: bool) -> None:
    """Print a score for people, and what was assumed for it."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    # Written here and not by rich, which would turn a closed pipe into exit status 1.
    with console.capture() as captured:
        console.print(Text(one_line(title_of(score)), style="bold"))
        for name, value in _lines(score).items():
            console.print(
                Text.assemble(
                    (f"  {name:<12}", "dim"), (value, "bold green" if name == "RankMe" else "")
                )
            )
        if metrics:
            for line in _table(_metrics(score)):
                console.print(Text(line))
    sys.stdout.write(captured.get())
    sys.stdout.flush()


def _lines(score: Score) -> dict[str, str]:
    """Name what is printed of a score, in order."""
    spectrum = score.spectrum
    # Centred rows add up to zero: one of them says nothing new.
    most, bound = ("min(N - 1, K)", 1) if spectrum.center else ("min(N, K)", 0)
    bound = min(spectrum.n_rows - bound, spectrum.n_cols)
    left_out = f" ({spectrum.n_skipped} more left out: NaN or infinity)"
    return {
        **_score_of(score, f"{most} = {bound}"),
        **({"files": _counted(score.files)} if score.files and not _is_named(score) else {}),
        "rows N": f"{spectrum.n_rows}{_chosen(score)}{left_out if spectrum.n_skipped else ''}",
        "columns K": f"{spectrum.n_cols}",
        **({} if score.dtype is None else {"dtype": score.dtype}),
        "eps": f"{score.options.eps:g}",
        "centred": "yes" if spectrum.center else "no",
        "normalised": "yes" if spectrum.normalize else "no",
        "method": spectrum.method,
        **({} if spectrum.precision == "float64" else {"precision": spectrum.precision}),
    }


def _chosen(score: Score) -> str:
    """Write of how many rows some were chosen, and how."""
    options = score.options
    if options.rows is None:
        return ""
    how = "the first" if options.seed is None else f"drawn with seed {options.seed}"
    return f" of {score.of_rows}, {how}"


def _score_of(score: Score, most: str) -> dict[str, str]:
    """Write the score with what it is off by: for other rows where that is known."""
    if score.estimate is None:
        return {"RankMe": f"{with_interval(score.rankme, score.low, score.high)} of {most}"}
    return {
        "RankMe": str(score.estimate),
        "at most": most,
        "groups": f"{score.estimate.groups}, each left out once",
    }


def _is_named(score: Score) -> bool:
    """Whether a set is the one file that the user named."""
    return {path.rpartition("/")[2] for path in score.paths} == {
        file.rpartition("/")[2] for file in score.files or ()
    } and len(score.paths) == 1


def _counted(files: Collection[str]) -> str:
    """Write how many files and folders there are: nothing was pooled that nobody sees."""
    folders = len(_folders(files))
    if len(files) == 1:
        return "1"
    return f"{len(files)} in {folders} folder{'s' if folders > 1 else ''}"


def _metrics(score: Score) -> dict[str, float | None]:
    """Compute the metrics; what they would warn of was said of the score already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return score.spectrum.metrics(eps=score.options.eps)


def _table(metrics: Mapping[str, float | None]) -> list[str]:
    """Write the metrics in aligned lines."""
    width = max(map(len, metrics))
    words = {name: "none" if value is None else f"{value:.8g}" for name, value in metrics.items()}
    return ["  metrics", *(f"    {name:<{width}}  {word}" for name, word in words.items())]


def draw(score: Score, path: Path) -> None:
    """Write the picture of a score's spectrum to a file, in the format of its suffix."""
    from matplotlib import pyplot as plt  # noqa: PLC0415

    score.spectrum.plot(eps=score.options.eps)
    plt.savefig(path, dpi=130)
    plt.close()
