"""`rankme.Monitor`: windows against scores of the same rows, drift against SciPy, alarms."""

import json

import numpy as np
import pytest
from scipy import linalg

import rankme
from monitored import MEAN, REFERENCE, K, N, draw, learnt_monitor, plain
from rankme.sources import BadDataError


@pytest.fixture(scope="module")
def learnt():
    return learnt_monitor()


@pytest.mark.parametrize("size", [1, 7, 160, 1000])
def test_windows_are_those_of_the_rows_however_they_are_cut(size):
    z = draw(650)
    monitor = plain()
    finished = []
    for start in range(0, len(z), size):
        finished += monitor.update(z[start : start + size])
    report = monitor.report()
    assert report["windows"] == finished
    assert (report["n_rows"], report["n_windows"], report["pending_rows"]) == (650, 4, 10)
    for i, one in enumerate(finished):
        rows = z[i * N : (i + 1) * N]
        acc = rankme.Accumulator(K, groups=16, run_length=10)
        acc.update(rows)
        wanted = acc.estimate()
        assert one["index"] == i
        assert one["n_rows"] == N
        assert one["rankme"] == pytest.approx(rankme.score(rows), rel=1e-9)
        assert one["std_error"] == pytest.approx(wanted.std_error, rel=1e-6)
        assert one["low"] <= one["rankme"] <= one["high"]
        norms = np.linalg.norm(rows, axis=1)
        for share, value in one["drift"]["norm_quantiles"].items():
            below = (norms < value * 0.99).mean(), (norms < value * 1.01).mean()
            assert below[0] - 0.02 <= float(share) <= below[1] + 0.02


def test_sliding_windows_are_those_of_the_rows():
    z = draw(800)
    monitor = plain(step=40)
    finished = monitor.update(z)
    assert len(finished) == 17
    for i, one in enumerate(finished):
        assert one["rankme"] == pytest.approx(rankme.score(z[40 * i : 40 * i + N]), rel=1e-9)
    assert monitor.report()["pending_rows"] == 0
    assert plain(step=40).update(z[:100]) == []


def test_metrics_that_were_chosen():
    z = draw(N)
    (one,) = plain(metrics=["participation_ratio", "stable_rank"], center=True).update(z)
    spectrum = rankme.spectrum(z, center=True)
    assert one["metrics"]["participation_ratio"] == pytest.approx(spectrum.participation_ratio())
    assert one["metrics"]["stable_rank"] == pytest.approx(spectrum.stable_rank())
    assert one["rankme"] == pytest.approx(spectrum.rankme())


@pytest.mark.parametrize("scale", [1.0, 2.0**300, 2.0**-300])
def test_drift_is_that_of_its_formulas(scale):
    rows = draw(N, 5) * 1.3 + 1
    acc = rankme.Accumulator(K)
    acc.update(REFERENCE * scale)
    (one,) = plain(reference=acc, components=3).update(rows * scale)
    a, b = np.cov(REFERENCE.T), np.cov(rows.T)
    apart = REFERENCE.mean(axis=0) - rows.mean(axis=0)
    frechet = apart @ apart + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    axes = np.linalg.eigh(a)[1][:, -3:]
    cosine = REFERENCE.mean(axis=0) @ rows.mean(axis=0)
    cosine /= np.linalg.norm(REFERENCE.mean(axis=0)) * np.linalg.norm(rows.mean(axis=0))
    drift = one["drift"]
    assert drift["frechet"] == pytest.approx(frechet * scale**2, rel=1e-6)
    assert drift["subspace"] == pytest.approx(np.trace(axes.T @ b @ axes) / np.trace(b), rel=1e-9)
    shift = np.sqrt(apart @ np.linalg.solve(a, apart))
    assert drift["mean_shift"] == pytest.approx(shift, rel=1e-6)
    assert drift["mean_angle"] == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-6)


def test_a_rare_alarm_of_the_reference_itself_and_a_sure_one_of_a_change(learnt):
    # A smaller version of bench/monitor.py: 300 windows at 1%, whose binomial band to 1e-4 is 11.
    monitor = learnt.copy()
    outside = sum(bool(one["outside"]) for one in monitor.update(draw(300 * N, 7)))
    assert outside <= 11
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((K, K)))[0]
    shift = 0.3 * MEAN
    for change in (lambda z: z + shift, lambda z: z * (np.arange(K) != 2), lambda z: z @ turn):
        monitor = learnt.copy()
        monitor.update(draw(3 * N, 8))
        assert not monitor.alarm
        first, _ = monitor.update(change(draw(2 * N, 9)))
        assert first["outside"]
        assert monitor.alarm
        assert monitor.report()["alarms"][-1]["cleared"] is None


