"""Progress of long calls: where it is shown, what it says, and that it disturbs nothing."""

import io
import os
import re
import sys
import time

import numpy as np
import pytest

import rankme
from helpers import run_python, sparse_npy
from rankme._scoring import progress as module
from rankme._scoring.meter import Part
from rankme._scoring.progress import shown
from rankme.sources import open_source
from terminal import lines_drawn, run_with_terminal_as_stderr

Z = np.random.default_rng(0).standard_normal((4000, 16))


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "rows.npy", Z)
    return tmp_path / "rows.npy"


@pytest.fixture
def written(capsys):
    """What standard error, no terminal, got since it was last asked."""
    return lambda: capsys.readouterr().err


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


CALLS = {
    "score": rankme.score,
    "spectrum": lambda path, **more: rankme.spectrum(path, **more).rankme(),
    "of columns": lambda path, **more: rankme.score(path, rows=12, **more),
    "a whole matrix": lambda path, **more: rankme.score(path, rows=12, center=True, **more),
    "blocks": lambda path, **more: rankme.score(open_source(path).blocks(), **more),
    "estimate": lambda path, **more: rankme.estimate(path, **more).std_error,
    "of blocks": lambda path, **more: rankme.estimate(open_source(path).blocks(), **more).std_error,
    "curve": lambda path, **more: rankme.curve(path, rows=[1000, 4000], **more).scores.tolist(),
    "compare": lambda path, **more: rankme.compare({"a": path, "b": Z[:3000]}, **more).scores["a"],
}
ROWS = {"of columns": 12, "a whole matrix": 0, "curve": 5000, "compare": 6000}


@pytest.mark.parametrize("name", CALLS)
def test_a_log_gets_a_line_and_the_same_result(name, path, written):
    call = CALLS[name]
    plain = call(path)
    assert call(path, progress=False) == plain
    assert written() == ""
    assert call(path, progress=True) == plain
    (line,) = written().splitlines(keepends=True)
    assert re.fullmatch(rf"rankme: [^:]+: {ROWS.get(name, 4000):,} rows in [0-9.]+ s\n", line), line


def test_an_array_is_one_step(written):
    rankme.score(Z, progress=True)
    rankme.estimate(Z, progress=True)
    assert written() == ""


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", [1, "yes", 0.5])
def test_what_is_no_choice_is_refused(name, path, wrong):
    with pytest.raises(TypeError, match="progress must be True, False or None, not"):
        CALLS[name](path, progress=wrong)


def test_a_log_gets_few_lines(written, clock):
    with shown(True, "x.npy", 1_000_000) as meter:
        for _ in range(100):
            clock.now += 0.25
            meter.advance(10_000, 40_000_000)
        meter.stage("eigenvalues")
    assert written().splitlines() == [
        "rankme: x.npy: 40% of 1,000,000 rows, 40,000 rows/s, 0.16 GB/s, 0:15 left",
        "rankme: x.npy: 80% of 1,000,000 rows, 40,000 rows/s, 0.16 GB/s, 5.0 s left",
        "rankme: x.npy: 1,000,000 rows in 0:25",
    ]


class Drawn:
    """A terminal that keeps what it is told."""

    every, is_live = 0.1, True

    def __init__(self):
        self.labels = []

    def show(self, state):
        self.labels.append(state.label)

    def close(self, state, *, done):
        self.end = state, done


@pytest.fixture
def drawn(monkeypatch):
    line = Drawn()
    monkeypatch.setattr(module, "line_on", lambda _: line)
    return line.labels


def test_many_short_stages_are_not_all_drawn(drawn, clock):
    with shown(True, "x", 1000) as meter:
        for i in range(1000):
            Part(meter, f"run {i}", 1).finish()
            clock.now += 0.001
    assert len(drawn) <= 2 * 10  # of a second: rows, and stages
    assert drawn[0] == "x: run 0"


def test_a_second_pass_is_always_drawn(drawn, clock):
    with shown(True, "x", 10) as meter:
        meter.advance(10, 0)
        meter.stage("eigenvalues")
        clock.now += 0.001
        meter.restart("qr")
    assert drawn == ["x", "x: eigenvalues", "x: qr"]


def test_rows_of_unknown_number_have_no_share(written, clock):
    with shown(True, "Z", None) as meter:
        clock.now += 11
        meter.advance(5500, 0)
    assert written().splitlines()[0] == "rankme: Z: 5,500 rows, 500 rows/s"


def test_rows_of_an_earlier_run_are_no_speed(written, clock):
    with shown(True, "x", 10_000) as meter:
        meter.skip(5000)
        clock.now += 10
        meter.advance(1000, 0)
    first = written().splitlines()[0]
    assert first == "rankme: x: 60% of 10,000 rows, 100 rows/s, 0:40 left"


def test_text_of_others_stays_in_its_line(written):
    with shown(True, "a\r\nb\x1b[31m", None) as meter:
        meter.advance(1, 0)
    assert re.fullmatch(r"rankme: a\\r\\nb\\x1b\[31m: 1 rows in [0-9.]+ s\n", written())


