"""A stream for each class: against each class by itself, and against NumPy's loops."""

import copy
import math
import threading

import numpy as np
import pytest

import rankme
from oracles import AGAINST_SVD, SAME_ROWS, moderate, preprocess, rankme_of

K = 12
SIZES = [1, 2, 40, 0, 300, 13]  # ragged, one empty, one of a single row
LABELS = np.random.default_rng(5).permutation(np.repeat(np.arange(len(SIZES)), SIZES))
ROWS = moderate(1, len(LABELS), K) + 2.0 * moderate(2, len(SIZES), K)[LABELS]


def made(rows=ROWS, labels=LABELS, n_groups=6, **options):
    acc = rankme.GroupedAccumulator(rows.shape[1], n_groups, **options)
    acc.update(rows, groups=labels)
    return acc


def svd_scores(rows, labels, n_groups, **options):
    scores = np.full(n_groups, np.nan)
    for group in set(labels.tolist()):
        own = preprocess(rows[labels == group], **options)
        sigma = np.linalg.svd(own, compute_uv=False)
        # Equal rows have no spread, and what an SVD finds of it is rounding.
        scores[group] = 0 if options.get("center") and len(own) == 1 else rankme_of(sigma)
    return scores


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_against_each_class_by_itself(center, normalize):
    acc = made(normalize=normalize)
    expected = svd_scores(ROWS, LABELS, len(SIZES), center=center, normalize=normalize)
    scores = acc.scores(center=center)
    # Centred, two rows have one direction, and a matrix of squares knows the other to 1e-8 only.
    np.testing.assert_allclose(scores, expected, rtol=1e-5 if center else AGAINST_SVD)
    assert acc.group_rows.tolist() == SIZES
    whole = rankme.score(ROWS, center=center, normalize=normalize)
    assert acc.score(center=center) == pytest.approx(whole, rel=SAME_ROWS)
    for group in (2, 4, 5):
        one = acc.spectrum(group, center=center)
        assert one.n_rows == SIZES[group]
        assert one.rankme() == pytest.approx(scores[group], rel=SAME_ROWS)
    spectra = acc.spectra(center=center)
    assert [spectrum and spectrum.n_rows for spectrum in spectra] == [n or None for n in SIZES]


@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_cuts_do_not_matter(step):
    acc = rankme.GroupedAccumulator(K, len(SIZES))
    for start in range(0, len(ROWS), step):
        acc.update(ROWS[start : start + step], groups=LABELS[start : start + step])
    np.testing.assert_allclose(acc.scores(), made().scores(), rtol=SAME_ROWS)
    assert acc.lidar() == pytest.approx(made().lidar(), rel=1e-10)


def test_merging_is_one_stream():
    parts = [made(ROWS[i::3], LABELS[i::3]) for i in range(3)]
    before = parts[0].n_rows
    total = sum(parts)
    np.testing.assert_allclose(total.scores(), made().scores(), rtol=SAME_ROWS)
    assert total.group_rows.tolist() == SIZES
    assert total.spread() == pytest.approx(made().spread(), rel=1e-12)
    assert parts[0].n_rows == before
    parts[0] += parts[1]
    assert parts[0].n_rows == before + parts[1].n_rows


def test_what_does_not_merge_changes_nothing():
    acc = made()
    scores = acc.scores()
    for other, text in (
        (made(n_groups=7), "of 6 and 7 groups"),
        (made(seed=1), "seed"),
        (made(normalize=True), "normalize"),
        (made(ROWS[:, :5]), "dim"),
    ):
        with pytest.raises(ValueError, match=text):
            acc.merge(other)
    with pytest.raises(TypeError, match=r"must be a rankme\.GroupedAccumulator, not"):
        acc.merge(rankme.Accumulator(K))
    assert (acc.scores()[2:3] == scores[2:3]).all()
    assert acc.n_rows == len(ROWS)


