"""Which rows of a set a number of rows and a seed stand for, whatever the rows lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from rankme._base.arguments import MAX_SEED, as_count, as_index, type_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_row_count", "as_row_seed", "check_enough", "choose_rows"]

# SplitMix64's step, and the multipliers of its finalizer.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)


def choose_rows(
    n_rows: SupportsIndex, rows: SupportsIndex, *, seed: SupportsIndex | None = 0
) -> NDArray[np.int64]:
    """Return which rows `rows` and `seed` choose of a set, wherever they are given.

    The choice depends on the three numbers alone, and stays the same in every release. Take it
    to choose the labels of the rows, say.

    The outputs x_1, x_2, ... of SplitMix64 [1]_ from the state `seed` are cut to their highest
    bits, as many as N - 1 has, and those that are no row of the N are passed over. The first m
    distinct ones, ``m = min(rows, N - rows)``, are the rows that are chosen, or, where `rows` is
    more than half of N, those that are left out. So each subset is as likely as any other.

    Parameters
    ----------
    n_rows : int
        N, of the set.
    rows : int
        How many are chosen, from 1 to N.
    seed : int or None
        From 0 to ``2**64 - 1``: a random subset, drawn without replacement. None: the first rows.

    Returns
    -------
    numpy.ndarray
        Shape (rows,), int64, ascending, counted from 0.

    Raises
    ------
    TypeError
        An argument is no integer.
    ValueError
        One is out of range, or `rows` is more than there are.

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
       OOPSLA 2014, 453-472.

    Examples
    --------
    >>> from rankme.sources import choose_rows
    >>> choose_rows(1000, 4).tolist()
    [27, 441, 904, 994]
    """
    total = as_count(n_rows, "n_rows")
    wanted, start = as_row_count(rows), as_row_seed(seed)
    check_enough(wanted, total, "the set")
    if start is None or wanted == total:
        return np.arange(wanted)
    few = min(wanted, total - wanted)
    drawn = _first_distinct(few, total, start)
    if few == wanted:
        return drawn
    kept = np.ones(total, dtype=bool)
    kept[drawn] = False
    return np.flatnonzero(kept)


def as_row_count(rows: SupportsIndex) -> int:
    """Return `rows` of a call as an integer, 1 or more."""
    return as_index(rows, "rows", 1)


def as_row_seed(seed: SupportsIndex | None) -> int | None:
    """Return `seed` of a call that chooses rows: an integer from 0 to 2**64 - 1, or None."""
    if seed is not None and not hasattr(seed, "__index__"):
        raise TypeError(
            f"seed must be an integer, for a random subset, or None, for the first rows, not "
            f"{type_name(seed)}"
        )
    return None if seed is None else as_index(seed, "seed", 0, MAX_SEED)


def check_enough(rows: int, n_rows: int, name: str) -> None:
    """Raise a ValueError where more rows are asked for than a set has."""
    if rows > n_rows:
        raise ValueError(
            f"rows is {rows}, and {name} has {n_rows} rows; ask for {n_rows} or fewer, and for as "
            f"many of every set that is compared with it"
        )


def _first_distinct(count: int, bound: int, seed: int) -> NDArray[np.int64]:
    """Return the first distinct numbers below a bound that the generator gives, ascending."""
    shift = np.uint64(64 - (bound - 1).bit_length())
    found = np.empty(0, dtype=np.int64)
    used = 0
    while found.size < count:
        # As many as are missing can never be too many.
        missing = count - found.size
        numbers = _split_mix(seed, used, missing) >> shift
        used += missing
        new = np.sort(numbers[numbers < bound]).astype(np.int64)
        # Of two sorted runs this sort is a merge. (np.unique hashes: a hundred times slower.)
        both = np.sort(np.concatenate([found, new]), kind="stable")
        found = both[np.append(True, both[1:] != both[:-1])[: both.size]]
    return found


def _split_mix(seed: int, used: int, count: int) -> NDArray[np.uint64]:
    """Return the next outputs of SplitMix64 after those that were used."""
    state = np.arange(used + 1, used + count + 1, dtype=np.uint64)
    state *= _GAMMA
    state += np.uint64(seed)
    for shift, factor in ((30, _FIRST_FACTOR), (27, _SECOND_FACTOR)):
        state ^= state >> np.uint64(shift)
        state *= factor
    state ^= state >> np.uint64(31)
    return state
