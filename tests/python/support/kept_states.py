"""What a release saves, pickles and prints as JSON, kept in tests/data/compat ever after.

    python tests/python/support/kept_states.py

It writes the folder of today's version: of each thing below its file where it has one, its pickle,
and what it says in ``said.json``; lines of the command's JSON under the name of their schema. What
a release has kept is made no other way later: the tests make it anew, and want the same answers of
both. New things are added.
"""

import dataclasses
import json
import pickle
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import rankme
from command import run
from rankme.integrations._following.run_state import RunState, read_state, write_state

DATA = Path(__file__).parents[2] / "data"
COMPAT = DATA / "compat"
ROWS = np.load(DATA / "minilm_wordnet_2000x384_f16.npy")[:100, :8].astype(np.float32)
ROWS[7, 1] = np.nan  # left out, by those who skip it and by those who do not see it
FINITE = np.isfinite(ROWS[:, 1])
CUT = 60
IDS = np.array([f"row {i}" for i in range(100)])
LABELS = np.where(np.arange(100) % 3 == 0, 0, 2)  # of three groups, one of which has no rows
TAGS = {"model": "wordnet", "step": 1000, "rate": 0.5, "ema": True}
# What `rankme watch -` is begun with, and where it stands.
WATCH = {"source": "-", "--window": "16", "--column": None}


class Kept(NamedTuple):
    """How a sum begins, and takes in the rows of a slice; what it is loaded by, and saved by."""

    begin: Callable[[], Any]
    feed: Callable[[Any, slice], Any]
    load: Callable[[Path], Any]
    save: Callable[[Any, Path], None] = lambda thing, path: thing.save(path)


def _finite(rows: slice, width: int) -> Any:
    return ROWS[rows, :width][FINITE[rows]]


def _shard(rows: slice) -> str:
    return f"{rows.start}.npy"


def _plain(acc: Any, rows: slice) -> None:
    acc.update(_finite(rows, acc.dim))


def _many(acc: Any, rows: slice) -> None:
    acc.update(np.tile(_finite(rows, acc.dim), (100, 1)))  # fewer are summed in float64


def _with_ids(acc: Any, rows: slice) -> None:
    acc.update(_finite(rows, acc.dim), shard=_shard(rows), ids=IDS[rows][FINITE[rows]])


def _with_holes(acc: Any, rows: slice) -> None:
    acc.update(ROWS[rows, : acc.dim], shard=_shard(rows))


def _in_groups(acc: Any, rows: slice) -> None:
    acc.update(ROWS[rows, : acc.dim], groups=LABELS[rows], shard=_shard(rows))


def _in_layers(stack: Any, rows: slice) -> None:
    stack.update([_finite(rows, width) for width in stack.dims])


def _watched(run: RunState, rows: slice) -> None:
    _plain(run.monitor, rows)
    run.position["rows"] = run.monitor.n_rows


def _sum(feed: Callable[[Any, slice], Any] = _plain, **options: Any) -> Kept:
    return Kept(lambda: rankme.Accumulator(4, **options), feed, rankme.Accumulator.load)


def _stack(**options: Any) -> Kept:
    make = rankme.LayerAccumulator
    return Kept(lambda: make(**options), _in_layers, make.load)


def _monitor(step: int) -> rankme.Monitor:
    return rankme.Monitor(
        2,
        window=16,
        step=step,
        groups=8,
        reference=ROWS[FINITE, :2],
        resamples=150,
        metrics=["participation_ratio"],
    )


KEPT = {
    "sum": _sum(),
    "sum-fast": _sum(_many, precision="fast"),
    "sum-qr": _sum(method="qr", normalize=True),
    "sum-dealt": _sum(groups=8, run_length=2),
    "sum-ids": _sum(_with_ids, tags=TAGS, seed=2**64 - 1),
    "sum-skipped": _sum(_with_holes, skip_nonfinite=True),
    "grouped": Kept(
        lambda: rankme.GroupedAccumulator(4, 3, skip_nonfinite=True),
        _in_groups,
        rankme.GroupedAccumulator.load,
    ),
    "layers": _stack(dims=[8, 3]),
    "layers-dealt": _stack(dims=[2, 3], groups=8, run_length=2),
    "monitor": Kept(lambda: _monitor(8), _plain, rankme.Monitor.load),
    "watch": Kept(
        lambda: RunState(WATCH, {"rows": 0}, "0123456789abcdef", _monitor(16)),
        _watched,
        lambda path: read_state(str(path)),
        lambda run, path: write_state(str(path), run),
    ),
}
# Results, which are pickled alone.
RESULTS = {
    "spectrum": lambda: rankme.spectrum(ROWS[FINITE], center=True),
    "estimate": lambda: rankme.estimate(ROWS[FINITE], groups=8),
    "curve": lambda: rankme.curve(ROWS[FINITE], [20, 40]),
    "comparison": lambda: rankme.compare({"a": ROWS[FINITE], "b": ROWS[FINITE, :4]}),
    "auroc": lambda: rankme.auroc([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1]),
    "agreement": lambda: rankme.agreement(
        {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 2.5, "c": 2.0}, higher_is_better=True
    ),
    "worst": lambda: made("grouped").worst(min_rows=10),
    "spread": lambda: made("grouped").spread(),
}


def made(name: str) -> Any:
    """Return a sum as it is kept: with its first rows, and saved."""
    thing = KEPT[name].begin()
    KEPT[name].feed(thing, slice(0, CUT))
    # A sum in float32 is measured by more probes than its file has.
    return pickle.loads(pickle.dumps(thing))


