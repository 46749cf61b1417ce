"""Labels: to which group each row of a matrix belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.arguments import type_name
from rankme._base.arrays import is_tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_labels"]


def as_labels(
    groups: object,
    n_rows: int,
    n_groups: int,
    *,
    first: int = 0,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return the group of each row.

    Parameters
    ----------
    groups : array or sequence of int
        Shape (n_rows,), of any integer dtype, in host memory; each from 0 to n_groups - 1.
    n_rows, n_groups : int
    first : int
        The number of the first row in the error messages.
    mask : numpy.ndarray, optional
        Which labels count, n_rows of them: `groups` then has its shape, and the others may be
        anything.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows,), int64, C order; `groups` itself where it is that already.

    Raises
    ------
    TypeError
        If they are no integers, or lie on a GPU.
    ValueError
        If there are more or fewer, if they are not 1-D, or if one is out of range: the first row
        that is wrong is named.
    """
    labels = _as_array(groups)
    if mask is not None:
        if labels.shape != mask.shape:
            raise ValueError(
                f"groups must have a label for each entry of the mask, shape {mask.shape}; its "
                f"shape is {labels.shape}"
            )
        labels = labels[mask]
    if labels.ndim != 1:
        flat = "; pass groups.ravel()" if labels.size == n_rows else ""
        raise ValueError(f"groups must be 1-D, a label a row; its shape is {labels.shape}{flat}")
    if labels.size != n_rows:
        row = first + min(labels.size, n_rows)
        lacks = "has no label" if labels.size < n_rows else "does not exist"
        raise ValueError(f"groups has {labels.size} labels for {n_rows} rows: row {row} {lacks}")
    if labels.size == 0:
        return np.empty(0, np.int64)
    if labels.dtype.kind not in "iu":
        raise TypeError(_no_integers(labels, first, mask))
    # In their own dtype: some integers of 64 bits have no int64.
    wrong = (labels < 0) | (labels >= n_groups)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"groups must be from 0 to {n_groups - 1}; row {_place(row, first, mask)} has the "
            f"label {labels[row]}{_to_numbers(labels)}"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def _as_array(groups: Any) -> NDArray[Any]:
    """Return labels as an array of NumPy, whatever is in it."""
    if isinstance(groups, np.ma.MaskedArray):
        raise TypeError("groups is a masked array, whose mask would be lost; leave those rows out")
    if is_tensor(groups) and groups.device.type != "cpu":
        raise TypeError(f"groups is a tensor on {groups.device}; pass groups.cpu()")
    if not hasattr(groups, "__array__") and hasattr(groups, "__dlpack__"):
        return np.from_dlpack(groups)
    try:
        return np.asarray(groups)
    except Exception as error:
        raise TypeError(
            f"groups must be integers in host memory, not {type_name(groups)}: {error}"
        ) from error


def _place(row: int, first: int, mask: NDArray[np.bool_] | None) -> str:
    """Say where a row stands among all."""
    if mask is None:
        return str(first + row)
    return ", ".join(map(str, np.argwhere(mask)[row]))


def _no_integers(labels: NDArray[Any], first: int, mask: NDArray[np.bool_] | None) -> str:
    """Say which is the first label that is no integer, and what makes integers of them."""
    row = 0
    if labels.dtype.kind == "f":
        row = int((labels != np.floor(labels)).argmax())
    elif labels.dtype.kind == "O":
        whole = [isinstance(label, int | np.integer) for label in labels]
        row = whole.index(False) if False in whole else 0
    return (
        f"groups has dtype {labels.dtype}, and labels are integers; row "
        f"{_place(row, first, mask)} has "
        f"{labels[row]}; numpy.unique(groups, return_inverse=True)[1] numbers any labels from 0"
    )


def _to_numbers(labels: NDArray[Any]) -> str:
    """Say what makes labels from 0 of others."""
    if labels.min() < 0:
        return "; leave such rows out of both, as by Z[groups >= 0]"
    return "; make the accumulator with more n_groups, or number the labels from 0"
