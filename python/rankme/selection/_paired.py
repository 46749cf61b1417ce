"""Scores and truths of the same runs in the same cells, side by side as arrays."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.arguments import as_real, type_name
from rankme.selection._tables import Side, check_by, in_cell, read_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Paired", "pair"]

_LARGEST = 1e150  # in magnitude: squares are summed


class Paired(NamedTuple):
    """Arrays of shape (n_cells, n_runs), and what their rows and columns are."""

    names: tuple[Any, ...]
    by: tuple[str, ...]
    keys: tuple[tuple[Any, ...], ...]
    scores: NDArray[np.float64]
    truth: NDArray[np.float64]
    truth_error: NDArray[np.float64] | None  # standard errors, where they are known
    freedom: NDArray[np.float64] | None  # degrees of freedom of the errors


class _Numbers(NamedTuple):
    """Means of repeats, their standard errors, and how many repeats there are."""

    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    repeats: NDArray[np.float64]


def pair(scores: object, truth: object, truth_error: object, by: tuple[str, ...] | None) -> Paired:
    """Read both sides and check that they are of the same runs in the same cells."""
    sides = [read_side(scores, "scores", by), read_side(truth, "truth", by)]
    one_error = isinstance(truth_error, numbers.Real)
    if truth_error is not None and not one_error:
        sides.append(read_side(truth_error, "truth_error", by))
    main = sides[1]
    check_by(by, main.columns)
    names = _names_of(sides)
    given, true, *errors = (_as_arrays(side, main, names) for side in sides)
    error = freedom = None
    if one_error:
        error = np.full_like(true.mean, as_real(truth_error, "truth_error"))
    elif errors:
        error = errors[0].mean
        if (error < 0).any():
            raise ValueError(f"truth_error holds {error.min()}; wanted standard errors, 0 or more")
    elif (true.repeats > 1).all():
        error, freedom = true.error, true.repeats - 1
    return Paired(names, main.columns, (*main.cells,), given.mean, true.mean, error, freedom)


def _names_of(sides: list[Side]) -> tuple[Any, ...]:
    """Return the runs; an error tells the first that is not everywhere."""
    for side in sides:
        if side.has_names != sides[0].has_names:
            with_names, without = sorted((side, sides[0]), key=lambda one: not one.has_names)
            raise TypeError(
                f"{with_names.what} has names of runs, and {without.what} is a sequence without; "
                f"give names to both, as in dict(zip(names, {without.what}))"
            )
    names = (*{name: None for side in sides for runs in side.cells.values() for name in runs},)
    for side in sides:
        for key, runs in side.cells.items():
            for name in names:
                if name not in runs:
                    noun = side.what.removesuffix("s")
                    raise ValueError(
                        f"run {name!r} has no {noun}{in_cell(key)}; every run needs one: give it, "
                        f"or leave the run out of all"
                    )
    if len(names) < 2:  # noqa: PLR2004
        came = f"one: {names[0]!r}" if names else "none"
        raise ValueError(f"wanted are two runs or more, to compare; scores has {came}")
    return names


def _as_arrays(side: Side, main: Side, names: tuple[Any, ...]) -> _Numbers:
    """Lay the numbers of one side out along the cells of the truth."""
    kept = [i for i, column in enumerate(main.columns) if column in side.columns]
    wanted = [tuple(key[i] for i in kept) for key in main.cells]
    for ours, theirs, what, other in (
        (side.cells, wanted, "truth", side.what),
        (wanted, side.cells, side.what, "truth"),
    ):
        for key in theirs:
            if key not in ours:
                raise ValueError(f"{other} has nothing{in_cell(key)}, which {what} has")
    rows = [[_number(side, key, name) for name in names] for key in wanted]
    return _Numbers(*np.moveaxis(np.array(rows), -1, 0))


def _number(side: Side, key: tuple[Any, ...], name: Any) -> tuple[float, float, float]:
    """Return the mean of a run's repeats, its standard error, and their number."""
    value = side.cells[key][name]
    is_list = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim)
    repeats = value if is_list else [value]
    where = f"{side.what} of run {name!r}{in_cell(key)}"
    numbers_ = [_real(one, where) for one in repeats]
    if not numbers_:
        raise ValueError(f"{where} is an empty list; wanted a number or the repeats of one")
    n = len(numbers_)
    error = float(np.std(numbers_, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(np.mean(numbers_)), error, n


def _real(value: Any, where: str) -> float:
    """Return a finite number."""
    if isinstance(value, (str, bytes, bool, np.bool_)) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{where} is {value!r} ({type_name(value)}); wanted a number")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond float64
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(
            f"{where} is {number}; wanted a finite number, or leave the run out of all"
        )
    if abs(number) > _LARGEST:
        raise ValueError(
            f"{where} is {number}, and its square no float64; divide all by one number"
        )
    return number
