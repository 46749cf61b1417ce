"""precision="fast" on the processor: an interval that holds, and float64 where that is too wide."""

import functools
import json
import pickle

import numpy as np
import pytest

import rankme
from command import run
from oracles import BFLOAT16, moderate, relative_error, with_singular_values

K = 192
FALLING = np.arange(1, K + 1) ** -0.7
STEEP = np.arange(1, K + 1) ** -4.0


@functools.cache
def _rows(sigma, n_rows):
    return with_singular_values(1, n_rows, len(sigma), np.array(sigma)) * 64


def rows(sigma=FALLING, n_rows=6000, dtype="f4"):
    return _rows(tuple(sigma), n_rows).astype(dtype)


def holds(fast, exact, *, half_width=1e-4):
    low, high = fast.rankme_bounds()
    assert low <= exact.rankme() <= high
    assert (high - low) / 2 <= half_width * exact.rankme()
    lows, highs = fast.singular_value_bounds()
    assert (lows <= exact.singular_values * (1 + 1e-12)).all()
    assert (highs >= exact.singular_values * (1 - 1e-12)).all()


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f2"), BFLOAT16], ids=str)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_the_interval_holds_the_float64_result(dtype, center, normalize):
    z = rows(dtype=dtype) + np.float32(0.5).astype(dtype)
    exact = rankme.spectrum(z, center=center, normalize=normalize)
    fast = rankme.spectrum(z, center=center, normalize=normalize, precision="fast")
    assert fast.precision == "fast"
    holds(fast, exact)
    assert relative_error(fast.rankme(), exact.rankme()) < 1e-6
    # No float64 in disguise.
    assert fast.rankme() != exact.rankme()


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed"])
def test_any_strides(layout):
    z = rows()
    given = {
        "C": z,
        "F": np.asfortranarray(z),
        "strided": np.repeat(z, 2, axis=0)[::2],
        "reversed": z[::-1],
    }[layout]
    fast = rankme.spectrum(given, precision="fast")
    assert fast.precision == "fast"
    holds(fast, rankme.spectrum(z))


@pytest.mark.parametrize("case", ["float64", "wide", "few", "steep", "collapsed"])
def test_what_float32_is_not_for_is_in_float64(case):
    z = {
        "float64": lambda: rows(dtype="f8"),
        "wide": lambda: moderate(2, 100, 300).astype("f4"),
        "few": lambda: moderate(2, 200, 100).astype("f4"),
        "steep": lambda: rows(STEEP),
        "collapsed": lambda: rows(np.r_[np.ones(8), np.zeros(K - 8)]),
    }[case]()
    fast = rankme.spectrum(z, precision="fast")
    assert fast.precision == "float64"
    assert fast.rankme() == rankme.spectrum(z).rankme()
    assert rankme.score(z, precision="fast") == rankme.score(z)


def test_rows_of_which_a_few_rule_are_computed_again():
    """The rows that are looked at do not show it: the interval does."""
    z = rows()
    step = len(z) // 256
    rng = np.random.default_rng(5)
    z[1::step] += (1e5 * rng.standard_normal((len(z[1::step]), 1)) * np.ones(K)).astype("f4")
    acc = rankme.Accumulator(K, precision="fast")
    acc.update(z)
    assert acc.fast_rows == len(z)
    low, high = acc.spectrum().rankme_bounds()
    assert high - low > 1e-4 * high
    assert low <= rankme.score(z) <= high
    assert rankme.spectrum(z, precision="fast").precision == "float64"


def test_auto_goes_on_to_qr():
    z = rows(n_rows=1000)
    for rtol, expected in ((1e-15, ("qr", "float64")), (1e-2, ("gram", "fast"))):
        found = rankme.spectrum(z, method="auto", precision="fast", rtol=rtol)
        assert (found.method, found.precision) == expected


def test_an_accumulator_decides_by_its_first_rows():
    good, bad = rows(), rows(STEEP)
    for z, batch, expected in (
        (good, 6000, 6000),
        (good, 100, 5800),
        (bad, 6000, 0),
        (bad, 100, 0),
        (good.astype("f8"), 100, 0),
    ):
        acc = rankme.Accumulator(K, precision="fast")
        for first in range(0, len(z), batch):
            acc.update(z[first : first + batch])
        assert acc.fast_rows == expected
        assert acc.precision == "fast"
        assert acc.spectrum().precision == ("fast" if expected else "float64")
        holds(acc.spectrum(), rankme.spectrum(z), half_width=1e-3)
    acc.reset()
    acc.update(good)
    assert acc.fast_rows == len(good)


def test_a_bad_row_changes_nothing():
    z = rows()
    acc = rankme.Accumulator(K, precision="fast")
    acc.update(z)
    before = pickle.dumps(acc)
    bad = z.copy()
    bad[5999, 3] = np.inf
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[5999, 3\] is inf"):
        acc.update(bad)
    assert pickle.dumps(acc) == before
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[5999, 3\] is inf"):
        rankme.score(bad, precision="fast")
    # Rows that are left from others have been copied as float64.
    left = rankme.spectrum(bad, precision="fast", skip_nonfinite=True)
    assert (left.n_skipped, left.precision) == (1, "float64")


