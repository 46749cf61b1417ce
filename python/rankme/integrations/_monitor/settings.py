"""What a monitor is made with: checked once, saved with it, and the same on all that merge."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np

from rankme._accumulators.dealt import RUN_LENGTH, as_groups, as_run_length
from rankme._base.arguments import MAX_DIM, as_eps, as_index, as_share, type_name
from rankme.sources._times import out_of_years, too_coarse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["METRICS", "Settings", "as_moments", "as_seconds", "settings_of"]

# What `Spectrum` has without arguments.
METRICS = (
    "effective_rank",
    "entropy",
    "matrix_entropy_rank",
    "participation_ratio",
    "stable_rank",
    "nesum",
    "numerical_rank",
    "srank",
    "condition_number",
    "pl_score",
    "alpha_req",
    "alpha_req_r2",
    "isoscore",
    "mean_share",
    "anisotropy",
    "self_clustering",
)
_OF_UNIT_ROWS = ("anisotropy", "self_clustering")
_MOST_STEPS = 1024


class Settings(NamedTuple):
    """What monitors that are merged have in common.

    Attributes
    ----------
    dim : int
    window, step : int or float
        In rows, or in seconds where `timed`.
    timed : bool
    panes : int
        How many steps a window has.
    groups, run_length : int
        How the rows of a step are dealt, as in `rankme.Accumulator`.
    eps, center, normalize, skip_nonfinite, metrics
        As in `rankme.Monitor`.
    quantiles : tuple of float
        Of the norms.
    clear_after, history : int
    """

    dim: int
    window: float
    step: float
    timed: bool
    panes: int
    groups: int
    run_length: int
    eps: float
    center: bool
    normalize: bool
    skip_nonfinite: bool
    metrics: tuple[str, ...]
    quantiles: tuple[float, ...]
    clear_after: int
    history: int

    @property
    def unit(self) -> str:
        """What windows are counted in."""
        return "seconds" if self.timed else "rows"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return self._asdict()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Return what `to_dict` gave, through JSON or not."""
        known = {name: values[name] for name in cls._fields}
        return cls(**{**known, **{name: tuple(known[name]) for name in ("metrics", "quantiles")}})


def settings_of(
    dim: SupportsIndex,
    *,
    window: object,
    step: object,
    groups: SupportsIndex,
    run_length: SupportsIndex | None,
    eps: float,
    metrics: Sequence[str],
    quantiles: Sequence[float],
    clear_after: SupportsIndex,
    history: SupportsIndex,
    **choices: bool,
) -> Settings:
    """Check what a monitor is made with; errors as of `rankme.Monitor`."""
    size = as_index(dim, "dim", 1, MAX_DIM)
    timed = isinstance(window, dt.timedelta)
    length = _length(window, "window")
    pace = length if step is None else _length(step, "step")
    if step is not None and isinstance(step, dt.timedelta) != timed:
        raise TypeError("window and step are both numbers of rows, or both a datetime.timedelta")
    panes = round(length / pace) if pace else 0
    # Rows are whole; of seconds a step such as a third of an hour is known to rounding.
    if panes < 1 or abs(panes * pace - length) > 1e-9 * length:
        raise ValueError(f"step must divide window, and {step!r} does not divide {window!r}")
    if panes > _MOST_STEPS:
        raise ValueError(f"a window may have {_MOST_STEPS} steps at most, not {panes}")
    number = as_groups(groups)
    run = _as_run(run_length, pace, number, timed=timed)
    return Settings(
        dim=size,
        window=length,
        step=pace,
        timed=timed,
        panes=panes,
        groups=number,
        run_length=run,
        eps=as_eps(eps),
        metrics=_as_metrics(metrics, normalize=bool(choices["normalize"])),
        quantiles=_as_quantiles(quantiles),
        clear_after=as_index(clear_after, "clear_after", 1),
        history=as_index(history, "history", 1),
        **{name: bool(choice) for name, choice in choices.items()},
    )


