"""Draw accuracy.png: how far scores are from the exact one, and how far they say they may be.

Matrices of 1,000 x 64 with singular values that fall geometrically from 1 to 1 over the condition
number, in random bases. The exact score is that of the very entries, after they were rounded to
float32 or float64: their Gram matrix in whole numbers, its eigenvalues and the entropy with 60
digits. Each point is the worst of three matrices, of an error and of half the width of an interval
alike. The pictures are for light and for dark pages; the table goes to bench/results/accuracy.md.

Needs Matplotlib, mpmath and PyTorch beside rankme, no network, and some minutes:
python docs/figures/accuracy.py
"""
# ruff: noqa: T201

import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import mpmath
import numpy as np
import torch
from numpy.typing import NDArray

import rankme
from rankme.bench.machine import checkout_commit

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "bench" / "results" / "accuracy.md"
ROWS, COLUMNS, BLOCK, MATRICES = 1000, 64, 100, 3
EPS = 1e-7
DIGITS = 60
COMMIT = checkout_commit()  # before the pictures are changed
LEAST = 1e-16  # below it all errors are alike: a rounding of the score itself
# Of float32 rows the rounding makes singular values of 1e-8, so there is nothing beyond.
DECADES = {"float32": range(8), "float64": range(0, 15, 2)}

HOW = f"""\
# Accuracy of a score

Relative errors of RankMe of {ROWS:,} x {COLUMNS} matrices against the exact score of the same
entries: their Gram matrix in whole numbers, then {DIGITS} digits. Singular values fall
geometrically from 1 to 1 over the condition number. Behind an error, half the width of the interval
in parts of the score. Each number is the worst of {MATRICES} matrices. All intervals hold the exact
score. An empty place: float32 was not good enough for `precision="fast"`, which then computes in
float64.
"""

Array = NDArray[Any]


class Way(NamedTuple):
    """How a score is computed, and how it is drawn."""

    title: str
    colour: str
    marker: str
    line: str = "-"


OURS = {
    "score": Way("rankme.score", "C2", "o"),
    "stream": Way("Accumulator, ten blocks", "C0", "v"),
    "qr": Way('method="qr"', "C5", "D"),
    "fast": Way('precision="fast"', "C4", "^"),
}
OTHERS = {
    "numpy-svd": Way("NumPy, SVD", "C3", "s"),
    "torch-svd": Way("PyTorch, SVD", "C3", "x", "--"),
    "numpy-gram": Way("NumPy, eigvalsh(Z.T @ Z)", "C1", "s"),
    "torch-gram": Way("PyTorch, eigvalsh(Z.T @ Z)", "C1", "x", "--"),
}


class Result(NamedTuple):
    """A relative error, and half the width of the interval in parts of the score if any."""

    error: float
    half_width: float | None = None
    holds: bool = True  # the interval holds the exact score


def matrix(decades: int, dtype: str, seed: int) -> Array:
    """Return a matrix whose singular values fall by so many decades."""
    rng = np.random.default_rng([decades, seed])
    left = np.linalg.qr(rng.standard_normal((ROWS, COLUMNS)))[0]
    right = np.linalg.qr(rng.standard_normal((COLUMNS, COLUMNS)))[0]
    values = 10.0 ** (-decades * np.arange(COLUMNS) / (COLUMNS - 1))
    return ((left * values) @ right.T).astype(dtype)


def exact_score(z: Array) -> mpmath.mpf:
    """Return RankMe of the entries of Z: whole numbers up to the square root, then 60 digits."""
    parts, exponents = np.frexp(z.astype(np.float64))
    least = int(exponents.min())
    shifts = (exponents - least).astype(object)
    whole = np.ldexp(parts, 53).astype(np.int64).astype(object) * 2**shifts
    gram = whole.T @ whole
    with mpmath.workdps(DIGITS):
        squares = mpmath.eigsy(mpmath.matrix(gram.tolist()), eigvals_only=True)
        values = [mpmath.sqrt(square) for square in squares]
        total = mpmath.fsum(values)
        shares = [value / total + mpmath.mpf(EPS) for value in values]
        return mpmath.exp(-mpmath.fsum(p * mpmath.log(p) for p in shares))


def plain_score(values: Array) -> float:
    """Return RankMe of singular values in their own precision, as it is usually written."""
    p = values / values.sum() + values.dtype.type(EPS)
    return float(np.exp(-(p * np.log(p)).sum()))


def others(z: Array) -> dict[str, float]:
    """Return the score by each one-liner, in the precision of Z."""
    tensor = torch.from_numpy(z)
    squares = {
        "numpy-gram": np.linalg.eigvalsh(z.T @ z),
        "torch-gram": torch.linalg.eigvalsh(tensor.T @ tensor).numpy(),
    }
    values = {
        "numpy-svd": np.linalg.svd(z, compute_uv=False),
        "torch-svd": torch.linalg.svdvals(tensor).numpy(),
        **{way: np.sqrt(np.maximum(found, 0)) for way, found in squares.items()},
    }
    return {way: plain_score(values[way]) for way in OTHERS}


