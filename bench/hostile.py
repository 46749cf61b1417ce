"""Hold hostile matrices against extended precision, for as long as one likes.

Prints a line a family: how many matrices and spectra, what was missed, what alarm was false, the
worst error of RankMe, the interval's half-width over the error (median), and how near the largest
residuals came to an IntegrityError. The exit status is 1 after a miss or an alarm.
"""
# ruff: noqa: INP001, T201

import argparse
import collections
import contextlib
import itertools
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))

from hostile import FAMILIES, case
from hostile_ways import alarms, attack

HEADER = (
    "| family | matrices | spectra | missed | alarms | worst error | width / error "
    "| residual / alarm | mean | trace |\n|:--|" + "--:|" * 9
)


class Tally:
    """What has been seen of a family."""

    def __init__(self) -> None:
        self.matrices = self.spectra = self.missed = self.alarms = 0
        self.worst = 0.0
        self.ratios: list[float] = []
        self.nearest = np.zeros(3)

    def take(self, name: str, verdict: Any, accumulator: Any) -> str:
        """Count a spectrum; return what is wrong with it, if anything is."""
        self.spectra += 1
        if isinstance(verdict, Exception):
            self.alarms += 1
            return f"{name}: {type(verdict).__name__}: {verdict}"
        if verdict.missed:
            self.missed += 1
        self.worst = max(self.worst, verdict.error)
        if np.isfinite(verdict.width_over_error):
            self.ratios.append(verdict.width_over_error)
        seen = None if accumulator is None else alarms(accumulator)
        if seen is not None:
            self.nearest = np.maximum(self.nearest, seen)
        return f"{name}: {verdict.missed[0]}" if verdict.missed else ""

    def line(self, family: str) -> str:
        """Give the row of the table."""
        ratio = f"{np.median(self.ratios):.0f}" if self.ratios else ""
        near = " | ".join(f"{one:.1e}" for one in self.nearest)
        return (
            f"| {family} | {self.matrices:,} | {self.spectra:,} | {self.missed} | {self.alarms} "
            f"| {self.worst:.1e} | {ratio} | {near} |"
        )


def main() -> int:
    """Run until the time is up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument(
        "--matrix", type=int, help="only this one of each family, as a line names it"
    )
    options = parser.parse_args()
    families = options.family or list(FAMILIES)
    numbers = itertools.count() if options.matrix is None else [options.matrix]
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the table comes all the same
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    end = time.monotonic() + 60 * options.minutes
    with contextlib.suppress(KeyboardInterrupt):
        for number, family in ((n, f) for n in numbers for f in families):
            if time.monotonic() > end:
                break
            rng = np.random.default_rng([options.seed, list(FAMILIES).index(family), number])
            tally = tallies[family]
            try:
                for name, verdict, accumulator in attack(case(family, rng), rng):
                    wrong = tally.take(name, verdict, accumulator)
                    if wrong:
                        print(f"{family} {number}: {wrong}", flush=True)
            except AssertionError as error:  # of the oracle: nothing can be said of this matrix
                print(f"{family} {number}: no truth: {error}", flush=True)
            else:
                tally.matrices += 1
    print(HEADER)
    for family in families:
        print(tallies[family].line(family))
    return int(any(tally.missed or tally.alarms for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
