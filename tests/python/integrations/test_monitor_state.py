"""`rankme.Monitor`: saved, sent and merged; windows by time; and what it refuses."""

import copy
import pickle
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

import rankme
from monitored import REFERENCE, K, N, draw, learnt_monitor, plain


@pytest.fixture(scope="module")
def learnt():
    return learnt_monitor()


def test_saved_and_sent_it_goes_on(tmp_path, learnt):
    whole = rankme.Monitor(K, window=N, step=N // 4, reference=REFERENCE, resamples=100)
    whole.update(draw(700))
    whole.save(tmp_path / "m.rankme")
    others = [
        rankme.Monitor.load(tmp_path / "m.rankme"),
        pickle.loads(pickle.dumps(whole)),
        copy.deepcopy(whole),
    ]
    whole.update(draw(300, 1))
    for other in others:
        other.update(draw(300, 1))
        assert other.report() == whole.report()
    with pytest.raises(ValueError, match=r"not a saved rankme\.Monitor"):
        rankme.Monitor.load(__file__)
    data = (tmp_path / "m.rankme").read_bytes()
    rng = np.random.default_rng(0)
    for cut in (4, 20, 500, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:cut])
        with pytest.raises(ValueError, match="cut"):
            rankme.Monitor.load(tmp_path / "cut")
    for place in rng.integers(0, len(data), 25):
        changed = bytearray(data)
        changed[place] ^= 16
        (tmp_path / "bad").write_bytes(changed)
        with pytest.raises(ValueError, match="bad"):
            rankme.Monitor.load(tmp_path / "bad")
    assert learnt.n_rows == 0


def test_merged_processes_count_every_row_once(learnt):
    parts = [learnt.copy() for _ in range(3)]
    for i, part in enumerate(parts):
        part.update(draw(2 * N + 30 * (i + 1), 30 + i))
    parts[1].update(draw(N, 1) * 9)
    total = sum(parts)
    report = total.report()
    assert report["n_rows"] == sum(part.n_rows for part in parts)
    assert [one["index"] for one in report["windows"]] == list(range(report["n_windows"]))
    inside = sum(one["n_rows"] for one in report["windows"])
    assert inside + report["pending_rows"] == report["n_rows"]
    assert report["alarm"]
    assert parts[0].n_rows == 2 * N + 30


def test_merged_steps_that_outgrow_a_window_are_not_judged(learnt):
    a, b = learnt.copy(), learnt.copy()
    a.update(draw(N - 1))
    b.update(draw(N - 1, 1) * 50)
    a.merge(b)
    (one,) = a.report()["windows"]
    assert (one["n_rows"], one["judged"]) == (2 * N - 2, False)


def test_what_cannot_be_merged(learnt):
    with pytest.raises(ValueError, match="window 160 and window 80"):
        plain().merge(plain(window=80))
    with pytest.raises(ValueError, match="different references"):
        plain().merge(learnt)
    one, same, other = rankme.Accumulator(K), rankme.Accumulator(K), rankme.Accumulator(K)
    one.update(REFERENCE)
    same.update(REFERENCE[::-1])  # summed in another order
    other.update(REFERENCE * [1, 1, 1, 1, 1, 1, 1, 1.001])
    assert (plain(reference=one) + plain(reference=same)).n_rows == 0
    with pytest.raises(ValueError, match="different references"):
        plain(reference=one).merge(plain(reference=other))
    with pytest.raises(TypeError, match=r"must be a rankme\.Monitor"):
        plain().merge(3)


def at(seconds):
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


def test_windows_by_time():
    z = draw(600)
    monitor = plain(window=timedelta(seconds=60), step=timedelta(seconds=20))
    times = np.linspace(1000.0, 1199.0, 600)
    finished = monitor.update(z[:300], time=times[:300]) + monitor.update(z[300:], time=times[300:])
    finished += monitor.update(np.empty((0, K)), time=at(1200))
    for one in finished:
        inside = (one["start"] <= times) & (times < one["end"])
        assert one["n_rows"] == inside.sum()
        assert one["rankme"] == pytest.approx(rankme.score(z[inside]), rel=1e-9)
        assert one["end"] - one["start"] == 60
    assert [one["end"] for one in finished] == [1060.0 + 20 * i for i in range(8)]
    with pytest.raises(ValueError, match="time goes back"):
        monitor.update(z[:1], time=1199.0)
    assert monitor.update(z[:1], time=at(1205)) == []
    # A long silence: what was before has gone.
    assert [one["n_rows"] for one in monitor.update(z[:3], time=1e9)][-1] == 1


