"""Tables of the results: for the terminal, in Markdown and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable

from rankme.bench.goals import goals, gram_share, probe_cost
from rankme.bench.jobs import ROWS_PER_BLOCK
from rankme.bench.matrices import DECAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme.bench.records import Entry, Group, Results

NONE = "-"
SCHEMA = "rankme.bench/1"


@dataclass
class Table:
    """A titled table of text.

    `align` has a letter a column, l or r; a line break in a header is kept on the terminal, where
    width is scarce.
    """

    title: str
    align: str
    header: list[str]
    cells: list[list[str]]
    note: str = ""

    def rich(self) -> RichTable:
        """Render for the terminal."""
        table = RichTable(title=self.title, caption=self.note or None, title_justify="left")
        for name, side in zip(self.header, self.align, strict=True):
            left = side == "l"
            table.add_column(name, justify="left" if left else "right", no_wrap=not left)
        for line in self.cells:
            table.add_row(*line)
        return table

    def markdown(self) -> str:
        """Render as Markdown, without the title."""
        header = [name.replace("\n", " ") for name in self.header]
        rule = [":--" if side == "l" else "--:" for side in self.align]
        lines = "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *self.cells))
        return f"{lines}\n\n{self.note}" if self.note else lines


def number(value: float | None, form: str) -> str:
    """Format a number; a dash where there is none."""
    return NONE if value is None else format(value, form).rstrip(".")


def score_table(group: Group) -> Table:
    """Build the table of one shape."""
    cells = [score_cells(group, entry) for entry in group.measured]
    header = ["", "median\nseconds", "ratio\nto ours", "peak\nextra MiB", "relative\nerror"]
    note = ""
    if group.rows < group.columns:
        note = "N < K: the Gram shortcuts take the smaller side, Z @ Z.T."
    if group.reference is None:
        note = f"{note} The float64 SVD failed here, so there are no errors.".strip()
    return Table(f"{group.title}, float32", "lrrrr", header, cells, note)


def score_cells(group: Group, entry: Entry) -> list[str]:
    """One competitor's line; a failure stands beside its name, whatever was measured stays."""
    return [
        entry.title if entry.failure is None else f"{entry.title}: {entry.failure}",
        number(entry.median_seconds, "#.3g"),
        number(group.ratio(entry.key, "ours"), ".2f"),
        number(entry.peak_mib, ".0f"),
        number(group.error(entry), ".1e"),
    ]


def batch_table(group: Group) -> Table:
    """Build the table of one batch."""
    cells = [batch_cells(group, entry) for entry in group.measured]
    header = ["", "median\nseconds", "microseconds\na matrix", "ratio\nto ours", "relative\nerror"]
    return Table(f"Batch of {group.title}, float32", "lrrrr", header, cells)


def batch_cells(group: Group, entry: Entry) -> list[str]:
    """One competitor's line of a batch."""
    seconds = entry.median_seconds
    return [
        entry.title if entry.failure is None else f"{entry.title}: {entry.failure}",
        number(seconds, "#.3g"),
        number(None if seconds is None else 1e6 * seconds / group.count, "#.3g"),
        number(group.ratio(entry.key, "batch-ours"), ".1f"),
        number(group.error(entry), ".1e"),
    ]


def gram_tables(results: Results) -> list[Table]:
    """Build the tables of the Gram step: against a dgemm, and against oneDAL."""
    dgemm = [
        [
            *seconds_cells(group, "dgemm", "gram-ours"),
            number(gram_share(group), ".0%"),
            number(probe_cost(group), ".1%"),
        ]
        for group in results.gram
    ]
    onedal = [
        [*seconds_cells(group, theirs, ours), number(group.ratio(theirs, ours), ".2f")]
        for group in results.gram
        for theirs, ours in [("gram-onedal-blocks", "gram-ours-blocks")]
    ]
    # A dictionary keeps the order and drops what is said of every width.
    failures = {
        f"{entry.title}: {entry.failure}{at_width(entry, group)}.": None
        for group in results.gram
        for entry in group.measured
        if entry.failure is not None
    }
    return [
        Table(
            "Gram step of float32 rows, and one dgemm",
            "rrrrrr",
            [
                "K",
                "N",
                "dgemm,\nseconds",
                "ours,\nseconds",
                "share of\ndgemm rate",
                "of it\nprobes",
            ],
            dgemm,
        ),
        Table(
            f"Gram step of float64 rows in blocks of {ROWS_PER_BLOCK:,}, and oneDAL",
            "rrrrr",
            ["K", "N", "oneDAL,\nseconds", "ours,\nseconds", "ratio\nto ours"],
            onedal,
            " ".join(failures),
        ),
    ]


