"""What was measured on the GPU, before anyone judges it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Batch", "GpuResults", "GramStep", "Line", "Scores"]


@dataclass
class Line:
    """One competitor on one matrix.

    ``seconds`` is of all of it, the median of ``repeats`` runs. Where ``slice_of`` is given, only
    so many rows, or matrices of a batch, were timed and the seconds are scaled up. ``error`` is
    that of RankMe, relative. ``failure`` says why there is no number.
    """

    title: str
    seconds: float | None = None
    repeats: int = 0
    slice_of: int | None = None
    error: float | None = None
    failure: str | None = None


@dataclass
class Scores:
    """RankMe of one float32 matrix that lies on the GPU, by everyone."""

    rows: int
    columns: int
    reference: float
    lines: list[Line] = field(default_factory=list)


@dataclass
class GramStep:
    """The Gram step of ``rows`` x ``columns``, in seconds, and what stands beside it.

    ``steps`` are ours: from an array on the GPU and from host memory, with their input dtype and
    precision. ``copy_rate`` is that of pinned host memory in bytes a second.
    """

    rows: int
    columns: int
    steps: dict[str, Line] = field(default_factory=dict)
    copy_rate: float | None = None


@dataclass
class Batch:
    """A batch of float16 matrices on the GPU."""

    count: int
    rows: int
    columns: int
    lines: list[Line] = field(default_factory=list)


@dataclass
class GpuResults:
    """Everything, in the order of the report."""

    machine: dict[str, str]
    gram: GramStep | None = None
    scores: list[Scores] = field(default_factory=list)
    batch: Batch | None = None
    seconds: float = 0.0
