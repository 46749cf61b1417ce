"""Run the study, and write its results."""
# ruff: noqa: T201

import argparse
from functools import partial
from pathlib import Path

import torch

from rankme.bench.machine import describe_machine

from .offline import SOURCES, TARGETS
from .readers import read_ett, read_pems
from .report import report, results_of
from .study import Settings, Study, small

HERE = Path(__file__).parent
_TARGETS_OF_SMALL = ("elecdemand", "chicago")
_TOLD = ("CPU", "cores", "memory", "load at the start", "Python", "commit")


def main() -> None:
    """Read the options, make what is missing, and write tables and figure."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.model_selection",
        description="RankMe of features of pre-trained forecasters against their fine-tuned error",
    )
    parser.add_argument("--small", action="store_true", help="seconds, to try it; proves nothing")
    parser.add_argument("--out", type=Path, help="folder of the results; default: results")
    parser.add_argument("--work", type=Path, help="folder of the pieces; default: in build")
    parser.add_argument(
        "--targets", nargs="*", choices=TARGETS, help="some of the five offline ones"
    )
    parser.add_argument("--no-fracast", action="store_true", help="the pool alone, in minutes")
    parser.add_argument("--ett", type=Path, nargs="*", default=[], help="ETT files, as targets")
    parser.add_argument("--pems", type=Path, nargs="*", default=[], help="PEMS files, as targets")
    options = parser.parse_args()

    torch.set_num_threads(1)  # the same sums, and so the same weights, however many cores there are
    described = describe_machine()
    machine = {key: described[key] for key in _TOLD if key in described}
    chosen = options.targets
    if chosen is None:
        chosen = _TARGETS_OF_SMALL if options.small else TARGETS
    targets = {name: TARGETS[name] for name in chosen}
    for read, paths in ((read_ett, options.ett), (read_pems, options.pems)):
        for path in paths:
            if path.stem in targets:
                raise SystemExit(f"{path}: there is a target {path.stem} already")
            targets[path.stem] = partial(read, path)
    if not targets:
        raise SystemExit("no target: --targets, --ett or --pems names one")
    work = options.work or Path("build") / ("model-selection" + ("-small" if options.small else ""))
    out = options.out or (work if options.small else HERE / "results")
    settings = small() if options.small else Settings()
    study = Study(settings, work, SOURCES, targets, fracast=not options.no_fracast)
    results = results_of(study, study.run(), machine)
    report(results, out)
    print(results["comparison"])
    for name, one in results["criteria"].items():
        tau = f"{one['weighted_tau']:6.3f} [{one['low']:.2f}, {one['high']:.2f}]"
        print(f"{name:<20} weighted tau {tau}, regret {one['regret']:.4f}")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
