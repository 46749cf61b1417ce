"""Each call in docs/other-tools.md gives the number of the tool that it stands beside.

The tools' formulas are written here from their descriptions, in NumPy and by SVD; `vendi-score`,
`embedding-quality`, `dimensionality` and `IsoScore` are the packages themselves.
"""

import numpy as np
import pytest
import threadpoolctl
import torch
from dimensionality import participation_ratio as dimensionality
from embedding_quality.evaluation import UnsupervisedEmbeddingQualityEvaluation as EmbeddingQuality
from IsoScore.IsoScore import IsoScore
from vendi_score import vendi

import rankme
from helpers import ROOT
from pages import codes, tables

PAGE = "other-tools.md"
TABLE = [row for table in tables(PAGE) for row in table]
CALLS = {row["tool"]: row for row in TABLE}


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices of this size gain nothing by more, and lose where the machine is busy."""
    with threadpoolctl.threadpool_limits(1):
        yield


def sigma_of(z):
    return np.linalg.svd(z, compute_uv=False)


def centred(z):
    return z - z.mean(axis=0)


def unit(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def exp_entropy(q):
    return np.exp(-np.sum(q * np.log(q)))


def shares(values):
    return values / values.sum()


def positive(p):
    return p[p > 0]


def entropy_without_tiny(z):
    p = shares(sigma_of(z))
    p = p[p >= 1e-8]
    return -np.sum(p * np.log(p))


def monai(z):
    rank = exp_entropy(positive(shares(sigma_of(centred(z)))))
    return 1 - rank / min(len(z) - 1, z.shape[1])


def padded_entropy(z):
    k = z.shape[1]
    sigma = sigma_of(z)
    p = np.maximum(shares(np.concatenate([sigma, np.zeros(k - len(sigma))])), 1e-12)
    return -np.sum(p * np.log(p)) / np.log(k)


def covariance_spectrum(z):
    return np.linalg.eigvalsh(np.cov(z.T))[::-1]


def self_clustering(z):
    w = unit(z + 1e-12)
    n, d = w.shape
    expected = n + n * (n - 1) / d
    return (np.sum((w @ w.T) ** 2) - expected) / (n * n - expected)


def coherence(z):
    u = np.linalg.svd(z, full_matrices=False)[0]
    return np.max(np.linalg.norm(u, axis=1)) ** 2 * len(z) / u.shape[1]


def power_law(z, last):
    """The exponent by weighted least squares over eigenvalues 11 to `last`."""
    eigenvalues = shares(sigma_of(centred(z)) ** 2)[10:last]
    k = np.arange(11.0, 11 + len(eigenvalues))
    x = np.column_stack([-np.log(k), np.ones_like(k)])
    weighted = x / k[:, None]
    return np.linalg.solve(x.T @ weighted, weighted.T @ np.log(eigenvalues))[0]


def fewest(weights, share):
    """The first k whose share is reached."""
    return np.argmax(np.cumsum(weights) / weights.sum() >= share) + 1


def lightly(z):
    rows = torch.nn.functional.normalize(torch.from_numpy(z), dim=1)
    return float(torch.std(rows, dim=0).mean())


def mean_cosine(z):
    cosines = unit(z) @ unit(z).T
    return cosines[~np.eye(len(z), dtype=bool)].mean()


def lidar(groups, delta=1e-4, eps=1e-8):
    n, q, k = groups.shape
    means = groups.mean(axis=1)
    apart = centred(means)
    inner = (groups - means[:, None]).reshape(-1, k)
    within = inner.T @ inner / (n * (q - 1)) + delta * np.eye(k)
    scales, vectors = np.linalg.eigh(within)
    root = vectors / np.sqrt(np.maximum(scales, eps)) @ vectors.T
    found = np.linalg.eigvalsh(root @ (apart.T @ apart / (n - 1)) @ root)
    return exp_entropy(shares(np.maximum(found, 0) + eps))


# By the words with which a row begins: what the tool computes of a float64 matrix.
TOOLS = {
    "Garrido et al.": EmbeddingQuality.RankMe,
    "Roy and Vetterli": lambda z: exp_entropy(positive(shares(sigma_of(z)))),
    "stable-pretraining, PyTorch": lambda z: exp_entropy(shares(sigma_of(z)) + 1e-5),
    "stable-pretraining, JAX": lambda z: exp_entropy(
        sigma_of(z) / (sigma_of(z).sum() + 1e-7) + 1e-7
    ),
    "TensorFlow GNN": lambda z: exp_entropy(shares(sigma_of(z)) + 1e-12),
    "code of Tsitsulin et al.": lambda z: exp_entropy(
        sigma_of(z) / np.sum(sigma_of(z) + 1e-12) + 1e-12
    ),
    "layer choice": lambda z: exp_entropy(shares(sigma_of(unit(z))) + 1e-7),
    "MONAI": monai,
    "sirbastiano/RankMe": padded_entropy,
    "reptrix 0.1.0 `get_rankme`": lambda z: exp_entropy(shares(sigma_of(centred(z)) ** 2) + 1e-7),
    "Vendi score, `vendi-score`": vendi.score_dual,
    "Vendi score of order": lambda z: vendi.score_dual(z, q=2),
    "Diff-eRank": lambda z: exp_entropy(positive(shares(sigma_of(unit(centred(z))) ** 2))),
    "srank": lambda z: fewest(sigma_of(z), 0.99),
    "stable rank": EmbeddingQuality.Stable_rank,
    "NESum": lambda z: np.real(EmbeddingQuality.NESum(z)),
    "participation ratio": lambda z: (
        covariance_spectrum(z).sum() ** 2 / (covariance_spectrum(z) ** 2).sum()
    ),
    "`numpy.linalg.matrix_rank`": np.linalg.matrix_rank,
    "pseudo condition number of TensorFlow GNN": lambda z: sigma_of(z)[0] / sigma_of(z)[-1],
    "pseudo condition number of Tsitsulin": lambda z: sigma_of(z)[-1] / (sigma_of(z)[0] + 1e-12),
    "`PCA(n_components=0.95)`": lambda z: fewest(sigma_of(centred(z)) ** 2, 0.95),
    "PL score": lambda z: shares(sigma_of(z))[0],
    "IsoScore": lambda z: float(IsoScore(z)),
    "`dimensionality` 0.1.4, `row`": lambda z: dimensionality(z, return_all=True)["row"],
    "`dimensionality` 0.1.4, `both`": dimensionality,
    "collapse check": lightly,
    "anisotropy": mean_cosine,
    "self-clustering": self_clustering,
    "coherence": coherence,
    "alpha-ReQ, reptrix": lambda z: power_law(z, 100),
}
# Columns without which the real embeddings have full rank: zeros, and a third that is next to them.
DEAD, FAINT = [127, 223], [319]
LEFT_OUT = {
    "pseudo condition number of TensorFlow GNN": DEAD,
    "pseudo condition number of Tsitsulin": DEAD,
    "coherence": DEAD + FAINT,
}
OF_MANY_ROWS = ("coherence", "anisotropy")
BATCHED = "effective rank of the answers"
GROUPED = "LiDAR, stable-pretraining"


def load(name):
    return np.load(ROOT / f"tests/data/minilm_{name}_2000x384_f16.npy")[:500].astype("f8")


def unlike(z):
    """The same embeddings with norms that differ and a mean, which the encoder leaves out."""
    rng = np.random.default_rng(3)
    moved = z + 0.02 * rng.standard_normal(z.shape[1]) * (np.abs(z).max(axis=0) > 0)
    return moved * rng.uniform(0.3, 3, (len(z), 1))


DATA = {
    "glosses": load("wordnet"),
    "with norms and a mean": unlike(load("wordnet")),
    "fewer rows than columns": unlike(load("docstrings"))[:150],
    "float32": unlike(load("wordnet")).astype("f4"),
}


def row_of(tool):
    (row,) = (row for name, row in CALLS.items() if name.startswith(tool))
    return row


def given(row, **names):
    (call,) = codes(row["call"])
    return eval(call, {"np": np, "rankme": rankme, **names})  # noqa: S307


def assert_agrees(found, expected, row):
    if row["to"] == "exact":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=float(row["to"]))


def test_every_row_is_tried():
    tried = [*TOOLS, BATCHED, GROUPED]
    assert len(CALLS) == len(TABLE) == len(tried)
    assert {row_of(tool)["tool"] for tool in tried} == set(CALLS)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("tool", TOOLS)
def test_the_call_gives_the_number_of_the_tool(tool, data):
    z = np.delete(DATA[data], LEFT_OUT.get(tool, []), axis=1)
    if tool in OF_MANY_ROWS and z.shape[0] < z.shape[1]:
        z = z[:, :100]
    row = row_of(tool)
    n, k = z.shape
    assert_agrees(given(row, Z=z, N=n, K=k), TOOLS[tool](z.astype("f8")), row)


def test_the_answers_to_a_question():
    z = DATA["with norms and a mean"]
    answers = z.reshape(50, 10, -1)
    answers[:5] = answers[:5, :1]  # equal answers have equal rows
    row = row_of(BATCHED)
    expected = [entropy_without_tiny(matrix) for matrix in answers]
    np.testing.assert_allclose(given(row, Zs=answers), expected, rtol=float(row["to"]), atol=1e-6)


@pytest.mark.parametrize("data", ["glosses", "with norms and a mean"])
@pytest.mark.parametrize("n", [20, 50])
def test_lidar(data, n):
    groups = DATA[data][: 10 * n].reshape(n, 10, -1)
    row = row_of(GROUPED)
    assert_agrees(given(row, groups=groups), lidar(groups), row)


def test_the_columns_rows_and_values_are_those_of_the_call():
    for row in TABLE:
        (call,) = codes(row["call"])
        assert ("center=True" in call) == (row["rows"] == "centred"), row
        by_itself = "unit_std(" in call  # for which nothing else is defined
        assert ("normalize=True" in call or by_itself) == row["rows"].endswith("unit length"), row


def test_the_tools_do_differ():
    # Otherwise the table could not tell a right call from a wrong one.
    z = DATA["with norms and a mean"]
    alike = ("TensorFlow", "code of", "stable-pretraining, JAX", "`PCA")  # but for less than 1e-4
    ranks = [tool for tool in TOOLS if not tool.startswith(alike) and TOOLS[tool](z) > 1]
    values = np.sort([float(TOOLS[tool](z)) for tool in ranks])
    assert (np.diff(values) > 1e-4 * values[1:]).all()


def test_the_order_of_centring_and_normalising_does_matter():
    z = DATA["with norms and a mean"]
    both = rankme.spectrum(z, center=True, normalize=True).matrix_entropy_rank()
    assert abs(both / TOOLS["Diff-eRank"](z) - 1) > 1e-3
