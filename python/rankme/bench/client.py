"""The benchmark's side of a worker process."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

WORKER = Path(__file__).with_name("worker.py")
# What OpenBLAS, MKL, OpenMP and rankme read when they are loaded. The worker also keeps to as many
# cores, for libraries that read none of these.
THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RANKME_NUM_THREADS",
)


class WorkerError(Exception):
    """A worker failed or ended; the message is short enough for a table and holds no path."""


class Worker:
    """One competitor in a process of its own, which stays alive from round to round.

    Parameters
    ----------
    key : str
        A key of ``rankme.bench.jobs.JOBS`` or ``rankme.bench.file_jobs.FILE_JOBS``.
    threads : int
        Cores and threads that it is held to.
    memory : int, optional
        Bytes of its own data (``RLIMIT_DATA``) above which an allocation fails; mapped files do
        not count.
    seconds : float, optional
        How long it may take to answer; it is ended then.

    Notes
    -----
    A context manager: leaving it closes the pipe, which ends the process.
    """

    def __init__(
        self, key: str, *, threads: int, memory: int | None = None, seconds: float | None = None
    ) -> None:
        self.key = key
        self._memory = memory
        self._seconds = seconds
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), key, str(threads), str(memory or 0)],
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        # Closes both pipes and waits; a pipe whose reader died is no news here.
        self._process.communicate()

    def ask(self, op: str, **values: object) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises
        ------
        WorkerError
            If the worker reports a failure, has ended or is out of time.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - opened as pipes above; this is for the type checker
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(json.dumps({"op": op, **values}) + "\n")
            stdin.flush()
            # A reply is one line, so nothing of it waits in our buffer when the pipe is empty.
            if not select.select([stdout], [], [], self._seconds)[0]:
                self._process.kill()
                raise WorkerError(f"out of time (limit {self._seconds:g} s)")
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            limit = "" if self._memory is None else f", with a limit of {gib(self._memory)}"
            raise WorkerError(how_it_ended(self._process.wait()) + limit)
        reply: dict[str, Any] = json.loads(line)
        if "failed" in reply:
            limit = ""
            if reply["failed"] == "out of memory" and self._memory is not None:
                limit = f" (limit {gib(self._memory)})"
            raise WorkerError(without_paths(reply["failed"]) + limit)
        return reply


def gib(size: int) -> str:
    """Bytes in words."""
    return f"{size / 2**30:.3g} GiB"


def how_it_ended(status: int) -> str:
    """Words for a worker's exit status, as ``Popen.wait`` gives it."""
    if status >= 0:
        return f"its process ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", probably out of memory" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


def without_paths(text: str) -> str:
    """Drop the folders from every absolute path: reports are published."""
    return re.sub(r"(?<![\w./:])(?:/[^\s/:'\"]+)+/", "", text)
