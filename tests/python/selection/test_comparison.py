"""How a comparison is shown: text, HTML, JSON, pandas and a picture."""

import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import rankme
from simulated_runs import estimate_with_error, rows

SETS = {
    "a<b>&": estimate_with_error(40.0, 0.1),
    "b": estimate_with_error(39.9, 0.1, seed=1),
    "c": estimate_with_error(20.0, 0.123456, seed=2),
}
C = rankme.compare(SETS, tags={"b": {"step": 3, "model": "m"}}, baseline="c")


def test_the_table():
    lines = str(C).splitlines()
    assert " ".join(lines[0].split()) == ("run RankMe error below best extrapolated normalised N K")
    assert re.match(r"\*  a<b>& +40\.00 +0\.10 ", lines[1])
    assert re.match(r"=  b +39\.90 +0\.10 +0\.10 ± 0\.14 ", lines[2])
    assert re.match(r"u  c +20\.00 +0\.12 +20\.00 ± 0\.16 ", lines[3])
    assert "= not told from it: b" in lines
    assert "* the highest of the trained: a<b>&" in lines
    assert "u untrained, and no candidate: c" in lines
    needed = [f"{run.needed_errors:.2g}" for run in C.runs[1:]]
    assert needed == ["2", "2"]
    assert "told from it: below by more than 2 standard errors of the difference" in lines
    assert len({len(line.rstrip()) for line in lines[:4]}) == 1


def test_the_repr_is_one_short_line():
    start = "Comparison(a<b>&: 40, b: 39.9, c: 20; best a<b>&, tied ['b'], N = "
    assert repr(C).startswith(start)
    assert "\n" not in repr(C)


def test_a_corrected_score_needs_rows():
    few = rankme.compare({"a": rows(0, n=48), "b": rows(1, n=48)}, groups=8)
    row = str(few).splitlines()[1].split()
    assert len(row) == len(["*", "a", "score", "error", "normalised", "48", "16"])


def test_json():
    found = json.loads(C.to_json())
    assert found == C.to_dict()
    assert found["schema"] == "rankme.compare/1"
    assert (found["best"], found["tied"], found["decided"]) == ("a<b>&", ["b"], False)
    assert (found["rows"], found["paired"], found["errors"]) == (2560, False, [])
    assert [run["name"] for run in found["runs"]] == ["a<b>&", "b", "c"]
    wanted = {"name", "score", "low", "high", "std_error", "bias_corrected", "normalized"}
    wanted |= {"n_rows", "n_cols", "dtype", "definition", "tags"}
    assert wanted <= found["runs"][0].keys()
    assert found["runs"][1]["tags"] == {"step": 3, "model": "m"}
    assert found["warnings"] == list(C.warnings)


def test_pandas():
    pytest.importorskip("pandas")
    table = C.to_pandas()
    assert list(table.index) == ["a<b>&", "b", "c"]
    assert list(table["tied"]) == [True, True, False]
    assert list(table["score"]) == [40.0, 39.9, 20.0]
    assert table.loc["b", "tags.step"] == 3


def test_agreement_is_that_of_the_scores():
    truth = {"c": 1.0, "b": 3.0, "a<b>&": 2.0}
    found = C.agreement(truth, higher_is_better=True)
    assert found.to_dict() == rankme.agreement(C.scores, truth, higher_is_better=True).to_dict()
    assert (found.regret, found.rank) == (1.0, 2.0)
    assert C.agreement(truth, higher_is_better=False).rank == 2.0


def test_html_needs_nothing_else():
    page = C.to_html()
    assert "<b>" not in page
    assert "a&lt;b&gt;&amp;" in page
    assert not re.search(r"<script|<link|src=|href=|@import|url\(", page)
    body = ET.fromstring(  # noqa: S314
        page.partition("\n")[2].replace('<meta charset="utf-8">', "")
    )
    assert len(list(body.iter("tr"))) == 4
    assert len(list(body.iter("{http://www.w3.org/2000/svg}circle"))) == 3
    assert "<pre>" not in page
    assert "<pre>tau &lt; 1</pre>" in C.to_html("tau < 1")
    assert C._repr_html_() in page
    text = " ".join(body.itertext())
    assert "the highest;" in text
    assert "untrained; bars: two standard errors of the score" in text
    assert "told from it;" not in text.replace("not told from it;", "")  # there is none
    assert f"rankme {rankme.__version__}, NumPy" in text
    assert "Paths" not in text


def test_paths_are_kept(tmp_path):
    for name in ("a<b>", "c"):
        np.save(tmp_path / f"{name}.npy", rows(0 if name == "c" else 1))
    paths = {name: [str(tmp_path / f"{name}.npy")] * 2 for name in ("a<b>", "c")}
    sets = {**paths, "d": pd.DataFrame(rows(0.5)), "e": rankme.open_source(paths["c"][0])}
    found = rankme.compare(sets)
    expected = {**{name: tuple(two) for name, two in paths.items()}, "d": (), "e": (paths["c"][0],)}
    assert {run.name: run.paths for run in found.runs} == expected
    assert f"a&lt;b&gt;: {tmp_path}/a&lt;b&gt;.npy, {tmp_path}" in found.to_html()


