"""Tables of text that are written while they are followed: CSV and JSON lines, by whole records."""

import json
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import rankme
from rankme._scoring.signals import Stops
from rankme.integrations._following.loop import Pace, follow
from rankme.integrations._following.run import Run
from rankme.integrations._following.table import TableFollower
from rankme.integrations._following.telling import Telling
from rankme.integrations._following.text_table import TextTable
from rankme.sources import BadDataError
from rankme.sources._reading import StreamReading
from rankme.sources._row_stream import stream_blocks
from watched import K, draw

FOREVER = 1e9  # seconds: what waits for a file to settle is never read
ONCE = Pace(0.001, 30.0, once=True, skip_bad=False)


def csv_of(rows):
    """Return rows as CSV, with the second in which each came and a text with an end of line."""
    lines = ["t,note," + ",".join(f"x_{i}" for i in range(K))]
    for i, row in enumerate(rows):
        lines.append(f'{i},"a ""note""\nof {i}",' + ",".join(map(repr, row.tolist())))
    return "\n".join(lines) + "\n"


def jsonl_of(rows):
    return "".join(json.dumps({"t": i, "x": row.tolist()}) + "\n" for i, row in enumerate(rows))


FORMS = {"a.csv": (csv_of, "x_*"), "a.jsonl": (jsonl_of, "x")}


class Watch:
    """A watch of a file, a look at a time."""

    def __init__(self, path, column, settle=FOREVER, state=None):
        self.follower = TableFollower(str(path), StreamReading(column, time_column="t"), settle)
        make = lambda dim: rankme.Monitor(dim, window=np.timedelta64(1, "h").item())  # noqa: E731
        self.run = Run(self.follower, make, {"--time-column": "t"}, state)

    def once(self):
        follow(self.run, Telling(lambda _: None, pytest.fail, "s"), ONCE, pytest.fail)
        return self.n_rows

    @property
    def n_rows(self):
        return 0 if self.run.monitor is None else self.run.monitor.n_rows


@pytest.mark.parametrize("name", FORMS)
def test_each_cut_of_a_file_gives_its_whole_records(tmp_path, name):
    write, column = FORMS[name]
    rows = draw(4) * [1e5, *[1.0] * (K - 1)]
    text = write(rows)
    ends = [len(write(rows[:n])) for n in range(1, len(rows) + 1)]
    path, state = tmp_path / name, str(tmp_path / "run")
    for cut in range(0, len(text) + 1, 11):
        path.write_text(text[:cut])
        os.utime(path, (1e9, 1e9 + cut))
        watch = Watch(path, column)
        assert watch.once() == sum(end <= cut for end in ends), text[:cut]
        left = cut - max([0, *(end for end in ends if end <= cut)])
        if name == "a.jsonl":
            assert (f"{left} bytes" in watch.follower.rest()) if left else not watch.follower.rest()
        # Over many runs, each of which finds more, the same.
        assert Watch(path, column, state=state).once() == watch.n_rows
    path.write_text(text)
    whole = Watch(path, column, state=state)
    assert whole.once() == len(rows)
    monitor = rankme.Monitor(K, window=np.timedelta64(1, "h").item())
    monitor.update(rows, time=np.arange(4.0))
    ours, wanted = (
        one.update(np.empty((0, K)), time=7200.0)[0] for one in (whole.run.monitor, monitor)
    )
    assert ours["rankme"] == pytest.approx(wanted["rankme"], rel=1e-12)


