"""The sections of the benchmark: for each shape a matrix, its reference and the rounds over it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rankme.bench.client import Worker
from rankme.bench.competitors import (
    BATCH,
    BATCH_REFERENCE,
    EIGENVALUES,
    EIGENVALUES_REFERENCE,
    FAST,
    GRAM,
    LAYERS,
    PEERS,
    REFERENCE,
    SCORE,
    Competitor,
)
from rankme.bench.contest import Contest
from rankme.bench.jobs import eigen_calls
from rankme.bench.matrices import (
    DECAY,
    write_gaussian,
    write_gaussian_batch,
    write_layers,
    write_power_law,
    write_symmetric,
)
from rankme.bench.records import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAST_DECAY = 0.7
GRAM_RUN_SECONDS = 0.5
GRAM_OPERAND_BYTES = 2**30
GRAM_ROUNDING = 1024
# A run of a peer may take minutes; more rounds than these would tell nothing more.
PEER_ROUNDS = 2
PEER_SECONDS = 900.0
PEER_SHARE_OF_MEMORY = 0.75


@dataclass(frozen=True)
class Terms:
    """What all measurements have in common.

    Attributes
    ----------
    repeats : int
        Rounds after the warm-up.
    threads : tuple of int
        Numbers of threads; a matrix is written once and measured with each.
    tell : callable
        Called with the name of a step before each.
    """

    repeats: int
    threads: tuple[int, ...]
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """A group, the threads it was measured with, and what the workers loaded."""

    group: Group
    threads: int
    libraries: dict[str, str]


def hold(
    terms: Terms,
    competitors: Sequence[Competitor],
    like: Group,
    path: Path,
    *,
    reference: Competitor | None = None,
    limits: tuple[int, float] | None = None,
) -> list[Measured]:
    """Run the reference once, and the competitors with each number of threads.

    Parameters
    ----------
    terms : Terms
        Rounds and threads.
    competitors : sequence of Competitor
        Who takes part.
    like : Group
        Sizes and words for the groups that are returned.
    path : Path
        The ``.npy`` file.
    reference : Competitor, optional
        Whose score the errors are measured against; it gets all cores.
    limits : (int, float), optional
        Bytes and seconds for each competitor.

    Returns
    -------
    list of Measured
        One for each number of threads, in their order.
    """
    score = None
    if reference is not None:
        cores = len(os.sched_getaffinity(0))
        judge = Contest([reference], path, threads=cores, tell=terms.tell)
        judge.run(0)
        score = judge.entries[0].score
    done = []
    for threads in terms.threads:
        contest = Contest(competitors, path, threads=threads, tell=terms.tell, limits=limits)
        contest.run(terms.repeats)
        group = replace(like, measured=contest.entries, reference=score)
        done.append(Measured(group, threads, contest.libraries))
    return done


def with_file(
    terms: Terms, words: str, write: Callable[[Path], None], use: Callable[[Path], list[Measured]]
) -> list[Measured]:
    """Write a file, use it and remove it."""
    with tempfile.TemporaryDirectory(prefix="rankme-bench-") as folder:
        path = Path(folder) / "z.npy"
        terms.tell(f"writing {words}")
        write(path)
        return use(path)


def measure_scores(rows: int, columns: int, terms: Terms, *, fast: bool = False) -> list[Measured]:
    """Score one shape with every competitor; `fast`: a spectrum that float32 can resolve."""
    chosen = FAST if fast else SCORE
    competitors = chosen if rows >= columns else tuple(smaller_side(one) for one in chosen)
    decay = FAST_DECAY if fast else DECAY
    like = Group(rows, columns, [], decay=decay)
    return with_file(
        terms,
        like.title,
        lambda path: write_power_law(path, rows=rows, columns=columns, decay=decay),
        lambda path: hold(terms, competitors, like, path, reference=REFERENCE),
    )


def smaller_side(competitor: Competitor) -> Competitor:
    """Name the product that the Gram shortcuts form where N < K."""
    return replace(competitor, title=competitor.title.replace("Z.T @ Z", "Z @ Z.T"))


def measure_layers(count: int, rows: int, columns: int, terms: Terms) -> list[Measured]:
    """Score `count` layers of a stack, whose rows come in batches."""
    like = Group(rows, columns, [], count=count, decay=FAST_DECAY)
    return with_file(
        terms,
        like.title,
        lambda path: write_layers(path, (count, rows, columns), decay=FAST_DECAY),
        lambda path: hold(terms, LAYERS, like, path, reference=BATCH_REFERENCE),
    )


def measure_batch(count: int, rows: int, columns: int, terms: Terms) -> list[Measured]:
    """Score a batch of `count` float32 matrices; a score is the mean over the batch."""
    like = Group(rows, columns, [], count=count)
    return with_file(
        terms,
        like.title,
        lambda path: write_gaussian_batch(path, (count, rows, columns)),
        lambda path: hold(terms, BATCH, like, path, reference=BATCH_REFERENCE),
    )


def measure_gram(columns: int, rows: int, terms: Terms) -> list[Measured]:
    """Time the Gram step of one width: ours, one dgemm, oneDAL. There are no scores."""
    like = Group(rows, columns, [])
    return with_file(
        terms,
        like.title,
        lambda path: write_gaussian(path, rows=rows, columns=columns),
        lambda path: hold(terms, GRAM, like, path),
    )


def measure_eigenvalues(order: int, terms: Terms) -> list[Measured]:
    """Time the eigenvalues of one symmetric float64 matrix; a time is for `Group.count` calls."""
    like = Group(order, order, [], count=eigen_calls(order))
    return with_file(
        terms,
        f"a symmetric matrix of order {order:,}",
        lambda path: write_symmetric(path, order),
        lambda path: hold(terms, EIGENVALUES, like, path, reference=EIGENVALUES_REFERENCE),
    )


def measure_peers(
    rows: int, columns: int, terms: Terms, *, limits: tuple[int, float]
) -> list[Measured]:
    """Score one file with other packages, each beside ours computing the same number."""
    terms = replace(terms, repeats=min(terms.repeats, PEER_ROUNDS))
    like = Group(rows, columns, [], decay=DECAY)

    def use(path: Path) -> list[Measured]:
        return [
            measured
            for number in PEERS
            for measured in hold(
                terms,
                number.measured,
                replace(like, what=number.what),
                path,
                reference=number.reference,
                limits=limits,
            )
        ]

    return with_file(
        terms,
        f"a file of {like.title}",
        lambda path: write_power_law(path, rows=rows, columns=columns),
        use,
    )


def peer_limits() -> tuple[int, float]:
    """Bytes and seconds that a peer may take: three quarters of the memory, in whole GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    gib = max(1, int(memory * PEER_SHARE_OF_MEMORY / 2**30))
    return gib * 2**30, PEER_SECONDS


def gram_rows(columns: int, *, rate: float) -> int:
    """Rows for which a dgemm at `rate` flop/s takes about half a second and fits into 1 GiB."""
    wanted = GRAM_RUN_SECONDS * rate / (2 * columns**2)
    room = GRAM_OPERAND_BYTES / (8 * columns)
    return max(1, int(min(wanted, room) / GRAM_ROUNDING)) * GRAM_ROUNDING


def measure_rate(threads: int) -> float:
    """Flop/s of this machine's dgemm in NumPy."""
    with Worker("dgemm", threads=threads) as worker:
        return float(worker.ask("rate")["rate"])
