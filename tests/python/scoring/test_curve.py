"""``rankme.curve``: the score over the number of rows."""

import json

import numpy as np
import pytest

import rankme
from source_files import matrix, write

Z = matrix(600, 6)


@pytest.fixture(scope="module")
def curve():
    return rankme.curve(Z, [300, 20, 100, 300], groups=8)


def test_each_point_is_an_estimate_of_as_many_rows(curve):
    assert curve.rows == (20, 100, 300)
    assert curve.seed == 0
    for i, rows in enumerate(curve.rows):
        one = rankme.estimate(Z, rows=rows, groups=8)
        assert (curve.scores[i], curve.std_errors[i]) == pytest.approx((one.score, one.std_error))
        assert (curve.low[i], curve.high[i]) == pytest.approx((one.low, one.high))
        assert curve.estimates[i].n_rows == rows
        assert one.low <= curve.scores[i] <= one.high
    # What 20 rows of 6 columns tell of very many is no more than a guess.
    assert np.isnan(curve.bias_corrected).tolist() == [True, False, False]


def test_the_error_shrinks_with_the_rows(curve):
    assert curve.std_errors[0] > curve.std_errors[-1] > 0
    assert curve.scores[0] < curve.scores[-1]


def test_every_way_in_gives_the_same(curve, tmp_path):
    path = write(tmp_path, "parquet", Z)
    for given in (path, rankme.open_source(path), Z.tolist()):
        found = rankme.curve(given, curve.rows, groups=8)
        np.testing.assert_allclose(found.scores, curve.scores, rtol=1e-12)
    first = rankme.curve(Z, [50], seed=None, groups=8)
    assert (first.scores[0], first.seed) == (pytest.approx(rankme.score(Z[:50])), None)
    options = {"eps": 0, "center": True, "normalize": True}
    found = rankme.curve(path, [50], groups=8, column="rows", **options)
    assert found.scores[0] == pytest.approx(rankme.score(Z, rows=50, **options))


def test_it_is_a_table_and_a_dictionary(curve):
    lines = str(curve).splitlines()
    assert lines[0].split() == ["rows", "N", "RankMe", "std.", "error", "extrapolated"]
    assert [line.split()[0] for line in lines[1:]] == ["20", "100", "300"]
    assert [len(line.split()) for line in lines[1:]] == [3, 4, 4]
    assert float(lines[2].split()[1]) == pytest.approx(curve.scores[1], abs=0.006)
    found = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert found["rows"] == [20, 100, 300]
    assert found["scores"] == curve.scores.tolist()
    assert found["bias_corrected"][0] is None
    assert (found["n_cols"], found["groups"], found["seed"]) == (6, 8, 0)


def test_it_is_drawn(curve):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    ax = curve.plot()
    (bars,) = ax.containers
    np.testing.assert_allclose(bars.lines[0].get_ydata(), curve.scores)
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    np.testing.assert_allclose(np.diff(ends, axis=1)[:, 0], 4 * curve.std_errors)
    assert ax.get_xscale() == "log"
    other = plt.subplots()[1]
    assert rankme.curve(Z, [20], seed=None, groups=8).plot(ax=other) is other
    assert "the first rows" in other.get_title()
    plt.close("all")


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (100, TypeError, r"rows must be a sequence of integers, as \[1000, 4000, 16000\], not int"),
        ("100", TypeError, "rows must be an integer, not str"),
        ([], ValueError, "rows is empty; name at least one"),
        ([0, 5], ValueError, "rows must be 1 or more, not 0"),
        # Before the many rows are read.
        ([7, 10**9], ValueError, "rows holds 7; a sampling error takes 8 rows at least"),
        ([50, 700, 60], ValueError, "rows is 700, and Z has 600 rows; ask for 600 or fewer"),
    ],
)
def test_what_is_refused(rows, error, text):
    with pytest.raises(error, match=text):
        rankme.curve(Z, rows)


def test_rows_that_come_once_make_no_curve():
    with pytest.raises(ValueError, match="Z gives its rows once, and each of the numbers of rows"):
        rankme.curve(iter([Z]), [50, 100], seed=None)


def test_what_it_tends_to_is_no_rank_below_zero():
    heavy = Z.copy()
    heavy[0] *= 1e10
    with pytest.warns(rankme.PrecisionWarning, match="long or odd rows"):
        found = rankme.curve(heavy, [100, 600], seed=None)
    assert (np.array([one.bias_corrected for one in found.estimates]) < 0).all()
    assert np.isnan(found.bias_corrected).all()
    assert found.to_dict()["bias_corrected"] == [None, None]
    assert [len(line.split()) for line in str(found).splitlines()[1:]] == [3, 3]
