"""How many of many numbers come before a position and are small: for many questions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_before_and_below"]


def count_before_and_below(
    ranks: NDArray[np.int64], ends: NDArray[np.int64], limits: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count, for each question q, the ``i < ends[q]`` with ``ranks[i] < limits[q]``.

    A wavelet matrix [1]_: one pass over all numbers and all questions for each bit of the ranks, so
    that n numbers and as many questions cost n log n.

    Parameters
    ----------
    ranks
        Shape (n,): a permutation of 0 to n - 1.
    ends, limits
        Shape (m,): from 0 to n.

    References
    ----------
    .. [1] F. Claude, G. Navarro, "The wavelet matrix", SPIRE 2012, 167-179.
    """
    count = np.zeros(ends.size, np.int64)
    begin, end = np.zeros_like(ends), ends
    for bit in reversed(range(int(ranks.size).bit_length())):
        is_one = (ranks >> bit & 1).astype(bool)
        zeros_before = np.concatenate([[0], np.cumsum(~is_one)])
        zero_begin, zero_end = zeros_before[begin], zeros_before[end]
        goes_on_with_ones = (limits >> bit & 1).astype(bool)
        count += np.where(goes_on_with_ones, zero_end - zero_begin, 0)
        n_zeros = zeros_before[-1]
        begin = np.where(goes_on_with_ones, n_zeros + begin - zero_begin, zero_begin)
        end = np.where(goes_on_with_ones, n_zeros + end - zero_end, zero_end)
        ranks = np.concatenate([ranks[~is_one], ranks[is_one]])
    return count
