"""The command: ``python -m examples.ssl_selection run``, in the repository."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import data
from .runs import PROTOCOLS, jobs_of, read_runs, run_all

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Do the runs that are missing, then write the tables and figures."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.ssl_selection",
        description="Does RankMe choose hyperparameters? Trains, measures and reports; goes on "
        "where it was killed.",
    )
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="full")
    parser.add_argument("--seeds", type=int, nargs="+", help="two or more; default: 0 1 2")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a folder for the results")
    parser.add_argument("--workers", type=int, default=2, help="runs side by side; 0: here")
    parser.add_argument("--fashion", type=Path, default=data.FASHION, help="of Fashion-MNIST")
    parser.add_argument("--digits", type=Path, default=data.DIGITS, help="OpenCV's digits.png")
    parser.add_argument("--report-only", action="store_true", help="from the runs that are there")
    options = parser.parse_args()

    protocol = PROTOCOLS[options.protocol]
    if options.seeds is not None:
        protocol = replace(protocol, seeds=tuple(dict.fromkeys(options.seeds)))
    if len(protocol.seeds) < 2:  # noqa: PLR2004
        parser.error("--seeds takes two or more: one tells nothing of how far seeds differ")
    jobs = jobs_of(options.protocol, protocol.seeds, options.out, options.fashion, options.digits)
    if not options.report_only:
        run_all(jobs, options.workers, partial(print, flush=True))
    from .report import write_report  # noqa: PLC0415 - needs nothing of the above

    write_report(read_runs(jobs), protocol, options.out)


if __name__ == "__main__":
    main()