def test_windows_by_time_are_judged_between_sizes():
    monitor = plain(
        window=timedelta(seconds=10), reference=REFERENCE, resamples=100, expected_rows=(100, 300)
    )
    sizes = [one["n_rows"] for one in monitor.report()["bands"]["sizes"]]
    assert sizes == [100, 200, 300]
    judged = []
    for i, n in enumerate((150, 150, 250, 40, 500, 150)):
        judged += [one["judged"] for one in monitor.update(draw(n, i), time=10.0 * i + 1)]
    # The monitor came into the first window; the fourth and the fifth are of another size.
    assert judged == [False, True, True, False, False]


def test_merged_windows_by_time():
    a, b = (plain(window=timedelta(seconds=60), step=timedelta(seconds=20)) for _ in range(2))
    z = draw(400)
    a.update(z[:200], time=np.linspace(0, 59, 200))
    b.update(z[200:], time=np.linspace(20, 59, 200))
    a.merge(b)
    (one,) = a.update(np.empty((0, K)), time=60)
    assert one["rankme"] == pytest.approx(rankme.score(z), rel=1e-9)
    with pytest.raises(ValueError, match="at steps that begin at 60 and 40"):
        a.merge(b)


@pytest.mark.parametrize("n", [3, N + 5])
@pytest.mark.parametrize("timed", [False, True])
def test_bad_rows_change_nothing(n, timed):
    monitor = plain(window=timedelta(seconds=60)) if timed else plain()
    monitor.update(draw(20), **({"time": 5.0} if timed else {}))
    before = pickle.dumps(monitor)
    z = draw(n)
    z[n - 1, 2] = np.nan
    when = {"time": np.linspace(50.0, 70.0, n)} if timed else {}
    with pytest.raises(rankme.NonFiniteError, match=rf"Z\[{n - 1}, 2\] is nan"):
        monitor.update(z, **when)
    with pytest.raises(ValueError, match="Z has 3 columns"):
        monitor.update(np.ones((2, 3)), **({"time": 50.0} if timed else {}))
    with pytest.raises(TypeError, match="int64"):
        monitor.update(np.ones((2, K), dtype=int), **({"time": 50.0} if timed else {}))
    assert pickle.dumps(monitor) == before
    lenient = plain(skip_nonfinite=True)
    lenient.update(z)
    assert (lenient.report()["n_rows"], lenient.report()["n_skipped"]) == (n - 1, 1)


def test_bad_rows_in_a_late_block_change_nothing():
    monitor = rankme.Monitor(512, window=3000)
    z = np.random.default_rng(0).standard_normal((5000, 512), dtype=np.float32)
    z[4999, 511] = np.inf
    before = pickle.dumps(monitor)
    with pytest.raises(rankme.NonFiniteError, match=r"Z\[4999, 511\]"):
        monitor.update(z)
    assert pickle.dumps(monitor) == before


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"window": 0}, ValueError, "window must be 1 or more"),
        ({"window": "day"}, TypeError, "number of rows or a datetime.timedelta"),
        ({"window": timedelta(0)}, ValueError, "longer than nothing"),
        ({"step": 50}, ValueError, "step must divide window"),
        ({"step": timedelta(1)}, TypeError, "both"),
        ({"window": 8}, ValueError, "a row or more for each of the 16 groups"),
        ({"run_length": 32}, ValueError, "it can be 10 at most"),
        ({"metrics": "nesum"}, TypeError, "sequence of names"),
        ({"metrics": ["rank"]}, ValueError, "metrics has 'rank'"),
        ({"metrics": ["anisotropy"]}, ValueError, "normalize=True"),
        ({"quantiles": [1.5]}, ValueError, "quantiles must be between 0 and 1"),
        ({"false_alarms": 0.001, "resamples": 500}, ValueError, "resamples must be 999 or more"),
        ({"components": 9}, ValueError, "components must be from 1 to 8"),
        ({"expected_rows": (10, 20)}, ValueError, "windows by time"),
        ({"reference": REFERENCE[:200]}, ValueError, "320 rows or more"),
        ({"reference": np.ones((9, 3))}, ValueError, "3 columns"),
        ({"reference": (z for z in [REFERENCE])}, ValueError, "once only"),
        ({"reference": rankme.Accumulator(4)}, ValueError, "dim 4"),
        ({"reference": rankme.Accumulator(K)}, ValueError, "2 rows or more"),
        ({"reference": rankme.Accumulator(K, method="qr")}, ValueError, "keeps no covariance"),
        ({"clear_after": 0}, ValueError, "clear_after"),
        ({"history": 0}, ValueError, "history"),
    ],
)
def test_what_is_refused(options, error, text):
    with pytest.raises(error, match=text):
        plain(**options)


