"""The published table: errors of 8 models on 14 data sets at 4 horizons, and the models' widths.

The figures are those by which SwiftTS (arXiv:2510.23051) compares choices of a model. They lie in
``tests/data`` of this repository.
"""

from pathlib import Path
from typing import Any

import pandas as pd

import rankme

__all__ = ["published"]

_DATA = Path(__file__).parents[2] / "tests" / "data"


def published() -> dict[str, Any]:
    """Tell what the bare width of a model is worth as a score of it.

    Returns
    -------
    dict
        ``width`` and ``narrowest``: the mean weighted tau with its interval and p-value, by
        horizon, the regret, that of a random choice, and how often the best k hold the best model.
        ``wrong_direction`` is the weighted tau with both sides negated.
    """
    errors = pd.read_csv(_DATA / "swiftts_mse.csv")
    widths = pd.read_csv(_DATA / "swiftts_widths.csv")
    by = ["data_set", "horizon"]
    wide = rankme.agreement(widths, errors, higher_is_better=False, by=by)
    narrow = rankme.agreement(
        widths, errors, higher_is_better=False, score_higher_is_better=False, by=by
    )
    negated = rankme.agreement(
        widths.assign(width=-widths["width"]), errors, higher_is_better=True, by=by
    )
    return {
        "n_cells": len(wide.cells),
        "n_models": len(wide.names),
        "width": _numbers(wide),
        "narrowest": _numbers(narrow),
        "wrong_direction": float(negated.weighted_tau),
    }


def _numbers(found: rankme.Agreement) -> dict[str, Any]:
    """Return what is told of one score."""
    tau = found.weighted_tau
    return {
        "weighted_tau": float(tau),
        "low": tau.low,
        "high": tau.high,
        "p_value": tau.p_value,
        "by_horizon": {
            str(h): float(cells.weighted_tau) for h, cells in found.mean_by("horizon").items()
        },
        "regret": found.regret,
        "regret_by_lot": found.random - found.oracle.truth,
        "top": {str(k): found.top_k(k) for k in (1, 2, 3)},
    }
