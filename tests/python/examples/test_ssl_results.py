"""The committed results of the study of hyperparameters: whole, and told as they are."""

import dataclasses
import itertools
import json
import re

import numpy as np
import pytest
from examples.ssl_selection import figures, runs
from examples.ssl_selection.analysis import compared
from examples.ssl_selection.protocol import FULL
from examples.ssl_selection.report import summary_of
from examples.ssl_selection.tables import page
from matplotlib import pyplot as plt
from matplotlib.text import Text

from helpers import ROOT

STUDY = ROOT / "examples" / "ssl_selection"
RESULTS = STUDY / "results"
TABLES = (RESULTS / "tables.md").read_text(encoding="utf-8")
SUMMARY = json.loads((RESULTS / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def protocol():
    """Return the protocol with the seeds that were done."""
    return dataclasses.replace(FULL, seeds=tuple(SUMMARY["protocol"]["seeds"]))


@pytest.fixture(scope="module")
def records(protocol):
    """Read the committed runs."""
    return runs.read_runs(runs.jobs_of("full", protocol.seeds, RESULTS, RESULTS, RESULTS))


def test_the_tables_are_those_of_the_runs(records, protocol):
    assert SUMMARY["protocol"]["digest"] == FULL.digest
    assert len([*(RESULTS / "runs").iterdir()]) == SUMMARY["n_runs"]
    comparisons = {sweep.name: str(compared(records, sweep)) for sweep in protocol.sweeps}
    assert page(summary_of(records, protocol), comparisons) == TABLES


@pytest.mark.parametrize(
    "path", [STUDY / "README.md", ROOT / "docs/guides/choose-hyperparameters.md"]
)
def test_pages_show_rows_of_the_tables(path):
    """Rows of a sweep or of a criterion are copied from the tables, some columns left out."""
    table = [_cells(row) for row in TABLES.splitlines() if row.startswith("|")]
    shown = [row for row in path.read_text(encoding="utf-8").splitlines() if _is_result(row)]
    assert shown
    for row in shown:
        wanted = _cells(row)
        assert any(set(wanted) <= set(cells) for cells in table), row


def test_the_commit_and_the_machine_are_told(records):
    for commit in SUMMARY["commits"]:
        assert re.fullmatch(r"[0-9a-f]{7,}", commit)
        assert commit in (STUDY / "README.md").read_text(encoding="utf-8")
    assert {one["commit"] for some in records.values() for one in some} == set(SUMMARY["commits"])


def test_no_name_hides_another_or_a_dot():
    figure = figures._accuracy(SUMMARY)
    figure.draw_without_rendering()
    for ax, sweep in zip(figure.axes, SUMMARY["sweeps"], strict=True):
        names = {note.get_text(): Text.get_window_extent(note) for note in ax.texts}
        assert set(names) == set(sweep["settings"])
        for one, other in itertools.combinations(names.values(), 2):
            assert not one.overlaps(other)
        for setting in sweep["settings"].values():
            points = np.column_stack([setting["rank"], setting["accuracy"]["fashion-test, probe"]])
            dots = ax.transData.transform(points)
            assert not any(box.count_contains(dots) for box in names.values())
            assert all(ax.bbox.count_contains(box.corners()) == 4 for box in names.values())
    plt.close(figure)


def _is_result(row):
    names = (
        "SimCLR,|VICReg,|RankMe,|alpha-ReQ,|LiDAR,|stable rank,|participation ratio,|\\*\\*by lot"
    )
    return re.match(rf"\| ({names})", row) is not None


def _cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")]
