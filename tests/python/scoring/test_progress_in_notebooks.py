"""Progress in a notebook, in a real kernel: shown by itself where a call lasts."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import rankme
from kernel import running_kernel

Z = np.random.default_rng(0).standard_normal((4000, 16))

SETUP = """
import time
import numpy as np, rankme
Z = np.load({path!r})
def slow(seconds):
    for i in range(8):
        time.sleep(seconds / 8)
        yield Z[i * 500 : (i + 1) * 500]
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "<b>rows.npy"
    np.save(path, Z)
    return path


@pytest.fixture(scope="module")
def cell(path):
    with running_kernel() as run:
        run(SETUP.format(path=str(path)))
        yield run


def shown(outputs):
    """Return what was shown at one place, moment by moment; nothing else may have been."""
    kinds = [kind for kind, _ in outputs]
    assert set(kinds) <= {"display_data", "update_display_data"}
    assert kinds[1:] == ["update_display_data"] * len(kinds[1:])
    assert len({content["transient"]["display_id"] for _, content in outputs}) <= 1
    return [content["data"] for _, content in outputs]


def test_a_call_that_lasts_shows_itself(cell):
    *during, last = shown(cell("x = rankme.score(slow(2.4))"))
    assert 1 <= len(during) <= 8  # of eight blocks, those after a second and a half
    assert all(one["text/plain"].startswith("Z: ") for one in during)
    assert last["text/plain"].startswith("Z: 4,000 rows in ")


def test_a_short_call_shows_nothing(cell, path):
    # A minute instead of a second and a half: on a busy machine any call may last.
    quiet = "import rankme._scoring.progress as p; quiet, p._QUIET = p._QUIET, 60"
    assert shown(cell(f"{quiet}; rankme.score({str(path)!r});")) == []
    assert shown(cell("assert quiet == 1.5; p._QUIET = quiet")) == []
    assert shown(cell("rankme.score(slow(2), progress=False);")) == []


def test_a_bar_that_is_wanted(cell, path):
    first, *_, last = shown(cell(f"rankme.spectrum({str(path)!r}, progress=True);"))
    tree = ET.fromstring(first["text/html"])  # noqa: S314 - our own
    assert tree.text == "<b>rows.npy "
    assert float(tree.find("progress").get("value")) == 1
    assert first["text/plain"].startswith("<b>rows.npy: 100% of 4,000 rows, ")
    tree = ET.fromstring(last["text/html"])  # noqa: S314
    assert tree.text.startswith("<b>rows.npy: 4,000 rows in ")


def test_each_call_has_a_place_of_its_own(cell, path):
    call = f"rankme.score({str(path)!r}, progress=True)"
    outputs = cell(f"{call}; {call};")
    assert len({content["transient"]["display_id"] for _, content in outputs}) == 2


def test_an_error_says_how_far_it_came(cell):
    code = (
        "rankme.score((Z[:, :3] if i == 7 else z for i, z in enumerate(slow(0.1))), progress=True)"
    )
    *told, (kind, error) = cell(code, may_fail=True)
    assert (kind, error["ename"]) == ("error", "ValueError")
    assert shown(told)[-1]["text/plain"].startswith("Z: stopped after 3,500 rows in ")


def test_a_front_end_that_fails_stops_nothing(cell, path):
    code = f"""
from IPython import get_ipython
publish = get_ipython().display_pub.publish
def refuse(*_, **__):
    raise RuntimeError("gone")
get_ipython().display_pub.publish = refuse
x = rankme.score({str(path)!r}, progress=True)
get_ipython().display_pub.publish = publish
print(x)
"""
    ((kind, content),) = cell(code)
    assert (kind, float(content["text"])) == ("stream", rankme.score(path))
