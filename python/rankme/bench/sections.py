"""The sections one after the other, into the runs that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rankme.bench import measure
from rankme.bench.competitors import (
    BATCH,
    EIGENVALUES,
    FAST,
    GRAM,
    LAYERS,
    PEERS,
    SCORE,
    Sizes,
)
from rankme.bench.records import SECTIONS, Results, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rankme.bench.measure import Measured, Terms

OURS = frozenset(
    one.key
    for group in (SCORE, LAYERS, BATCH, GRAM, EIGENVALUES, *(number.measured for number in PEERS))
    for one in group
    if one.module == "rankme"
)


@dataclass(frozen=True)
class Plan:
    """What is to be measured: the sizes, and which of the sections."""

    sizes: Sizes
    chosen: tuple[str, ...] = SECTIONS

    def threads_of(self, section: str, terms: Terms) -> tuple[int, ...]:
        """Numbers of threads of a section: processor time of eigenvalues is that of one."""
        if section == "eigenvalues" and 1 not in terms.threads:
            return (*terms.threads, 1)
        return terms.threads

    def steps(self, terms: Terms) -> int:
        """How many steps `measure_sections` tells of."""
        sizes = self.sizes
        # Each: how many, competitors, references, rounds.
        peers = sum(len(number.measured) for number in PEERS)
        counts = {
            "scores": (len(sizes.scores), len(SCORE), 1, terms.repeats),
            "fast": (len(sizes.fast), len(FAST), 1, terms.repeats),
            "layers": (len(sizes.layers), len(LAYERS), 1, terms.repeats),
            "batches": (len(sizes.batches), len(BATCH), 1, terms.repeats),
            "gram": (len(sizes.widths), len(GRAM), 0, terms.repeats),
            "eigenvalues": (len(sizes.orders), len(EIGENVALUES), 1, terms.repeats),
            "peers": (
                len(sizes.peers),
                peers,
                len(PEERS),
                min(terms.repeats, measure.PEER_ROUNDS),
            ),
        }
        return sum(
            groups
            * (1 + references + competitors * (repeats + 1) * len(self.threads_of(section, terms)))
            for section, (groups, competitors, references, repeats) in counts.items()
            if section in self.chosen
        )


def measure_sections(
    plan: Plan, terms: Terms, show: Callable[[Results, str, bool], None]
) -> Results:
    """Measure what the plan says.

    Parameters
    ----------
    plan : Plan
        Sizes and sections.
    terms : Terms
        Rounds and threads.
    show : callable
        Called with the results so far and the name of a section: with False after each of its
        sizes, and with True after the last one.

    Returns
    -------
    Results
        A run for each number of threads of `terms`; where eigenvalues are measured, also one of a
        single thread.
    """
    results = Results([Run(threads) for threads in terms.threads], terms.repeats)
    for section in plan.chosen:
        threads = plan.threads_of(section, terms)
        results.runs += [Run(one) for one in threads if results.with_threads(one) is None]
        if section == "peers":
            results.peer_limits = measure.peer_limits()
        for measured in section_of(section, plan.sizes, replace(terms, threads=threads)):
            for one in measured:
                run = results.with_threads(one.threads)
                assert run is not None  # noqa: S101 - made above; this is for the type checker
                getattr(run, section).append(one.group)
                run.libraries |= one.libraries
            show(results, section, False)
        show(results, section, True)
    return results


def section_of(section: str, sizes: Sizes, terms: Terms) -> Iterator[list[Measured]]:
    """Measure one section, a size at a time."""
    limits = measure.peer_limits()
    ways: dict[str, Callable[[], Iterator[list[Measured]]]] = {
        "scores": lambda: (measure.measure_scores(*shape, terms) for shape in sizes.scores),
        "fast": lambda: (measure.measure_scores(*shape, terms, fast=True) for shape in sizes.fast),
        "layers": lambda: (measure.measure_layers(*shape, terms) for shape in sizes.layers),
        "batches": lambda: (measure.measure_batch(*shape, terms) for shape in sizes.batches),
        "gram": lambda: gram_steps(sizes, terms),
        "eigenvalues": lambda: (measure.measure_eigenvalues(k, terms) for k in sizes.orders),
        "peers": lambda: (
            measure.measure_peers(*shape, terms, limits=limits) for shape in sizes.peers
        ),
    }
    return ways[section]()


def gram_steps(sizes: Sizes, terms: Terms) -> Iterator[list[Measured]]:
    """Measure the Gram step of every width."""
    rate = 0.0 if sizes.gram_rows else measure.measure_rate(max(terms.threads))
    for width in sizes.widths:
        rows = sizes.gram_rows or measure.gram_rows(width, rate=rate)
        yield measure.measure_gram(width, rows, terms)


def our_failures(results: Results) -> list[str]:
    """Say what of ours failed."""
    return [
        f"{entry.title}, {group.title}: {entry.failure}"
        for run in results.runs
        for _, group in run.groups()
        for entry in group.measured
        if entry.key in OURS and entry.failure is not None
    ]
