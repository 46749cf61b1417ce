"""The benchmark's side of a worker process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

WORKER = Path(__file__).with_name("worker.py")


class WorkerError(Exception):
    """A worker failed or ended; the message is short enough for a table and holds no path."""


class Worker:
    """One competitor in a process of its own, which stays alive from round to round.

    Parameters
    ----------
    key : str
        A key of ``rankme.bench.jobs.JOBS``.

    Notes
    -----
    A context manager: leaving it closes the pipe, which ends the process.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), key],
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
            If the worker reports a failure or has ended.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - opened as pipes above; this is for the type checker
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(json.dumps({"op": op, **values}) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(how_it_ended(self._process.wait()))
        reply: dict[str, Any] = json.loads(line)
        if "failed" in reply:
            raise WorkerError(without_paths(reply["failed"]))
        return reply


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
