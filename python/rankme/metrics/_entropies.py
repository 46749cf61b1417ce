"""Ranks that are the exponential of an entropy."""

import math
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankme import _core
from rankme._base.arguments import as_count, as_eps, as_real
from rankme.metrics._values import as_singular_values, relative

__all__ = ["effective_rank", "entropy", "matrix_entropy_rank", "rankme", "renyi_rank"]


def rankme(singular_values: ArrayLike, *, eps: float = 1e-7) -> float:
    """RankMe: ``exp(-sum_k q_k log q_k)`` with ``q_k = p_k + eps``; eq. 1-2 of [1]_.

    Not centred. Public implementations differ: ``embedding-quality`` is this one; ``reptrix`` takes
    squared singular values of centred rows, which is `matrix_entropy_rank` of a centred spectrum
    but for eps; `stable-pretraining` has ``eps=1e-5`` in its PyTorch code.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    eps : float
        Added to each ``p_k`` after the division; from 0 to 1.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to m, which ``eps > 0`` may exceed a little.

    Raises
    ------
    TypeError
        If the values or `eps` are no real numbers.
    ValueError
        If the values are not 1-D, are empty, negative or not finite, or if `eps` is not from 0
        to 1.

    References
    ----------
    .. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
       Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
       arXiv:2210.02885.
    """
    return _core.rankme(as_singular_values(singular_values), as_eps(eps))


def effective_rank(singular_values: ArrayLike) -> float:
    """Effective rank: ``exp(-sum_k p_k log p_k)`` with ``0 log 0 = 0``; definition 2 of [1]_.

    RankMe with ``eps = 0``. Not centred. It takes the singular values as they are; some public
    code normalises their squares instead, which is `matrix_entropy_rank`.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to m.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
       EUSIPCO 2007.
    """
    return _core.rankme(as_singular_values(singular_values), 0.0)


def entropy(
    singular_values: ArrayLike, *, normalized: bool = False, rank: SupportsIndex | None = None
) -> float:
    """Shannon entropy of the singular values in nats: ``-sum_k p_k log p_k``.

    The logarithm of `effective_rank` [1]_. Not centred.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more.
    normalized : bool
        Divide by ``log m``, the largest it can be. Some public code divides by ``log K`` or
        ``log N`` instead: divide the plain entropy to get that.
    rank : int, optional
        The number of directions that there can be, whose logarithm is divided by; by default m.
        N centred rows have ``min(N - 1, K)``.

    Returns
    -------
    float
        From 0 to ``log m``, or to 1 if `normalized`. If all values are 0 there is no
        distribution and the result is ``-inf``, the logarithm of the effective rank 0. With
        one direction possible the normalised entropy is 1.0: the one there is, is used.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite, or if `rank` is negative.

    References
    ----------
    .. [1] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
       EUSIPCO 2007.
    """
    values = as_singular_values(singular_values)
    most = values.size if rank is None else as_count(rank, "rank", least=0)
    effective = _core.rankme(values, 0.0)
    if effective == 0:
        return -math.inf
    # Rounding may leave the rank of a single direction just below 1.
    plain = max(math.log(effective), 0.0)
    if not normalized:
        return plain
    # And it may leave something in a direction that there cannot be.
    return min(plain / math.log(most), 1.0) if most > 1 else 1.0


def matrix_entropy_rank(singular_values: ArrayLike) -> float:
    """Exponential of the von Neumann entropy: ``exp H(lambda / sum(lambda))``.

    The squared singular values are normalised here, not the plain ones as in `effective_rank`.
    With unit rows the trace is N, and this is the Vendi score of the cosine kernel [1]_.
    Diff-eRank [2]_ has the same formula on rows that are centred first and normalised then, an
    order which no option of `rankme.spectrum` gives: do both beforehand.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more. For the Vendi score those of rows of unit
        length, not centred.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to m, and never above the effective rank.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If they are not 1-D, are empty, negative or not finite.

    References
    ----------
    .. [1] D. Friedman, A. B. Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine
       Learning", TMLR 2023, arXiv:2210.02410.
    .. [2] L. Wei, Z. Tan, C. Li, J. Wang, W. Huang, "Diff-eRank: A Novel Rank-Based Metric for
       Evaluating Large Language Models", NeurIPS 2024, arXiv:2401.17139.
    """
    values = as_singular_values(singular_values)
    if values[0] == 0:
        return 0.0
    with np.errstate(under="ignore"):
        return _core.rankme(relative(values) ** 2, 0.0)


def renyi_rank(singular_values: ArrayLike, *, order: float) -> float:
    """Exponential of the Renyi entropy: ``(sum_k p_k^a)^(1 / (1 - a))`` for the order a.

    The limits are taken: order 1 is `effective_rank`, order 0 the number of positive values,
    order ``inf`` is ``1 / p_1 = sum(sigma) / sigma_1``. Renyi [1]_ defines the entropy; over
    plain singular values, as here, it generalises the effective rank. The Vendi scores of other
    orders are over squared ones: pass ``singular_values**2``. Not centred.

    Parameters
    ----------
    singular_values : array_like
        Shape (m,), in any order; finite and 0 or more. With order 0 each positive one counts,
        be it only rounding: `numerical_rank` has a tolerance.
    order : float
        The order a, 0 or more; ``math.inf`` is one.

    Returns
    -------
    float
        0.0 if all values are 0; otherwise from 1 to m, never increasing with `order`.

    Raises
    ------
    TypeError
        If the values or `order` are no real numbers.
    ValueError
        If the values are not 1-D, are empty, negative or not finite, or if `order` is negative
        or NaN.

    References
    ----------
    .. [1] A. Renyi, "On measures of entropy and information", Berkeley Symposium 1961.
    """
    a = as_real(order, "order")
    values = as_singular_values(singular_values)
    if a == 1:
        return _core.rankme(values, 0.0)
    if values[0] == 0:
        return 0.0
    ratios = relative(values)
    ratios = ratios[ratios > 0]
    if a == 0:
        return float(np.count_nonzero(values))
    total = float(ratios.sum())
    if math.isinf(a):
        return total
    return math.exp(_renyi_entropy(ratios / total, a))


def _renyi_entropy(p: NDArray[np.float64], a: float) -> float:
    """Return the Renyi entropy of order `a`, which is not 1."""
    with np.errstate(under="ignore"):
        if abs(a - 1) < 0.5:  # noqa: PLR2004
            # sum p^a is close to 1 here, and its logarithm is divided by something small.
            excess = float((p * np.expm1((a - 1) * np.log(p))).sum())
            return math.log1p(excess) / (1 - a)
        # p^a underflows for large a unless the largest one is taken out.
        log_sum = math.log(float(((p / p[0]) ** a).sum()))
        return (log_sum + a * math.log(p[0])) / (1 - a)