def test_a_window_that_fills_raises_no_alarm(learnt):
    monitor = learnt.copy()
    for row in draw(N - 1) * 100:
        assert monitor.update(row[np.newaxis]) == []
        assert not monitor.alarm
    (one,) = monitor.update(draw(1) * 100)
    assert one["alarm"]


def test_an_alarm_ends_after_calm_windows(learnt):
    monitor = learnt.copy()
    monitor.update(draw(N) * 3)
    assert monitor.alarm
    monitor.update(draw(N, 11))
    assert monitor.alarm
    monitor.update(draw(N, 12))
    assert not monitor.alarm
    (event,) = monitor.report()["alarms"]
    assert (event["raised"], event["cleared"]) == (0, 2)
    assert "norm_quantiles/0.5" in event["statistics"]


def test_bands_by_groups():
    acc = rankme.Accumulator(K, groups=16, run_length=1)
    acc.update(draw(16 * N, 20))
    classes = rankme.GroupedAccumulator(K, 16)
    classes.update(draw(16 * N, 20), groups=np.repeat(np.arange(16), N))
    for reference in (acc, classes):
        monitor = plain(reference=reference)
        assert monitor.report()["bands"]["learnt_from"] == "groups"
        outside = [bool(one["outside"]) for one in monitor.update(draw(100 * N, 21))]
        assert sum(outside) <= 6
        (one,) = monitor.update(draw(N, 22) + MEAN)
        assert {"frechet", "rankme"} <= set(one["outside"])


@pytest.mark.parametrize("groups", [None, 16])
def test_a_sum_that_gives_no_bands_says_so(groups):
    acc = rankme.Accumulator(K, groups=groups)
    acc.update(draw(1000, 20))
    monitor = plain(reference=acc)
    (one,) = monitor.update(draw(N) * 50)
    report = monitor.report()
    assert report["bands"] is None
    assert "no alarm is raised" in report["notes"][0]
    assert one["drift"]["frechet"] > 0
    assert (one["judged"], one["alarm"]) == (False, False)


def test_a_reference_from_a_file(tmp_path, learnt):
    np.save(tmp_path / "z.npy", REFERENCE)
    monitor = plain(reference=tmp_path / "z.npy", resamples=200)
    assert monitor.report()["bands"] == learnt.report()["bands"]
    acc = rankme.Accumulator(K)
    acc.update(REFERENCE)
    acc.save(tmp_path / "z.rankme")
    assert plain(reference=tmp_path / "z.rankme").report()["bands"] is None


def test_report_is_json(learnt):
    monitor = learnt.copy()
    monitor.update(draw(5 * N))
    report = monitor.report()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["schema"] == "rankme.monitor/1"
    report["windows"].clear()
    assert len(monitor.report()["windows"]) == 5


@pytest.mark.parametrize("kind", ["groups", "labels", "plain"])
def test_a_saved_sum_is_a_reference_by_its_path(tmp_path, kind):
    groups = {"groups": 40} if kind == "groups" else {}
    saved = (
        rankme.GroupedAccumulator(K, 40) if kind == "labels" else rankme.Accumulator(K, **groups)
    )
    rows = REFERENCE[: 40 * (len(REFERENCE) // 40)]
    saved.update(
        rows, **({"groups": np.repeat(np.arange(40), len(rows) // 40)} if kind == "labels" else {})
    )
    saved.save(tmp_path / "usual.rankme")
    here, there = plain(reference=saved), plain(reference=tmp_path / "usual.rankme")
    assert here.report() == there.report()
    assert (there.report()["bands"] is None) == (kind == "plain")


def test_saved_things_that_are_no_reference_are_named(tmp_path):
    path = tmp_path / "x.rankme"
    for saved, text in (
        (plain(), r"a saved monitor; in Python: rankme\.Monitor"),
        (rankme.LayerAccumulator(2, K), r"saved layers; in Python: rankme\.LayerAccumulator"),
    ):
        saved.save(path)
        with pytest.raises(BadDataError, match=text):
            plain(reference=path)
    rankme.GroupedAccumulator(K, 2).save(path)
    with pytest.raises(BadDataError, match=r"saved groups of rows; in Python"):
        rankme.score(path)
