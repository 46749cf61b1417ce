"""When rows came: a column of times beside the vectors, in seconds since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._errors import BadDataError
from rankme.sources._vector_types import pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["out_of_years", "seconds_of", "too_coarse"]

# The first seconds of the years 1 and 10000: what is outside is in no calendar.
_BEGIN, _END = -62135596800.0, 253402300800.0
_TIME_BYTES = 8
_UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


def out_of_years(seconds: NDArray[np.float64]) -> tuple[int, str] | None:
    """Find the first time that is outside the years 1 to 9999.

    Parameters
    ----------
    seconds
        Shape (n,), finite, since 1970.

    Returns
    -------
    tuple or None
        Where it stands, and what is wrong with it: to which unit it may belong.
    """
    outside = (seconds < _BEGIN) | (seconds >= _END)
    if not outside.any():
        return None
    at = int(outside.argmax())
    unit = next((one for one, rate in _UNITS.items() if abs(seconds[at]) < _END * rate), None)
    advice = "" if unit is None else f"; they look like {unit}: divide them by {_UNITS[unit]:.0f}"
    return at, f"as seconds since 1970 is outside the years 1 to 9999{advice}"


def too_coarse(dtype: Any) -> str | None:
    """Say of floating-point numbers of less than 64 bits that they hold no times; None of others.

    Parameters
    ----------
    dtype
        Of NumPy; anything else is passed over.
    """
    if not isinstance(dtype, np.dtype) or dtype.kind != "f" or dtype.itemsize >= _TIME_BYTES:
        return None
    return (
        f"{dtype.name}, which does not tell a second since 1970 from the next ones; wanted are "
        f"numbers of 64 bits"
    )


def seconds_of(
    array: Any, name: str, column: str, where: Callable[[int], str]
) -> NDArray[np.float64]:
    """Return the times of an Arrow column in seconds since 1970.

    Parameters
    ----------
    array
        Timestamps, of UTC where they have no zone; dates; numbers of seconds; or texts as of
        ISO 8601, of UTC likewise.
    name, column
        The file and the column, for errors.
    where
        Says where a row of it stands.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, finite; to a microsecond.

    Raises
    ------
    BadDataError
        It holds something else, a row has no time, or one outside the years 1 to 9999.
    """
    pa = pyarrow(name, "arrow")
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    there = array.is_valid().to_numpy(zero_copy_only=False)
    if not there.all():
        raise BadDataError(
            name, f"{where(int(there.argmin()))} is null in column {column!r}, its time"
        )
    types = pa.types
    kind = array.type
    if types.is_integer(kind) or types.is_floating(kind):
        reason = too_coarse(np.dtype(kind.to_pandas_dtype()))
        if reason is not None:
            raise BadDataError(name, f"column {column!r}, its time, is of {reason}")
        seconds = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    elif types.is_timestamp(kind) or types.is_date(kind):
        seconds = _of_stamps(pa, array)
    elif types.is_string(kind) or types.is_large_string(kind):
        seconds = _of_stamps(pa, _parsed(pa, array, name, column))
    else:
        raise BadDataError(
            name,
            f"column {column!r} is {kind}; wanted are times: timestamps, dates, numbers of seconds "
            f"since 1970, or texts such as 2030-01-31T12:00:00Z",
        )
    finite = np.isfinite(seconds)
    if not finite.all():
        row = int(finite.argmin())
        raise BadDataError(name, f"{where(row)} has {seconds[row]} in column {column!r}, its time")
    seconds = np.asarray(seconds, dtype=np.float64)
    wrong = out_of_years(seconds)
    if wrong is not None:
        row, reason = wrong
        raise BadDataError(
            name,
            f"{where(row)} has {seconds[row]:.15g} in column {column!r}, its time, which {reason}",
        )
    return seconds


def _of_stamps(pa: Any, array: Any) -> NDArray[np.float64]:
    """Return timestamps or dates in seconds."""
    zone = getattr(array.type, "tz", None)
    micro = array.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    seconds: NDArray[np.float64] = micro.to_numpy(zero_copy_only=False) / 1e6
    return seconds


def _parsed(pa: Any, texts: Any, name: str, column: str) -> Any:
    """Read texts as timestamps, all with a zone or all without."""
    try:
        return texts.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        try:
            return texts.cast(pa.timestamp("us"))
        except pa.ArrowInvalid as error:
            raise BadDataError(name, f"column {column!r} holds no times: {error}") from error
