"""What notebooks show: HTML that parses, with the numbers in it."""

import numpy as np
import pytest

import rankme
from monitored import draw, learnt_monitor, plain
from rankme._base.notebook import card, decay, spans, table
from rankme.integrations._answer_states import AnswerStates
from shown_html import cells, lines, parsed

Z = np.random.default_rng(0).standard_normal((400, 12)) / np.arange(1, 13)


def test_a_spectrum_shows_its_score_and_its_values():
    spectrum = rankme.spectrum(Z, center=True)
    found = cells(spectrum)
    assert found["RankMe"] == f"{spectrum.rankme():.6g} of 12"
    assert found["rows, columns"] == "400, 12"
    assert (found["centred"], found["normalised"], found["method"]) == ("yes", "no", "gram")
    low, high = (float(end) for end in found["exact within"].split(" to "))
    assert low <= spectrum.rankme() * (1 + 1e-8)
    assert high >= spectrum.rankme() * (1 - 1e-8)
    points = parsed(spectrum._repr_html_()).find(".//{*}polyline").get("points").split()
    assert len(points) == 12
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights)  # downwards, as the values fall


def test_an_estimate_shows_its_error():
    estimate = rankme.estimate(Z, groups=8)
    found = cells(estimate)
    assert found["RankMe"] == str(estimate)
    assert found["groups"] == "8"


def test_an_accumulator_shows_what_it_holds():
    acc = rankme.Accumulator(12, groups=8, normalize=True)
    acc.update(Z)
    found = cells(acc)
    assert (found["rows so far"], found["columns"]) == ("400", "12")
    assert (found["groups"], found["normalised"], found["precision"]) == ("8", "yes", "float64")


def test_a_stack_shows_what_it_holds():
    stack = rankme.LayerAccumulator(3, 12)
    stack.update(np.stack([Z] * 3))
    found = cells(stack)
    assert (found["layers"], found["rows so far"], found["columns"]) == ("3", "400", "12")
    found = cells(rankme.LayerAccumulator(dims=[4, 8], groups=8))
    assert (found["columns"], found["groups"]) == ("4 to 8", "8")


def test_groups_show_how_many_rows_they_have():
    groups = rankme.GroupedAccumulator(12, 3)
    groups.update(Z, groups=np.minimum(np.arange(400) // 100, 2))
    found = cells(groups)
    assert (found["groups"], found["rows so far"]) == ("3", "400")
    assert found["rows of a group"] == "100 to 200"
    worst = groups.worst()
    assert cells(worst)["group"] == str(worst.group)
    assert float(cells(worst)["RankMe"]) == pytest.approx(worst.score, rel=1e-5)
    spread = groups.spread()
    assert float(cells(spread)["share between"]) == pytest.approx(spread.share, rel=1e-3)


def test_a_curve_is_a_table():
    curve = rankme.curve(Z, rows=[100, 400])
    head, first, last = lines(curve)
    assert head == ["rows N", "RankMe", "standard error", "extrapolated"]
    assert [first[0], last[0]] == ["100", "400"]
    assert float(last[1]) == pytest.approx(curve.scores[1], abs=5e-3)
    assert [float(row[3]) for row in (first, last)] == pytest.approx(curve.bias_corrected, abs=5e-3)
    short = rankme.curve(Z, rows=[16, 400])
    assert lines(short)[1][3] == ""  # none: there are too few rows


def test_an_area_shows_its_errors():
    found = cells(rankme.auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
    assert found["AUROC"].startswith("0.7500 ± ")
    assert found["cases"] == "2 positive, 2 negative"


def test_an_agreement_shows_what_the_choice_was_worth():
    runs = {f"<run {i}>": float(i) for i in range(6)}
    truth = {name: -value if value > 4 else value for name, value in runs.items()}
    agreement = rankme.agreement(runs, truth, higher_is_better=True)
    worth = cells(agreement)
    assert worth["best by truth"] == "4, <run 4>"
    assert worth["chosen"] == "-5, <run 5>, rank 6"
    assert worth["regret"].startswith("9; ")
    assert [text for name, text in worth.items() if name.startswith("warning")] == [
        *agreement.warnings
    ]
    head, *coefficients = lines(agreement, 1)
    assert head[1:] == ["value", "95% interval", "p"]
    found = {name: float(value) for name, value, *_ in coefficients}
    assert found["kendall"] == pytest.approx(agreement.kendall.value, abs=5e-4)


def test_a_monitor_shows_its_last_windows():
    monitor = learnt_monitor()
    assert cells(monitor)["windows"] == "0"
    monitor.update(draw(7 * 160))
    monitor.update(draw(160) + 50)
    found = cells(monitor)
    assert (found["alarm"], found["windows"], found["rows"]) == ("ON", "8", "1,280")
    assert (found["reference"], found["bands"]) == ("3,200 rows", "yes")
    head, *windows = lines(monitor, 1)
    assert head == ["window", "rows", "RankMe", "outside the bands"]
    assert [row[0] for row in windows] == ["3", "4", "5", "6", "7"]
    record = monitor.report()["windows"][-1]
    assert float(windows[-1][2].partition(" ± ")[0]) == pytest.approx(record["rankme"], rel=1e-3)
    assert windows[-1][3] == ", ".join(record["outside"]) != ""


def test_a_monitor_without_a_reference_judges_nothing():
    monitor = plain()
    monitor.update(draw(160))
    assert cells(monitor)["reference"] == "none"
    assert lines(monitor, 1)[1][3] == "not judged"


def test_answers_show_counts_alone():
    states = [np.zeros((2, 1, 8), "f4"), np.zeros((1, 1, 8), "f4")]
    found = cells(AnswerStates([["secret", "b"], ["c"]], states, [[1, 1], [1]], (4,)))
    assert found == {"questions": "2", "answers to each": "1 to 2", "layers": "4", "width": "8"}
    assert cells(AnswerStates([], [], [], (4,))) == {"questions": "0", "layers": "4"}


def test_rows_left_out_are_told():
    bad = Z.copy()
    bad[3, 2] = np.nan
    assert cells(rankme.spectrum(bad, skip_nonfinite=True))["rows left out"] == "1"


def test_text_of_others_is_no_markup():
    tree = parsed(card("<b>", {"a<": "x & y\n<script>"}))
    assert tree[0].text == "<b>"
    assert tree.find(".//td").text == "x & y\\n<script>"
    tree = parsed(table("<b>", ["<i>"], [["<script>"]], "<p>own</p>"))
    assert [one.text for one in tree.iter("th")] == ["<i>"]
    assert [one.text for one in tree.iter("td")] == ["<script>"]
    assert tree.find("p").text == "own"


def test_numbers_that_are_alike_are_one():
    assert [spans([5, 5]), spans([7000, 3])] == ["5", "3 to 7,000"]


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0]])
def test_nothing_is_drawn_of_values_without_a_decay(values):
    assert decay(values, "values") == ""


def test_thousands_of_values_are_few_points():
    tree = parsed(f"<div>{decay(np.geomspace(1, 1e-30, 5000), 'values')}</div>")
    points = tree.find(".//{*}polyline").get("points").split()
    assert len(points) <= 202
    assert "from 1 down to 1e-16" in tree[1].text
