"""What the bytes of a binary column are: told by the user or the file, and never guessed.

Arrow and Parquet keep the bytes of a row and no word of what they are. Read as another type they
are numbers as well, of which a score can be computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme.sources._checks import bfloat16
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOOKED_AT", "as_told", "check_told", "stored_dtype", "ways_to_tell"]

# What bytes may be; integers become float16, which holds them all.
NAMES = ("float16", "bfloat16", "float32", "float64", "int8", "uint8")
# Rows at the beginning that are looked at.
LOOKED_AT = 64
# No embedding has entries beyond these; floating-point numbers read as others of more bits do.
TINY, HUGE = 1e-30, 1e15
# Entries of float16 that are not finite or this large, where one in a hundred is: the lower halves
# of longer numbers.
HUGE_HALF, SHARE = 8192.0, 0.01
# Powers of two by which the entries of a column spread, one standard deviation. Those of embeddings
# do by 1 or 2. Numbers with fewer bits of exponent read as others do by 8 times as many, since
# bits of their fraction are taken for such of the exponent.
SPREAD, FEWEST_ROWS = 8.0, 4
# Entries of embeddings in a narrower sense: bytes that are not floating-point numbers do not all
# become such, of both signs.
SMALL, LARGE = 1e-12, 1e6


def as_told(dtype: object) -> str | None:
    """Return the name of a dtype that bytes may have; a ValueError for any other."""
    if dtype is None:
        return None
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        name = getattr(dtype, "__name__", str(dtype))
    if name.removeprefix("torch.") not in NAMES:
        raise ValueError(f"dtype must be one of {', '.join(NAMES)}, not {dtype!r}")
    return name.removeprefix("torch.")


def stored_dtype(name: str, told: str) -> np.dtype[Any]:
    """Return the dtype of little-endian entries of a file."""
    dtype: np.dtype[Any] = bfloat16(name) if told == "bfloat16" else np.dtype(told)
    return dtype if told == "bfloat16" else dtype.newbyteorder("<")


def ways_to_tell(width: int | None) -> str:
    """Say how to tell what bytes are, and what they can be in rows of some bytes."""
    fits = [name for name in NAMES if width is None or width % _size(name) == 0]
    example = "float16" if "float16" in fits else fits[0]
    columns = ""
    if width is not None:
        counts = ", ".join(f"{width // _size(name)} {name}" for name in fits)
        columns = f" (a row of {width} bytes: {counts})"
    way = f"say what they are{columns}: --dtype {example}, open_source(..., dtype='{example}')"
    if example == "int8":  # an odd number of bytes: bits, more often than not
        way += "; packed bits have to be unpacked before they are saved, by numpy.unpackbits"
    return way


def _size(name: str) -> int:
    """Count the bytes of an entry."""
    return {"bfloat16": 2}.get(name) or np.dtype(name).itemsize


def check_told(name: str, column: str, rows: NDArray[Any], told: str) -> None:
    """Raise a BadDataError where first rows are no numbers that anybody embeds with."""
    if told in ("int8", "uint8"):
        found = _floats_in(np.ascontiguousarray(rows.astype(told)))
        if found is not None:
            raise BadDataError(
                name,
                f"the bytes of column {column!r} are usual numbers if they are {found}, told was "
                f"{told}; {ways_to_tell(rows.shape[1])}; integers that happen to look so have to "
                f"be saved as float16, in lists",
            )
        return
    with np.errstate(all="ignore"):
        entries = np.abs(np.asarray(rows).astype(np.float64))
    index = _odd_half(entries) if told == "float16" else _odd_entry(entries)
    if index is None:
        return
    row, entry = divmod(index, rows.shape[1])
    raise BadDataError(
        name,
        f"row {row}, entry {entry} of column {column!r} is {entries[row, entry]:.1e} if its bytes "
        f"are {told}: they are of another type; {ways_to_tell(rows.nbytes // len(rows))}; rows "
        f"that do hold such numbers have to be saved as lists",
    )


def _floats_in(rows: NDArray[Any]) -> str | None:
    """Name a floating-point type as which bytes that were told to be integers are plausible."""
    for name in ("float64", "float32"):
        if rows.shape[1] % _size(name) or len(rows) < FEWEST_ROWS:
            continue
        with np.errstate(all="ignore"):
            signed = rows.view(f"<f{_size(name)}").astype(np.float64)
        entries, there = np.abs(signed), signed != 0
        usual = (entries > SMALL) & (entries < LARGE)
        # Text and small counts are bytes below 128.
        if there.any() and usual[there].all() and (signed > 0).any() and (signed < 0).any():
            return name
    return None


def _odd_half(entries: NDArray[Any]) -> int | None:
    """Find an entry that tells that bytes are not float16."""
    odd = ~(entries < HUGE_HALF)
    return int(odd.argmax()) if odd.mean() >= SHARE else None


def _odd_entry(entries: NDArray[Any]) -> int | None:
    """Find an entry that tells that bytes are of another type than one of 8 or 11 exponent bits."""
    # A row with one nan or infinity is named where it stands, when it is read.
    usual = np.isfinite(entries) & (entries > 0)
    odd = usual & ~((entries > TINY) & (entries < HUGE))
    if odd.any():
        return int(odd.argmax())
    if len(entries) < FEWEST_ROWS or not usual.any():
        return None
    powers = np.log2(np.where(usual, entries, 1.0))
    count = np.maximum(usual.sum(axis=0), 1)
    centred = np.where(usual, powers - np.where(usual, powers, 0).sum(axis=0) / count, 0)
    if np.sqrt((centred**2).sum() / usual.sum()) < SPREAD:
        return None
    return int(centred.argmin())