def said(thing: Any) -> Any:
    """Return what a thing tells, as JSON has it."""
    if isinstance(thing, RunState):
        told = {**thing._asdict(), "monitor": said(thing.monitor)}
    elif isinstance(thing, rankme.Monitor):
        told = thing.report()
    elif isinstance(thing, rankme.LayerAccumulator):
        told = {"dims": thing.dims, "layers": [said(layer) for layer in thing]}
    elif isinstance(thing, rankme.GroupedAccumulator):
        groups = [said(thing.accumulator(group)) for group in range(thing.n_groups)]
        told = {"groups": groups, "shards": thing.shards, "skipped": thing.n_skipped}
    elif isinstance(thing, rankme.Accumulator):
        told = _said_of_sum(thing)
    elif isinstance(thing, rankme.Spectrum):
        told = {"values": thing.singular_values.tolist(), **_score(thing)}
    elif dataclasses.is_dataclass(thing):
        told = dataclasses.asdict(thing)
    else:
        told = thing._asdict() if hasattr(thing, "_asdict") else str(thing)
    return json.loads(json.dumps(told, default=lambda array: array.tolist()))


def _score(spectrum: rankme.Spectrum) -> dict[str, Any]:
    return {"score": spectrum.rankme(), "interval": spectrum.rankme_bounds()}


def _said_of_sum(acc: rankme.Accumulator) -> dict[str, Any]:
    told = {
        "n_rows": acc.n_rows,
        "n_skipped": acc.n_skipped,
        "shards": acc.shards,
        "tags": dict(acc.tags),
        "fingerprint": acc.fingerprint,
        "precision": acc.precision,
        "fast_rows": acc.fast_rows,
    }
    if acc.n_rows:
        told["uncentred"] = _score(acc.spectrum())
        told["centred"] = _score(acc.spectrum(center=True))
    if acc.groups:
        estimate = acc.estimate()
        told["estimate"] = [estimate.std_error, estimate.bias_corrected]
    return told


TIMED = ["--column", "v", "--time-column", "t", "--settle", "0"]
COMMANDS = {
    "score-1": [
        ["score", "a.npy", "b.npy", "--metrics", "--groups", "8"],
        ["score", "a.npy", "b.npy", "--pool", "--rows", "30", "--normalize", "--center"],
        ["score", "nan.npy", "--skip-nonfinite"],
        ["score", "nan.npy"],
        ["score", "a.npy", "--method", "qr"],
        ["score", "a.npy", "--precision", "fast"],
        ["score", "two.npz", "--each"],
        ["score", "lines.jsonl", "--column", "v", "--by", "c", "--pool"],
        ["score", "b.npy", "--state", "b.rankme"],
        ["merge", "b.rankme"],
    ],
    "compare-1": [
        ["compare", "a.npy", "b.npy"],
        ["compare", "a.npy", "b.npy", "nan.npy"],
        ["compare", "a.npy", "b.npy", "--truth", "truth.csv"],
        ["compare", "a.npy", "b.npy", "--paired", "--baseline", "b"],
    ],
    "watch-1": [
        ["watch", "a.npy", "--window", "33", "--once", "--metric", "stable_rank"],
        ["watch", "a.npy", "--window", "33", "--once", "--reference", "a.npy"],
        ["watch", "lines.jsonl", *TIMED, "--window", "10s", "--once"],
    ],
    "info-1": [["info"]],
}


def printed() -> dict[str, str]:
    """Return what the command prints as JSON, under the name of each schema."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "a.npy", ROWS[FINITE])
        np.save(folder / "b.npy", ROWS[FINITE] / np.arange(1, 9))
        np.save(folder / "nan.npy", ROWS)
        np.savez(folder / "two.npz", a=ROWS[FINITE], b=ROWS[FINITE, :4])
        (folder / "truth.csv").write_text("name,value\na,0.7\nb,0.6\n")
        lines = [
            {"v": row.tolist(), "c": i % 2, "t": i if i < 50 else i + 30}
            for i, row in enumerate(ROWS[FINITE])
        ]
        (folder / "lines.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return {
            schema: "".join(
                _of_no_machine(run(*options, "--json", cwd=folder).stdout) for options in commands
            )
            for schema, commands in COMMANDS.items()
        }


def _of_no_machine(line: str) -> str:
    """Leave out which kernel runs here, and where the package lies."""
    package = str(Path(rankme.__file__).parent)
    return line.replace(platform.release(), "6.1").replace(package, "rankme")


def main() -> None:
    """Write the folder of this version."""
    folder = COMPAT / rankme.__version__
    folder.mkdir()
    things = {name: made(name) for name in KEPT}
    for name, thing in things.items():
        KEPT[name].save(thing, folder / f"{name}.rankme")
    things.update({name: make() for name, make in RESULTS.items()})
    for name, thing in things.items():
        if not isinstance(thing, RunState):  # which users do not hold
            (folder / f"{name}.pickle").write_bytes(pickle.dumps(thing, protocol=4))
    answers = {name: said(thing) for name, thing in things.items()}
    (folder / "said.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    for schema, lines in printed().items():
        (folder / f"{schema}.jsonl").write_text(lines, encoding="utf-8")
    sys.stdout.write(f"{folder} has {len(list(folder.iterdir()))} files\n")


if __name__ == "__main__":
    main()
