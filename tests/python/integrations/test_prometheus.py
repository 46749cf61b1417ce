"""What Prometheus is told of a monitor: on a page, and in a file; both say the same."""

import math

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import rankme
from rankme.integrations._exposition import families_of, text_of, write_text
from rankme.integrations.prometheus import MonitorCollector

K, WINDOW = 4, 100


def draw(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, K)) + 1


def monitor_of(n=250, **options):
    monitor = rankme.Monitor(K, window=WINDOW, **options)
    monitor.update(draw(n))
    return monitor


def samples(text):
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def page(*args):
    registry = CollectorRegistry()
    registry.register(MonitorCollector(*args))
    return generate_latest(registry).decode()


def test_the_page_is_the_report():
    monitor = monitor_of(reference=draw(2000, 1), metrics=["nesum"], resamples=99)
    found = samples(page(monitor))
    report = monitor.report()
    last = report["windows"][-1]
    for name, value in (
        ("rankme_score", last["rankme"]),
        ("rankme_score_low", last["low"]),
        ("rankme_score_high", last["high"]),
        ("rankme_score_std_error", last["std_error"]),
        ("rankme_window_rows", WINDOW),
        ("rankme_collapsed", 0),
        ("rankme_outside", len(last["outside"])),
        ("rankme_alarm", report["alarm"]),
        ("rankme_rows_total", 250),
        ("rankme_windows_total", 2),
        ("rankme_pending_rows", 50),
        ("rankme_skipped_rows_total", 0),
    ):
        assert found[(name,)] == value, name
    drift = {key[1][1]: value for key, value in found.items() if key[0] == "rankme_drift"}
    assert drift == {k: v for k, v in last["drift"].items() if k != "norm_quantiles"}
    norms = {key[1][1]: value for key, value in found.items() if key[0] == "rankme_norm"}
    assert norms == last["drift"]["norm_quantiles"]
    assert found["rankme_metric", ("metric", "nesum")] == last["metrics"]["nesum"]
    assert found[("rankme_last_update_timestamp_seconds",)] > 1.7e9


def test_nothing_is_told_of_windows_before_there_is_one():
    found = samples(page(monitor_of(50)))
    assert found[("rankme_rows_total",)] == 50
    assert ("rankme_score",) not in found
    assert ("rankme_last_update_timestamp_seconds",) not in samples(page(monitor_of(0)))


def test_collapsed_rows():
    monitor = rankme.Monitor(K, window=WINDOW)
    monitor.update(np.ones((WINDOW, K)))
    assert samples(page(monitor))[("rankme_collapsed",)] == 1


def test_several_monitors_have_one_help_and_a_label_each():
    text = page({"a": monitor_of(), "b": monitor_of(350)}, {"model": 'mini"lm\\\n'})
    assert text.count("# HELP rankme_rows_total ") == 1
    found = samples(text)
    for name, rows in (("a", 250), ("b", 350)):
        assert found["rankme_rows_total", ("model", 'mini"lm\\\n'), ("set", name)] == rows


def test_the_file_says_what_the_page_says(tmp_path):
    monitor = monitor_of(reference=draw(2000, 1), metrics=["nesum", "condition_number"])
    labels = {"model": 'a"b\\c\n'}
    shown = {
        key: value for key, value in samples(page(monitor, labels)).items() if "last" not in key[0]
    }
    write_text(tmp_path / "m.prom", monitor, labels)
    assert samples((tmp_path / "m.prom").read_text()) == shown
    assert [one.name for one in tmp_path.iterdir()] == ["m.prom"]


def test_numbers_that_are_not_finite():
    (family, *_) = families_of(monitor_of())
    odd = family._replace(samples=[({"of": str(x)}, x) for x in (math.inf, -math.inf, math.nan)])
    found = samples(text_of([odd]))
    assert found["rankme_score", ("of", "inf")] == math.inf
    assert found["rankme_score", ("of", "-inf")] == -math.inf
    assert math.isnan(found["rankme_score", ("of", "nan")])


def test_openmetrics_takes_it_too():
    registry = CollectorRegistry()
    registry.register(MonitorCollector(monitor_of()))
    assert b"rankme_rows_total 250.0\n" in openmetrics(registry)


def test_a_registry_has_one_collector():
    registry = CollectorRegistry()
    registry.register(MonitorCollector(monitor_of()))
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(MonitorCollector(monitor_of()))


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"must be a rankme\.Monitor, not int"):
        MonitorCollector(3)
    with pytest.raises(TypeError, match=r"must be a rankme\.Monitor, not str"):
        MonitorCollector({"a": "b"})
    for labels in ({"a-b": "c"}, {"quantile": "c"}, {"__a": "c"}, {"a": 3}):
        with pytest.raises(ValueError, match="labels has"):
            MonitorCollector(monitor_of(0), labels)
