"""Masks: which rows of an array count. The others are not read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.arrays import as_array, as_matrices, is_tensor
from rankme._base.errors import NonFiniteError
from rankme.sources.memory import array_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_layers", "as_mask", "in_full", "require_layers", "rows_that_count", "shapes_of"]

_WANTED = "mask must be booleans, or integers that are 0 and 1"


def as_mask(mask: Any) -> NDArray[np.bool_]:
    """Return a mask as booleans in host memory, in C order.

    Parameters
    ----------
    mask : array or tensor
        Of any shape; booleans, or integers that are 0 and 1, as an ``attention_mask`` is.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If an integer is neither 0 nor 1: the first one is named.
    """
    try:
        values = np.asarray(mask.detach().cpu() if is_tensor(mask) else mask)
    except Exception as error:
        raise TypeError(f"{_WANTED}, not {type_name(mask)}: {error}") from error
    if isinstance(mask, np.ma.MaskedArray) or (values.size and values.dtype.kind not in "biu"):
        raise TypeError(
            f"{_WANTED}, not {type_name(mask)} of dtype {values.dtype}; mask > 0 makes booleans, "
            f"or mask == 0 of one that is added to attention scores"
        )
    if values.dtype.kind != "b":
        wrong = np.argwhere((values != 0) & (values != 1))
        if wrong.size:
            index = tuple(map(int, wrong[0]))
            raise ValueError(
                f"{_WANTED}; it is {values[index]} at {list(index)}: mask > 0 makes booleans, and "
                f"for numbers of rows there is Z[rows]"
            )
    return np.ascontiguousarray(values, dtype=bool)


def rows_that_count(
    rows: object, mask: object, *, nulls: bool
) -> tuple[Any, NDArray[np.bool_] | None]:
    """Return an array of the rows that a mask keeps, and the mask.

    Parameters
    ----------
    rows : array, list, Series, table or column
        As `rankme.Accumulator.update` takes it: of shape (..., K) with a mask.
    mask : array or tensor, optional
        Of shape (...).
    nulls : bool
        As in `rankme.sources.memory.array_of`.

    Returns
    -------
    array : array, tensor or rankme._core.ArrayView
        With a mask a matrix of the same memory, or of a tensor on a GPU a copy there.
    mask : numpy.ndarray or None

    Raises
    ------
    TypeError, ValueError, BufferError, ImportError
        As `rankme._base.arrays.as_array` and `as_mask`, and if the shapes do not fit, or if the
        rows lie on a GPU and are no tensor.
    """
    array = array_of(rows, nulls=nulls)
    if mask is None:
        return array, None
    keep = as_mask(mask)
    return _kept(array, keep, "Z"), keep


def as_layers(zs: object, mask: NDArray[np.bool_] | None) -> _core.ArrayView | tuple[Any, ...]:
    """Return the rows of every layer, or those that a mask keeps.

    Parameters
    ----------
    zs : array or sequence of array
        Shape (L, n, K), or L arrays of shape (n, K); with a mask (..., K) for (n, K).
    mask : numpy.ndarray, optional
        Shape (...).

    Raises
    ------
    TypeError, ValueError, BufferError, ImportError
        As `rankme._base.arrays.as_matrices` and `rows_that_count`.
    """
    if mask is None:
        return as_matrices(zs, "(L, n, K)", "(n, K)", empty=True)
    layers: Any
    if isinstance(zs, _core.ArrayView) or _core.is_array(zs):
        layers = as_array(zs, "Zs")
        if len(layers.shape) < 3:  # noqa: PLR2004
            raise ValueError(
                f"Zs must be an array of 3 axes or more, (L, ..., K), or a sequence of arrays; it "
                f"has shape {layers.shape}"
            )
        count = layers.shape[0]
    else:
        layers = as_matrices(zs, "(L, ..., K)", "(..., K)")
        count = len(layers)
    names = [f"Zs[{layer}]" for layer in range(count)]
    return tuple(
        _kept(array_of(layers[layer], name), mask, name) for layer, name in enumerate(names)
    )


def shapes_of(layers: Any) -> list[tuple[int, ...] | None]:
    """List the shapes of layers, or None where one does not tell its own."""
    if isinstance(layers, tuple):
        return [getattr(layer, "shape", None) for layer in layers]
    return [layers.shape[1:]] * layers.shape[0]


def require_layers(given: int, n_layers: int) -> None:
    """Refuse more or fewer layers than a stack has.

    The core refuses them too. One too many or too few is most often the embedding layer, of which
    the core knows nothing.
    """
    if given == n_layers:
        return
    text = f"Zs has {given} layers, the accumulator has n_layers {n_layers}"
    if given == n_layers + 1:
        text += (
            f"; the hidden states of Transformers begin with the embedding layer: take "
            f"n_layers={given}, or leave it out, Zs[1:]"
        )
    elif given == n_layers - 1:
        text += (
            "; the hidden states of Transformers begin with the embedding layer, which may be "
            f"missing in Zs: give it too, or take n_layers={given}"
        )
    raise ValueError(text)


def in_full(error: NonFiniteError, mask: NDArray[np.bool_] | None) -> NonFiniteError:
    """Return an error of kept rows with the place in the whole array."""
    if mask is None:
        return error
    row = int(np.flatnonzero(mask)[error.row])
    index = tuple(map(int, np.unravel_index(row, mask.shape)))
    where = index if mask.ndim > 1 else None
    return NonFiniteError(row, error.column, error.value, error.matrix, where)


def _kept(array: Any, mask: NDArray[np.bool_], name: str) -> Any:
    """Return the rows of an array that a mask keeps."""
    view = as_array(array, name)
    if len(view.shape) < 2:  # noqa: PLR2004
        raise ValueError(
            f"{name} must have 2 axes or more, the last of them an embedding; it has shape "
            f"{view.shape}"
        )
    if view.shape[:-1] != mask.shape:
        raise ValueError(_misfit(view.shape[:-1], mask, name))
    if view.device == "cpu":
        return view.kept(mask)
    if not is_tensor(array):
        raise ValueError(
            f"mask leaves rows out of what lies in host memory, and of tensors of PyTorch; of "
            f"{type_name(array)} on {view.device} pass {name}[mask] alone"
        )
    torch = sys.modules["torch"]
    return array[torch.tensor(mask, device=array.device)]


def _misfit(shape: tuple[int, ...], mask: NDArray[np.bool_], name: str) -> str:
    """Say that a mask is of another shape than the rows, and what may be meant."""
    advice = ""
    if mask.size == np.prod(shape):
        advice = f"; mask.reshape({shape}) has it"
    elif mask.shape == shape[: mask.ndim]:
        missing = ", ".join(["None"] * (len(shape) - mask.ndim))
        advice = f"; np.broadcast_to(mask[..., {missing}], {shape}) has it"
    return (
        f"mask must have the shape of {name} without its last axis, {shape}; it has shape "
        f"{mask.shape}{advice}"
    )