def spectra(z: Array) -> dict[str, rankme.Spectrum]:
    """Return the spectrum by each way of ours; "fast" where float32 was good enough for it."""
    stream = rankme.Accumulator(COLUMNS)
    for start in range(0, ROWS, BLOCK):
        stream.update(z[start : start + BLOCK])
    found = {
        "score": rankme.spectrum(z),
        "stream": stream.spectrum(),
        "qr": rankme.spectrum(z, method="qr"),
    }
    if z.dtype == np.float32:
        fast = rankme.spectrum(z, precision="fast")
        if fast.precision == "fast":
            found["fast"] = fast
    return found


def measure(z: Array) -> dict[str, Result]:
    """Return what each way is off by."""
    exact = exact_score(z)
    results = {way: Result(float(abs(score / exact - 1))) for way, score in others(z).items()}
    for way, spectrum in spectra(z).items():
        low, high = spectrum.rankme_bounds(eps=EPS)
        error = float(abs(spectrum.rankme(eps=EPS) / exact - 1))
        results[way] = Result(error, float((high - low) / 2 / exact), low <= exact <= high)
    return results


def worst(decades: int, dtype: str) -> dict[str, Result]:
    """Return the largest error and the widest interval over a few matrices."""
    runs = [measure(matrix(decades, dtype, seed)) for seed in range(MATRICES)]
    found = {}
    for way in [*OURS, *OTHERS]:
        # What float32 was good enough for once it has to be good enough for each time.
        seen = [run[way] for run in runs if way in run]
        if len(seen) < len(runs):
            continue
        widths = [one.half_width for one in seen if one.half_width is not None]
        found[way] = Result(
            max(one.error for one in seen),
            max(widths) if widths else None,
            all(one.holds for one in seen),
        )
    return found


def table(points: dict[int, dict[str, Result]]) -> str:
    """Return the numbers as a table: error, and half the width of the interval behind it."""
    ways = {**OURS, **OTHERS}
    ways = {way: ways[way] for way in ways if any(way in found for found in points.values())}
    lines = ["| condition | " + " | ".join(f"`{one.title}`" for one in ways.values()) + " |"]
    lines.append("|--:|" + "--:|" * len(ways))
    for decades, found in points.items():
        cells = []
        for way in ways:
            one = found.get(way)
            if one is None:
                cells.append("")
            elif one.half_width is None:
                cells.append(f"{one.error:.0e}")
            else:
                cells.append(f"{one.error:.0e} (± {one.half_width:.0e})")
        lines.append(f"| 1e{decades} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(results: dict[str, dict[int, dict[str, Result]]]) -> str:
    """Return the page of the numbers."""
    made = f"rankme {rankme.__version__}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    parts = [HOW, f"{made}. Made by `python docs/figures/accuracy.py` at {COMMIT}.\n"]
    for dtype, points in results.items():
        parts += [f"<!-- {dtype} -->\n", f"{dtype.capitalize()} rows:\n", table(points) + "\n"]
    return "\n".join([*parts, "<!-- end -->\n"])


def draw(results: dict[str, dict[int, dict[str, Result]]], path: Path) -> None:
    """Draw errors with points, and half the widths of the intervals as dots of the same colour."""
    figure, panels = plt.subplots(2, 1, figsize=(8, 8.4), layout="constrained", sharey=True)
    for axes, (dtype, points) in zip(panels, results.items(), strict=True):
        for way, one in {**OTHERS, **OURS}.items():
            where = [decades for decades in points if way in points[decades]]
            if not where:
                continue
            errors = [max(points[decades][way].error, LEAST) for decades in where]
            ours = way in OURS
            axes.plot(
                *([10.0**decades for decades in where], errors),
                color=one.colour,
                marker=one.marker,
                linestyle=one.line,
                markersize=5,
                linewidth=1.6 if ours else 1.2,
                label=one.title,
            )
            if ours:
                widths = [points[decades][way].half_width for decades in where]
                axes.plot(
                    *([10.0**decades for decades in where], widths),
                    color=one.colour,
                    linestyle=":",
                    linewidth=1.6,
                )
        axes.set(xscale="log", yscale="log", ylim=(LEAST / 2, 0.1), xlabel="condition number")
        axes.set_ylabel("relative error of the score")
        axes.set_title(f"{dtype} rows", loc="left")
        axes.grid(linewidth=0.8)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    handles = {
        text: handle
        for axes in panels
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    handles["half the width of its interval"] = plt.Line2D(
        [], [], color=mpl.rcParams["text.color"], linestyle=":"
    )
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=3,
        frameon=False,
    )
    # No version of Matplotlib in the file: the same picture has the same bytes.
    figure.savefig(path, dpi=160, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Draw the pictures and write the table beside this file, or into the folder that is given."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else HERE
    text = folder / TABLE.name if sys.argv[1:] else TABLE
    warnings.simplefilter("ignore", rankme.PrecisionWarning)
    torch.set_num_threads(1)
    results = {
        dtype: {decades: worst(decades, dtype) for decades in where}
        for dtype, where in DECADES.items()
    }
    missed = [
        (dtype, decades, way)
        for dtype, points in results.items()
        for decades, found in points.items()
        for way, one in found.items()
        if not one.holds
    ]
    if missed:
        raise SystemExit(f"these intervals do not hold the exact score: {missed}")
    for style, end in (("light", ""), ("dark", "-dark")):
        with plt.style.context(HERE / f"{style}.mplstyle"):
            draw(results, folder / f"accuracy{end}.png")
    text.write_text(report(results), encoding="utf-8")
    print(report(results))


if __name__ == "__main__":
    main()
