"""Other packages on a file, and rankme computing the same numbers.

A job takes the path of a ``.npy`` file and returns what the clock runs over: reading and scoring.
``docs/other-tools.md`` says which call of ours gives whose number.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    Job: TypeAlias = Callable[[], float]
    Rows: TypeAlias = NDArray[np.float64]

EPS = 1e-7
BLOCK_BYTES = 2**26


def effective_rank(weights: Rows, *, eps: float = EPS) -> float:
    """exp(-sum p log p) with p = w / sum(w) + eps, over the p above 0."""
    p = weights / weights.sum() + eps
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))


def ours(path: str) -> Job:
    """`rankme.score` of a file."""
    rankme = importlib.import_module("rankme")
    return lambda: float(rankme.score(path))


def ours_centred(path: str) -> Job:
    """RankMe of the eigenvalues of the covariance matrix: what reptrix calls RankMe."""
    rankme = importlib.import_module("rankme")

    def job() -> float:
        sigma = rankme.spectrum(path, center=True).singular_values
        return float(rankme.metrics.rankme(sigma**2))

    return job


def ours_vendi(path: str) -> Job:
    """Compute the Vendi score of the cosine similarity."""
    rankme = importlib.import_module("rankme")
    return lambda: float(rankme.spectrum(path, normalize=True).matrix_entropy_rank())


def embedding_quality(path: str) -> Job:
    """`UnsupervisedEmbeddingQualityEvaluation.RankMe`."""
    package = importlib.import_module("embedding_quality.evaluation")
    score = package.UnsupervisedEmbeddingQualityEvaluation.RankMe
    return lambda: float(score(np.load(path)))


def reptrix(path: str) -> Job:
    """`reptrix.rankme.get_rankme`, which takes a tensor."""
    score = importlib.import_module("reptrix.rankme").get_rankme
    torch = importlib.import_module("torch")
    return lambda: float(score(torch.from_numpy(np.load(path))))


def vendi_dual(path: str) -> Job:
    """`vendi.score_dual`: from the K x K side."""
    score = importlib.import_module("vendi_score.vendi").score_dual
    return lambda: float(score(np.load(path)))


def vendi(path: str) -> Job:
    """`vendi.score_X`: from the N x N matrix of similarities."""
    score = importlib.import_module("vendi_score.vendi").score_X
    return lambda: float(score(np.load(path)))


def reference(path: str, prepare: Callable[[Rows], Rows]) -> Rows:
    """Singular values of the prepared rows in float64: QR of one block after another, then an SVD.

    A factor R of the rows so far and the next block, one below the other, have the factor of all
    of them; so the file is never held whole, and no eigenvalue is squared on the way.
    """
    z = np.load(path, mmap_mode="r")
    factor: Any = np.zeros((0, z.shape[1]))
    for block in blocks_of(z):
        factor = np.linalg.qr(np.vstack([factor, prepare(block)]), mode="r")
    values: Rows = np.linalg.svd(factor, compute_uv=False)
    return values


def blocks_of(z: NDArray[Any]) -> Iterator[Rows]:
    """Cut the rows into float64 blocks."""
    step = max(1, BLOCK_BYTES // (8 * z.shape[1]))
    for first in range(0, len(z), step):
        yield z[first : first + step].astype(np.float64)


def reference_plain(path: str) -> Job:
    """RankMe: Garrido et al., ICML 2023, eq. 1-2."""
    return lambda: effective_rank(reference(path, lambda rows: rows))


def reference_centred(path: str) -> Job:
    """RankMe of the eigenvalues of the covariance matrix."""

    def job() -> float:
        mean = np.load(path, mmap_mode="r").mean(axis=0, dtype=np.float64)
        return effective_rank(reference(path, lambda rows: rows - mean) ** 2)

    return job


def reference_vendi(path: str) -> Job:
    """exp(entropy) of the eigenvalues of the similarities, without eps."""

    def unit(rows: Rows) -> Rows:
        lengths: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / lengths

    return lambda: effective_rank(reference(path, unit) ** 2, eps=0.0)


FILE_JOBS: dict[str, Callable[[str], Job]] = {
    "file-ours": ours,
    "file-ours-centred": ours_centred,
    "file-ours-vendi": ours_vendi,
    "file-embedding-quality": embedding_quality,
    "file-reptrix": reptrix,
    "file-vendi-dual": vendi_dual,
    "file-vendi": vendi,
    "file-reference": reference_plain,
    "file-reference-centred": reference_centred,
    "file-reference-vendi": reference_vendi,
}
