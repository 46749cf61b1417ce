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
    Competitor("ours-fast", 'rankme.score, precision="fast"', "rankme", "rankme"),
    Competitor("numpy-svd", "numpy.linalg.svd", "numpy", "numpy"),
    Competitor("scipy-svdvals", "scipy.linalg.svdvals", "scipy", "scipy"),
    Competitor("torch-svdvals", "torch.linalg.svdvals", "torch", "torch"),
    Competitor("numpy-gram32", "numpy eigvalsh(Z.T @ Z), float32", "numpy", "numpy"),
    Competitor("numpy-gram64", "numpy eigvalsh(Z.T @ Z), float64", "numpy", "numpy"),
    Competitor("torch-gram32", "torch eigvalsh(Z.T @ Z), float32", "torch", "torch"),
    Competitor("torch-gram64", "torch eigvalsh(Z.T @ Z), float64", "torch", "torch"),
)
# The whole SVDs are in the table of SCORE; these are the ways that are as quick.
FAST_KEYS = (
    "ours",
    "ours-fast",
    "torch-svdvals",
    "numpy-gram32",
    "numpy-gram64",
    "torch-gram32",
    "torch-gram64",
)
FAST = tuple(one for one in SCORE if one.key in FAST_KEYS)
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

LAYERS = (
    Competitor("layers-ours", "rankme.LayerAccumulator", "rankme", "rankme"),
    Competitor("layers-ours-fast", 'rankme.LayerAccumulator, precision="fast"', "rankme", "rankme"),
    Competitor("layers-torch-svdvals", "torch.linalg.svdvals of each", "torch", "torch"),
    Competitor("layers-numpy-gram64", "numpy eigvalsh(Z.T @ Z) of each, float64", "numpy", "numpy"),
    Competitor("layers-numpy-gram32", "numpy eigvalsh(Z.T @ Z) of each, float32", "numpy", "numpy"),
)
EIGENVALUES = (
    Competitor("eigen-ours", "rankme", "rankme", "rankme"),
    Competitor("eigen-torch", "torch.linalg.eigvalsh", "torch", "torch"),
    Competitor("eigen-numpy", "numpy.linalg.eigvalsh", "numpy", "numpy"),
)
EIGENVALUES_REFERENCE = Competitor("eigen-numpy", "numpy.linalg.eigvalsh", "numpy", "numpy")


@dataclass(frozen=True)
class Definition:
    """A number that packages compute from a file, with ours first and the reference of all."""

    what: str
    measured: tuple[Competitor, ...]
    reference: Competitor


def _reference(key: str) -> Competitor:
    """Name a reference of a file."""
    return Competitor(key, "float64 QR and SVD", "numpy", "numpy")


PEERS = (
    Definition(
        "RankMe",
        (
            Competitor("file-ours", "rankme.score", "rankme", "rankme"),
            Competitor(
                "file-embedding-quality",
                "embedding-quality, RankMe",
                "embedding_quality",
                "embedding-quality",
            ),
        ),
        _reference("file-reference"),
    ),
    Definition(
        "RankMe of centred eigenvalues",
        (
            Competitor("file-ours-centred", "rankme.spectrum, center=True", "rankme", "rankme"),
            Competitor("file-reptrix", "reptrix, get_rankme", "reptrix", "reptrix"),
        ),
        _reference("file-reference-centred"),
    ),
    Definition(
        "Vendi score",
        (
            Competitor("file-ours-vendi", "rankme.spectrum, normalize=True", "rankme", "rankme"),
            Competitor("file-vendi-dual", "vendi-score, score_dual", "vendi_score", "vendi-score"),
            Competitor("file-vendi", "vendi-score, score_X", "vendi_score", "vendi-score"),
        ),
        _reference("file-reference-vendi"),
    ),
)


@dataclass(frozen=True)
class Sizes:
    """The sizes of every section: (N, K) unless said otherwise.

    Attributes
    ----------
    scores, fast, peers : tuple of (int, int)
        Of the scores, of those beside float32 ways, and of files for the peers.
    layers, batches : tuple of (int, int, int)
        (L, N, K) and (B, N, K).
    widths, orders : tuple of int
        K of the Gram step and of the eigenvalues.
    gram_rows : int, optional
        N of the Gram step; unless given, as many as take half a second.
    """

    scores: tuple[tuple[int, int], ...]
    fast: tuple[tuple[int, int], ...]
    layers: tuple[tuple[int, int, int], ...]
    batches: tuple[tuple[int, int, int], ...]
    widths: tuple[int, ...]
    orders: tuple[int, ...]
    peers: tuple[tuple[int, int], ...]
    gram_rows: int | None = None


FULL = Sizes(
    # The paper's protocol is N = 25,600; then many rows, fewer rows than columns, many more rows,
    # and a layer of a language model.
    scores=(
        (25_600, 512),
        (25_600, 2048),
        (200_000, 512),
        (2_000, 4096),
        (1_000_000, 128),
        (10_000, 4096),
    ),
    fast=((25_600, 2048), (10_000, 4096), (200_000, 512), (1_000_000, 128)),
    # A slice of a stack of 32.
    layers=((2, 10_000, 4096),),
    # The answers to a question in a language model, and very small matrices.
    batches=((500, 50, 4096), (100_000, 16, 64)),
    widths=(128, 384, 768, 1024, 2048),
    orders=(128, 256, 512, 1024, 2048, 4096),
    peers=((1_000_000, 128), (1_000_000, 384)),
)
QUICK = Sizes(
    scores=((600, 24), (40, 64)),
    fast=((600, 24),),
    layers=((2, 60, 24),),
    batches=((12, 5, 40),),
    widths=(24, 48),
    orders=(24,),
    peers=((600, 16),),
    gram_rows=1024,
)
