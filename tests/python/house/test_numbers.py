"""Numbers in the users' pages have sources: papers and reports are links, copies agree."""

import json
import re

import pytest

from helpers import ROOT
from pages import tables, text_of

DOCS = ROOT / "docs"
PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.md")
    if "developers" not in path.parts and "api" not in path.parts and path.name != "changelog.md"
)
PAPER = re.compile(r"arXiv:\d{4}\.\d{4,5}")
LINKED = re.compile(r"\[arXiv:(\d{4}\.\d{4,5})\]\(https://arxiv\.org/abs/\1\)")
REPORT = re.compile(r"(?<![\w/])bench/results/[\w-]+\.md")
BENCHMARK = json.loads((ROOT / "bench" / "results" / "cpu.json").read_text(encoding="utf-8"))
RUN = max(BENCHMARK["runs"], key=lambda run: run["threads"])


def measured(section, columns, key, rows=None):
    (group,) = (
        group
        for group in RUN[section]
        if group["columns"] == columns and rows in {None, group["rows"]}
    )
    (entry,) = (one for one in group["measured"] if one["key"] == key)
    return group, entry


@pytest.mark.parametrize("page", PAGES)
def test_papers_and_reports_are_links(page):
    text = text_of(page)
    assert PAPER.findall(LINKED.sub("", text)) == []
    assert REPORT.findall(text) == []  # a reader of the site has no such folder: {download} it


def test_downloads_are_there():
    found = 0
    for page in PAGES:
        for target in re.findall(r"\{download\}`[^`<]*<([^>]+)>`", text_of(page)):
            assert ((DOCS / page).parent / target).resolve().is_file(), (page, target)
            found += 1
    assert found > 20


def test_the_page_of_small_matrices_has_the_times_of_the_benchmark():
    table = next(rows for rows in tables("guides/many-matrices.md") if "batch" in rows[0])
    for row, (rows, columns) in zip(table, ((50, 4096), (16, 64)), strict=True):
        group, ours = measured("batches", columns, "batch-ours", rows)
        _, theirs = measured("batches", columns, "batch-torch-svdvals", rows)
        assert row["batch"] == f"{group['count']:,} of {rows} x {columns}"
        each = ours["median_seconds"] / group["count"] * 1e6
        assert float(row["microseconds a matrix"]) == pytest.approx(each, rel=5e-3)
        told = row["PyTorch's batched `svdvals` takes"]
        assert told == f"{theirs['ratio_to_ours']:.1f} times as long"


def test_a_billion_rows_take_what_was_measured():
    table = next(
        rows for rows in tables("guides/larger-than-memory.md") if "how it follows" in rows[0]
    )
    told = {row["what"]: row for row in table}
    group, ours = measured("gram", 1024, "gram-ours")
    rate = told["rate of the Gram step"]
    assert rate["how it follows"] == (
        f"{group['rows']:,} rows in {ours['median_seconds']:.3f} s on two cores"
    )
    a_core = group["rows"] / ours["median_seconds"] / RUN["threads"]
    shown = float(re.match(r"[\d,]+", rate["result"])[0].replace(",", ""))
    assert shown == pytest.approx(a_core, rel=1e-3)
    assert f"{a_core * 1024**2 / 1e9:.0f} GFLOP/s" in rate["result"]
    assert f"{a_core * 4096 / 1e6:.0f} MB/s" in rate["result"]
    seconds = 1e9 / shown
    work = told["work"]["result"]
    assert f"= {seconds / 3600:.1f} core-hours" in work
    assert told["256 cores, not limited by reading"]["result"] == f"{seconds / 256:.0f} s"
