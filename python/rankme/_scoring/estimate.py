"""How sure a score is: RankMe of a sample, with its sampling error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme._accumulators.dealt import RUN_LENGTH, as_groups, as_run_length
from rankme._base.arguments import as_eps
from rankme._base.threads import require_budget
from rankme._scoring.grouped_rows import (
    GroupChoices,
    parts_of_blocks,
    parts_of_matrix,
    parts_of_source,
)
from rankme._scoring.opened import in_rows_of, open_rows
from rankme._scoring.progress import as_progress, meter_of
from rankme.metrics._estimate import estimate_of
from rankme.sources import RowSource
from rankme.sources._block_stream import BlockStream
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from rankme._scoring.opened import Select
    from rankme._scoring.progress import Progress
    from rankme.metrics._estimate import Estimate

__all__ = ["estimate", "estimated"]


def estimate(
    Z: object,  # noqa: N803
    *,
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
    run_length: SupportsIndex = RUN_LENGTH,
    rows: SupportsIndex | None = None,
    seed: SupportsIndex | None = 0,
    query: str | None = None,
    progress: bool | None = None,
) -> Estimate:
    """RankMe of a sample of rows, with its sampling error by the delete-a-group jackknife.

    The rows are one sample of what the model could be shown. `std_error` of the result tells how
    far RankMe of another sample of N rows would be from this one, and `bias_corrected` what it
    tends to with more rows. The rows are cut into B groups of neighbours, and RankMe of the rows
    without group b is r_(b)::

        std_error^2    = (B - 1)/B sum_b (r_(b) - mean r_(.))^2
        bias_corrected = B r - (B - 1) mean r_(.)

    with weights where groups are unequal [1]_. No row is multiplied twice: each group has a sum of
    its own, of which all rows are the total.

    Parameters
    ----------
    Z : array, list, table, iterable, RowSource, str or os.PathLike
        What `rankme.score` takes, on the CPU.
    groups : int
        B, 8 or more. A set of known length is cut into B runs of N // B rows or one more, whatever
        holds it. Of an iterable of unknown length rows are dealt in runs of `run_length`, as
        `rankme.Accumulator` does. The error of `std_error` itself is about 1 / sqrt(2 B) of it.
    eps, center, normalize
        As in `rankme.score`.
    column, dtype, integers, unpack_bits, select, skip_nonfinite
        As in `rankme.spectrum`. The runs are counted with the rows that are left out, except in an
        iterable.
    run_length : int
        Of an iterable: how many rows go to one group before the next one's turn.
    rows, seed, query
        As in `rankme.score`; the groups are runs of the rows that are chosen.
    progress : bool, optional
        As in `rankme.spectrum`.

    Returns
    -------
    Estimate

    Warns
    -----
    PrecisionWarning
        As `rankme.score`; and where one group has more of the sampling variance (62% of 16) than in
        1 of 500 samples of like rows. The error is then that of a few rows and may be far too
        small: with Student t rows of 3 degrees of freedom it was 38% too small in a trial, and 33
        to 47% in the simulation of the documentation.

        Also where many rows have the bias of far fewer, as in a file that is sorted by class: its
        groups are classes, and the error is that of a sample of few classes.

    Raises
    ------
    TypeError, BufferError, ImportError, ValueError, NonFiniteError, IntegrityError, RuntimeError
        As `rankme.spectrum`, and MemoryError; if `groups` is less than 8 or there are not rows for
        8 groups, if `eps` is outside 0 to 1, or if `Z` lies on a GPU.

    Notes
    -----
    Beside the rows it takes ``4 * B * K**2`` bytes, and up to ``24 * K**2`` a thread while the
    eigenproblems are solved; with N < K rows ``16 * N**2`` a thread. Neighbours count as belonging
    together, as views of one image or tokens of one text do: shuffled, such rows give an error that
    is too small. A bootstrap with
    replacement would be wrong: equal rows lower a rank.

    References
    ----------
    .. [1] F. M. T. A. Busing, E. Meijer, R. van der Leeden, "Delete-m jackknife for unequal m",
       Statistics and Computing 9 (1999), 3-8.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> Z = np.random.default_rng(0).standard_normal((4000, 64))
    >>> e = rankme.estimate(Z)
    >>> print(f"{e.score:.2f}, standard error {e.std_error:.3f}")
    63.87, standard error 0.008
    """
    return estimated(
        Z,
        as_progress(progress),
        groups=groups,
        eps=eps,
        center=center,
        normalize=normalize,
        skip_nonfinite=skip_nonfinite,
        run_length=run_length,
        rows=rows,
        seed=seed,
        column=column,
        dtype=dtype,
        integers=integers,
        unpack_bits=unpack_bits,
        select=select,
        query=query,
    )


def estimated(
    Z: object,  # noqa: N803
    progress: Progress,
    *,
    groups: SupportsIndex,
    eps: float,
    center: bool,
    normalize: bool,
    skip_nonfinite: bool = False,
    run_length: SupportsIndex = RUN_LENGTH,
    **of_rows: Any,
) -> Estimate:
    """Do what `estimate` does, as a part of another call too; warnings name the caller's caller."""
    require_budget()
    checked_eps = as_eps(eps)  # before the work, not after it
    choices = GroupChoices(
        groups=as_groups(groups),
        run_length=as_run_length(run_length),
        center=bool(center),
        normalize=bool(normalize),
        skip_nonfinite=bool(skip_nonfinite),
    )
    found, numbers = open_rows(Z, nulls=choices.skip_nonfinite, **of_rows)
    with meter_of(progress, found) as meter:
        if isinstance(found, RowSource):
            parts = parts_of_source(found, choices, meter)
        else:
            with in_rows_of(numbers):
                if isinstance(found, BlockStream):
                    parts = parts_of_blocks(found, choices, meter)
                else:
                    parts = parts_of_matrix(as_rows(found, of=Z), choices)
    return estimate_of(*parts, checked_eps, stacklevel=3)
