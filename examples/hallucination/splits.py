"""Random splits into training and test, and what their scatter says."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Split", "error_over_splits", "splits"]


class Split(NamedTuple):
    """The places of the rows of either side."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def splits(subjects: Sequence[str], n_splits: int, test_share: float, seed: int) -> list[Split]:
    """Draw splits in which all rows of a subject are on one side.

    Parameters
    ----------
    subjects : sequence of str
        Of each row.
    n_splits : int
        How many.
    test_share : float
        Of the subjects, to the test.
    seed : int
        Another one draws others.

    Returns
    -------
    list of Split
        Each with its places in ascending order.
    """
    names, of_row = np.unique(np.asarray(subjects), return_inverse=True)
    n_test = round(test_share * len(names))
    if not 0 < n_test < len(names):
        raise ValueError(
            f"{n_test} of {len(names)} subjects would be tested; wanted are both sides"
        )
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_splits):
        tested = np.zeros(len(names), dtype=bool)
        tested[rng.permutation(len(names))[:n_test]] = True
        found.append(Split(np.flatnonzero(~tested[of_row]), np.flatnonzero(tested[of_row])))
    return found


def error_over_splits(values: NDArray[np.float64], drawn: Sequence[Split]) -> float:
    """Return the standard error of a mean over splits that share their rows.

    ``sqrt((1 / J + n_test / n_train) var)`` with J splits and the sample variance over them:
    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003). NaN
    with one split.
    """
    if len(values) < 2:  # noqa: PLR2004
        return math.nan
    ratio = np.mean([len(split.test) / len(split.train) for split in drawn])
    return float(np.sqrt((1 / len(values) + ratio) * values.var(ddof=1)))
