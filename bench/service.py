"""A day of a service in little time: many updates, kills, and what is left of the rows.

``python bench/service.py`` gives a monitor a million updates of 64 rows, in a process that is
killed ten times by SIGKILL and goes on from its file. The parent knows what the sums must be: the
rows are made from the number of the update. Reported are the rows and windows that were counted,
the difference of the last window from one computed at once, and the memory over the day.
"""
# ruff: noqa: INP001

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import rankme
from rankme.integrations._following.loop import Pace, follow
from rankme.integrations._following.pieces import Block, Follower, Piece
from rankme.integrations._following.run import Run
from rankme.integrations._following.telling import Telling

K, ROWS = 384, 64
POOL = 4096  # distinct batches would take longer to draw than to add
DIGITS = 1e-12  # how alike a window is told again
SCALE = np.arange(1, K + 1) ** -0.5


def batches() -> np.ndarray:
    """Return the rows that updates are cut from."""
    return np.random.default_rng(0).standard_normal((POOL, K)).astype(np.float32) * SCALE.astype(
        "f4"
    )


def batch(pool: np.ndarray, update: int) -> np.ndarray:
    """Return the rows of an update, with a factor by which it is told from its neighbours."""
    begin = update * ROWS % POOL
    return pool[begin : begin + ROWS] * np.float32(1 + update % 997 / 1000)


class Updates(Follower):
    """A service as a source: the position is the number of the update."""

    def __init__(self, count: int) -> None:
        self.name = "service"
        self._count, self._done, self._pool = count, 0, batches()
        self._pace = max(1, count // 1000)  # updates from one line to the next

    def look(self, wait: float) -> Piece | None:
        """Return the rows of the next update."""
        del wait
        rows = batch(self._pool, self._done)

        def taken(_: int) -> None:
            self._done += 1
            if self._done % self._pace == 0:
                print(json.dumps({"update": self._done, "kib": resident()}), flush=True)  # noqa: T201

        where = "row {}".format
        return Piece("service", lambda: iter_of(rows), where, ValueError, time.time(), taken)

    @property
    def is_finite(self) -> bool:
        """It ends."""
        return True

    @property
    def ended(self) -> bool:
        """Whether the day is over."""
        return self._done >= self._count

    def position(self) -> dict[str, int]:
        """Return how many updates were taken in."""
        return {"done": self._done}

    def go_to(self, position: dict[str, int]) -> None:
        """Go on."""
        self._done = position["done"]


def iter_of(rows: np.ndarray):  # noqa: ANN201
    """Yield one block."""
    yield Block(rows, None, 0)


def resident() -> int:
    """Return the resident memory of this process in KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def serve(options: argparse.Namespace) -> None:
    """Be the service: go on until the day is over, or until killed."""

    def show(record: dict) -> None:
        told = {name: record[name] for name in ("index", "n_rows", "rankme")}
        print(json.dumps(told), flush=True)  # noqa: T201

    run = Run(
        Updates(options.updates),
        lambda dim: rankme.Monitor(dim, window=options.window, history=100),
        {},
        str(options.state),
    )
    prometheus = str(options.state.with_suffix(".prom"))
    telling = Telling(show, print, "service", prometheus=prometheus)
    follow(run, telling, Pace(1.0, options.every, once=True, skip_bad=False), print)


class Day:
    """What the parent sees of the day."""

    def __init__(self) -> None:
        self.windows: dict[int, dict] = {}
        self.memory: list[tuple[int, int]] = []
        self.again = 0

    def see(self, line: str) -> int:
        """Look at a line; return the update that it is of, or -1."""
        found = json.loads(line)
        if "update" in found:
            self.memory.append((found["update"], found["kib"]))
            return found["update"]
        if found["index"] in self.windows:
            self.again += 1
            before = self.windows[found["index"]]
            # A sum that was read from a file goes on in another order: its last digits may differ.
            error = abs(found["rankme"] / before["rankme"] - 1)
            alike = found["n_rows"] == before["n_rows"] and error < DIGITS
            assert alike, f"a window was told differently: {before}, then {found}"  # noqa: S101
        self.windows[found["index"]] = found
        return -1


def play(options: argparse.Namespace) -> Day:
    """Run the service, and kill it at updates that are drawn."""
    day, state = Day(), options.state
    drawn = random.Random(1)  # noqa: S311
    range_of = range(options.updates // 10, options.updates * 9 // 10)
    kills = sorted(drawn.sample(range_of, options.kills))
    command = [sys.executable, __file__, "--child", "--state", str(state)]
    for name in ("updates", "window", "every"):
        command += [f"--{name}", str(getattr(options, name))]
    for kill in [*kills, None]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if not line.endswith("\n"):
                continue  # cut off by the kill
            if day.see(line) >= (kill or options.updates + 1):
                time.sleep(random.Random(kill).random() * 0.5)  # noqa: S311 - anywhere in the loop
                process.send_signal(signal.SIGKILL)
                kill = None  # noqa: PLW2901 - what is left in the pipe is read too
                for rest in process.stdout:
                    if rest.endswith("\n"):
                        day.see(rest)
        process.wait()
    assert process.returncode == 0, process.returncode  # noqa: S101
    return day


def error_of_last(options: argparse.Namespace, day: Day) -> float:
    """Return how far the last window is from one that is computed at once."""
    pool, last = batches(), max(day.windows)
    begin, end = last * options.window, (last + 1) * options.window
    rows = np.vstack([batch(pool, i) for i in range(begin // ROWS, -(-end // ROWS))])
    rows = rows[begin % ROWS :][: options.window]
    exact = rankme.score(rows)
    return abs(day.windows[last]["rankme"] - exact) / exact


def report(options: argparse.Namespace, day: Day, seconds: float) -> list[str]:
    """Return the lines of the table, and fail if a row was lost or counted twice."""
    from rankme.integrations._following.run_state import read_state  # noqa: PLC0415

    state = read_state(str(options.state))
    wanted = options.updates * ROWS
    found = state.monitor.report()
    assert state.position == {"done": options.updates}, state.position  # noqa: S101
    assert found["n_rows"] == wanted, found["n_rows"]  # noqa: S101
    assert sorted(day.windows) == list(range(wanted // options.window))  # noqa: S101
    half = [kib for update, kib in day.memory if update > options.updates // 2]
    first = [kib for update, kib in day.memory if update <= options.updates // 2]
    return [
        f"updates of {ROWS} rows, K = {K} | {options.updates}",
        f"kills by SIGKILL | {options.kills}",
        f"rows that came, and that were counted | {wanted}, {found['n_rows']}",
        f"windows of {options.window} rows, each told | {len(day.windows)}",
        f"told once more after a kill, alike | {day.again}",
        f"relative error of the last window | {error_of_last(options, day):.0e}",
        f"resident memory in MiB, first half | {_spread(first)}",
        f"resident memory in MiB, second half | {_spread(half)}",
        f"the file of the run, MiB | {options.state.stat().st_size / 2**20:.1f}",
        f"milliseconds an update, all in all | {1e3 * seconds / options.updates:.2f}",
    ]


def _spread(memory: list[int]) -> str:
    """Write the median and the most of KiB in MiB."""
    return f"median {np.median(memory) / 1024:.1f}, most {max(memory) / 1024:.1f}"


def main() -> None:
    """Play a day, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--window", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between checkpoints")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.state = options.state or Path(folder) / "run"
        begin = time.monotonic()
        day = play(options)
        for line in report(options, day, time.monotonic() - begin):
            print(f"| {line} |")  # noqa: T201


if __name__ == "__main__":
    main()
