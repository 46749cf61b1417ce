"""Tensors in safetensors files: a JSON header that tells where each lies, then their bytes.

The format is that of https://github.com/huggingface/safetensors (8 bytes of header length, the
header, the data); reading it takes no library, except for bfloat16, whose type is of ml_dtypes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rankme._base.dtypes import dtype_advice
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
from rankme.sources._stored_tags import KEY, stored_tags

if TYPE_CHECKING:
    from rankme.sources._bytes.files import DataFile

__all__ = ["open_safetensors"]

NUMPY_NAMES = {
    "BOOL": "bool",
    **{
        f"{short}{bits}": f"{kind}{bits}"
        for short, kind in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
}
FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": None}
INTEGERS = {"I8": "i1", "U8": "u1"}
MAX_HEADER_BYTES = 100_000_000  # of the format's own reader


def open_safetensors(file: DataFile, reading: Reading = PLAIN) -> RawSource:
    """Open one tensor of a file.

    Parameters
    ----------
    file
        A safetensors file.
    reading
        With the name of the tensor, needed where several are 2-D and floating.
    """
    with file.open() as handle:
        tensors, metadata, base = _read_header(file, handle)
    codes = {**FLOATS, **INTEGERS} if reading.takes_bytes else FLOATS
    found = {
        key: is_matrix(entry["shape"], "f" if entry["dtype"] in codes else "?")
        for key, entry in tensors.items()
    }
    key = pick(file.name, reading.column, found, "tensor")
    entry, label = tensors[key], f"{file.name}[{key}]"
    if entry["dtype"] not in codes:
        plain = NUMPY_NAMES.get(entry["dtype"], "")
        advice = policy_advice(plain) + in_python(dtype_advice(plain, "Z"))
        if entry["dtype"].startswith("F8"):
            advice = in_python(FLOAT8_ADVICE, "its tensor")
        raise BadDataError(label, f"dtype {entry['dtype']}; wanted {', '.join(FLOATS)}{advice}")
    n_rows, n_cols = check_shape(label, entry["shape"])
    code = codes[entry["dtype"]]
    dtype = bfloat16(label) if code is None else np.dtype(code)
    begin, end = entry["data_offsets"]
    member = key if len(tensors) > 1 else None
    source = RawSource(file, n_rows, n_cols, dtype, base + begin, column=member)
    if end - begin != n_rows * source.row_bytes:
        raise BadDataError(label, f"{end - begin} bytes do not fit its shape {entry['shape']}")
    source.check_inside()
    return source.tagged(stored_tags(file.name, metadata.get(KEY)))


def _read_header(file: DataFile, handle: BinaryIO) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return the tensors and the metadata of the header, and where the data begin."""
    length = int.from_bytes(handle.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, file.size - 8):  # noqa: PLR2004
        raise BadDataError(
            file.name, f"a safetensors header of {length} bytes in a file of {file.size}"
        )
    try:
        tensors = json.loads(handle.read(length))
        metadata = dict(tensors.pop("__metadata__", {}))
        for entry in tensors.values():
            _check_entry(entry)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadDataError(file.name, f"the safetensors header cannot be read: {error}") from error
    return tensors, metadata, 8 + length


def _check_entry(entry: dict[str, Any]) -> None:
    """Refuse an entry of another form."""
    begin, end = entry["data_offsets"]
    if not all(isinstance(number, int) for number in (begin, end, *entry["shape"])):
        raise TypeError("shape and data_offsets must be integers")
    if not 0 <= begin <= end or not isinstance(entry["dtype"], str):
        raise ValueError(f"tensor {entry!r}")