def test_copies_go_their_own_way():
    acc = made()
    other = copy.deepcopy(acc)
    np.testing.assert_array_equal(other.scores(), acc.scores())
    other.update(ROWS[:5], groups=[3] * 5)
    assert (acc.group_rows[3], other.group_rows[3]) == (0, 5)
    acc.reset()
    assert (acc.n_rows, other.n_rows) == (0, len(ROWS) + 5)
    assert np.isnan(acc.scores()).all()
    acc.update(ROWS, groups=LABELS)
    np.testing.assert_array_equal(acc.scores(), made().scores())


def test_one_group_as_an_accumulator():
    acc = made()
    one = acc.accumulator(4)
    one.update(ROWS[:3])
    assert (one.n_rows, acc.group_rows[4]) == (303, 300)
    alone = rankme.Accumulator(K)
    alone.update(np.vstack([ROWS[LABELS == 4], ROWS[:3]]))
    assert one.score() == pytest.approx(alone.score(), rel=SAME_ROWS)
    with pytest.raises(ValueError, match="group must be from 0 to 5, not 6"):
        acc.accumulator(6)
    with pytest.raises(ValueError, match="group 3 has no rows yet"):
        acc.spectrum(3)


def test_shards_are_of_all_groups():
    acc = rankme.GroupedAccumulator(K, 6)
    acc.update(ROWS[:50], groups=LABELS[:50], shard="a")
    other = rankme.GroupedAccumulator(K, 6)
    other.update(ROWS[50:], groups=LABELS[50:], shard="b")
    total = acc + other
    assert total.shards == total.total().shards == {"a": 50, "b": len(ROWS) - 50}
    with pytest.raises(ValueError, match="shard 'a'"):
        total.merge(acc)


def test_equal_rows_of_a_class():
    rows = np.repeat(np.random.default_rng(3).standard_normal((2, K)), 40, axis=0) + 100
    labels = np.repeat([0, 1], 40)
    acc = made(rows, labels, 2)
    np.testing.assert_allclose(acc.scores(eps=0), [1, 1], rtol=1e-6)
    np.testing.assert_array_equal(acc.scores(center=True), [0, 0])
    assert acc.spread().share == pytest.approx(1)


def test_uncertain_groups_are_named():
    # Unit rows that differ from one another by hardly more than they are rounded.
    rows = moderate(1, 1, K) + 1e-12 * np.random.default_rng(1).standard_normal((80, K))
    acc = made(rows, np.repeat([1, 4], 40), 5, normalize=True)
    text = r"of group 1 has relative uncertainty .* 1 more of 2 groups \(4\); a rankme.Accumulator"
    with pytest.warns(rankme.PrecisionWarning, match=text) as caught:
        acc.scores(center=True)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(rankme.PrecisionWarning, match=text) as caught:
        acc.worst(center=True)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_class_far_out_hides_no_other():
    # Classes of the same shape, one 1e9 times as large, one 1e9 away.
    rows = np.concatenate([moderate(1, 200, K) * scale for scale in (1, 1e9, 1)])
    rows[400:] += 1e6
    acc = made(rows, np.repeat([0, 1, 2], 200), 3)
    first, second, third = acc.scores(center=True)
    assert first == pytest.approx(second, rel=1e-9)
    assert first == pytest.approx(third, rel=1e-6)


def test_more_groups_than_labels():
    acc = made(n_groups=1000)
    assert np.isfinite(acc.scores()).sum() == 5
    np.testing.assert_array_equal(acc.scores()[:6], made().scores())
    assert acc.lidar() == made().lidar()


def test_threads():
    acc = rankme.GroupedAccumulator(K, len(SIZES))
    rows, labels = np.tile(ROWS, (20, 1)), np.tile(LABELS, 20)

    def work(part):
        for start in range(part * 50, len(rows), 200):
            acc.update(rows[start : start + 50], groups=labels[start : start + 50])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Of equal rows and of two different ones the small singular values are known to 1e-8 only.
    np.testing.assert_allclose(acc.scores(), made(rows, labels).scores(), rtol=1e-7)