def test_merged_saved_and_copied(tmp_path):
    z = rows()
    exact = rankme.spectrum(z)
    fast, plain = rankme.Accumulator(K, precision="fast"), rankme.Accumulator(K)
    fast.update(z[:4000])
    plain.update(z[4000:])
    fast.save(tmp_path / "fast.rankme")
    loaded = rankme.Accumulator.load(tmp_path / "fast.rankme")
    assert (loaded.precision, loaded.fast_rows, loaded.n_rows) == ("fast", 4000, 4000)
    for total in (fast + plain, plain + fast, loaded + plain, fast.copy() + plain):
        assert total.n_rows == len(z)
        assert total.fast_rows == 4000
        assert total.spectrum().precision == "fast"
        holds(total.spectrum(), exact)
        holds(total.spectrum(center=True), rankme.spectrum(z, center=True))
    loaded.update(z[4000:])
    assert loaded.fast_rows == 6000
    holds(loaded.spectrum(), exact)
    assert "precision='fast'" in repr(loaded)
    assert "precision='fast'" in repr(total.spectrum())
    whole = fast + loaded
    assert whole.fast_rows == 10_000


def test_saved_again_it_is_as_sure_as_before(tmp_path):
    z = rows()
    acc = rankme.Accumulator(K, precision="fast")
    acc.update(z)
    low, high = acc.spectrum().rankme_bounds()
    widths = []
    for _ in range(5):
        acc.save(tmp_path / "sum.rankme")
        acc = rankme.Accumulator.load(tmp_path / "sum.rankme")
        again = acc.spectrum().rankme_bounds()
        widths.append(again[1] - again[0])
    # The first time a measure becomes a bound. What that changes depends on how the
    # threads cut the rows: by 0.1 per cent with two, by 3.5 with one.
    np.testing.assert_allclose(widths[0], high - low, rtol=0.05)
    np.testing.assert_allclose(widths[1:], widths[0], rtol=1e-9)
    assert acc.fast_rows == len(z)


def test_a_stack_decides_by_layer(tmp_path):
    good, bad = rows(), rows(STEEP)
    stack = rankme.LayerAccumulator(3, K, precision="fast")
    for part in range(3):
        stack.update([z[part::3] for z in (good, bad, good.astype("f8"))])
    assert stack.fast_rows == [6000, 0, 0]
    spectra = stack.spectra()
    assert [one.precision for one in spectra] == ["fast", "float64", "float64"]
    assert stack.spectrum(0).precision == stack[0].spectrum().precision == "fast"
    for found, z in zip(spectra, (good, bad, good), strict=True):
        holds(found, rankme.spectrum(z), half_width=1e-3)
    plain = rankme.LayerAccumulator(3, K)
    plain.update([good, bad, good])
    stack.save(tmp_path / "stack")
    for total in (
        stack + plain,
        plain + stack,
        rankme.LayerAccumulator.load(tmp_path / "stack") + plain,
    ):
        assert total.n_rows == 12_000
        assert total.fast_rows == [6000, 0, 0]
        holds(total.spectrum(0), rankme.spectrum(np.r_[good, good]))


def test_files_iterables_and_the_command(tmp_path):
    z = rows()
    np.save(tmp_path / "z.npy", z)
    expected = rankme.score(z)
    for given in (tmp_path / "z.npy", Blocks(np.array_split(z, 7))):
        found = rankme.spectrum(given, precision="fast")
        assert found.precision == "fast"
        assert relative_error(found.rankme(), expected) < 1e-6
    command = ["score", tmp_path / "z.npy", "--precision", "fast"]
    for extra in ([], ["--state", tmp_path / "run.rankme"]):
        record = json.loads(run(*command, "--json", *extra).stdout)
        assert record["precision"] == "fast"
        assert record["low"] <= expected <= record["high"]
    assert "precision   fast" in run(*command).stdout
    refused = run(*command, "--method", "qr")
    assert refused.returncode == 2
    assert "is for method='gram'" in refused.stderr
    assert run(*command, "--groups", "8").returncode == 2


class Blocks:
    """Blocks that can be had again."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __iter__(self):
        return iter(self.blocks)


def test_where_it_is_not_offered():
    for make in (
        lambda: rankme.Accumulator(8, groups=8, precision="fast"),
        lambda: rankme.LayerAccumulator(2, 8, groups=8, precision="fast"),
    ):
        with pytest.raises(ValueError, match="has not been built for them"):
            make()
    with pytest.raises(ValueError, match="'fast' is for method='gram'"):
        rankme.Accumulator(8, method="qr", precision="fast")
    with pytest.raises(ValueError, match="precision must be 'float64' or 'fast'"):
        rankme.LayerAccumulator(2, 8, precision="float32")
