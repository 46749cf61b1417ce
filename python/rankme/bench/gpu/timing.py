"""Seconds of a piece of work on a GPU, and how many of them are left."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "OutOfTimeError"]

# What a GPU does next starts on a quiet queue: the clock is the host's, read after a synchronise.
LONG_RUN = 2.0


class OutOfTimeError(Exception):
    """The benchmark's time is used up."""


class Clock:
    """Times work on one device within a budget for all of it.

    Parameters
    ----------
    torch : module
        PyTorch, which waits for the device.
    device : str
        ``"cuda"``; or ``"cpu"``, with which the tests run all of this without a GPU.
    budget : float
        Seconds for the whole benchmark, from now on.
    """

    def __init__(self, torch: Any, device: str, budget: float) -> None:
        self._torch = torch
        self._device = device
        self._end = time.perf_counter() + budget

    def left(self) -> float:
        """Seconds until the budget is used up."""
        return self._end - time.perf_counter()

    def wait(self) -> None:
        """Wait for all work of the device, of every library."""
        if self._device != "cpu":
            self._torch.cuda.synchronize(self._device)

    def once(self, job: Callable[[], object]) -> float:
        """Time one run, its launches and its wait included."""
        if self.left() <= 0:
            raise OutOfTimeError("the time of the benchmark is used up")
        self.wait()
        begin = time.perf_counter()
        job()
        self.wait()
        return time.perf_counter() - begin

    def many(self, job: Callable[[], object], repeats: int) -> list[float]:
        """Time several runs after one that does not count; a long one is run once or twice."""
        warm = self.once(job)
        return [self.once(job) for _ in range(repeats if warm < LONG_RUN else 1)]

    def median(self, job: Callable[[], object], repeats: int) -> float:
        """Return the median of `many`."""
        return statistics.median(self.many(job, repeats))
