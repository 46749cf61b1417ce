"""What counts as an array of embeddings, checked in one place."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from rankme import _core
from rankme._base.arguments import type_name
from rankme._base.cuda_loader import cuda_module
from rankme._base.shapes import shape_advice

__all__ = ["as_array", "as_matrices", "as_matrix", "expression_of", "is_tensor"]


def as_array(obj: object, name: str = "Z") -> _core.ArrayView:
    """Describe an array where it lies, for the compiled core to read it there.

    Parameters
    ----------
    obj : array
        A `numpy.ndarray`, or anything that offers DLPack (PyTorch, JAX, CuPy), the CUDA array
        interface, the Arrow C interface (rows as fixed-size lists: pyarrow, polars, nanoarrow),
        the buffer protocol or NumPy's array interface. Any shape and strides; float16, bfloat16,
        float32 or float64 in native byte order.
    name : str
        What the error messages call it.

    Returns
    -------
    rankme._core.ArrayView
        The same memory, which it keeps alive. The entries are not looked at: the core finds NaN
        and infinity while it reads.

    Raises
    ------
    TypeError
        If `obj` is no array, is masked, requires a gradient, has another dtype, or lies on a
        device that is neither the processor nor CUDA.
    ValueError
        If what the object tells about itself contradicts itself, if it has nulls, or if it lies
        in several chunks.
    BufferError
        If its producer cannot export it; producers may raise other errors too.
    ImportError
        If it lies on a CUDA device, and rankme has no CUDA module here.
    """
    if isinstance(obj, _core.ArrayView):
        return obj
    if isinstance(obj, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; "
            f"drop or fill the masked entries and pass a plain array"
        )
    _refuse_lazy_tensor(obj, name)
    device = _core.device_of(obj)
    view = _core.ArrayView(obj, name, _cuda_stream(device))
    if device == "cpu" and view.device != "cpu":
        raise ValueError(f"{name} says that it lies on the processor, and comes on {view.device}")
    return view


def as_matrix(
    obj: object, name: str = "Z", *, of: object = None, empty: bool = False
) -> _core.ArrayView:
    """Check that an object is a matrix which the compiled core can read where it lies.

    Parameters
    ----------
    obj : array
        Shape (N, K) with N, K >= 1; anything that `as_array` takes.
    name : str
        What the error messages call it.
    of : object, optional
        What the user gave, where that is not `obj` itself: what an error advises is done to it.
    empty : bool
        Whether N may be 0.

    Returns
    -------
    rankme._core.ArrayView
        The same memory.

    Raises
    ------
    TypeError, BufferError, ImportError
        As `as_array`.
    ValueError
        As `as_array`, and if it is not 2-D or has no entries.
    """
    view = as_array(obj, name)
    shape = view.shape
    if len(shape) != 2:  # noqa: PLR2004
        raise ValueError(
            f"{name} must be 2-D, a row per embedding; it is {len(shape)}-D with shape {shape}"
            f"{shape_advice(shape, expression_of(obj if of is None else of, name))}"
        )
    if 0 in shape and not (empty and shape[0] == 0):
        raise ValueError(
            f"{name} is empty: it has shape {shape}, and at least one row and one column are needed"
        )
    return view


def as_matrices(
    zs: object, shape: str, each: str, name: str = "Zs", *, empty: bool = False
) -> _core.ArrayView | tuple[Any, ...]:
    """Check that an object is several matrices in one place.

    Parameters
    ----------
    zs : array or sequence
        3-D, as `as_array` takes it, with no axis of length 0 unless it may be `empty`, with no
        rows; or a sequence that is not empty.
    shape, each : str
        What the error messages say is wanted: the shape of the one array, and those of the items.
    name : str
        What the error messages call it.

    Returns
    -------
    rankme._core.ArrayView or tuple
        Of a sequence the items, each asked for once: the sequence may change or make them anew.
        They were not looked at: the core does that, with `as_matrix` for those that are no plain
        NumPy arrays.

    Raises
    ------
    TypeError
        If `zs` is neither, or as `as_array`.
    ValueError
        If it is an array that is not 3-D, or is empty, or as `as_array`.
    BufferError, ImportError
        As `as_array`.
    """
    wanted = f"an array of shape {shape} or a sequence of arrays of shape {each}"
    if isinstance(zs, _core.ArrayView) or _core.is_array(zs):
        view = as_array(zs, name)
        if len(view.shape) != 3:  # noqa: PLR2004
            hint = "; rankme.score takes one matrix" if len(view.shape) == 2 else ""  # noqa: PLR2004
            raise ValueError(
                f"{name} must be {wanted}; it is {len(view.shape)}-D with shape {view.shape}{hint}"
            )
        if 0 in view.shape and not (empty and view.shape[1] == 0):
            raise ValueError(
                f"{name} is empty: it has shape {view.shape}, and at least one matrix with a row "
                f"and a column is needed"
            )
        return view
    if not isinstance(zs, Sequence) or isinstance(zs, str | bytes | bytearray):
        raise TypeError(f"{name} must be {wanted}, not {type_name(zs)}")
    items = tuple(zs)
    if not items:
        raise ValueError(f"{name} is empty: at least one matrix is needed")
    return items


def expression_of(obj: object, name: str) -> str:
    """Return the Python expression of an array that can be indexed and reshaped as NumPy's."""
    plain = isinstance(obj, np.ndarray) or is_tensor(obj) or hasattr(obj, "__array_namespace__")
    return name if plain else f"np.asarray({name})"


def is_tensor(obj: object) -> bool:
    """Tell whether something is a tensor of PyTorch, which exists only where that was imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, torch.Tensor)


def _refuse_lazy_tensor(obj: Any, name: str) -> None:
    """Refuse a tensor whose numbers do not lie there as they are."""
    # PyTorch refuses to export two of these, without a word on what to do, and exports the third
    # with the wrong sign.
    if not is_tensor(obj):
        return
    torch = sys.modules["torch"]
    if obj.requires_grad:
        raise TypeError(f"{name} is a tensor that requires a gradient; pass {name}.detach()")
    if obj.layout != torch.strided:
        raise TypeError(f"{name} is a tensor of layout {obj.layout}; pass {name}.to_dense()")
    if obj.dtype.is_floating_point and obj.element_size() == 1:
        raise TypeError(
            f"{name} is a tensor of {obj.dtype}; pass {name}.float(), times the scale if there is "
            f"one"
        )
    if obj.is_neg() or obj.is_conj():
        raise TypeError(
            f"{name} is a tensor whose negation or conjugation is still to be done; "
            f"pass {name}.resolve_neg() or {name}.resolve_conj()"
        )


def _cuda_stream(device: str) -> int | None:
    """Return the CUDA stream that the producer of an array is to wait for."""
    if device == "cpu":
        return None
    module = cuda_module(device)
    _, _, index = device.partition(":")
    # Without a device only the CUDA array interface comes, which names a stream of its own.
    return int(module.stream(int(index))) if index else None
