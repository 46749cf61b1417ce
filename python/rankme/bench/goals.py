"""What rankme promises about its speed and memory, held against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.bench.records import Group, Results

PAPER = (25_600, 2048)
MIB = 2**20
PROBE_COSTS = {768: 0.08, 2048: 0.04}
BATCH_GOALS = (
    ((500, 50, 4096), "batch-torch-svdvals", "torch.linalg.svdvals", 20.0),
    ((500, 50, 4096), "batch-numpy-loop", "a NumPy loop over the float64 Gram", 3.0),
    ((100_000, 16, 64), "batch-torch-svdvals", "torch.linalg.svdvals", 10.0),
)
SHARES_OF_DGEMM = {128: 0.75, 384: 0.75, 768: 0.75, 1024: 0.85, 2048: 0.85}


@dataclass(frozen=True)
class Goal:
    """One promise: its text, the measured value in words, and whether it holds (None: unknown)."""

    text: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """A word for `met`."""
        return {True: "met", False: "not met", None: "not measured"}[self.met]


def goals(results: Results) -> list[Goal]:
    """Every goal in the order of the tables, measured or not."""
    return [
        *speed_goals(results),
        *batch_goals(results),
        *gram_goals(results),
        *probe_goals(results),
        *memory_goals(results),
    ]


def at_least(text: str, value: float | None, least: float, *, form: str) -> Goal:
    """Build a goal of the kind 'value >= least'."""
    if value is None:
        return Goal(text, "-", None)
    return Goal(text, format(value, form), value >= least)


def speed_goals(results: Results) -> Iterator[Goal]:
    """Hold scores at the paper's shape against competitors, in times faster."""
    group = results.score_group(*PAPER)
    shape = f"{PAPER[0]:,} x {PAPER[1]:,}"
    for key, words, least in (
        ("numpy-svd", "at least 4 times faster than numpy.linalg.svd", 4.0),
        ("torch-svdvals", "at least 1.7 times faster than torch.linalg.svdvals", 1.7),
        ("numpy-gram64", "no slower than the float64 Gram one-liner in NumPy", 1.0),
    ):
        value = group.ratio(key, "ours") if group else None
        yield at_least(f"{shape}: {words}", value, least, form=".2f")


def batch_goals(results: Results) -> Iterator[Goal]:
    """Hold batches of small matrices against competitors, in times faster."""
    for batch, key, words, least in BATCH_GOALS:
        group = results.batch_group(*batch)
        value = group.ratio(key, "batch-ours") if group else None
        shape = " x ".join(format(size, ",") for size in batch)
        text = f"batch of {shape}: at least {least:.0f} times faster than {words}"
        yield at_least(text, value, least, form=".1f")


def gram_share(group: Group) -> float | None:
    """Our flop rate (N K^2 flop) as a share of the dgemm's (2 N K^2 flop)."""
    ratio = group.ratio("dgemm", "gram-ours")
    return None if ratio is None else ratio / 2


def probe_cost(group: Group) -> float | None:
    """Cost of the probes: what they add to an update, as a part of the one without them."""
    ratio = group.ratio("gram-ours", "gram-unprobed")
    return None if ratio is None else ratio - 1


def gram_goals(results: Results) -> Iterator[Goal]:
    """Hold the Gram step against a dgemm and against oneDAL, a goal a width."""
    for width, least in SHARES_OF_DGEMM.items():
        group = results.gram_group(width)
        text = f"Gram step, K = {width}: at least {least:.0%} of the rate of one dgemm"
        yield at_least(text, gram_share(group) if group else None, least, form=".0%")
    for width in SHARES_OF_DGEMM:
        group = results.gram_group(width)
        value = group.ratio("gram-onedal-blocks", "gram-ours-blocks") if group else None
        text = f"Gram step, K = {width}: no slower than oneDAL on the same float64 blocks"
        yield at_least(text, value, 1.0, form=".2f")


def probe_goals(results: Results) -> Iterator[Goal]:
    """Hold the cost of the probes against its limit, a goal a width."""
    for width, most in PROBE_COSTS.items():
        group = results.gram_group(width)
        text = f"Gram step, K = {width}: probes cost at most {most:.0%} of the update"
        cost = probe_cost(group) if group else None
        if cost is None:
            yield Goal(text, "-", None)
        else:
            yield Goal(text, f"{cost:.1%}", cost <= most)


def memory_goals(results: Results) -> Iterator[Goal]:
    """Hold the peak memory over the input against its limit, a goal a shape."""
    for group in results.scores:
        limit = 3 * group.columns**2 * 8 / MIB + 64
        text = f"{group.title}: peak extra memory at most 3 K x K float64 + 64 MiB ({limit:.0f})"
        peak = group.entry("ours").peak_mib
        if peak is None:
            yield Goal(text, "-", None)
        else:
            yield Goal(text, f"{peak:.0f} MiB", peak <= limit)
