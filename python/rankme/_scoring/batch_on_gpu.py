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
    """Return the device for the work on a batch, which lies where its first matrix does."""
    lies_on = zs.device if isinstance(zs, _core.ArrayView) else _core.device_of(zs[0])
    return place_of(lies_on, device, "Zs")


def gpu_spectra(
    zs: _core.ArrayView | Sequence[object], center: bool, normalize: bool, method: str, place: str
) -> tuple[Any, ...]:
    """Return what ``_core.spectrum_batch`` does, computed on the GPU `place`.

    All matrices lie there, or all in host memory.
    """
    module, index = module_of(place)
    views = zs
    if not isinstance(zs, _core.ArrayView):
        views = [as_rows(z, f"Zs[{i}]") for i, z in enumerate(zs)]
    values: tuple[Any, ...] = module.spectrum_batch(
        views, center, normalize, method, "float64", index
    )
    return values
