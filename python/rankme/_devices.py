"""The CUDA module, where an array needs it."""

import importlib
from types import ModuleType

__all__ = ["cuda_module"]


def cuda_module(device: str = "cuda") -> ModuleType:
    """Import the module that computes on CUDA devices.

    Parameters
    ----------
    device : str
        Where the array lies, for the message: ``"cuda:0"``.

    Returns
    -------
    module
        ``rankme._cuda``.

    Raises
    ------
    ImportError
        If this installation has none, or if its libraries cannot be loaded.
    """
    try:
        return importlib.import_module("rankme._cuda")
    except ImportError as error:
        raise ImportError(
            f"the array lies on {device}, and this installation of rankme has no CUDA module that "
            f"can be loaded ({error}). Build rankme where nvcc is, with RANKME_CUDA=ON, and "
            f'pip install "rankme[cuda13]" for the libraries; or copy the array to the host first '
            f"(Z.cpu() in PyTorch, Z.get() in CuPy)",
            name="rankme._cuda",
        ) from error
