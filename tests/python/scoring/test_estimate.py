"""The sampling error of a score: leaving out groups, held against brute force and simulation."""

import json
import pickle
import warnings

import numpy as np
import pytest

import rankme
from rankme.metrics._jackknife import jackknife, neighbours_are_alike

EPS = 1e-7


def rankme_of(z, center=False, normalize=False):
    """RankMe by NumPy's SVD of the rows themselves."""
    z = np.asarray(z, dtype=np.float64)
    if normalize:
        norms = np.linalg.norm(z, axis=1, keepdims=True)
        z = z / np.where(norms > 0, norms, 1)
    if center:
        z = z - z.mean(axis=0)
    s = np.linalg.svd(z, compute_uv=False)
    p = s / s.sum() + EPS
    return float(np.exp(-(p * np.log(p)).sum()))


def busing(score, left_out, sizes):
    """The delete-m jackknife for unequal m, by pseudo-values as the paper has it."""
    n, g = sum(sizes), len(sizes)
    theta = g * score - sum((1 - m / n) * r for m, r in zip(sizes, left_out, strict=True))
    total = 0.0
    for m, r in zip(sizes, left_out, strict=True):
        h = n / m
        pseudo = h * score - (h - 1) * r
        total += (pseudo - theta) ** 2 / (h - 1)
    return theta, float(np.sqrt(total / g))


def by_brute_force(z, labels, **options):
    """Corrected score and standard error of groups, each left out by hand."""
    groups = [g for g in np.unique(labels) if (labels == g).any()]
    left_out = [rankme_of(z[labels != g], **options) for g in groups]
    sizes = [int((labels == g).sum()) for g in groups]
    return busing(rankme_of(z, **options), left_out, sizes), left_out, sizes


def rows(n=500, k=12, seed=0, power=0.5):
    return np.random.default_rng(seed).standard_normal((n, k)) * np.arange(1.0, k + 1) ** -power