def test_rows_that_are_not_finite():
    rows, labels = ROWS.copy(), LABELS
    wrong = np.flatnonzero(labels == 4)[[3, 50]]
    rows[wrong, 2] = np.nan, np.inf
    acc = rankme.GroupedAccumulator(K, 6)
    with pytest.raises(rankme.NonFiniteError, match=rf"Z\[{wrong[0]}, 2\] is nan"):
        acc.update(rows, groups=labels)
    assert acc.n_rows == 0
    acc = made(rows, labels, skip_nonfinite=True)
    assert acc.n_skipped == acc.total().n_skipped == 2
    assert acc.group_rows.tolist() == [1, 2, 40, 0, 298, 13]
    keep = np.isfinite(rows).all(axis=1)
    np.testing.assert_allclose(acc.scores(), made(rows[keep], labels[keep]).scores(), rtol=1e-12)
    assert (acc + acc.copy()).n_skipped == 4


def test_the_worst_class():
    acc = made()
    worst = acc.worst()  # the median of 1, 2, 13, 40 and 300 rows is 13
    scores = acc.scores()
    assert worst.min_rows == 7
    assert worst.left_out == (0, 1, 3)
    most = np.minimum(SIZES, K)
    assert worst.group == min((2, 4, 5), key=lambda g: math.log(scores[g]) / math.log(most[g]))
    assert worst.score == scores[worst.group]
    expected = math.log(worst.score) / math.log(most[worst.group])
    assert worst.normalized == pytest.approx(expected)
    assert acc.worst(min_rows=300).group == 4
    assert acc.worst(min_rows=300).left_out == (0, 1, 2, 3, 5)
    with pytest.raises(ValueError, match="largest has 300: pass min_rows=300"):
        acc.worst(min_rows=301)
    with pytest.raises(ValueError, match="there are no rows yet"):
        rankme.GroupedAccumulator(2, 2).worst()


def test_few_rows_are_not_the_worst_class():
    # One spectrum k^-0.5 with 32 to 1280 rows, and a narrower one with most rows.
    sizes = [32, 64, 640, 1280, 1280]
    labels = np.repeat(np.arange(5), sizes)
    decay = np.arange(1, 65) ** -np.array([0.5, 0.5, 0.5, 0.5, 0.9])[:, None]
    rows = np.random.default_rng(0).standard_normal((len(labels), 64)) * decay[labels]
    acc = made(rows, labels, 5)
    assert acc.scores().argmin() == 0
    assert acc.worst(min_rows=1).group == 4
    # The same spectrum: the score doubles, and what is compared differs by 6%.
    scores = acc.scores()[:4]
    values = np.log(scores) / np.log(np.minimum(sizes[:4], 64))
    assert scores.max() > 1.9 * scores.min()
    assert values.max() < 1.07 * values.min()


def test_a_collapsed_class_is_the_worst():
    rows = moderate(0, 90, K)
    rows[30:60] = rows[30]
    worst = made(rows, np.repeat([0, 1, 2], 30), 3).worst(center=True)
    assert worst[:3] == (1, 0.0, -math.inf)


def test_one_row_less_its_mean_is_no_collapsed_class():
    rows = moderate(0, 7, K)
    acc = made(rows, np.array([0, 1, 1, 1, 2, 2, 3]), 4)
    worst = acc.worst(center=True)
    assert (worst.min_rows, worst.left_out) == (2, (0, 3))
    assert worst.group in (1, 2)
    assert acc.worst(center=True, min_rows=1).group == 0  # as asked


@pytest.mark.parametrize("far", [0.0, 2.0**20])
def test_spread(far):
    rows = ROWS + far
    between = within = 0.0
    for group in set(LABELS.tolist()):
        own = ROWS[group == LABELS]
        between += len(own) * ((own.mean(axis=0) - ROWS.mean(axis=0)) ** 2).sum()
        within += ((own - own.mean(axis=0)) ** 2).sum()
    found = made(rows).spread()
    # Of a row that is 2**20 away the last 20 bits are gone.
    rel = 1e-12 if far == 0 else 1e-8
    assert found == pytest.approx((between, within, between / (between + within)), rel=rel)
    with pytest.raises(OverflowError, match="divide all rows by a power of two"):
        made(ROWS * 1e200).spread()
    assert made(np.ones((4, 2)), [0, 0, 1, 1], 2).spread()[:2] == (0, 0)
