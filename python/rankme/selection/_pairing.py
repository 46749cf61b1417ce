"""Whether row i of every run belongs to the same input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.selection._estimates import Measured

__all__ = ["pairing_of"]


def pairing_of(
    runs: Sequence[Measured], wanted: bool | None, *, of_first_rows: bool
) -> tuple[bool, str]:
    """Tell whether differences are those of pairs, and why; an error where that cannot be.

    of_first_rows: whether the rows are the first ones of each set, of whatever length.
    """
    samples = [sample for run in runs for sample in run.samples]
    prints = {sample.dealt.fingerprint: sample.run for sample in samples}
    known = {key: run for key, run in prints.items() if key is not None}
    if wanted is False:
        return False, "as asked"
    obstacle = _obstacle(runs, of_first_rows=of_first_rows)
    if len(known) > 1:
        first, second = list(known.values())[:2]
        obstacle = f"the ids of runs {first!r} and {second!r} are not the same in the same order"
    if wanted:
        if obstacle is not None:
            raise ValueError(
                f"paired=True takes the same inputs through every run, and {obstacle}; "
                f"paired=False compares them as samples of their own"
            )
        return True, "as asked"
    if obstacle is not None:
        return False, obstacle
    if None in prints:
        return False, "nothing tells whether rows correspond; if they do: paired=True"
    return True, "the ids of all runs are the same"


def _obstacle(runs: Sequence[Measured], *, of_first_rows: bool) -> str | None:
    """Say why rows, or their groups, cannot correspond; None if they can."""
    first = runs[0]
    for run in runs:
        names = f"runs {first.name!r} and {run.name!r}"
        for sample, one in zip(run.samples, run.estimates, strict=True):
            counts = first.samples[0].n_rows, sample.n_rows
            if counts[0] != counts[1] and not of_first_rows:
                whose = (
                    f"repeats of run {run.name!r} have {counts[0]} and {counts[1]} rows"
                    if run is first
                    else f"run {first.name!r} has {counts[0]} rows and run {run.name!r} {counts[1]}"
                )
                return (
                    f"{whose}, of which other ones are drawn: rows={one.n_rows}, seed=None takes "
                    f"the first ones of both"
                )
            if one.dealt.run_length != first.estimates[0].dealt.run_length:
                return (
                    f"the rows of {names} were dealt to groups in other ways: all must come as "
                    f"arrays or files, or all as accumulators of one run_length"
                )
            if not np.array_equal(one.group_rows, first.estimates[0].group_rows):
                return f"the groups of {names} differ"
            if one.dealt.merged and sample.dealt.fingerprint is None:
                return (
                    f"nothing tells which rows each group of run {run.name!r} holds, for it was "
                    f"merged; ids that come with the rows tell it: acc.update(Z, ids=...)"
                )
    return None
