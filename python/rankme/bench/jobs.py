"""What a competitor computes, prepared so that nothing but that is timed.

A job takes a mapped matrix, or a batch of them, and returns what the clock runs over.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]
    Job: TypeAlias = Callable[[], object]

EPS = 1e-7
ROWS_PER_BLOCK = 8192
ROWS_OF_LAYERS = 1000


def rankme_of(singular_values: NDArray[Any]) -> float:
    """RankMe of a spectrum, written down once more so that the reference shares no code with ours.

    Garrido et al., ICML 2023, eq. 1-2, evaluated in float64 whatever the competitor computed in.
    """
    sigma = np.asarray(singular_values, dtype=np.float64)
    p = sigma / sigma.sum() + EPS
    return float(np.exp(-np.sum(p * np.log(p))))


def from_eigenvalues(eigenvalues: NDArray[Any]) -> float:
    """RankMe from the eigenvalues of a Gram matrix; negative ones are rounding."""
    return rankme_of(np.sqrt(np.maximum(eigenvalues, 0)))


def score_ours(z: Matrix) -> Job:
    """`rankme.score`."""
    rankme = importlib.import_module("rankme")
    return lambda: rankme.score(z)


def score_ours_fast(z: Matrix) -> Job:
    """`rankme.score` that may sum in float32."""
    rankme = importlib.import_module("rankme")
    return lambda: rankme.score(z, precision="fast")


def score_numpy_svd(z: Matrix) -> Job:
    """`numpy.linalg.svd` without vectors (LAPACK gesdd, in double precision)."""
    return lambda: rankme_of(np.linalg.svd(z, compute_uv=False))


def score_reference(z: Matrix) -> Job:
    """Singular values of the float64 copy: what every error is measured against."""
    return lambda: rankme_of(np.linalg.svd(z.astype(np.float64), compute_uv=False))


def score_scipy_svdvals(z: Matrix) -> Job:
    """`scipy.linalg.svdvals`, which stays in float32."""
    linalg = importlib.import_module("scipy.linalg")
    return lambda: rankme_of(linalg.svdvals(z))


def score_torch_svdvals(z: Matrix) -> Job:
    """`torch.linalg.svdvals` on the CPU, which stays in float32."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)
    return lambda: rankme_of(torch.linalg.svdvals(tensor).numpy())


def numpy_gram_job(z: Matrix, dtype: type[np.floating[Any]]) -> Job:
    """Prepare the NumPy shortcut, which forms the smaller Gram matrix as a careful user would."""

    def job() -> float:
        a = z.astype(dtype, copy=False)
        gram = a @ a.T if a.shape[0] < a.shape[1] else a.T @ a
        return from_eigenvalues(np.linalg.eigvalsh(gram))

    return job


def torch_gram_job(z: Matrix, dtype: str) -> Job:
    """Prepare the PyTorch shortcut, which forms the smaller Gram matrix too."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)

    def job() -> float:
        a = tensor.to(getattr(torch, dtype))
        gram = a @ a.T if a.shape[0] < a.shape[1] else a.T @ a
        return from_eigenvalues(torch.linalg.eigvalsh(gram).numpy())

    return job


def gram_ours(z: Matrix) -> Job:
    """`Accumulator.update` with the whole float32 matrix, conversion included."""
    accumulator = importlib.import_module("rankme").Accumulator(dim=z.shape[1])
    a = np.array(z)

    def job() -> object:
        accumulator.update(a)
        return accumulator

    return job


def gram_unprobed(z: Matrix) -> Job:
    """`gram_ours` without its probes, to tell what they cost."""
    core = importlib.import_module("rankme._core")
    accumulator = core.GramAccumulator(z.shape[1], False, 0, probed=False)
    a = core.ArrayView(np.array(z))

    def job() -> object:
        accumulator.update(a)
        return accumulator

    return job


def gram_ours_blocks(z: Matrix) -> Job:
    """`Accumulator.update` with float64 row blocks: the twin of `gram_onedal_blocks`."""
    accumulator = importlib.import_module("rankme").Accumulator(dim=z.shape[1])
    blocks = float64_blocks(z)

    def job() -> object:
        for block in blocks:
            accumulator.update(block)
        return accumulator

    return job


def gram_onedal_blocks(z: Matrix) -> Job:
    """Online covariance of oneDAL on float64 row blocks, uncentred, its input check left out."""
    covariance = importlib.import_module("sklearnex.covariance")
    estimator = covariance.IncrementalEmpiricalCovariance(assume_centered=True, copy=False)
    blocks = float64_blocks(z)

    def job() -> object:
        for block in blocks:
            estimator.partial_fit(block, check_input=False)
        return estimator

    return job


def float64_blocks(z: Matrix) -> list[NDArray[np.float64]]:
    """Convert before the clock starts, and cut into row blocks."""
    a = z.astype(np.float64)
    return [a[first : first + ROWS_PER_BLOCK] for first in range(0, a.shape[0], ROWS_PER_BLOCK)]


def gram_dgemm(z: Matrix) -> Job:
    """One dgemm of the same size.

    NumPy turns ``a.T @ a`` into a syrk. The second operand starts a row later in the same buffer,
    so it is another matrix and a gemm is called, without the memory of a second copy.
    """
    rows, columns = z.shape
    buffer = np.empty((rows + 1, columns))
    buffer[:rows] = z
    buffer[rows] = z[0]
    out = np.empty((columns, columns))
    return lambda: np.matmul(buffer[:rows].T, buffer[1:], out=out)


def mean_rankme(rows_of_values: NDArray[Any]) -> float:
    """Mean RankMe of a batch of spectra, shape (B, m): `rankme_of`, without a loop in Python."""
    sigma = np.asarray(rows_of_values, dtype=np.float64)
    p = sigma / sigma.sum(axis=1, keepdims=True) + EPS
    return float(np.exp(-np.sum(p * np.log(p), axis=1)).mean())


def batch_ours(z: Matrix) -> Job:
    """`rankme.score_batch`; the mean score stands for all."""
    rankme = importlib.import_module("rankme")
    return lambda: float(rankme.score_batch(z).mean())


def batch_torch_svdvals(z: Matrix) -> Job:
    """`torch.linalg.svdvals` of the whole batch, which stays in float32."""
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(z)
    return lambda: mean_rankme(torch.linalg.svdvals(tensor).numpy())


def smaller_gram(a: NDArray[Any]) -> NDArray[Any]:
    """Gram matrices of the smaller sides."""
    t = np.swapaxes(a, -1, -2)
    gram: NDArray[Any] = a @ t if a.shape[-2] < a.shape[-1] else t @ a
    return gram


def batch_numpy_loop(z: Matrix) -> Job:
    """Loop over the matrices: the smaller side's float64 Gram matrix, and its eigenvalues."""

    def job() -> float:
        eigenvalues = [np.linalg.eigvalsh(smaller_gram(a.astype(np.float64))) for a in z]
        return mean_rankme(np.sqrt(np.maximum(eigenvalues, 0)))

    return job