def _length(value: Any, name: str) -> float:
    """Return a length in rows or seconds."""
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        if seconds <= 0:
            raise ValueError(f"{name} must be longer than nothing, not {value!r}")
        return seconds
    try:
        return as_index(value, name, 1)
    except TypeError:
        raise TypeError(
            f"{name} must be a number of rows or a datetime.timedelta, not {type_name(value)}"
        ) from None


def _as_run(run_length: SupportsIndex | None, step: float, groups: int, *, timed: bool) -> int:
    """Return a length of runs with which the rows of a step fill all groups."""
    if timed:
        return RUN_LENGTH if run_length is None else as_run_length(run_length)
    if step < groups:
        raise ValueError(
            f"step must have a row or more for each of the {groups} groups that tell the standard "
            f"error, not {step:g} rows in all"
        )
    most = int(step) // groups
    run = min(RUN_LENGTH, most) if run_length is None else as_run_length(run_length)
    if run > most:
        raise ValueError(
            f"run_length {run} leaves some of {groups} groups without rows in a step of {step:g} "
            f"rows: it can be {most} at most"
        )
    return run


def _as_metrics(metrics: Sequence[str], *, normalize: bool) -> tuple[str, ...]:
    """Return names of metrics that a window has."""
    if isinstance(metrics, str):
        raise TypeError(f"metrics must be a sequence of names, as [{metrics!r}]")
    names = tuple(dict.fromkeys(metrics))
    for name in names:
        if name not in METRICS:
            raise ValueError(f"metrics has {name!r}, and a window can have {', '.join(METRICS)}")
        if name in _OF_UNIT_ROWS and not normalize:
            raise ValueError(f"{name} is of rows of unit length: make it with normalize=True")
    return names


def _as_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Return shares of rows, ascending."""
    return tuple(sorted({as_share(share, "quantiles") for share in quantiles}))


def as_seconds(time: Any, name: str = "time") -> float:
    """Return a moment in seconds since 1970."""
    if isinstance(time, dt.datetime):
        if time.tzinfo is None:
            raise ValueError(f"{name} must have a time zone: datetime.now(datetime.UTC) has one")
        return time.timestamp()
    try:
        # float() would read a text, and count the days or nanoseconds of a datetime64.
        seconds = None if isinstance(time, (str, bytes, np.datetime64)) else float(time)
    except (TypeError, ValueError):
        seconds = None
    if seconds is None:
        raise TypeError(f"{name} must be a datetime or seconds since 1970, not {type_name(time)}")
    _require_exact(getattr(time, "dtype", None), name)
    if not math.isfinite(seconds):
        raise ValueError(f"{name} must be finite, not {seconds}")
    _require_years(np.array([seconds]), name)
    return seconds


def as_moments(time: Any, n_rows: int) -> NDArray[np.float64]:
    """Return the moments of rows in seconds since 1970, ascending."""
    given = np.asarray(time)
    if given.dtype == object and given.ndim == 1:
        given = np.array([as_seconds(one) for one in given])
    if given.dtype.kind not in "iuf":
        raise TypeError(
            f"time must be of seconds since 1970, numbers, not of {given.dtype}; of a datetime64: "
            f"time.astype('datetime64[us]').astype('int64') / 1e6"
        )
    _require_exact(given.dtype, "time")
    times = np.asarray(given, dtype=np.float64)
    if times.shape != (n_rows,) or not np.isfinite(times).all():
        raise ValueError(
            f"time must be finite, one of all rows or one for each of the {n_rows}; its shape is "
            f"{times.shape}"
        )
    back = np.flatnonzero(np.diff(times) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise ValueError(
            f"time must be ascending, and goes back from {times[row - 1]:.15g} to "
            f"{times[row]:.15g} at row {row}; sort the rows by it"
        )
    _require_years(times, "time")
    return times


def _require_exact(dtype: Any, name: str) -> None:
    """Refuse times whose type tells no seconds of this century apart."""
    reason = too_coarse(dtype)
    if reason is not None:
        raise TypeError(f"{name} is of {reason}")


def _require_years(times: NDArray[np.float64], name: str) -> None:
    """Refuse times that no calendar has, such as milliseconds."""
    wrong = out_of_years(times)
    if wrong is not None:
        raise ValueError(f"{name} has {times[wrong[0]]:.15g}, which {wrong[1]}")
