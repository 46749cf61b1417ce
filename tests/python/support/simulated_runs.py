"""Rows of runs whose true order is known."""

import numpy as np

import rankme


def rows(exponent, *, n=512, k=16, seed=0):
    """Gaussian rows whose spectrum falls like j^-exponent: the smaller, the higher is the score."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, k)) * np.arange(1, k + 1) ** -float(exponent)


def estimate_with(score, left_out=None, **changes):
    """An estimate with a score; by default with scores without a group that all are the same."""
    left_out = np.full(16, float(score)) if left_out is None else np.asarray(left_out, dtype=float)
    fields = {
        "score": float(score),
        "low": float(score),
        "high": float(score),
        "n_rows": 160 * len(left_out),
        "n_cols": 64,
        "eps": 1e-7,
        "center": False,
        "normalize": False,
        "left_out": left_out,
        "group_rows": np.full(len(left_out), 160),
    }
    return rankme.Estimate(**{**fields, **changes})


def estimate_with_error(score, std_error, *, seed=0, groups=16, **changes):
    """An estimate with a score and a standard error, of independent groups."""
    deviations = np.random.default_rng(seed).standard_normal(groups)
    deviations -= deviations.mean()
    deviations *= std_error / np.sqrt((groups - 1) / groups * (deviations**2).sum())
    return estimate_with(score, score + deviations, **changes)