def test_an_untrained_run_does_not_compete():
    sets = {
        "init": estimate_with_error(50.0, 0.1),
        "b": estimate_with_error(40.0, 0.1, seed=1),
        "c": estimate_with_error(39.0, 0.1, seed=2),
    }
    found = rankme.compare(sets, baseline="init", order=[0, 1, 2])
    assert [run.name for run in found.runs] == ["init", "b", "c"]
    assert (found.best, found.tied, found.choice, found.local_maxima) == ("b", (), "b", ("b",))
    assert found.runs[0].gap == -10.0
    assert "not above the untrained run 'init': 'b', 'c'" in found.warnings[0]
    truth = {"init": 0.0, "b": 2.0, "c": 3.0}
    assert found.agreement(truth, higher_is_better=True).chosen.names == ("b",)


def test_the_agreement_judges_what_the_rule_chose():
    sets = {
        str(i): estimate_with_error(score, 0.5) for i, score in enumerate([9.0, 9.8, 10.0, 5.0])
    }
    truth = {"0": 1.0, "1": 4.0, "2": 2.0, "3": 0.0}
    plateau = rankme.compare(sets, order=range(4), rule="plateau")
    assert (plateau.best, plateau.choice) == ("2", "1")
    found = plateau.agreement(truth, higher_is_better=True)
    assert (found.chosen.names, found.chosen.truth, found.regret, found.rank) == (("1",), 4.0, 0, 1)
    assert found.to_dict()["chosen"] == {"names": ["1"], "truth": 4.0}
    assert found.top_k(1) == 0  # of the scores
    highest = rankme.compare(sets, order=range(4)).agreement(truth, higher_is_better=True)
    assert (highest.chosen.names, highest.regret) == (("2",), 2.0)


def test_of_equal_scores_the_agreement_judges_what_can_be_chosen():
    same = estimate_with_error(40.0, 0.1)
    truth = {"a": 1.0, "b": 3.0, "c": 5.0}
    found = rankme.compare({"a": same, "b": same, "c": estimate_with_error(20.0, 0.1)})
    assert found.agreement(truth, higher_is_better=True).chosen == (("a", "b"), 2.0)
    # An untrained run is no candidate, and of two checkpoints the rule takes one.
    untrained = rankme.compare({"a": same, "b": same, "c": same}, baseline="a")
    assert untrained.agreement(truth, higher_is_better=True).chosen == (("b",), 3.0)
    for rule, chosen in (("max", "a"), ("plateau", "b")):
        along = rankme.compare({"a": same, "b": same}, order=[2, 1], rule=rule)
        found = along.agreement({"a": 1.0, "b": 3.0}, higher_is_better=True)
        assert (along.choice, found.chosen.names) == (chosen, (chosen,))


def test_a_spread_of_other_seeds_is_told():
    two = [estimate_with_error(40.0, 0.1), estimate_with_error(39.0, 0.1)]
    text = str(rankme.compare({"a": two, "b": two[0], "c": two[1]}))
    assert "all errors hold the spread among the seeds of a; the other runs have one seed" in text
    assert "one seed" not in str(rankme.compare({"a": two, "b": two}))


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    ax = C.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a<b>&", "b", "c"]
    assert ax.get_xlabel() == "RankMe"
    _, own = plt.subplots()
    along = rankme.compare(SETS, order=[30, 10, 20]).plot(own)
    assert along is own
    assert along.get_xlabel() == "step"
    assert list(along.lines[0].get_xdata()) == [10, 20, 30]
    assert list(along.lines[0].get_ydata()) == [39.9, 20.0, 40.0]
    plt.close("all")


def test_a_run_with_equal_errors_of_zero_is_drawn():
    page = rankme.compare({"a": rows(0), "b": rows(0)}, paired=True).to_html()
    assert "nan" not in page


def test_dollars_in_names_are_no_formulas():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    name = r"lr=$\bad{$"
    ax = rankme.compare({name: SETS["b"], "c": SETS["c"]}).plot()
    ax.figure.draw_without_rendering()
    assert ax.get_yticklabels()[0].get_text() == name
    assert ax.get_title().endswith(name)
    plt.close("all")


def test_names_that_are_no_text_are_drawn_as_escapes():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    found = rankme.compare({"\udcff": SETS["b"], "c": SETS["c"]})
    ax = found.plot()
    ax.figure.draw_without_rendering()
    assert ax.get_yticklabels()[0].get_text() == r"\udcff"
    assert ax.get_title().endswith(r"\udcff")
    plt.close("all")
    found.to_html("\n").encode()
    assert found._repr_html_().encode().count(rb"<td>\udcff</td>") == 1


def test_a_corrected_score_below_zero_is_not_shown():
    heavy = rows(0)
    heavy[5] *= 1e10
    text = str(rankme.compare({"a": heavy, "b": rows(1)}))
    row = next(line for line in text.splitlines() if line.startswith("=  a"))
    assert "  -" not in row
    assert len(row.split()) == 10  # no field for the corrected score


def test_a_name_cannot_make_lines_of_its_own():
    name = "a\n* the highest: \x1b[31mz"
    found = rankme.compare({name: SETS["b"], "c": SETS["c"]})
    plain = rankme.compare({"a": SETS["b"], "c": SETS["c"]})
    assert len(str(found).splitlines()) == len(str(plain).splitlines())
    truth = found.agreement({name: 1.0, "c": 2.0}, higher_is_better=False)
    for text in (str(found), str(truth)):
        assert r"a\n* the highest: \x1b[31mz" in text
        assert "\x1b" not in text
    assert r"a\n* the highest: \x1b[31mz: 39.9" in repr(found)