@pytest.mark.parametrize("name", FORMS)
def test_a_log_that_never_settles_is_read(tmp_path, name):
    write, column = FORMS[name]
    path = tmp_path / name
    text = write(draw(30))
    cuts = [len(text) * i // 10 for i in range(11)]
    watch, seen = None, []
    for first, last in pairwise(cuts):
        with path.open("a") as file:
            file.write(text[first:last])
        watch = watch or Watch(path, column)
        watch.follower._next_look = 0.0
        piece = watch.follower.look(0)
        if piece is not None:
            with path.open("a") as file:  # more comes while it is read
                file.write("")
            os.utime(path)
            watch.run.take(piece, Stops())
        seen.append(watch.n_rows)
    assert seen[-1] == 30
    assert len(set(seen)) > 5
    assert watch.follower.look(0) is None


def test_a_bad_line_of_a_log_that_grows_is_said(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl_of(draw(3)) + '{"t": 3, "x": "none"}\n')
    watch = Watch(path, "x")
    piece = watch.follower.look(0)
    with path.open("a") as file:
        file.write('{"t": 4')
    with pytest.raises(BadDataError, match="line 4 cannot be read"):
        watch.run.take(piece, Stops())
    assert not watch.follower.has_changed()
    path.write_text(jsonl_of(draw(2, 1)))
    assert watch.follower.has_changed()


def test_text_that_is_written_anew_waits_and_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    text = csv_of(draw(5))
    path.write_text(text)
    watch = Watch(path, "x_*", settle=0.0)
    assert watch.once() == 5
    other = text.replace("of 4", "OF 4")  # its times are the same
    path.write_text(other)
    watch.follower._next_look = 0.0
    with pytest.raises(BadDataError, match="does not begin any more with the 5 rows"):
        watch.follower.look(0)
    watch.follower._settling.seconds = FOREVER  # it may be in the middle of being written
    path.write_text(text[:20])
    assert watch.follower.look(0) is None
    path.write_text(csv_of(draw(5)) + csv_of(draw(7)).split("\n", 11)[-1])
    watch.follower._next_look = 0.0
    watch.run.take(watch.follower.look(0), Stops())
    assert watch.n_rows == 7


def test_a_run_of_an_earlier_version_goes_on(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl_of(draw(5)))
    watch = Watch(path, "x")
    watch.once()
    position = watch.follower.position()
    del position["bytes"], position["content"]
    path.write_text(jsonl_of(draw(8)))
    again = TableFollower(str(path), StreamReading("x", time_column="t"), FOREVER)
    again.go_to(position)
    assert sum(len(block.rows) for block in again.look(0).blocks()) == 3


@pytest.mark.parametrize(
    ("name", "data", "end"),
    [
        ("a.csv", b'a,b\n1,"x\ny"\n2,"x\ny', 12),
        ("a.csv", b"a,b\r\n1,2\r\n3", 10),
        ("a.csv", b"a,b\r1,2\r3", 8),
        ("a.csv", b'a,b\n1,5" disk\n2,3" di', 14),  # within a value a quote is a letter
        ("a.tsv", b'a\tb\n1\tx,"y\n2', 11),
        ("a.tsv", b'"a"\tb\n1\t"x\n2', 6),
        ("a.csv", b'"a', 0),
        ("a.jsonl", b'{"a": "\\""}\n{"a": 1}\n{"', 21),
    ],
)
def test_where_whole_records_end(tmp_path, name, data, end):
    (tmp_path / name).write_bytes(data)
    table = TextTable(str(tmp_path / name))
    whole = table.look()
    assert whole.end == end
    table.take(whole)
    assert table.look() == whole
    assert table.rest(len(data)) == len(data) - end
    with whole.file.open() as handle:
        assert handle.read() == data[:end]
        assert handle.seek(-end, os.SEEK_END) == 0


class Pipe:
    """Gives one piece after the other, as a pipe does."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    def read(self, count):
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > count:
            self._pieces.insert(0, piece[count:])
        return piece[:count]


@pytest.mark.parametrize("column", [None, "v", "of.v"])
def test_a_stream_that_begins_with_nulls_waits_for_the_first_vector(column):
    def line(value, i):
        row = {"of": {"v": value}} if column == "of.v" else {"v": value}
        return json.dumps({**row, "at": i}).encode() + b"\n"

    nulls = [line(None, i) for i in range(100)]
    rows = draw(10)
    told = [line(row, 100 + i) for i, row in enumerate(rows.tolist())]
    reading = StreamReading(column, time_column="at", nulls=True)
    found = list(stream_blocks(Pipe(*nulls, b"\n", *told[:5], *told[5:]), "pipe", reading))
    together = np.vstack([block.rows for block in found])
    assert np.isnan(together[:100]).all()
    np.testing.assert_array_equal(together[100:], rows)
    np.testing.assert_array_equal(np.concatenate([block.times for block in found]), np.arange(110))
    assert found[0].where(100) == "line 102"  # behind a blank one
    with pytest.raises(BadDataError):  # it ends, and no key was told
        list(stream_blocks(Pipe(*nulls), "pipe", reading))
    with pytest.raises(BadDataError):  # nulls are no rows
        list(stream_blocks(Pipe(*nulls, *told), "pipe", replace(reading, nulls=False)))
    if column == "v":
        with pytest.raises(BadDataError, match="has no key 'w'"):  # at once
            next(stream_blocks(Pipe(told[0]), "pipe", replace(reading, column="w")))
