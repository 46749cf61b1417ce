"""Series from files of the published layouts, and the windows that are cut from them."""

import numpy as np
import pandas as pd
import pytest
from examples.model_selection.offline import counts_of
from examples.model_selection.readers import (
    ETT_COLUMNS,
    Series,
    read_ett,
    read_pems,
    standardised,
)
from examples.model_selection.windows import cut


def ett_table(n_rows, minutes):
    """A table as ETT's: dates from July 2016, and seven numbers with a few decimals."""
    rng = np.random.default_rng(0)
    dates = pd.date_range("2016-07-01", periods=n_rows, freq=f"{minutes}min")
    values = rng.normal(10, 4, (n_rows, 7)).round(3)
    table = pd.DataFrame(values, columns=ETT_COLUMNS)
    table.insert(0, "date", dates.strftime("%Y-%m-%d %H:%M:%S"))
    return table


@pytest.fixture(scope="module")
def hourly():
    return ett_table(17_420, 60)


@pytest.mark.parametrize(
    ("name", "n_rows", "minutes", "ends"),
    [
        ("ETTh1", 17_420, 60, (8_640, 11_520, 14_400)),
        ("ETTm2", 69_680, 15, (34_560, 46_080, 57_600)),
    ],
)
def test_ett_is_cut_at_12_16_and_20_months(tmp_path, name, n_rows, minutes, ends):
    table = ett_table(n_rows, minutes)
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    found = read_ett(tmp_path / f"{name}.csv")
    assert (found.name, found.borders, found.columns) == (name, ends[:2], ETT_COLUMNS)
    np.testing.assert_array_equal(found.values, table[list(ETT_COLUMNS)][: ends[2]])


def without_a_row(table):
    return table.drop(index=100)


def backwards(table):
    return table.iloc[::-1]


def with_a_gap(table):
    return table.assign(OT=table["OT"].where(table.index != 5))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda table: table[:14_399], "14399 rows are less than 20 months, 14400 rows"),
        (lambda table: table.rename(columns={"OT": "T"}), "the columns are date, HUFL, .*, T;"),
        (without_a_row, "the dates are not at equal steps"),
        (backwards, "the dates are not at equal steps"),
        (lambda table: table[:1], "the dates are not at equal steps"),
        (with_a_gap, "row 5 of OT is not finite"),
    ],
)
def test_another_ett_is_refused(tmp_path, hourly, change, text):
    change(hourly).to_csv(tmp_path / "ETTh1.csv", index=False)
    with pytest.raises(ValueError, match=text):
        read_ett(tmp_path / "ETTh1.csv")


def test_pems_is_the_flow_of_every_sensor(tmp_path):
    data = np.random.default_rng(0).random((1_001, 5, 3))  # flow, occupancy, speed
    np.savez_compressed(tmp_path / "PEMS08.npz", data=data)
    found = read_pems(tmp_path / "PEMS08.npz")
    assert (found.name, len(found.columns), found.borders) == ("PEMS08", 5, (600, 800))
    np.testing.assert_array_equal(found.values, data[:, :, 0])


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"x": np.ones((9, 2, 1))}, "no npz archive with numbers under 'data'"),
        ({"data": np.array([[[None]]])}, "no npz archive with numbers under 'data'"),
        ({"data": np.ones((9, 2))}, r"shape \(9, 2\); wanted \(T, sensors, features\)"),
        ({"data": np.ones((9, 0, 3))}, r"shape \(9, 0, 3\)"),
        ({"data": np.full((9, 2, 3), np.nan)}, "row 0 of sensor 0 is not finite"),
        ({"data": np.ones((1, 2, 3))}, "1 rows cannot be cut at 0 and 0"),
    ],
)
def test_another_pems_is_refused(tmp_path, arrays, text):
    np.savez(tmp_path / "PEMS03.npz", **arrays)
    with pytest.raises(ValueError, match=text):
        read_pems(tmp_path / "PEMS03.npz")


def test_a_damaged_pems_is_refused(tmp_path):
    np.savez(tmp_path / "whole.npz", data=np.ones((9, 2, 3)))
    (tmp_path / "PEMS03.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match="no npz archive"):
        read_pems(tmp_path / "PEMS03.npz")
    np.save(tmp_path / "single.npy", np.ones((9, 2, 3)))
    with pytest.raises(ValueError, match="a single array"):
        read_pems(tmp_path / "single.npy")


def test_counts_have_a_column_for_each_detector(tmp_path):
    times = pd.date_range("2024-04-18", periods=40, freq="15min")
    rows = [
        {"timestamp": time, "intersection": 85, "detector": d, "total": 10 * d + i}
        for i, time in enumerate(times)
        for d in (3, 1)
    ]
    del rows[2 * 7]  # detector 3 at the seventh time
    table = pd.DataFrame(rows).astype({"intersection": "int16", "detector": "int16"})
    table.to_parquet(tmp_path / "counts.parquet")
    found = counts_of(tmp_path / "counts.parquet")
    assert found.columns == ("1", "3")
    np.testing.assert_array_equal(found.values, np.arange(40)[:, None] + [10, 30])


# ---- windows -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def series():
    values = np.random.default_rng(1).normal(3, 2, (60, 2)).cumsum(axis=0)
    return Series("walk", np.column_stack([values, np.full(60, 4.0)]), ("a", "b", "dead"), (30, 44))


@pytest.mark.parametrize(
    ("part", "first", "end"), [("fit", 0, 30), ("validation", 30 - 8, 44), ("test", 44 - 8, 60)]
)
def test_windows_are_those_of_their_part(series, part, first, end):
    """All that there are, against a loop: the forecast lies inside the part, the past before it."""
    n_starts = end - first - 12 + 1
    found = cut(series, part, 3 * n_starts, look_back=8, horizon=4)
    values = standardised(series)
    place = 0
    for start in range(first, first + n_starts):
        for column in range(3):
            past, future = np.split(values[start : start + 12, column], [8])
            scale = max(past.std(), 0.1)
            assert found.scale[place] == pytest.approx(scale)
            np.testing.assert_allclose(found.past[place], (past - past.mean()) / scale, atol=1e-5)
            np.testing.assert_allclose(
                found.future[place], (future - past.mean()) / scale, atol=1e-5
            )
            place += 1
    assert found.past.shape == (place, 8)


def test_fewer_windows_are_a_part_of_them_each_once(series):
    every = cut(series, "fit", 57, look_back=8, horizon=4)
    some = cut(series, "fit", 20, look_back=8, horizon=4)
    again = cut(series, "fit", 20, look_back=8, horizon=4)
    np.testing.assert_array_equal(some.past, again.past)
    places = [int(np.flatnonzero((every.future == one).all(axis=1))[0]) for one in some.future]
    dead = [place % 3 == 2 for place in places]  # these are all alike
    moving = [place for place, is_dead in zip(places, dead, strict=True) if not is_dead]
    assert moving == sorted(set(moving))
    with pytest.raises(ValueError, match="walk: fit has 57 windows of 12 rows, and 58 were wanted"):
        cut(series, "fit", 58, look_back=8, horizon=4)
    with pytest.raises(ValueError, match="test has 0 windows"):
        cut(series, "test", 1, look_back=8, horizon=40)


def test_a_dead_variable_is_only_shifted(series):
    values = standardised(series)
    assert (values[:, 2] == 0).all()
    np.testing.assert_allclose(values[:30, :2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(values[:30, :2].std(axis=0), 1)