def test_times_that_are_refused():
    monitor = plain(window=timedelta(seconds=10))
    with pytest.raises(ValueError, match="time zone"):
        monitor.update(draw(2), time=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="ascending"):
        monitor.update(draw(2), time=[2.0, 1.0])
    with pytest.raises(ValueError, match="its shape is"):
        monitor.update(draw(2), time=[2.0])
    with pytest.raises(TypeError, match="seconds since 1970"):
        monitor.update(draw(2), time="noon")
    with pytest.raises(ValueError, match="has those of rows"):
        plain().update(draw(2), time=1.0)


def test_history_and_memory_are_bounded():
    monitor = plain(history=3)
    monitor.update(draw(10 * N))
    report = monitor.report()
    assert [one["index"] for one in report["windows"]] == [7, 8, 9]
    size = len(pickle.dumps(monitor))
    monitor.update(draw(50 * N, 1))
    assert abs(len(pickle.dumps(monitor)) - size) < 0.1 * size


def test_rows_of_zero_and_of_one_value():
    (zero,) = plain().update(np.zeros((N, K)))
    assert zero["rankme"] == 0
    assert zero["drift"]["norm_quantiles"]["0.5"] == 0
    monitor = rankme.Monitor(K, window=N, reference=np.ones((3 * N, K)), resamples=99)
    (same,) = monitor.update(np.ones((N, K)))
    assert same["outside"] == []
    (other,) = monitor.update(np.ones((N, K)) + draw(N))
    assert "frechet" in other["outside"]


def test_norms_of_any_size():
    (one,) = plain().update(np.full((N, K), 1e300))
    assert one["drift"]["norm_quantiles"]["0.5"] == pytest.approx(1e300 * K**0.5, rel=0.01)
    (one,) = plain().update(np.full((N, K), 1e-300))
    assert one["drift"]["norm_quantiles"]["0.5"] == pytest.approx(1e-300 * K**0.5, rel=0.01)


def test_a_picture(learnt):
    plt = pytest.importorskip("matplotlib.pyplot")
    monitor = learnt.copy()
    with pytest.raises(ValueError, match="no window is finished"):
        monitor.plot()
    monitor.update(np.vstack([draw(3 * N), draw(N) * 4]))
    axes = monitor.plot()
    titles = [one.get_title(loc="left") for one in axes]
    assert (titles[0], titles[4:]) == (
        "RankMe",
        ["shift of the mean, standard deviations", "quantiles of the norms"],
    )
    np.testing.assert_allclose(axes[1].lines[-1].get_xdata(), [3])  # the one outside
    shown = axes[5].get_legend_handles_labels()[1]
    assert shown == ["0.05", "0.5", "0.95"]
    with pytest.raises(ValueError, match="axes must be 6"):
        monitor.plot(axes[:2])
    plt.close("all")


def test_a_picture_has_the_metrics_that_were_chosen():
    plt = pytest.importorskip("matplotlib.pyplot")
    monitor = plain(metrics=["stable_rank", "nesum"])
    windows = monitor.update(draw(3 * N))
    *_, first, second = monitor.plot()
    for ax, name in ((first, "stable_rank"), (second, "nesum")):
        assert ax.get_title(loc="left") == name
        values = [one["metrics"][name] for one in windows]
        np.testing.assert_allclose(ax.lines[0].get_ydata(), values)
    plt.close("all")


def test_small_windows_and_a_mean_of_zero_are_noted():
    small, enough = 10 * K - 1, 10 * K
    assert not any("a dimension" in note for note in plain(window=enough).report()["notes"])
    assert f"which are {enough}" in plain(window=small).report()["notes"][-1]
    far, zero = rankme.Accumulator(K), rankme.Accumulator(K)
    far.update(draw(2000))
    zero.update(draw(2000) - draw(2000).mean(axis=0))
    told = [plain(reference=one).report()["notes"] for one in (far, zero)]
    assert ["mean_angle is chance" in notes[-1] for notes in told] == [False, True]


def test_small_windows_by_time_are_noted_once_they_are_seen():
    monitor = rankme.Monitor(K, window=timedelta(hours=1))
    monitor.update(draw(10 * K), time=0.0)
    monitor.update(draw(9), time=3600.0)
    assert len(monitor.report()["notes"]) == 1
    monitor.update(draw(9), time=7200.0)
    assert "a window of 9 rows" in monitor.report()["notes"][-1]
