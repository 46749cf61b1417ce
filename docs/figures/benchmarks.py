"""Draw benchmarks.png: what `rankme bench` measured, for the width of a page.

Above, the time of each competitor over that of rankme.score, a point a shape; a point to the left
of the line is faster. Below, the time of the eigenvalues of MKL and OpenBLAS over ours. All numbers
are those of bench/results/cpu.json; benchmarks-dark.png is the same for dark pages.

Needs Matplotlib beside rankme, no network: python docs/figures/benchmarks.py
"""
# ruff: noqa: T201

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
NUMBERS = HERE.parents[1] / "bench" / "results" / "cpu.json"
# From the one that is wrong to the slowest.
COMPETITORS = {
    "numpy-gram32": "eigvalsh(Z.T @ Z), NumPy, float32",
    "torch-gram32": "the same, PyTorch, float32",
    "numpy-gram64": "the same, NumPy, float64",
    "torch-gram64": "the same, PyTorch, float64",
    "scipy-svdvals": "scipy.linalg.svdvals",
    "torch-svdvals": "torch.linalg.svdvals",
    "numpy-svd": "numpy.linalg.svd",
}
SHAPES = {
    (25600, 512): ("C0", "o"),
    (25600, 2048): ("C1", "s"),
    (200000, 512): ("C2", "^"),
    (1000000, 128): ("C4", "v"),
    (2000, 4096): ("C5", "D"),
    (10000, 4096): ("C3", "P"),
}
SOLVERS = {
    ("eigen-torch", 2): ("MKL, two threads", "C0", "o", "-"),
    ("eigen-numpy", 2): ("OpenBLAS, two threads", "C1", "s", "-"),
    ("eigen-torch", 1): ("MKL, one thread", "C0", "o", "--"),
    ("eigen-numpy", 1): ("OpenBLAS, one thread", "C1", "s", "--"),
}

Numbers = dict[str, Any]


def run_of(numbers: Numbers, threads: int) -> Numbers:
    """Return the run with so many threads."""
    (run,) = (run for run in numbers["runs"] if run["threads"] == threads)
    return dict(run)


def ratios(numbers: Numbers) -> dict[tuple[int, int], dict[str, tuple[float, float]]]:
    """Return the time over ours and the error, by shape and competitor, with two threads."""
    return {
        (group["rows"], group["columns"]): {
            one["key"]: (one["ratio_to_ours"], one["relative_error"])
            for one in group["measured"]
            if one["key"] in COMPETITORS
        }
        for group in run_of(numbers, 2)["scores"]
    }


def solver_ratios(numbers: Numbers) -> dict[tuple[str, int], dict[int, float]]:
    """Return the time over ours by order, of each solver; of one thread, processor time."""
    found: dict[tuple[str, int], dict[int, float]] = {}
    for key, threads in SOLVERS:
        ratio = "ratio_to_ours" if threads > 1 else "processor_ratio_to_ours"
        found[key, threads] = {
            group["columns"]: one[ratio]
            for group in run_of(numbers, threads)["eigenvalues"]
            for one in group["measured"]
            if one["key"] == key
        }
    return found


def draw_scores(axes: Any, numbers: Numbers) -> None:
    """Draw a line a competitor and a point a shape; the largest error is written on the right."""
    measured = ratios(numbers)
    for shape, (colour, marker) in SHAPES.items():
        points = [measured[shape][key][0] for key in COMPETITORS]
        axes.plot(
            points,
            range(len(points)),
            linestyle="",
            color=colour,
            marker=marker,
            label=f"{shape[0]:,} x {shape[1]:,}",
        )
    for place, key in enumerate(COMPETITORS):
        error = max(found[key][1] for found in measured.values())
        axes.annotate(
            f"{error:.0e}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )
    axes.annotate("error", (1.01, -0.85), xycoords=("axes fraction", "data"), annotation_clip=False)
    axes.set_yticks(range(len(COMPETITORS)), list(COMPETITORS.values()))
    axes.set_ylim(len(COMPETITORS) - 0.5, -0.5)
    axes.set(xscale="log", xlabel="time over rankme.score")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50])
    axes.set_title("Scores, float32 rows, two cores", loc="left")


def draw_solvers(axes: Any, numbers: Numbers) -> None:
    """Draw the ratio over the order, a line a solver."""
    for solver, points in solver_ratios(numbers).items():
        title, colour, marker, line = SOLVERS[solver]
        axes.plot(
            *(list(points), list(points.values())),
            color=colour,
            marker=marker,
            linestyle=line,
            label=title,
        )
    orders = sorted({order for points in solver_ratios(numbers).values() for order in points})
    axes.set(xscale="log", xlabel="K", ylabel="time over rankme's")
    axes.set_xticks(orders, [f"{order:,}" for order in orders])
    axes.set_ylim(0)
    axes.set_title("Eigenvalues of a K x K matrix", loc="left")


def draw(numbers: Numbers, path: Path) -> None:
    """Draw both panels."""
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 7.8), layout="constrained", height_ratios=[3, 2.4]
    )
    draw_scores(above, numbers)
    draw_solvers(below, numbers)
    above.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    above.axvline(1, color=mpl.rcParams["text.color"], linewidth=1)
    below.axhline(1, color=mpl.rcParams["text.color"], linewidth=1)
    for axes in (above, below):
        axes.grid(linewidth=0.8)
        axes.set_axisbelow(True)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    # Below the panel: in it points lie everywhere.
    above.legend(loc="upper center", bbox_to_anchor=(0.3, -0.16), ncols=3, frameon=False)
    below.legend(loc="lower right", ncols=2, framealpha=1)
    # No version of Matplotlib in the file: the same picture has the same bytes.
    metadata = {"Software": None, "Description": caption(numbers)}
    figure.savefig(path, dpi=160, metadata=metadata)
    plt.close(figure)


def caption(numbers: Numbers) -> str:
    """Say in one sentence what the picture shows."""
    svds = [
        ratio
        for found in ratios(numbers).values()
        for key, (ratio, _) in found.items()
        if key.endswith(("svd", "svdvals"))
    ]
    solvers = [ratio for found in solver_ratios(numbers).values() for ratio in found.values()]
    return (
        f"SVDs take {min(svds):.1f} to {max(svds):.0f} times as long as rankme.score, and the "
        f"eigenvalues of MKL and OpenBLAS {min(solvers):.1f} to {max(solvers):.1f} times"
    )


def main() -> None:
    """Draw the pictures beside this file, or into the folder that is given."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else HERE
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    for style, end in (("light", ""), ("dark", "-dark")):
        with plt.style.context(HERE / f"{style}.mplstyle"):
            draw(numbers, folder / f"benchmarks{end}.png")
    print(caption(numbers))


if __name__ == "__main__":
    main()