def batch_numpy(z: Matrix) -> Job:
    """Do the same in NumPy's own batches, which need a float64 copy of all matrices."""

    def job() -> float:
        eigenvalues = np.linalg.eigvalsh(smaller_gram(z.astype(np.float64)))
        return mean_rankme(np.sqrt(np.maximum(eigenvalues, 0)))

    return job


def batch_reference(z: Matrix) -> Job:
    """Singular values of the float64 copies."""
    return lambda: mean_rankme(np.linalg.svd(z.astype(np.float64), compute_uv=False))


def layers_ours(z: Matrix, **options: str) -> Job:
    """`rankme.LayerAccumulator` on rows that come in batches; the mean score stands for all."""
    rankme = importlib.import_module("rankme")

    def job() -> float:
        stack = rankme.LayerAccumulator(z.shape[0], z.shape[2], **options)
        for first in range(0, z.shape[1], ROWS_OF_LAYERS):
            stack.update(z[:, first : first + ROWS_OF_LAYERS])
        return float(np.mean(stack.score()))

    return job


def each_layer(z: Matrix, score: Callable[[Matrix], Job]) -> Job:
    """Score one layer after the other."""
    jobs = [score(layer) for layer in z]
    return lambda: float(np.mean([job() for job in jobs]))


def eigen_calls(order: int) -> int:
    """How often a run computes the eigenvalues, so that it takes some tens of milliseconds."""
    return max(1, round((1024 / order) ** 3))


def eigen_job(a: Any, eigenvalues: Callable[[Any], Any]) -> Job:
    """Compute the eigenvalues of one matrix over and over; RankMe of their magnitudes."""

    def job() -> float:
        for _ in range(eigen_calls(len(a))):
            values = eigenvalues(a)
        return rankme_of(np.abs(np.asarray(values)))

    return job


def eigen_ours(a: NDArray[np.float64]) -> Job:
    """Prepare what `rankme.score` and `rankme.spectrum` call, behind no public name."""
    return eigen_job(np.array(a), importlib.import_module("rankme._core").symmetric_eigenvalues)


def eigen_torch(a: NDArray[np.float64]) -> Job:
    """`torch.linalg.eigvalsh`, which is MKL's in PyTorch's builds for x86-64."""
    torch = importlib.import_module("torch")
    return eigen_job(torch.from_numpy(np.array(a)), torch.linalg.eigvalsh)


def eigen_numpy(a: NDArray[np.float64]) -> Job:
    """`numpy.linalg.eigvalsh`, which is OpenBLAS's in NumPy's wheels."""
    return eigen_job(np.array(a), np.linalg.eigvalsh)


JOBS: dict[str, Callable[[Any], Job]] = {
    "ours": score_ours,
    "ours-fast": score_ours_fast,
    "numpy-svd": score_numpy_svd,
    "scipy-svdvals": score_scipy_svdvals,
    "torch-svdvals": score_torch_svdvals,
    "numpy-gram32": lambda z: numpy_gram_job(z, np.float32),
    "numpy-gram64": lambda z: numpy_gram_job(z, np.float64),
    "torch-gram32": lambda z: torch_gram_job(z, "float32"),
    "torch-gram64": lambda z: torch_gram_job(z, "float64"),
    "reference": score_reference,
    "dgemm": gram_dgemm,
    "gram-ours": gram_ours,
    "gram-unprobed": gram_unprobed,
    "gram-ours-blocks": gram_ours_blocks,
    "gram-onedal-blocks": gram_onedal_blocks,
    "batch-ours": batch_ours,
    "batch-torch-svdvals": batch_torch_svdvals,
    "batch-numpy-loop": batch_numpy_loop,
    "batch-numpy": batch_numpy,
    "batch-reference": batch_reference,
    "layers-ours": layers_ours,
    "layers-ours-fast": lambda z: layers_ours(z, precision="fast"),
    "layers-torch-svdvals": lambda z: each_layer(z, score_torch_svdvals),
    "layers-numpy-gram64": lambda z: each_layer(z, lambda one: numpy_gram_job(one, np.float64)),
    "layers-numpy-gram32": lambda z: each_layer(z, lambda one: numpy_gram_job(one, np.float32)),
    "eigen-ours": eigen_ours,
    "eigen-torch": eigen_torch,
    "eigen-numpy": eigen_numpy,
}
