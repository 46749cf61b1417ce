"""`rankme.Monitor` of windows by time: rows that are left out, and what is taken for a time."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from monitored import K, draw, plain

BAD = np.full((5, K), np.nan)


def timed(**options):
    return plain(window=timedelta(seconds=10), **options)


def test_rows_that_are_all_left_out_are_counted_and_let_time_go_on():
    monitor = timed(skip_nonfinite=True)
    monitor.update(draw(20), time=np.linspace(11, 19, 20))
    (window,) = monitor.update(BAD, time=np.linspace(20, 24, 5))
    assert (window["n_rows"], window["start"], window["end"]) == (20, 10, 20)
    assert (monitor.report()["n_rows"], monitor.report()["n_skipped"]) == (20, 5)
    first = timed(skip_nonfinite=True)
    assert first.update(BAD, time=np.arange(5.0)) == []
    assert first.report()["n_skipped"] == 5


def test_rows_that_are_left_out_take_no_others_to_their_steps():
    rows, times = draw(60), np.sort(np.random.default_rng(1).uniform(0, 50, 60))
    bad = np.random.default_rng(2).random(60) < 0.3
    bad[-1] = True  # the last one still ends the window before it
    mixed = np.where(bad[:, np.newaxis], np.nan, rows)
    found = timed(skip_nonfinite=True).update(mixed, time=times)
    steps = np.floor(times / 10)
    wanted = [int((~bad & (steps == step)).sum()) for step in range(int(steps[-1]))]
    assert [window["n_rows"] for window in found] == wanted
    for window, step in zip(found, range(5), strict=False):
        alone = rows[~bad & (steps == step)]
        values = np.linalg.svd(alone, compute_uv=False)
        p = values / values.sum() + 1e-7
        assert window["rankme"] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-9)


def test_a_datetime_for_each_row():
    begin = datetime(2026, 10, 25, 0, 59, 55, tzinfo=timezone.utc)
    moments = [begin + timedelta(seconds=i) for i in range(20)]
    seconds = np.array([one.timestamp() for one in moments])
    found = timed().update(draw(20), time=moments)
    assert found == timed().update(draw(20), time=seconds)
    assert [window["n_rows"] for window in found] == [5, 10]
    with pytest.raises(ValueError, match="time zone"):
        timed().update(draw(1), time=[datetime(2026, 1, 1)])  # noqa: DTZ001


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_times_that_are_rounded_to_minutes_are_refused(dtype):
    with np.errstate(over="ignore"):
        times = (1.7e9 + np.arange(4)).astype(dtype)
    for some, rows in (times, 4), (times[0], 1):
        with pytest.raises(TypeError, match="does not tell a second"):
            timed().update(draw(rows), time=some)


def test_times_that_go_back_by_their_row():
    with pytest.raises(ValueError, match=r"goes back from 7 to 5\.5 at row 3"):
        timed().update(draw(4), time=[1.0, 2.0, 7.0, 5.5])


@pytest.mark.parametrize("first", [0, 17 * 10**14])
@pytest.mark.parametrize("length", [100_000, 1000])
def test_a_row_at_the_very_moment_of_a_step_is_in_it(length, first):
    steps = first // length + np.arange(300)
    moments = steps * length / 1e6
    monitor = plain(window=timedelta(microseconds=length), history=400)
    found = monitor.update(draw(300), time=moments)
    assert [window["n_rows"] for window in found] == [1] * 299
    assert [window["start"] for window in found] == moments[:-1].tolist()
    assert [window["end"] for window in found] == moments[1:].tolist()
    one_by_one = plain(window=timedelta(microseconds=length), history=400)
    for row, moment in zip(draw(300), moments, strict=True):
        one_by_one.update(row[np.newaxis], time=float(moment))
    assert one_by_one.report()["windows"] == found
