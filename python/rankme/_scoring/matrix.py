"""One matrix, one pass, one spectrum."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rankme import _core
from rankme._accumulators.skipped import finite_rows
from rankme._base.devices import module_of
from rankme._base.errors import NonFiniteError
from rankme.metrics._spectrum import Spectrum

if TYPE_CHECKING:
    from rankme._scoring.from_source import Plan

__all__ = ["spectrum_by", "spectrum_of_matrix"]


def spectrum_by(matrix: _core.ArrayView, plan: Plan) -> Spectrum:
    """Find the singular values of a matrix on a device, by the arithmetic of one pass."""
    n_rows, n_cols = matrix.shape
    one, precision = plan.by, plan.by.precision
    center, normalize = plan.center, plan.normalize
    if plan.device != "cpu":
        module, index = module_of(plan.device)
        values = module.spectrum(matrix, center, normalize, *one, index)
    elif precision == "fast":
        values, fast_rows = _core.fast_spectrum(matrix, center, normalize, plan.rtol)
        precision = "fast" if fast_rows else "float64"
    else:
        values = _core.spectrum(matrix, center, normalize, one.method)
    return Spectrum(n_rows, n_cols, center, normalize, one.method, *values, precision=precision)


def spectrum_of_matrix(matrix: _core.ArrayView, plan: Plan, rows: object = None) -> Spectrum:
    """Find the singular values of a matrix as planned, without the rows that it leaves out.

    Parameters
    ----------
    matrix
        The matrix.
    plan
        How, where, and whether rows that hold NaN or infinity are left out.
    rows
        The matrix as the user gave it.
    """
    try:
        return spectrum_by(matrix, plan)
    except NonFiniteError:
        if not plan.skip_nonfinite:
            raise
    kept, skipped = finite_rows(rows, matrix)
    if kept.shape[0] == 0:
        raise ValueError(f"there are no rows to score: each of the {skipped} holds NaN or infinity")
    result = spectrum_by(kept, plan)
    return replace(result, n_skipped=skipped)
