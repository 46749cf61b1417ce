"""Tensors in PyTorch's ``.pt`` files, read where they lie in the archive.

PyTorch parses the file (with ``weights_only=True``: no code of the file runs) and tells where each
storage begins; the entries are then read like those of any raw matrix, in constant memory.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.dtypes import dtype_advice
from rankme._base.optional import require
from rankme.sources._bytes.raw import RawSource
from rankme.sources._checks import (
    FLOAT8_ADVICE,
    bfloat16,
    check_shape,
    in_python,
    is_matrix,
    pick,
    policy_advice,
)
from rankme.sources._errors import BadDataError
from rankme.sources._reading import PLAIN, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rankme.sources._bytes.files import DataFile

__all__ = ["open_pytorch"]

FLOATS = {"float16": "<f2", "float32": "<f4", "float64": "<f8", "bfloat16": None}


def open_pytorch(file: DataFile, reading: Reading = PLAIN) -> RawSource:
    """Open one tensor of a file that ``torch.save`` wrote.

    Parameters
    ----------
    file
        A tensor, or dictionaries and lists of tensors, in the zip format of torch 1.6 and later.
    reading
        With the name of the tensor, its keys joined by dots; needed where several are 2-D and
        floating.
    """
    tensors: dict[str, list[Any]] = {}
    for key, tensor in _tensors(_load(file), ""):
        tensors.setdefault(key, []).append(tensor)
    found = {
        key: any(is_matrix(tensor.shape, _kind(tensor, reading)) for tensor in same)
        for key, same in tensors.items()
    }
    key = pick(file.name, reading.column, found, "tensor")
    if len(tensors[key]) > 1:
        raise BadDataError(file.name, f"holds {len(tensors[key])} tensors of the name {key!r}")
    tensor = tensors[key][0]
    label = f"{file.name}[{key}]" if key else file.name
    name = _name_of(tensor)
    if name not in FLOATS and not reading.takes(name):
        advice = dtype_advice(name, "np.asarray(Z)")
        if name.startswith("float8"):  # which PyTorch gives to nobody else
            advice = FLOAT8_ADVICE
        advice = policy_advice(name) + in_python(advice, "its tensor")
        wanted = f"wanted {', '.join(FLOATS)}{advice}"
        raise BadDataError(label, f"dtype {name}; {wanted}")
    n_rows, n_cols = check_shape(label, tensor.shape)
    fortran_order = _is_fortran(label, tensor)
    code = FLOATS.get(name, name)
    dtype = bfloat16(label) if code is None else np.dtype(code)
    offset = tensor.untyped_storage()._checkpoint_offset  # noqa: SLF001 - documented for this use
    if offset is None:
        raise BadDataError(label, "a tensor without entries, of the device meta")
    offset += tensor.storage_offset() * dtype.itemsize
    member = key if len(tensors) > 1 else None
    source = RawSource(file, n_rows, n_cols, dtype, offset, fortran_order, member)
    source.check_inside()
    return source


def _load(file: DataFile) -> Any:
    """Return what a file holds, with tensors that have no entries."""
    torch = require("torch", extra="torch", what=f"{file.name}: a PyTorch file")
    fake = require("torch._subclasses.fake_tensor", extra="torch", what=file.name)
    # Fake tensors have shapes and places in the file, and no entries in memory.
    with file.open() as handle, fake.FakeTensorMode():
        try:
            return torch.load(handle, weights_only=True)
        except pickle.UnpicklingError as error:
            # Its own text advises to run the code of the file.
            raise BadDataError(
                file.name,
                "holds objects that are no tensors, such as arrays of NumPy, and is not read by "
                "running them; save tensors alone: torch.save(torch.from_numpy(array), path)",
            ) from error


def _tensors(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of nested dictionaries and lists, each with its keys."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        if hasattr(value, "untyped_storage"):
            yield path, value
        return
    for key, item in items:
        yield from _tensors(item, f"{path}.{key}" if path else str(key))


def _name_of(tensor: Any) -> str:
    """Return the name of a tensor's type, which NumPy has too."""
    return str(tensor.dtype).removeprefix("torch.")


def _kind(tensor: Any, reading: Reading) -> str:
    """Return the NumPy kind of a tensor's type, as far as it is read."""
    return "f" if tensor.dtype.is_floating_point or reading.takes(_name_of(tensor)) else "?"


def _is_fortran(label: str, tensor: Any) -> bool:
    """Whether a tensor lies in Fortran order; one with gaps is an error."""
    if tensor.is_contiguous():
        return False
    if tensor.T.is_contiguous():
        return True
    raise BadDataError(
        label,
        f"a view of strides {tuple(tensor.stride())} over a larger tensor; save "
        f"tensor.contiguous()",
    )