def equal_runs(n, groups):
    return np.repeat(np.arange(groups), np.diff(np.arange(groups + 1) * n // groups))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("n", [500, 512, 40, 14])
def test_leaving_out_by_hand(n, center, normalize):
    z = rows(n)
    groups = 16 if n > 16 else 8
    e = rankme.estimate(z, groups=groups, center=center, normalize=normalize)
    labels = equal_runs(n, groups)
    (corrected, error), left_out, sizes = by_brute_force(
        z, labels, center=center, normalize=normalize
    )
    assert e.groups == groups
    assert e.group_rows.tolist() == sizes
    np.testing.assert_allclose(e.left_out, left_out, rtol=1e-9)
    assert e.score == pytest.approx(rankme_of(z, center, normalize), rel=1e-9)
    assert e.std_error == pytest.approx(error, rel=1e-5)
    assert e.bias_corrected == pytest.approx(corrected, rel=1e-7)
    assert e.low <= e.score <= e.high


def test_equal_groups_have_the_plain_formula():
    z = rows(480)
    e = rankme.estimate(z, groups=16)
    spread = ((e.left_out - e.left_out.mean()) ** 2).sum()
    assert e.std_error == pytest.approx(np.sqrt(15 / 16 * spread), rel=1e-9)
    assert e.bias_corrected == pytest.approx(16 * e.score - 15 * e.left_out.mean(), rel=1e-12)


def test_unequal_groups_are_weighted():
    rng = np.random.default_rng(1)
    sizes = np.array([5, 80, 33, 1, 60, 21, 44, 12])
    left_out = 10 + rng.standard_normal(8) / sizes
    found = jackknife(10.0, left_out, sizes)
    corrected, error = busing(10.0, left_out, sizes.tolist())
    assert found.bias_corrected == pytest.approx(corrected, rel=1e-12)
    assert found.std_error == pytest.approx(error, rel=1e-12)
    # The error of a mean, which is known: the jackknife of any groups is near it.
    draws = []
    for _ in range(300):
        x = rng.standard_normal(sizes.sum())
        labels = np.repeat(np.arange(8), sizes)
        without = np.array([x[labels != b].mean() for b in range(8)])
        draws.append(jackknife(x.mean(), without, sizes).std_error ** 2)
    assert np.mean(draws) == pytest.approx(1 / sizes.sum(), rel=0.15)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_fewer_rows_than_columns(center, normalize):
    z = rows(60, 300)
    e = rankme.estimate(z, groups=8, center=center, normalize=normalize)
    (_, error), left_out, _ = by_brute_force(
        z, equal_runs(60, 8), center=center, normalize=normalize
    )
    np.testing.assert_allclose(e.left_out, left_out, rtol=1e-9)
    assert e.score == pytest.approx(rankme_of(z, center, normalize), rel=1e-9)
    assert e.std_error == pytest.approx(error, rel=1e-5)
    assert (e.n_rows, e.n_cols) == (60, 300)


@pytest.mark.parametrize("center", [False, True])
def test_rows_that_are_much_longer_hide_nothing(center):
    z = rows(640, 8, power=0)
    z[163:166] *= 1e10
    with pytest.warns(rankme.PrecisionWarning, match=r"group 4 of 16, 40 rows, makes 94%"):
        e = rankme.estimate(z, groups=16, center=center)
    wanted = rankme_of(z[equal_runs(640, 16) != 4], center)
    assert e.left_out[4] == pytest.approx(wanted, rel=1e-12)


def test_equal_rows_have_no_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e = rankme.estimate(np.tile([3.0, 4.0, 5.0], (160, 1)))
    assert e.score == pytest.approx(1, abs=1e-4)
    assert e.std_error < 1e-6
    centred = rankme.estimate(np.tile([3.0, 4.0, 5.0], (160, 1)), center=True)
    assert (centred.score, centred.std_error) == (0, 0)


def test_the_same_rows_from_anywhere(tmp_path):
    z = rows(1003, 16).astype(np.float32)
    z[700, 3] = np.nan
    np.save(tmp_path / "all.npy", z)
    folder = tmp_path / "parts"
    folder.mkdir()
    for i, part in enumerate(np.split(z, [100, 101, 640])):
        np.save(folder / f"part-{i}.npy", part)
    given = [z, z.tolist(), np.asfortranarray(z), tmp_path / "all.npy", folder]
    results = [rankme.estimate(one, skip_nonfinite=True) for one in given]
    for e in results:
        assert e.n_skipped == 1
        assert e.group_rows.tolist() == results[0].group_rows.tolist()
        np.testing.assert_allclose(e.left_out, results[0].left_out, rtol=1e-11)
        assert e.std_error == pytest.approx(results[0].std_error, rel=1e-7)
    assert results[0].group_rows.sum() == 1002
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[700, 3\]"):
        rankme.estimate(z)
    with pytest.raises(ValueError, match=r"part-3\.npy: row 60, column 3"):
        rankme.estimate(folder)


def test_wide_sets_from_anywhere(tmp_path):
    z = rows(40, 90)
    z[7, 3] = np.inf
    np.save(tmp_path / "all.npy", z)
    blocks = np.split(z, [9, 20])
    results = [
        rankme.estimate(one, groups=8, skip_nonfinite=True) for one in (z, tmp_path / "all.npy")
    ]
    assert results[0].n_skipped == results[1].n_skipped == 1
    np.testing.assert_allclose(results[1].left_out, results[0].left_out, rtol=1e-12)
    dealt = rankme.estimate(iter(blocks), groups=8, skip_nonfinite=True, run_length=2)
    kept = np.delete(z, 7, axis=0)
    labels = np.arange(39) // 2 % 8
    np.testing.assert_allclose(dealt.left_out, by_brute_force(kept, labels)[1], rtol=1e-9)
    assert dealt.n_skipped == 1


def test_an_iterable_is_dealt_as_a_stream():
    z = rows(1500, 10)
    acc = rankme.Accumulator(10, groups=16)
    acc.update(z)
    e = rankme.estimate(iter(np.array_split(z, 7)))
    np.testing.assert_allclose(e.left_out, acc.estimate().left_out, rtol=1e-12)
    np.testing.assert_allclose(
        e.left_out, by_brute_force(z, np.arange(1500) // 32 % 16)[1], rtol=1e-9
    )


def test_what_cannot_be_estimated():
    with pytest.raises(ValueError, match="groups must be from 8"):
        rankme.estimate(rows(), groups=7)
    with pytest.raises(TypeError, match="groups must be an integer"):
        rankme.estimate(rows(), groups=None)
    with pytest.raises(ValueError, match=r"7 rows fill 7 groups.*8 rows at least"):
        rankme.estimate(rows(7))
    with pytest.raises(ValueError, match=r"100 rows fill 4 of 16 groups.*more than 224 rows"):
        rankme.estimate(iter([rows(100)]))
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        rankme.estimate(rows(), eps=2)
    with pytest.raises(ValueError, match="run_length must be"):
        rankme.estimate(rows(), run_length=0)
    # What the message says to do works.
    assert rankme.estimate(iter([rows(100)]), run_length=8).groups == 13


def of_classes(classes=20, n=4000, k=40):
    """Rows sorted by class, each class in two dimensions of its own."""
    normal, labels = rows(n, 2), np.sort(np.arange(n) % classes)
    z = np.zeros((n, k))
    for i, label in enumerate(labels):
        z[i, 2 * label : 2 * label + 2] = normal[i]
    return z


def test_a_file_that_is_sorted_by_class_is_told():
    z = of_classes()
    with pytest.warns(rankme.PrecisionWarning, match="as in a file sorted by class") as caught:
        whole = rankme.estimate(z)
    assert [warning.filename for warning in caught] == [__file__]
    assert whole.bias_corrected > 1.3 * z.shape[1]  # beyond what a rank can be
    assert "extrapolated" not in str(whole)
    # What the text says to do: the error is that of shuffled rows, which are independent.
    dealt = rankme.estimate(iter([z]))
    shuffled = rankme.estimate(np.random.default_rng(1).permutation(z))
    assert dealt.score == pytest.approx(shuffled.score, rel=1e-12)
    assert dealt.std_error == pytest.approx(shuffled.std_error, rel=0.6)
    assert whole.std_error > 20 * shuffled.std_error
    for one in (dealt, shuffled):
        assert one.bias_corrected == pytest.approx(z.shape[1], rel=0.02)
        assert str(one).endswith("extrapolated")


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
@pytest.mark.parametrize("k", [8, 32])
def test_rows_that_are_like_each_other_are_not_called_sorted(power, k):
    # A PrecisionWarning would be an error.
    for seed in range(5):
        z = (
            np.random.default_rng(seed).standard_normal((8 * k, k))
            * np.arange(1.0, k + 1) ** -power
        )
        assert str(rankme.estimate(z, groups=8)).endswith("extrapolated")


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_a_file_that_is_sorted_by_few_classes_is_told(classes):
    rng = np.random.default_rng(classes)
    power = np.linspace(0.2, 1.2, classes)[np.sort(np.arange(1600) % classes)]
    z = rng.standard_normal((1600, 32)) * np.arange(1, 33) ** -power[:, None]
    with pytest.warns(rankme.PrecisionWarning, match="sorted by a few classes, or drift"):
        whole = rankme.estimate(z)
    # What the text says to do.
    assert whole.std_error > 2 * rankme.estimate(rng.permutation(z)).std_error
    rankme.estimate(iter([z]))  # dealt in short runs, which say nothing


def test_like_groups_are_called_sorted_in_one_of_500_samples_at_most():
    rng = np.random.default_rng(0)
    alone = sum(neighbours_are_alike(rng.standard_normal(16)) for _ in range(20_000))
    assert 0 < alone < 20_000 / 500 * 1.5
    told = 0
    for _ in range(300):
        views = np.repeat(rng.standard_normal((160, 16)), 10, axis=0)
        z = (views + 0.3 * rng.standard_normal(views.shape)) / np.arange(1, 17) ** 0.5
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rankme.estimate(z)
        told += any("sorted by a few" in str(one.message) for one in caught)
    assert told <= 4


def test_the_estimate_as_an_object():
    e = rankme.estimate(rows(4000, 16))
    assert (
        str(e)
        == f"{e.score:.3f} ± {e.std_error:.3f} (sampling), {e.bias_corrected:.3f} extrapolated"
    )
    assert repr(e).startswith(f"Estimate({e}; N = 4000, K = 16, 16 groups, eps=1e-07")
    assert "extrapolated" not in str(rankme.estimate(rows(63, 16)))
    assert "extrapolated" in str(rankme.estimate(rows(64, 16)))
    long = rows(64, 16)
    long[0] *= 1e10
    with pytest.warns(rankme.PrecisionWarning, match="of the sampling variance"):
        outweighed = rankme.estimate(long)
    assert outweighed.bias_corrected < 0
    assert "extrapolated" not in str(outweighed)
    record = json.loads(json.dumps(e.to_dict()))
    assert record["rankme"] == e.score
    assert record["std_error"] == e.std_error
    assert record["bias_corrected"] == e.bias_corrected
    assert (record["groups"], record["n_rows"], record["n_cols"]) == (16, 4000, 16)
    for array in (e.left_out, e.group_rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    again = pickle.loads(pickle.dumps(e))
    assert again.std_error == e.std_error


def test_the_error_is_that_of_repeated_draws():
    # A look: bench/sampling.py has the figures of a thousand draws.
    drawn = [rankme.estimate(rows(400, 32, seed)) for seed in range(150)]
    spread = np.std([e.score for e in drawn], ddof=1)
    assert np.mean([e.std_error for e in drawn]) == pytest.approx(spread, rel=0.25)
    many = rankme_of(rows(20_000, 32, 999))
    assert np.mean([e.bias_corrected for e in drawn]) == pytest.approx(many, rel=0.01)
    assert np.mean([e.score for e in drawn]) < 0.99 * many


def test_pairs_of_one_sample():
    rng = np.random.default_rng(5)
    first = rng.standard_normal((16, 32)) / 4
    second = 0.95 * first + 0.3 * rng.standard_normal((16, 32)) / 4
    found = []
    for _ in range(150):
        x = rng.standard_normal((1000, 16))
        a, b = (rankme.estimate(np.maximum(x @ w, 0)) for w in (first, second))
        paired = jackknife(a.score - b.score, a.left_out - b.left_out, a.group_rows)
        apart = np.hypot(a.std_error, b.std_error)
        found.append((a.score - b.score, paired.std_error, apart))
    difference, error, apart = np.transpose(found)
    assert error.mean() == pytest.approx(difference.std(ddof=1), rel=0.25)
    assert error.mean() < 0.6 * apart.mean()