def test_names_of_parts_stay_in_their_line(clock, written):
    with shown(True, "2 runs", 10) as meter:
        part = Part(meter, "a\nb\x1b[31m", 10)
        clock.now += 11
        part.advance(5, 0)
    assert written().splitlines()[0].startswith(r"rankme: 2 runs: a\nb\x1b[31m: 50% of 10 rows")


def test_an_error_leaves_the_log_without_a_last_line(tmp_path, written):
    bad = Z.copy()
    bad[3999, 2] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(ValueError, match="row 3999"):
        rankme.score(tmp_path / "bad.npy", progress=True)
    assert written() == ""


class Broken(io.StringIO):
    """A stream that takes nothing."""

    def write(self, _):
        raise BrokenPipeError

    def isatty(self):
        return True


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), Broken(), object()])
@pytest.mark.parametrize("name", CALLS)
def test_without_a_standard_error_the_call_goes_on(name, stream, path, monkeypatch):
    plain = CALLS[name](path)
    monkeypatch.setattr(sys, "stderr", stream)
    assert CALLS[name](path, progress=True) == plain


def test_a_closed_descriptor_stops_nothing(path):
    code = "import os, sys, rankme; os.close(2); print(rankme.score(sys.argv[1], progress=True))"
    assert float(run_python(code, path).stdout) == rankme.score(path)


PROGRAM = """
import sys, time, rankme
def slow(blocks):
    for block in blocks:
        time.sleep(0.06)
        yield block
kind, path = sys.argv[1:]
if kind == "source":
    rankme.score(path, progress=True)
elif kind == "default":
    rankme.score(path)
else:
    source = rankme.open_source(path)
    rows = next(source.blocks())
    parts = [rows[i : i + 20000] for i in range(0, len(rows), 20000)]
    if kind == "error":
        parts.append(rows[:5, :3])
    rankme.score(slow(parts), progress=True)
print("done")
"""


def on_terminal(kind, path, **env):
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    env = {**kept, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "COLUMNS": "90", **env}
    return run_with_terminal_as_stderr([sys.executable, "-c", PROGRAM, kind, path], env)


@pytest.fixture
def large(tmp_path):
    sparse_npy(tmp_path / "zeros.npy", 2**19, 32)
    return tmp_path / "zeros.npy"


def test_a_bar_on_a_terminal(large):
    status, printed, seen = on_terminal("source", large)
    assert (status, printed) == (0, "done\n")
    assert not re.search(r"[\x00-\x0c\x0e-\x1f]", seen)  # but for carriage returns
    *_, last = drawn = lines_drawn(seen)
    assert drawn[0].startswith("zeros.npy ")
    assert re.fullmatch(r"zeros.npy: eigenvalues █{20} 100%, [\d,]+ rows/s, [\d.]+ GB/s", last)
    assert all(len(line) < 90 for line in drawn)
    assert re.search(r" +\r$", seen)  # taken away


def test_a_terminal_is_left_alone_unless_it_is_wanted(large):
    assert on_terminal("default", large) == (0, "done\n", "")


def test_blocks_on_a_terminal(large):
    status, _, seen = on_terminal("blocks", large)
    assert status == 0
    assert re.fullmatch(r"Z [\d,]+ rows, [\d,]+ rows/s, [\d.]+ GB/s", lines_drawn(seen)[0])


def test_an_error_begins_a_line(large):
    status, _, seen = on_terminal("error", large)
    assert status == 1
    assert re.search(r"rows/s[^\r\n]*\r +\rTraceback ", seen)


def test_narrow_terminals_and_wide_names(tmp_path):
    name = tmp_path / ("漢字" * 30 + ".npy")
    sparse_npy(name, 2**18, 32)
    from rich.cells import cell_len

    for columns in (20, 60):
        _, _, seen = on_terminal("source", name, COLUMNS=str(columns))
        assert all(cell_len(line) < columns for line in seen.split("\r"))


def test_a_terminal_without_unicode(large):
    status, _, seen = on_terminal("source", large, PYTHONIOENCODING="ascii")
    assert status == 0
    assert f"{'#' * 20} 100%" in seen


def test_a_dumb_terminal_gets_lines(large):
    _, _, seen = on_terminal("source", large, TERM="dumb")
    assert re.fullmatch(r"rankme: zeros.npy: 524,288 rows in [\d.]+ s\r\n", seen)


def test_nothing_is_looked_at_where_nothing_is_shown(path, monkeypatch):
    monkeypatch.setattr(module, "time", None)
    monkeypatch.setattr(module, "line_on", None)
    rankme.score(path)
    rankme.score(path, progress=False)


def test_what_it_costs_where_nothing_is_shown():
    def one(progress):
        begin = time.perf_counter()
        for _ in range(1000):
            with shown(progress, "x", 10) as meter:
                meter.advance(1, 1)
        return time.perf_counter() - begin

    # A call that reads takes a millisecond at least.
    assert min(one(None) for _ in range(5)) < 0.05
    assert min(one(False) for _ in range(5)) < 0.05
