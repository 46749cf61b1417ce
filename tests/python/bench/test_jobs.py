"""Every job computes what it is timed for."""

import sys
from types import ModuleType

import numpy as np
import pytest

from rankme.bench import file_jobs, jobs
from rankme.bench.competitors import (
    BATCH,
    BATCH_REFERENCE,
    EIGENVALUES,
    GRAM,
    LAYERS,
    PEERS,
    REFERENCE,
    SCORE,
)
from rankme.bench.matrices import DECAY, write_layers, write_power_law, write_symmetric


def test_worker_jobs_and_competitors_agree():
    everyone = (*SCORE, *GRAM, *BATCH, *LAYERS, *EIGENVALUES, REFERENCE, BATCH_REFERENCE)
    assert {one.key for one in everyone} == set(jobs.JOBS)
    from_files = [one for number in PEERS for one in (*number.measured, number.reference)]
    assert {one.key for one in from_files} == set(file_jobs.FILE_JOBS)


@pytest.mark.parametrize("shape", [(5, 4, 9), (5, 9, 4)], ids=str)
@pytest.mark.parametrize("key", [one.key for one in (*BATCH, BATCH_REFERENCE)])
def test_every_batch_job_scores_all_matrices(key, shape):
    zs = np.random.default_rng(2).standard_normal(shape, dtype=np.float32)
    expected = np.mean([jobs.score_reference(z)() for z in zs])
    assert jobs.JOBS[key](zs)() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("key", [one.key for one in LAYERS])
def test_every_layer_job_scores_all_layers(key, monkeypatch):
    monkeypatch.setattr(jobs, "ROWS_OF_LAYERS", 7)
    z = np.random.default_rng(2).standard_normal((3, 20, 6), dtype=np.float32)
    expected = np.mean([jobs.score_reference(layer)() for layer in z])
    assert jobs.JOBS[key](z)() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("key", [one.key for one in EIGENVALUES])
def test_every_eigenvalue_job_finds_them(key, tmp_path):
    path = tmp_path / "a.npy"
    write_symmetric(path, 90)
    a = np.load(path)
    np.testing.assert_array_equal(a, a.T)
    expected = jobs.rankme_of(np.linalg.svd(a, compute_uv=False))
    assert jobs.JOBS[key](a)() == pytest.approx(expected, rel=1e-12)


def test_small_matrices_are_done_several_times():
    assert [jobs.eigen_calls(order) for order in (128, 512, 1024, 4096)] == [512, 8, 1, 1]


@pytest.mark.parametrize("key", [one.key for one in GRAM])
def test_every_gram_job_computes_the_product_it_is_timed_for(key):
    rows = jobs.ROWS_PER_BLOCK + 5
    z = np.random.default_rng(1).standard_normal((rows, 6), dtype=np.float32) + np.float32(2)
    done = jobs.JOBS[key](z)()
    a = z.astype(np.float64)
    if key == "dgemm":  # its second operand is the first one, a row later
        gram, expected = done, a.T @ np.roll(a, -1, axis=0)
    else:
        gram = done.covariance_ * rows if key == "gram-onedal-blocks" else done.gram()
        expected = a.T @ a
    np.testing.assert_allclose(gram, expected, rtol=1e-12)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "z.npy"
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((70, 6)) * np.arange(1, 7) ** -1.0 + 0.5
    np.save(path, rows.astype(np.float32))
    return str(path)


@pytest.fixture(scope="module")
def expected(file):
    """The three numbers, by an SVD each."""
    z = np.load(file).astype(np.float64)

    def values(rows):
        return np.linalg.svd(rows, compute_uv=False)

    unit = values(z / np.linalg.norm(z, axis=1, keepdims=True)) ** 2
    p = unit / unit.sum()
    return {
        "RankMe": jobs.rankme_of(values(z)),
        "RankMe of centred eigenvalues": jobs.rankme_of(values(z - z.mean(axis=0)) ** 2),
        "Vendi score": np.exp(-np.sum(p * np.log(p))),
    }


@pytest.mark.parametrize("number", PEERS, ids=lambda number: number.what)
def test_ours_and_the_reference_compute_the_number_of_the_peers(
    number, file, expected, monkeypatch
):
    monkeypatch.setattr(file_jobs, "BLOCK_BYTES", 8 * 6 * 16)  # several blocks
    for one in (number.measured[0], number.reference):
        found = file_jobs.FILE_JOBS[one.key](file)()
        assert found == pytest.approx(expected[number.what], rel=1e-9), one.key


# vendi-score 0.0.3 looks for SciPy's sparse matrices under their old name.
@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`:DeprecationWarning")
@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("file-embedding-quality", "RankMe"),
        ("file-vendi-dual", "Vendi score"),
        ("file-vendi", "Vendi score"),
    ],
)
def test_a_peer_computes_the_number_beside_which_it_stands(key, what, file, expected):
    assert key in {one.key for number in PEERS if number.what == what for one in number.measured}
    assert file_jobs.FILE_JOBS[key](file)() == pytest.approx(expected[what], rel=1e-4)


def test_the_call_of_reptrix(file, monkeypatch):
    """reptrix is no test dependency, since it brings torchvision: a stand-in tells what it got."""
    module = ModuleType("reptrix.rankme")
    module.get_rankme = lambda activations: activations.double().sum()
    monkeypatch.setitem(sys.modules, "reptrix", ModuleType("reptrix"))
    monkeypatch.setitem(sys.modules, "reptrix.rankme", module)
    found = file_jobs.FILE_JOBS["file-reptrix"](file)()
    assert found == pytest.approx(np.load(file).sum(dtype=np.float64))


def test_the_matrices_are_repeatable_and_have_the_spectrum_they_claim(tmp_path):
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path in paths:
        write_power_law(path, rows=20_000, columns=16, seed=3)
    a, b = (np.load(path) for path in paths)
    np.testing.assert_array_equal(a, b)
    sigma = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    expected = np.sqrt(20_000) * np.arange(1, 17) ** -DECAY
    np.testing.assert_allclose(sigma, expected, rtol=0.05)


def test_layers_have_one_spectrum_and_rows_of_their_own(tmp_path):
    write_layers(tmp_path / "layers.npy", (2, 20_000, 8), decay=0.7)
    layers = np.load(tmp_path / "layers.npy").astype(np.float64)
    expected = np.sqrt(20_000) * np.arange(1, 9) ** -0.7
    for layer in layers:
        np.testing.assert_allclose(np.linalg.svd(layer, compute_uv=False), expected, rtol=0.05)
    assert np.abs(layers[0] - layers[1]).min(axis=1).max() > 0
