"""Singular values and RankMe in extended precision, with a bound on their own error."""

import functools

import numpy as np

LONG = np.longdouble
UNIT = np.finfo(LONG).eps  # 2**-63 on x86, 11 bits below float64


def exact_matrix(z, *, center=False, normalize=False):
    """Z, normalised and then centred, in extended precision, and the norm that rounding goes with.

    The first row is subtracted before the mean is: a mean far above the spread costs nothing.
    """
    a = np.asarray(z).astype(LONG)
    if normalize:
        norms = np.sqrt((a * a).sum(axis=1, keepdims=True))
        a = np.divide(a, norms, out=np.zeros_like(a), where=norms > 0)
    norm = np.sqrt((a * a).sum())
    if center:
        a = a - a[0]
        shifted = np.sqrt((a * a).sum())
        norm = max(norm, shifted) if normalize else shifted
        a = a - a.mean(axis=0)
    return a, norm


def singular_values(a):
    """One-sided Jacobi rotations (Hestenes 1958) of A V, with V from a float64 SVD; descending."""
    if a.shape[0] < a.shape[1]:
        a = a.T
    largest = np.abs(a).max()
    if largest == 0:
        return np.zeros(a.shape[1], dtype=LONG)
    a = a / largest
    v = np.linalg.svd(a.astype(np.float64), full_matrices=False)[2].T.astype(LONG)
    v = 1.5 * v - 0.5 * (v @ (v.T @ v))  # one Newton-Schulz step squares its 1e-15 of skewness
    w = a @ v
    for _ in range(30):
        if _is_orthogonal(w):
            return np.sort(np.sqrt((w * w).sum(axis=0)))[::-1] * largest
        for left, right in _rounds(w.shape[1]):
            _rotate(w, left, right)
    raise AssertionError("the Jacobi rotations did not converge")


def _is_orthogonal(w):
    gram = np.abs(w.T @ w)
    norms = np.sqrt(np.diag(gram))
    floor = UNIT * norms.max()  # columns of nothing but rounding
    limit = 16 * UNIT * np.outer(np.maximum(norms, floor), np.maximum(norms, floor))
    limit = np.maximum(limit, UNIT * floor * norms.max())
    np.fill_diagonal(gram, 0)
    return bool((gram <= limit).all())


def _rotate(w, left, right):
    x, y = w[:, left], w[:, right]
    product = (x * y).sum(axis=0)
    gap = (y * y).sum(axis=0) - (x * x).sum(axis=0)
    # tan of the angle that makes the two columns orthogonal
    root = np.abs(gap) + np.sqrt(gap * gap + 4 * product * product)
    tangent = np.divide(2 * product, root, out=np.zeros_like(root), where=root > 0)
    tangent = np.where(gap < 0, -tangent, tangent)
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    sine = cosine * tangent
    w[:, left] = cosine * x - sine * y
    w[:, right] = sine * x + cosine * y


@functools.cache
def _rounds(count):
    """Every pair of columns once, in rounds of pairs that do not touch each other."""
    players = list(range(count + count % 2))
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        pairs = [pair for pair in pairs if max(pair) < count]
        rounds.append(tuple(np.array(side) for side in zip(*pairs, strict=True)))
        players.insert(1, players.pop())
    return rounds if count > 1 else []


def own_error(shape, norm):
    """How far a singular value from above may be from the exact one."""
    # Cosines of 16 UNIT between n columns move a value by 8 n UNIT, which is half of this at most.
    return 8 * (10 + sum(shape)) * UNIT * norm


def rankme(sigma, eps):
    """Eq. 1-2 of Garrido et al. 2023, term by term."""
    total = sigma.sum()
    if total == 0:
        return LONG(0)
    p = sigma / total + LONG(eps)
    p = p[p > 0]
    return np.exp(-(p * np.log(p)).sum())


def rankme_error(sigma, error):
    """How far RankMe may be from the exact one, relative, if every sigma is known to `error`.

    Infinite where the values are hardly larger than that: of such a matrix RankMe is not known.
    """
    total = sigma.sum()
    if error == 0:
        return LONG(0)
    if total < 100 * error:
        return LONG(np.inf)
    share = error / total
    return len(sigma) * (share * (1 - np.log(share)) + 50 * UNIT)


def score(z, *, eps=1e-7, **options):
    """RankMe of Z; options as those of `exact_matrix`."""
    return rankme(singular_values(exact_matrix(z, **options)[0]), eps)
