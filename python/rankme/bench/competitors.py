"""Who takes part, on which shapes."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class Competitor:
    """A line of the tables: its key among the worker's jobs, its title and what it needs."""

    key: str
    title: str
    module: str
    package: str

    @property
    def installed(self) -> bool:
        """Whether its module can be found; nothing is imported."""
        return importlib.util.find_spec(self.module) is not None


SCORE = (
    Competitor("ours", "rankme.score", "rankme", "rankme"),
    Competitor("numpy-svd", "numpy.linalg.svd", "numpy", "numpy"),
    Competitor("scipy-svdvals", "scipy.linalg.svdvals", "scipy", "scipy"),
    Competitor("torch-svdvals", "torch.linalg.svdvals", "torch", "torch"),
    Competitor("numpy-gram32", "numpy eigvalsh(Z.T @ Z), float32", "numpy", "numpy"),
    Competitor("numpy-gram64", "numpy eigvalsh(Z.T @ Z), float64", "numpy", "numpy"),
    Competitor("torch-gram32", "torch eigvalsh(Z.T @ Z), float32", "torch", "torch"),
    Competitor("torch-gram64", "torch eigvalsh(Z.T @ Z), float64", "torch", "torch"),
)
REFERENCE = Competitor("reference", "float64 SVD", "numpy", "numpy")
GRAM = (
    Competitor("gram-ours", "Accumulator.update, float32", "rankme", "rankme"),
    Competitor("gram-unprobed", "the same without its probes", "rankme", "rankme"),
    Competitor("dgemm", "one dgemm (NumPy), float64", "numpy", "numpy"),
    Competitor("gram-ours-blocks", "Accumulator.update, float64 blocks", "rankme", "rankme"),
    Competitor(
        "gram-onedal-blocks",
        "oneDAL online covariance, float64 blocks",
        "sklearnex",
        "scikit-learn-intelex",
    ),
)
BATCH = (
    Competitor("batch-ours", "rankme.score_batch", "rankme", "rankme"),
    Competitor("batch-torch-svdvals", "torch.linalg.svdvals, batched", "torch", "torch"),
    Competitor(
        "batch-numpy-loop", "numpy loop, float64 Gram of the smaller side", "numpy", "numpy"
    ),
    Competitor("batch-numpy", "the same, batched", "numpy", "numpy"),
)
BATCH_REFERENCE = Competitor("batch-reference", "float64 SVD", "numpy", "numpy")

# (N, K): the paper's protocol is N = 25,600; then many rows, fewer rows than columns, many more.
SHAPES = ((25_600, 512), (25_600, 2048), (200_000, 512), (2_000, 4096), (1_000_000, 128))
# (B, N, K): the answers to a question in a language model, and very small matrices.
BATCHES = ((500, 50, 4096), (100_000, 16, 64))
QUICK_BATCHES = ((12, 5, 40), (50, 9, 4))
QUICK_SHAPES = ((600, 24), (40, 64))
WIDTHS = (128, 384, 768, 1024, 2048)
QUICK_WIDTHS = (24, 48)
