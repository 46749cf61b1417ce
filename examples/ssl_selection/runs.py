"""The runs: each in a process, each a file that is whole or not there, none done twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

import rankme

from . import data
from .measure import measured
from .protocol import FULL, SMALL
from .train import DivergedError, trained
from .writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["PROTOCOLS", "Job", "jobs_of", "read_runs", "run_all", "sets_of"]

PROTOCOLS = {"full": FULL, "small": SMALL}
SCHEMA = "rankme.ssl_selection/1"

_sets: dict[str, Any] = {}  # of this process, read once


class Job(NamedTuple):
    """A run that is to be done."""

    protocol: str  # a key of PROTOCOLS
    index: int  # of its setting
    seed: int
    folder: Path  # of the results
    fashion: Path
    digits: Path
    commit: str

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{PROTOCOLS[self.protocol].settings[self.index].name}-seed{self.seed}"

    @property
    def path(self) -> Path:
        """Where its file is to be."""
        return self.folder / "runs" / f"{self.name}.json"


def jobs_of(
    protocol: str, seeds: Sequence[int], folder: Path, fashion: Path, digits: Path
) -> list[Job]:
    """List all runs of a protocol: all settings with the first seed, then with the second one."""
    commit = commit_of()
    return [
        Job(protocol, index, seed, folder, fashion, digits, commit)
        for seed in seeds
        for index in range(len(PROTOCOLS[protocol].settings))
    ]


def run_all(jobs: list[Job], workers: int, tell: Callable[[str], None]) -> None:
    """Do the runs that have no file yet, some at a time, each on one thread.

    Parameters
    ----------
    jobs : list of Job
    workers : int
        How many processes; 0 does the runs in this one.
    tell : callable
        Is told how it goes, a line at a time.

    Raises
    ------
    RuntimeError
        If runs failed, after all others are done.
    ValueError
        If a file that is there is of another protocol; before any run.
    """
    for job in jobs:
        if job.path.exists():
            read_run(job.path, PROTOCOLS[job.protocol].digest)
    missing = [job for job in jobs if not job.path.exists()]
    tell(f"{len(jobs) - len(missing)} of {len(jobs)} runs are done")
    failed: dict[str, Exception] = {}
    for job, result in _results(missing, workers):
        try:
            tell(result())
        except Exception as error:  # noqa: BLE001, PERF203 - the others are worth hours
            failed[job.name] = error
            tell(f"{job.name} failed: {error!r}")
    if failed:
        name, error = next(iter(failed.items()))
        raise RuntimeError(f"{len(failed)} runs failed, the first one is {name}") from error


def _results(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Callable[[], str]]]:
    """Yield each run, and what returns its line or raises its error."""
    if workers == 0:
        yield from ((job, partial(do, job)) for job in jobs)
        return
    # Read by libraries when a process starts; the processes side by side are what uses the cores.
    os.environ.update({"OMP_NUM_THREADS": "1", "RANKME_NUM_THREADS": "1"})
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = {pool.submit(do, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result
        except BaseException:  # Ctrl-C: no run is begun any more
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def do(job: Job) -> str:
    """Train and measure one network, write its file, and say what came out."""
    torch.set_num_threads(1)
    protocol = PROTOCOLS[job.protocol]
    setting = protocol.settings[job.index]
    sets = sets_of(job)
    started, used = time.perf_counter(), time.process_time()
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "name": setting.name,
        "seed": job.seed,
        "protocol": protocol.digest,
        "commit": job.commit,
        "machine": machine(),
        "diverged": None,
    }
    try:
        pixels = torch.from_numpy(sets["fashion"].pixels)
        network, record["losses"] = trained(setting, job.seed, pixels, protocol)
    except DivergedError as error:
        record["diverged"] = str(error)
        told = f"{job.name}: {error}"
    else:
        record["training_seconds"] = time.perf_counter() - started
        record |= measured(network, sets, protocol)
        rank = record["ranks"]["projector"]["fashion"]["score"]
        told = f"{job.name}: RankMe {rank:.1f}"  # no accuracy: nobody shall stop by it
    record["seconds"] = time.perf_counter() - started
    record["processor_seconds"] = time.process_time() - used
    write_whole(job.path, json.dumps(record, allow_nan=False) + "\n")
    return f"{told}, {record['seconds']:.0f} s"


def sets_of(job: Job) -> dict[str, Any]:
    """Read the images, once a process; fewer of each target in the small version."""
    key = f"{job.protocol} {job.fashion} {job.digits}"
    if key not in _sets:
        count = PROTOCOLS[job.protocol].images
        train, test = data.read_fashion(job.fashion)
        found = {
            "fashion": data.Images(train.pixels[:count], train.labels[:count]),
            "fashion-test": test,
            "mnist": data.read_mnist(),
            "digits": data.read_digits(job.digits),
        }
        if job.protocol == "small":
            for name in ("fashion-test", "mnist", "digits"):
                step = max(1, len(found[name].labels) // count)
                found[name] = data.Images(*(part[::step] for part in found[name]))
        _sets.clear()
        _sets[key] = found
    return _sets[key]


def read_run(path: Path, digest: str) -> dict[str, Any]:
    """Read the file of a run.

    Raises
    ------
    ValueError
        If it is of another protocol, or no such file at all.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"{path} is no run of this study")
    if record["protocol"] != digest:
        raise ValueError(
            f"{path} followed the protocol {record['protocol']}, and {digest} is wanted: give "
            f"another folder, or remove the runs of the other protocol"
        )
    return record


def read_runs(jobs: list[Job]) -> dict[str, list[dict[str, Any]]]:
    """Read all runs: from the name of a setting to a record for each seed.

    Raises
    ------
    FileNotFoundError
        If one is missing.
    """
    missing = [job.name for job in jobs if not job.path.exists()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(jobs)} runs are missing, {missing[0]} for example: without "
            f"--report-only they are done"
        )
    found: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        record = read_run(job.path, PROTOCOLS[job.protocol].digest)
        found.setdefault(record["name"], []).append(record)
    return found


def machine() -> dict[str, str | int]:
    """Say what the numbers were computed with."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), ""
    )
    return {
        "processor": model or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rankme": rankme.__version__,
    }


def commit_of() -> str:
    """Return the commit of the checkout that this file is in, and whether it was changed."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", here, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "no checkout"
