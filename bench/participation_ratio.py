"""The bias of the participation ratio, plain and corrected, over draws whose truth is known."""
# ruff: noqa: INP001, T201

import numpy as np

import rankme
from rankme.metrics import participation_ratio_corrected

DRAWS = 1000
K = 64
# By the exponent of the column scales, and whether the rows are Gaussian.
ROWS = {
    "Gaussian, flat": (0.0, False),
    "Gaussian, k^-0.5": (0.5, False),
    "Gaussian, k^-1": (1.0, False),
    "Student t, 6 degrees, k^-0.5": (0.5, True),
}

rng = np.random.default_rng(0)
print("| rows | N | plain | corrected | 1 / mean of 1 / corrected | truth |")
print("|:--|--:|--:|--:|--:|--:|")
for name, (exponent, heavy) in ROWS.items():
    scales = np.arange(1, K + 1) ** -exponent
    truth = (scales**2).sum() ** 2 / (scales**4).sum()
    for n in (20, 50, 200, 1000):
        plain, corrected = np.empty(DRAWS), np.empty(DRAWS)
        for draw in range(DRAWS):
            z = rng.standard_normal((n, K))
            if heavy:  # one factor a row: columns of one row are large together
                z *= np.sqrt(6 / rng.chisquare(6, (n, 1)))
            z *= scales
            plain[draw] = rankme.spectrum(z, center=True).participation_ratio()
            corrected[draw] = participation_ratio_corrected(z)
        inverse = 1 / (1 / corrected).mean()
        print(
            f"| {name} | {n} | {plain.mean():.2f} | {corrected.mean():.2f} | {inverse:.2f} "
            f"| {truth:.2f} |"
        )
