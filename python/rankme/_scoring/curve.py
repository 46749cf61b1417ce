"""The score of subsets of several sizes: how it grows with the number of rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex

from rankme._base.arguments import type_name
from rankme._scoring.estimate import estimated
from rankme._scoring.meter import Part
from rankme._scoring.progress import as_progress, shown
from rankme.metrics._curve import Curve
from rankme.metrics._jackknife import MIN_GROUPS
from rankme.sources import open_source
from rankme.sources._block_stream import BlockStream, is_blocks
from rankme.sources._choice import as_row_count, as_row_seed

if TYPE_CHECKING:
    from rankme._scoring.opened import Select

__all__ = ["curve"]


def curve(
    Z: object,  # noqa: N803
    rows: Iterable[SupportsIndex],
    *,
    seed: SupportsIndex | None = 0,
    groups: SupportsIndex = 16,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    column: str | None = None,
    dtype: object = None,
    integers: bool = False,
    unpack_bits: bool | str = False,
    select: Select = None,
    skip_nonfinite: bool = False,
    query: str | None = None,
    progress: bool | None = None,
) -> Curve:
    """RankMe over the number of rows, with its sampling error.

    RankMe of N rows grows with N, until N is many times K. Where the curve has gone flat, more rows
    would tell nothing new; where it has not, only sets of as many rows may be compared.

    Parameters
    ----------
    Z : array, list, table, iterable, RowSource, str or os.PathLike
        As in `rankme.estimate`; the rows are read once for each number.
    rows : iterable of int
        How many rows to score; each is `rankme.estimate` of a subset of that size.
    seed : int or None
        Which rows, as in `rankme.score`: random subsets, or with None the first. It is not the
        `seed` of `rankme.Accumulator`, which draws its probes.
    groups, eps, center, normalize, column, dtype, integers, unpack_bits, select, skip_nonfinite,
    query
        As in `rankme.estimate`.
    progress : bool, optional
        As in `rankme.spectrum`; the whole is all rows of all numbers.

    Returns
    -------
    Curve
        ``rows``, ascending and each once, ``scores`` and ``std_errors``. It prints as a table.

    Raises
    ------
    TypeError
        `rows` is no sequence of integers; else as `rankme.estimate`.
    ValueError
        `rows` is empty, one of them is less than 8 or more than there are, or `Z` gives its rows
        once only; else as `rankme.estimate`.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> Z = np.random.default_rng(0).standard_normal((4000, 16))
    >>> rankme.curve(Z, rows=[100, 4000]).scores.round(1).tolist()
    [15.6, 16.0]
    """
    numbers = _as_numbers(rows)
    start = as_row_seed(seed)
    wanted = as_progress(progress)
    if is_blocks(Z) and BlockStream(Z).once and len(numbers) > 1:
        raise ValueError(
            "Z gives its rows once, and each of the numbers of rows takes a pass; pass an array of "
            "all rows, as np.concatenate(list(Z)) is for blocks of NumPy"
        )
    if isinstance(Z, str | os.PathLike):
        Z = open_source(  # noqa: N806
            Z,
            column=column,
            dtype=dtype,
            integers=integers,
            unpack_bits=unpack_bits,
            query=query,
        )
        column = dtype = query = None
        integers = unpack_bits = False
    estimates = []
    with shown(wanted, "curve", sum(numbers)) as meter:
        # The largest first: that there are too few rows is known before any work.
        for number in reversed(numbers):
            part = Part(meter, f"N = {number}", number)
            one = estimated(
                Z,
                part,
                groups=groups,
                eps=eps,
                center=center,
                normalize=normalize,
                column=column,
                dtype=dtype,
                integers=integers,
                unpack_bits=unpack_bits,
                select=select,
                skip_nonfinite=skip_nonfinite,
                query=query,
                rows=number,
                seed=start,
            )
            part.finish()
            estimates.append(one)
    return Curve(tuple(numbers), tuple(reversed(estimates)), start)


def _as_numbers(rows: Iterable[SupportsIndex]) -> list[int]:
    """Return numbers of rows, ascending, each once."""
    if not isinstance(rows, Iterable):
        raise TypeError(
            f"rows must be a sequence of integers, as [1000, 4000, 16000], not {type_name(rows)}"
        )
    numbers = sorted({as_row_count(number) for number in rows})
    if not numbers:
        raise ValueError("rows is empty; name at least one number of rows, as [1000, 4000, 16000]")
    if numbers[0] < MIN_GROUPS:
        raise ValueError(
            f"rows holds {numbers[0]}; a sampling error takes {MIN_GROUPS} rows at least, and "
            f"means little below a few hundred"
        )
    return numbers
