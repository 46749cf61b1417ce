"""Batches of matrices on a GPU: where they lie, and who computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme._base.devices import module_of, place_of
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["gpu_spectra", "place_of_batch"]


def place_of_batch(zs: _core.ArrayView | Sequence[object], device: str | None) -> str:
    """Tell where the work on a batch is to be done: where its first matrix lies, or on `device`.

    Parameters
    ----------
    zs : rankme._core.ArrayView or sequence of arrays
        Of `_arrays.as_batch`, with at least one matrix.
    device : str or None
        As in `rankme.score`.

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda:0"`` and so on.

    Raises
    ------
    TypeError, ValueError
        As `_placement.place_of`.
    """
    lies_on = zs.device if isinstance(zs, _core.ArrayView) else _core.device_of(zs[0])
    return place_of(lies_on, device, "Zs")


def gpu_spectra(
    zs: _core.ArrayView | Sequence[object], center: bool, normalize: bool, method: str, place: str
) -> tuple[Any, ...]:
    """Compute the singular values of a batch on a GPU.

    Parameters
    ----------
    zs : rankme._core.ArrayView or sequence of arrays
        As `place_of_batch`. All on the GPU `place`, or all in host memory.
    center, normalize : bool
    method : {"gram", "qr"}
        As in `rankme.score`.
    place : str
        Of `place_of_batch`, not ``"cpu"``.

    Returns
    -------
    tuple
        What ``_core.spectrum_batch`` returns.

    Raises
    ------
    TypeError, ValueError, NonFiniteError, IntegrityError, RuntimeError, MemoryError, ImportError
        As `rankme.score_batch`.
    """
    module, index = module_of(place)
    views = zs
    if not isinstance(zs, _core.ArrayView):
        views = [as_rows(z, f"Zs[{i}]") for i, z in enumerate(zs)]
    values: tuple[Any, ...] = module.spectrum_batch(
        views, center, normalize, method, "float64", index
    )
    return values