def seconds_cells(group: Group, theirs: str, ours: str) -> list[str]:
    """K, N and two medians."""
    medians = [group.entry(key).median_seconds for key in (theirs, ours)]
    return [f"{group.columns:,}", f"{group.rows:,}", *(number(one, "#.3g") for one in medians)]


def at_width(entry: Entry, group: Group) -> str:
    """Name the width, unless the competitor takes part in none."""
    return f" at K = {group.columns}" if entry.installed else ""


def goal_table(results: Results) -> Table:
    """Build the table of goals."""
    cells = [[goal.text, goal.measured, goal.verdict] for goal in goals(results)]
    return Table("Goals", "lrl", ["goal", "measured", "verdict"], cells)


METHOD = f"""\
Every competitor runs in a process of its own. Each runs once to warm up and then once a round; a
round goes through all of them, starting with another one each time. Seconds are medians over the
rounds, and ratios are medians of the ratios within a round: above 1 means that ours is faster. The
input is a mapped file whose pages are touched before timing. Peak extra memory is the largest
resident memory of any run, the warm-up included, over that before the run. The relative error is
that of RankMe (eps = 1e-7) against the singular values of the matrix in float64 by
`numpy.linalg.svd`. The matrices are Gaussian rows times a fixed matrix, seeded, with singular
values that fall like k^-{DECAY:g}.
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


def markdown(results: Results, machine: Mapping[str, str], *, name: str, image: bool) -> str:
    """Write the whole report; `image` says whether ``<name>.png`` lies beside it."""
    facts = [f"- {key}: {value}" for key, value in machine.items()]
    facts += [f"- {text}" for text in results.libraries.values()]
    parts = [f"# Benchmark: {name}", "\n".join(facts)]
    if image:
        parts.append(f"![Time over ours, and the Gram step's share of dgemm]({name}.png)")
    parts += ["## Scores", METHOD + f"\nRounds: {results.repeats}."]
    tables = [score_table(group) for group in results.scores]
    parts += [f"### {table.title}\n\n{table.markdown()}" for table in tables]
    if results.batches:
        parts += ["## Batches", BATCH_METHOD.rstrip()]
    tables = [batch_table(group) for group in results.batches]
    parts += [f"### {table.title}\n\n{table.markdown()}" for table in tables]
    parts += ["## Gram step", GRAM_METHOD.rstrip()]
    parts += [f"### {table.title}\n\n{table.markdown()}" for table in gram_tables(results)]
    parts += ["## Goals", goal_table(results).markdown()]
    return "\n\n".join(parts) + "\n"


def as_json(results: Results, machine: Mapping[str, str]) -> dict[str, Any]:
    """Everything measured, every round, and what the tables derive from it."""
    return {
        "schema": SCHEMA,
        "repeats": results.repeats,
        "machine": dict(machine),
        "libraries": results.libraries,
        "scores": [group_json(group, "ours") for group in results.scores],
        "batches": [
            {"count": group.count} | group_json(group, "batch-ours") for group in results.batches
        ],
        "gram": [
            group_json(group, "gram-ours") | {"share_of_dgemm_rate": gram_share(group)}
            for group in results.gram
        ],
        "goals": [asdict(goal) for goal in goals(results)],
    }


def group_json(group: Group, ours: str) -> dict[str, Any]:
    """One shape; ratios are to the entry `ours`."""
    measured = [
        asdict(entry)
        | {
            "median_seconds": entry.median_seconds,
            "ratio_to_ours": group.ratio(entry.key, ours),
            "relative_error": group.error(entry),
        }
        for entry in group.measured
    ]
    return {
        "rows": group.rows,
        "columns": group.columns,
        "reference": group.reference,
        "measured": measured,
    }
