"""What rankme promises about its speed and memory, held against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.bench.records import Group, Results, Run

PAPER = (25_600, 2048)
LAYER = (10_000, 4096)
MIB = 2**20
MKL = "torch.linalg.eigvalsh (MKL)"
# How many times faster than MKL's eigenvalues ours are to be.
EIGENVALUES = {128: 1.0, 256: 1.0, 512: 1.4, 1024: 1.4, 2048: 1.4, 4096: 1.4}
# precision="fast" beside float32 one-liners: how many times their time it may take.
FAST_GOALS = (
    (PAPER, "numpy-gram32", "NumPy", 1.0),
    (PAPER, "torch-gram32", "PyTorch", 1.0),
    ((200_000, 512), "numpy-gram32", "NumPy", 1.1),
    ((1_000_000, 128), "numpy-gram32", "NumPy", 1.4),
)
LAYER_GOALS = (("", "", 1.3), ("-fast", ', precision="fast"', 1.9))
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
    """Every goal in the order of the tables, measured or not.

    They are held against the run with the most threads; the processor time of eigenvalues against
    the run with one.
    """
    run = results.widest
    return [
        *speed_goals(run),
        *fast_goals(run),
        *layer_goals(run),
        *batch_goals(run),
        *gram_goals(run),
        *probe_goals(run),
        *eigen_goals(results),
        *memory_goals(run),
    ]


def at_least(text: str, value: float | None, least: float, *, form: str) -> Goal:
    """Build a goal of the kind 'value >= least'."""
    if value is None:
        return Goal(text, "-", None)
    return Goal(text, format(value, form), value >= least)


def at_most(text: str, value: float | None, most: float, *, form: str) -> Goal:
    """Build a goal of the kind 'value <= most'."""
    if value is None:
        return Goal(text, "-", None)
    return Goal(text, format(value, form), value <= most)


def ratio_of(group: Group | None, key: str, to: str, clock: str = "seconds") -> float | None:
    """`Group.ratio`, of a group that may not have been measured."""
    return group.ratio(key, to, clock) if group else None


def in_words(shape: tuple[int, ...]) -> str:
    """Sizes in words."""
    return " x ".join(format(size, ",") for size in shape)


def speed_goals(run: Run) -> Iterator[Goal]:
    """Hold scores at the paper's shape and at a layer's against competitors, in times faster."""
    for shape, key, words, least in (
        (PAPER, "numpy-svd", "numpy.linalg.svd", 4.0),
        (PAPER, "torch-svdvals", "torch.linalg.svdvals", 1.7),
        (PAPER, "numpy-gram64", "the float64 Gram one-liner in NumPy", 2.0),
        (LAYER, "torch-svdvals", "torch.linalg.svdvals", 1.3),
    ):
        value = ratio_of(run.find("scores", rows=shape[0], columns=shape[1]), key, "ours")
        text = f"{in_words(shape)}: at least {least:g} times faster than {words}"
        yield at_least(text, value, least, form=".2f")


def fast_goals(run: Run) -> Iterator[Goal]:
    """Hold precision="fast" against float32 one-liners, in times of theirs."""
    for shape, key, words, most in FAST_GOALS:
        group = run.find("fast", rows=shape[0], columns=shape[1])
        text = (
            f'{in_words(shape)}, precision="fast": at most {most:g} times the time of the float32 '
            f"Gram one-liner in {words}"
        )
        yield at_most(text, ratio_of(group, "ours-fast", key), most, form=".2f")


def layer_goals(run: Run) -> Iterator[Goal]:
    """Hold a layer and a stack of them against SVDs, with both precisions, in times faster."""
    one = run.find("fast", rows=LAYER[0], columns=LAYER[1])
    stack = run.find("layers", rows=LAYER[0], columns=LAYER[1])
    for ending, words, least in LAYER_GOALS:
        promise = f"{words}: at least {least:g} times faster than torch.linalg.svdvals"
        value = ratio_of(one, "torch-svdvals", f"ours{ending}")
        yield at_least(f"{in_words(LAYER)}, healthy{promise}", value, least, form=".2f")
        value = ratio_of(stack, "layers-torch-svdvals", f"layers-ours{ending}")
        yield at_least(f"layers of {in_words(LAYER)}{promise}", value, least, form=".2f")


def eigen_goals(results: Results) -> Iterator[Goal]:
    """Hold eigenvalues alone against MKL's: wall time of all threads, processor time of one."""
    for run, clock, words in (
        (results.widest, "seconds", "wall time"),
        (results.with_threads(1), "processor", "processor time of one thread"),
    ):
        for order, least in EIGENVALUES.items():
            group = run.find("eigenvalues", columns=order) if run else None
            value = ratio_of(group, "eigen-torch", "eigen-ours", clock)
            promise = "no slower" if least == 1 else f"at least {least:g} times faster"
            text = f"eigenvalues, K = {order}, {words}: {promise} than {MKL}"
            yield at_least(text, value, least, form=".2f")


def batch_goals(run: Run) -> Iterator[Goal]:
    """Hold batches of small matrices against competitors, in times faster."""
    for batch, key, words, least in BATCH_GOALS:
        count, rows, columns = batch
        group = run.find("batches", count=count, rows=rows, columns=columns)
        text = f"batch of {in_words(batch)}: at least {least:.0f} times faster than {words}"
        yield at_least(text, ratio_of(group, key, "batch-ours"), least, form=".1f")


def gram_share(group: Group) -> float | None:
    """Our flop rate (N K^2 flop) as a share of the dgemm's (2 N K^2 flop)."""
    ratio = group.ratio("dgemm", "gram-ours")
    return None if ratio is None else ratio / 2


def probe_cost(group: Group) -> float | None:
    """Cost of the probes: what they add to an update, as a part of the one without them."""
    ratio = group.ratio("gram-ours", "gram-unprobed")
    return None if ratio is None else ratio - 1


def gram_goals(run: Run) -> Iterator[Goal]:
    """Hold the Gram step against a dgemm and against oneDAL, a goal a width."""
    for width, least in SHARES_OF_DGEMM.items():
        group = run.find("gram", columns=width)
        text = f"Gram step, K = {width}: at least {least:.0%} of the rate of one dgemm"
        yield at_least(text, gram_share(group) if group else None, least, form=".0%")
    for width in SHARES_OF_DGEMM:
        group = run.find("gram", columns=width)
        value = ratio_of(group, "gram-onedal-blocks", "gram-ours-blocks")
        text = f"Gram step, K = {width}: no slower than oneDAL on the same float64 blocks"
        yield at_least(text, value, 1.0, form=".2f")


def probe_goals(run: Run) -> Iterator[Goal]:
    """Hold the cost of the probes against its limit, a goal a width."""
    for width, most in PROBE_COSTS.items():
        group = run.find("gram", columns=width)
        text = f"Gram step, K = {width}: probes cost at most {most:.0%} of the update"
        yield at_most(text, probe_cost(group) if group else None, most, form=".1%")


def memory_goals(run: Run) -> Iterator[Goal]:
    """Hold the peak memory over the input against its limit, a goal a shape."""
    for group in run.scores:
        limit = 3 * group.columns**2 * 8 / MIB + 64
        text = f"{group.title}: peak extra memory at most 3 K x K float64 + 64 MiB ({limit:.0f})"
        peak = group.entry("ours").peak_mib
        if peak is None:
            yield Goal(text, "-", None)
        else:
            yield Goal(text, f"{peak:.0f} MiB", peak <= limit)
