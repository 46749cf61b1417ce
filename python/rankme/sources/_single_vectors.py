"""Where single vectors lie: one in each file of a folder, or one under each key of a container."""

from __future__ import annotations

import os
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme._base.optional import require
from rankme.sources._errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["FILES", "KEYS", "Keyed", "as_vector", "keyed_by", "vector_in"]

# Suffixes of files that hold one vector, and of those that hold one under each key.
FILES = (".npy", ".pt", ".pth")
KEYS = (".npz", ".h5", ".hdf5", ".pt", ".pth")


def as_vector(name: str, found: Any) -> NDArray[Any]:
    """Return numbers as a vector: axes of length 1 mean nothing."""
    if hasattr(found, "detach"):
        if str(found.dtype) == "torch.bfloat16":
            found = found.float()  # which holds it exactly
        found = found.detach().cpu().numpy()
    array = np.asarray(found)
    if array.dtype.kind != "f" or array.dtype.name not in ("float16", "float32", "float64"):
        raise BadDataError(name, f"holds {array.dtype}; wanted float16, float32 or float64")
    if max(array.shape, default=0) != array.size or array.size == 0:
        raise BadDataError(
            name,
            f"has the shape {array.shape}, and each is to hold one vector, such as (384,) or "
            f"(1, 384); a matrix has its rows where rows_are is not given",
        )
    return array.reshape(-1).astype(array.dtype.newbyteorder("="), copy=False)


def vector_in(path: str, column: str | None) -> NDArray[Any]:
    """Read the vector of a file; of one with dictionaries, that under the keys of `column`."""
    if path.lower().endswith(".npy"):
        try:
            return as_vector(path, np.load(path, allow_pickle=False))
        except (ValueError, EOFError) as error:
            if isinstance(error, BadDataError):
                raise
            raise BadDataError(path, f"cannot be read as .npy: {error}") from error
    found = _loaded(path)
    for key in [] if column is None else column.split("."):
        keys = {str(one): value for one, value in found.items()} if _is_dict(found) else {}
        if key not in keys:
            known = ", ".join(list(keys)[:12]) or "no keys"
            raise BadDataError(path, f"has no {key!r} of the column {column!r}; it has {known}")
        found = keys[key]
    if _is_dict(found):
        raise BadDataError(
            path,
            f"holds {', '.join(map(str, list(found)[:12])) or 'nothing'}; name the one that is "
            f"meant, its keys joined by dots: column, --column; or rows_are='keys' for all",
        )
    return as_vector(path, found)


def _is_dict(value: object) -> bool:
    """Whether there are keys in it."""
    return isinstance(value, dict)


def _loaded(path: str) -> Any:
    """Read a file of PyTorch, which may hold tensors and what holds them."""
    torch = require("torch", extra="torch", what=f"{path}: a PyTorch file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError) as error:
        raise BadDataError(path, f"cannot be read by PyTorch: {_first_line(error)}") from error
    except Exception as error:  # pickle's, which is not always one of its own
        if type(error).__name__ != "UnpicklingError":
            raise
        text = "holds objects that are no tensors, and is not read by running them"
        raise BadDataError(path, text) from error


def _first_line(error: Exception) -> str:
    """Return the beginning of an error's text."""
    return str(error).partition("\n")[0]


class Keyed(NamedTuple):
    """An open container: the names of its vectors, in its order, and what reads each of them."""

    keys: Sequence[str]
    vector: Callable[[str], Any]


@contextmanager
def keyed_by(path: str) -> Iterator[Keyed]:
    """Open a container by its suffix."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if suffix == ".npz":
        try:
            archive = np.load(path, allow_pickle=False)
        except (ValueError, zipfile.BadZipFile, EOFError) as error:
            raise BadDataError(path, f"cannot be read as .npz: {error}") from error
        with archive:
            yield Keyed(archive.files, archive.__getitem__)
    elif suffix in (".h5", ".hdf5"):
        h5py = require("h5py", extra="hdf5", what=f"{path}: an HDF5 file")
        with h5py.File(path, "r") as held:
            found: list[str] = []
            held.visititems(
                lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) else None
            )
            yield Keyed(found, lambda name: held[name][()])
    else:
        found_here = _loaded(path)
        if not _is_dict(found_here):
            raise BadDataError(path, "holds one tensor, and no keys: leave out rows_are")
        names = {str(key): value for key, value in found_here.items()}
        yield Keyed(list(names), names.__getitem__)
