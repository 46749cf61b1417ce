"""The report: what is printed, in Markdown and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rankme.bench.goals import goals, gram_share
from rankme.bench.matrices import DECAY
from rankme.bench.measure import FAST_DECAY, PEER_ROUNDS
from rankme.bench.tables import (
    Table,
    batch_table,
    eigen_table,
    gram_tables,
    in_threads,
    layer_table,
    peer_tables,
    score_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme.bench.records import Group, Results, Run

SCHEMA = "rankme.bench/2"
# Sections whose sizes are lines of a table and not tables.
LINES = frozenset({"gram", "eigenvalues", "peers"})

METHOD = f"""\
Every competitor runs in a process of its own, held to as many cores and threads as the heading
says. Each runs once to warm up and then once a round; a round goes through all of them, starting
with another one each time. Seconds are medians over the rounds, and ratios are medians of the
ratios within a round: above 1 means that ours is faster. The input is a mapped file whose pages are
touched before timing. Peak extra memory is the largest resident memory of any run, the warm-up
included, over that before the run. The relative error is that of RankMe (eps = 1e-7) against the
singular values of the matrix in float64 by `numpy.linalg.svd`. The matrices are Gaussian rows times
a fixed matrix, seeded, with singular values that fall like k^-{DECAY:g} unless said otherwise.
"""

SCORE_METHOD = """\
Most of these spectra end below what a float32 Gram matrix can tell. `precision="fast"` may sum them
again in float64, and then takes longer than without.
"""

FAST_METHOD = f"""\
Singular values that fall like k^-{FAST_DECAY:g}: a float32 Gram matrix tells these, and so
`precision="fast"` needs no second look in float64.
"""

LAYER_METHOD = f"""\
Layers of one spectrum, k^-{FAST_DECAY:g}, that come in batches of rows: a slice of a stack is
timed, and the time of the whole stack is extrapolated from it. The relative error is that of the
mean.
"""

BATCH_METHOD = """\
Many matrices of one shape with standard normal entries, in one array: `rankme.score_batch`, the
batched `svdvals` of PyTorch, and the float64 Gram matrix of the smaller side with its eigenvalues
in NumPy, in a loop and in one batch. Times include the scores. The relative error is that of the
mean RankMe against the float64 SVD.
"""

GRAM_METHOD = """\
`Accumulator.update` on all N rows of a float32 matrix, conversion included, beside one float64
`dgemm` of the same N and K; N K^2 flop are counted for ours and 2 N K^2 for the dgemm, so at 100%
ours takes half its time. The last column is what the probes add to an update without them. In the
second table, ours and the online covariance of oneDAL get the same float64 row blocks.
"""

EIGEN_METHOD = """\
Eigenvalues of a random symmetric float64 matrix, without vectors: what rankme calls, PyTorch's
`eigvalsh` (MKL in its builds for x86-64) and NumPy's (OpenBLAS in its wheels). Small matrices are
done several times a run. With one thread it is processor time. The last column is how far RankMe
of the magnitudes differs between the three.
"""

PEER_METHOD = f"""\
Other packages on a `.npy` file in the page cache, reading included, each beside the call of ours
that computes the same number. The relative error is against singular values by float64 QR of row
blocks. Rounds: at most {PEER_ROUNDS}.
"""


def section_tables(run: Run, section: str) -> list[Table]:
    """Build the tables of one section, those of the newest shape last."""
    groups: list[Group] = getattr(run, section)
    if not groups:
        return []
    if section == "gram":
        return gram_tables(groups)
    if section == "eigenvalues":
        return [eigen_table(groups, run.threads)]
    if section == "peers":
        return peer_tables(groups)
    build = {"layers": layer_table, "batches": batch_table}.get(section, score_table)
    return [build(group) for group in groups]


def newest_tables(results: Results, section: str, *, finished: bool) -> list[Table]:
    """Build what is new of a section, for each number of threads.

    After a size that is its table; where a size is only a line or two, all of the section once it
    is finished.
    """
    if finished != (section in LINES):
        return []
    tables = []
    for run in results.runs:
        newest = section_tables(run, section)
        if section not in LINES:
            newest = newest[-1:]
        for table in newest:
            if section != "eigenvalues":  # which says it
                table.title = f"{table.title} ({in_threads(run.threads)})"
        tables += newest
    return tables


def goal_table(results: Results) -> Table:
    """Build the table of goals."""
    cells = [[goal.text, goal.measured, goal.verdict] for goal in goals(results)]
    return Table("Goals", "lrl", ["goal", "measured", "verdict"], cells)


def section_parts(
    run: Run, peer_limits: tuple[int, float] | None, explained: set[str]
) -> list[str]:
    """Write the sections of a run; what each is, where it comes for the first time."""
    words = {
        "scores": ("Scores", SCORE_METHOD),
        "fast": ("Scores beside float32", FAST_METHOD),
        "layers": ("Layers", LAYER_METHOD),
        "batches": ("Batches", BATCH_METHOD),
        "gram": ("Gram step", GRAM_METHOD),
        "eigenvalues": ("Eigenvalues", EIGEN_METHOD),
        "peers": ("Other packages, from files", PEER_METHOD),
    }
    parts = []
    for section, (title, method) in words.items():
        tables = section_tables(run, section)
        if not tables:
            continue
        text = "" if section in explained else method.rstrip()
        explained.add(section)
        if text and section == "peers" and peer_limits is not None:
            memory, seconds = peer_limits
            text += f" Each may take {memory / 2**30:.3g} GiB and {seconds:g} s."
        parts += [f"### {title}", *filter(None, [text])]
        parts += [f"#### {table.title}\n\n{table.markdown()}" for table in tables]
    return parts


def markdown(results: Results, machine: Mapping[str, str], *, name: str, image: bool) -> str:
    """Write the whole report; `image` says whether the two pictures lie beside it."""
    libraries = {key: text for run in results.runs for key, text in run.libraries.items()}
    libraries |= results.widest.libraries
    facts = [f"- {key}: {value}" for key, value in machine.items()]
    facts += [f"- {text}" for text in libraries.values()]
    parts = [f"# Benchmark: {name}", "\n".join(facts)]
    if image:
        alt = "Time over ours, eigenvalues, and the Gram step's share of dgemm"
        parts.append(
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{name}-dark.png">'
            f'<img src="{name}.png" alt="{alt}"></picture>'
        )
    parts += ["## How it is measured", METHOD + f"\nRounds: {results.repeats}."]
    parts += ["## Goals", goal_table(results).markdown()]
    explained: set[str] = set()
    for run in results.runs:
        parts += [f"## {in_threads(run.threads)}"]
        parts += section_parts(run, results.peer_limits, explained)
    return "\n\n".join(parts) + "\n"


def as_json(results: Results, machine: Mapping[str, str]) -> dict[str, Any]:
    """Everything measured, every round, and what the tables derive from it."""
    limits = results.peer_limits
    return {
        "schema": SCHEMA,
        "repeats": results.repeats,
        "machine": dict(machine),
        "peer_limits": None if limits is None else {"bytes": limits[0], "seconds": limits[1]},
        "runs": [run_json(run) for run in results.runs],
        "goals": [asdict(goal) for goal in goals(results)],
    }


def run_json(run: Run) -> dict[str, Any]:
    """One number of threads: every section, as a list of groups."""
    ours = {
        "layers": "layers-ours",
        "batches": "batch-ours",
        "gram": "gram-ours",
        "eigenvalues": "eigen-ours",
    }
    told: dict[str, Any] = {"threads": run.threads, "libraries": run.libraries}
    for section, group in run.groups():
        key = group.measured[0].key if section == "peers" else ours.get(section, "ours")
        one = group_json(group, key)
        if section == "gram":
            one["share_of_dgemm_rate"] = gram_share(group)
        told.setdefault(section, []).append(one)
    return told


def group_json(group: Group, ours: str) -> dict[str, Any]:
    """One shape; ratios are to the entry `ours`."""
    measured = [
        asdict(entry)
        | {
            "median_seconds": entry.median_seconds,
            "ratio_to_ours": group.ratio(entry.key, ours),
            "processor_ratio_to_ours": group.ratio(entry.key, ours, "processor"),
            "relative_error": group.error(entry),
        }
        for entry in group.measured
    ]
    sizes = {"count": group.count, "rows": group.rows, "columns": group.columns}
    words = {"decay": group.decay, "what": group.what, "reference": group.reference}
    return sizes | words | {"measured": measured}
