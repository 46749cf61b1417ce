"""Tables of the results, for the terminal and for Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table as RichTable

from rankme.bench.goals import gram_share, probe_cost
from rankme.bench.jobs import ROWS_PER_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.bench.records import Entry, Group

NONE = "-"
STACK = 32


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


def clock_of(threads: int) -> str:
    """Eigenvalues of one thread are timed by the processor's clock, which others do not disturb."""
    return "processor" if threads == 1 else "seconds"


def in_threads(threads: int) -> str:
    """Threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def told(entry: Entry) -> str:
    """Name an entry; a failure stands beside its name, whatever was measured stays."""
    return entry.title if entry.failure is None else f"{entry.title}: {entry.failure}"


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
    """One competitor's line."""
    return [
        told(entry),
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
        told(entry),
        number(seconds, "#.3g"),
        number(None if seconds is None else 1e6 * seconds / group.count, "#.3g"),
        number(group.ratio(entry.key, "batch-ours"), ".1f"),
        number(group.error(entry), ".1e"),
    ]


def layer_table(group: Group) -> Table:
    """Build the table of a slice of a stack of layers."""
    cells = []
    for entry in group.measured:
        seconds = entry.median_seconds
        each = None if seconds is None else seconds / group.count
        cells.append(
            [
                told(entry),
                number(each, "#.3g"),
                number(None if each is None else STACK * each, "#.3g"),
                number(group.ratio(entry.key, "layers-ours"), ".2f"),
                number(entry.peak_mib, ".0f"),
                number(group.error(entry), ".1e"),
            ]
        )
    header = [
        "",
        "seconds\na layer",
        f"seconds of {STACK},\nextrapolated",
        "ratio\nto ours",
        "peak\nextra MiB",
        "relative\nerror",
    ]
    title = f"Layers: {group.count} of {STACK}, each {group.rows:,} x {group.columns:,}, float32"
    return Table(title, "lrrrrr", header, cells)


def eigen_table(groups: Sequence[Group], threads: int) -> Table:
    """Build the table of the eigenvalues, a line an order."""
    clock = clock_of(threads)
    keys = ("eigen-ours", "eigen-torch", "eigen-numpy")
    cells = []
    for group in groups:
        medians = [group.entry(key).median_of(clock) for key in keys]
        each = [None if one is None else 1e3 * one / group.count for one in medians]
        errors = [group.error(group.entry(key)) or 0.0 for key in keys]
        cells.append(
            [
                f"{group.columns:,}",
                *(number(one, "#.3g") for one in each),
                *(number(group.ratio(key, "eigen-ours", clock), ".2f") for key in keys[1:]),
                f"{max(errors):.0e}",
            ]
        )
    header = [
        "K",
        "ours,\nms",
        "PyTorch,\nms",
        "NumPy,\nms",
        "PyTorch /\nours",
        "NumPy /\nours",
        "they differ\nby",
    ]
    words = "processor time" if clock == "processor" else "wall time"
    title = f"Eigenvalues alone, {words}, {in_threads(threads)}"
    return Table(title, "rrrrrrr", header, cells, " ".join(failures_of(groups)))


def peer_tables(groups: Sequence[Group]) -> list[Table]:
    """Build a table a file: every package beside ours computing the same number."""
    header = [
        "",
        "the number",
        "median\nseconds",
        "ratio\nto ours",
        "peak\nextra MiB",
        "relative\nerror",
    ]
    tables: dict[str, Table] = {}
    for group in groups:
        title = f"File of {group.title}, float32"
        table = tables.setdefault(title, Table(title, "llrrrr", header, []))
        for entry in group.measured:
            table.cells.append(
                [
                    told(entry),
                    group.what,
                    number(entry.median_seconds, "#.3g"),
                    number(group.ratio(entry.key, group.measured[0].key), ".2f"),
                    number(entry.peak_mib, ".0f"),
                    number(group.error(entry), ".1e"),
                ]
            )
    return list(tables.values())


def failures_of(groups: Sequence[Group]) -> list[str]:
    """Say who failed at which width; what is said of every width is said once."""
    told_of = {
        f"{entry.title}: {entry.failure}{at_width(entry, group)}.": None
        for group in groups
        for entry in group.measured
        if entry.failure is not None
    }
    return list(told_of)


def gram_tables(groups: Sequence[Group]) -> list[Table]:
    """Build the tables of the Gram step: against a dgemm, and against oneDAL."""
    dgemm = [
        [
            *seconds_cells(group, "dgemm", "gram-ours"),
            number(gram_share(group), ".0%"),
            number(probe_cost(group), ".1%"),
        ]
        for group in groups
    ]
    onedal = [
        [*seconds_cells(group, theirs, ours), number(group.ratio(theirs, ours), ".2f")]
        for group in groups
        for theirs, ours in [("gram-onedal-blocks", "gram-ours-blocks")]
    ]
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
            " ".join(failures_of(groups)),
        ),
    ]


def seconds_cells(group: Group, theirs: str, ours: str) -> list[str]:
    """K, N and two medians."""
    medians = [group.entry(key).median_seconds for key in (theirs, ours)]
    return [f"{group.columns:,}", f"{group.rows:,}", *(number(one, "#.3g") for one in medians)]


def at_width(entry: Entry, group: Group) -> str:
    """Name the width, unless the competitor takes part in none."""
    return f" at K = {group.columns}" if entry.installed else ""
