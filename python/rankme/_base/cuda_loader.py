"""The CUDA module and the libraries that it stands on, loaded when first needed."""

import ctypes
import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from rankme import _core

__all__ = ["cuda_module"]

# A library after those that it needs itself.
_SONAMES = (
    "libnvJitLink.so.13",
    "libcublasLt.so.13",
    "libcublas.so.13",
    "libcusparse.so.12",
    "libcusolver.so.12",
)
_MISSING = (
    "this installation of rankme has no CUDA module: build rankme where nvcc is, with "
    'RANKME_CUDA=ON in the environment, and pip install "rankme[cuda13]" for its libraries '
    "(docs/guides/gpus.md)"
)


def cuda_module(device: str | None = None) -> Any:
    """Return the CUDA module, loading it and its libraries on the first call.

    No GPU is touched by that.

    Parameters
    ----------
    device : str, optional
        Where an array lies that needs the module, for the message: ``"cuda:0"``.

    Returns
    -------
    module
        ``rankme._cuda``.

    Raises
    ------
    ImportError
        If it was not built, if cuBLAS or cuSOLVER is missing, or if it is of another version of
        rankme; the text says what to do.
    """
    try:
        return _load()
    except ImportError as error:
        if device is None:
            raise
        raise ImportError(
            f"the array lies on {device}, and {error}; or copy the array to the host first "
            f"(Z.cpu() in PyTorch, Z.get() in CuPy)",
            name=error.name,
        ) from error


def _load() -> Any:
    """Import the CUDA module after its libraries."""
    name = "rankme._cuda"
    if importlib.util.find_spec(name) is None:
        raise ImportError(_MISSING, name=name)
    try:
        _load_libraries()
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise ImportError(
            f"the CUDA module cannot be loaded: {error}; "
            f'pip install "rankme[cuda13]" brings cuBLAS and cuSOLVER',
            name=name,
        ) from error
    # It may come from a distribution of its own, and pip lets one of two be upgraded alone.
    if module.__version__ != _core.__version__:
        raise ImportError(
            f"the CUDA module is of rankme {module.__version__}, and this is rankme "
            f"{_core.__version__}: install the two of one version (docs/guides/gpus.md)",
            name=name,
        )
    return module


def _load_libraries() -> None:
    """Load the libraries of the CUDA module that are not loaded yet."""
    # The module finds its libraries by name, on its own path and then where the system looks. What
    # must come before both: a copy that PyTorch or CuPy has loaded already, since two copies of
    # cuBLAS would each take their work space, and packages in another folder than ours, as in a
    # virtual environment on top of the system's packages.
    folders = _package_folders()
    for soname in _SONAMES:
        if _is_loaded(soname):
            continue
        for folder in folders:
            if (folder / soname).exists():
                ctypes.CDLL(str(folder / soname))
                break


def _package_folders() -> list[Path]:
    """Name the folders in which the packages of PyPI keep the libraries."""
    spec = importlib.util.find_spec("nvidia")
    locations = (spec and spec.submodule_search_locations) or ()
    return [Path(location) / "cu13" / "lib" for location in locations]


def _is_loaded(soname: str) -> bool:
    """Whether this process has loaded a library."""
    try:
        ctypes.CDLL(soname, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:
        return False
    return True
