"""One matrix, one pass, one spectrum."""

from rankme import _core
from rankme._base.devices import module_of
from rankme._scoring.passes import Pass
from rankme.metrics._spectrum import Spectrum

__all__ = ["spectrum_by"]


def spectrum_by(
    matrix: _core.ArrayView, device: str, one: Pass, *, center: bool, normalize: bool
) -> Spectrum:
    """Find the singular values of a matrix on a device, by the arithmetic of one pass."""
    n_rows, n_cols = matrix.shape
    if device == "cpu":
        values = _core.spectrum(matrix, center, normalize, one.method)
    else:
        module, index = module_of(device)
        values = module.spectrum(matrix, center, normalize, *one, index)
    return Spectrum(n_rows, n_cols, center, normalize, one.method, *values, precision=one.precision)
