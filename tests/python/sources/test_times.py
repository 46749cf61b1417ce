"""Columns of times beside vectors, and rows of streams: each row once, with its time."""

import io
import json
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import rankme
from rankme.cli._watch_words import print_window
from rankme.sources import BadDataError, open_source
from rankme.sources._json_layout import is_cut
from rankme.sources._json_lines import Chunk, times_of_lines
from rankme.sources._reading import StreamReading
from rankme.sources._row_stream import stream_blocks
from rankme.sources._time_column import times_of
from rankme.sources._times import out_of_years, seconds_of

N, K = 7, 3
ROWS = np.random.default_rng(0).standard_normal((N, K))
SECONDS = 1.6e9 + 3600.25 * np.arange(N)
STAMPS = [datetime.fromtimestamp(t, timezone.utc) for t in SECONDS]
ISO = [stamp.isoformat() for stamp in STAMPS]


def seconds(array):
    return seconds_of(array, "file", "at", lambda row: f"row {row}")


@pytest.mark.parametrize(
    "array",
    [
        pa.array(STAMPS, pa.timestamp("us", "UTC")),
        pa.array(STAMPS, pa.timestamp("us", "UTC")).cast(pa.timestamp("ns", "Asia/Tokyo")),
        pa.array([stamp.replace(tzinfo=None) for stamp in STAMPS], pa.timestamp("ms")),
        pa.array(ISO),
        pa.array([text.replace("+00:00", "Z") for text in ISO], pa.large_string()),
        pa.array([text.removesuffix("+00:00") for text in ISO]),
        pa.array(
            [s.astimezone(timezone(timedelta(hours=5))).isoformat() for s in STAMPS], pa.string()
        ),
        pa.array(SECONDS),
        pa.chunked_array([SECONDS[:2], SECONDS[2:2], SECONDS[2:]]),
    ],
    ids=lambda array: str(array.type),
)
def test_times_of_all_kinds(array):
    np.testing.assert_allclose(seconds(array), SECONDS, rtol=0, atol=1e-6)


def test_whole_numbers_and_days():
    np.testing.assert_array_equal(seconds(pa.array([1, 2**31])), [1.0, 2.0**31])
    np.testing.assert_array_equal(seconds(pa.array([date(1970, 1, 2)])), [86400.0])


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([1.0, None]), "row 1 is null in column 'at'"),
        (pa.array([1.0, 2.0, np.nan]), "row 2 has nan in column 'at'"),
        (pa.array(["2020-01-01", "soon"]), "column 'at' holds no times"),
        (pa.array([[1.0]]), "column 'at' is list<item: double>; wanted are times"),
        (pa.array([True]), "column 'at' is bool"),
    ],
)
def test_what_is_no_time(array, text):
    with pytest.raises(BadDataError, match=r"^file: ") as error:
        seconds(array)
    assert text in str(error.value)


def written(folder, suffix):
    """Write rows with their times in one of the formats."""
    path = folder / f"t{suffix}"
    table = pa.table({"z": [*ROWS], "at": STAMPS})
    if suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=3)
    elif suffix in (".arrow", ".arrows"):
        opened = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
        with opened(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    elif suffix == ".csv":
        lines = [f'"{row.tolist()}",{text}' for row, text in zip(ROWS, ISO, strict=True)]
        path.write_text("\n".join(["z,at", *lines]) + "\n")
    elif suffix == ".tsv":
        lines = [f"{row.tolist()}\t{t}" for row, t in zip(ROWS, SECONDS, strict=True)]
        path.write_text("\n".join(["z\tat", *lines]) + "\n")
    else:
        path.write_text(lines_of())
    return path


def lines_of(rows=ROWS):
    return "".join(
        json.dumps({"embedding": row.tolist(), "at": text}) + "\n\n"
        for row, text in zip(rows, ISO, strict=False)
    )


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv", ".tsv", ".jsonl"])
def test_the_column_of_a_file(tmp_path, suffix):
    source = open_source(written(tmp_path, suffix))
    np.testing.assert_allclose(times_of(source, "at"), SECONDS, rtol=0, atol=1e-6)
    with pytest.raises(BadDataError, match="when"):
        times_of(source, "when")


def test_the_rows_of_an_answer_have_the_time_of_its_line(tmp_path):
    items = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(ROWS)]
    lines = [
        {"data": items[:3], "meta": {"at": SECONDS[0]}},
        {"data": [{**one, "index": i} for i, one in enumerate(items[3:])], "meta": {"at": 9.0}},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    np.testing.assert_array_equal(
        times_of(open_source(path), "meta.at"), [SECONDS[0]] * 3 + [9] * 4
    )


def test_a_format_without_columns(tmp_path):
    np.save(tmp_path / "z.npy", ROWS)
    with pytest.raises(BadDataError, match="has no column of times"):
        times_of(open_source(tmp_path / "z.npy"), "at")


class Dribble(io.RawIOBase):
    """A pipe that has a few bytes at a time."""

    def __init__(self, data, at_once):
        self._rest, self._at_once = data, at_once

    def read(self, size=-1):
        found = self._rest[: min(size, self._at_once)]
        self._rest = self._rest[len(found) :]
        return found


def streamed(data, at_once=10**6, **options):
    return list(stream_blocks(Dribble(data, at_once), "pipe", StreamReading(**options)))


@pytest.mark.parametrize("at_once", [1, 17, 10**6])
def test_lines_that_dribble_in(at_once):
    blocks = streamed(lines_of().encode(), at_once, time_column="at")
    np.testing.assert_array_equal(np.vstack([block.rows for block in blocks]), ROWS)
    times = np.concatenate([block.times for block in blocks])
    np.testing.assert_allclose(times, SECONDS, rtol=0, atol=1e-6)
    assert blocks[-1].where(len(blocks[-1].rows) - 1) == f"line {2 * N - 1}"


@pytest.mark.parametrize("at_once", [5, 10**6])
def test_batches_that_dribble_in(at_once):
    table = pa.table({"z": [*ROWS], "at": STAMPS})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    data = sink.getvalue().to_pybytes()
    blocks = streamed(data, at_once, time_column="at")
    assert [len(block.rows) for block in blocks] == [3, 3, 1]
    np.testing.assert_array_equal(np.vstack([block.rows for block in blocks]), ROWS)
    assert blocks[1].where(2) == "record batch 1, row 2"
    with pytest.raises(BadDataError, match="has no column 'when'"):
        streamed(data, time_column="when")
    with pytest.raises(BadDataError, match="pipe: cannot be read"):
        streamed(data[:-200])


def test_batches_of_whole_numbers():
    rows = np.arange(12, dtype=np.int8).reshape(3, 4)
    column = pa.array([*rows], pa.list_(pa.int8()))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema({"z": column.type})) as writer:
        writer.write_batch(pa.record_batch([column], ["z"]))
    data = sink.getvalue().to_pybytes()
    (block,) = streamed(data, integers=True)
    np.testing.assert_array_equal(block.rows, rows)
    with pytest.raises(BadDataError, match="no column of floating"):  # nobody told
        streamed(data)


def test_a_last_line_without_its_end_and_an_empty_pipe():
    blocks = streamed(lines_of().rstrip("\n").encode())
    assert sum(len(block.rows) for block in blocks) == N
    assert streamed(b"") == []
    assert streamed(b"\n\n  \n\n\n") == []


def test_rows_that_are_null():
    data = b'{"embedding": null}\n' + lines_of().encode()
    with pytest.raises(BadDataError, match="pipe: line 1 is null"):
        streamed(data)
    (block,) = streamed(data, nulls=True)
    assert np.isnan(block.rows[0]).all()
    np.testing.assert_array_equal(block.rows[1:], ROWS)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a,b\n1,2\n", "wanted are lines of JSON"),
        (lines_of(ROWS[:1]).encode() + b"\n" * 9 + b'{"embedding": [1.0\n', "line 12 is no JSON"),
        (lines_of(ROWS[:2]).encode() + b'{"embedding": [1.0]}\n', "line 5"),
        (b'{"embedding": [1.0, 2.0]}\n', "line 1 has no time under 'at'"),
        (b'{"embedding": [1.0', "line 1 is no JSON: it is cut"),
        (lines_of(ROWS[:3]).encode() + b'{"embedding": [1.0', "line 7 cannot be read: it is cut"),
        (lines_of(ROWS[:3]).encode() + b'{"embedding": [1.0], "e', "line 7 cannot be read: it is"),
    ],
)
def test_what_is_no_row(data, text):
    with pytest.raises(BadDataError, match=r"^pipe: ") as error:
        streamed(data, time_column="at" if b"no time" in text.encode() else None)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        ('{"a": [1, 2], "b": "]"}', False),
        ('{"a": [1, 2], "b": "\\""}', False),
        ('{"a": [1, 2], "b": "}]', True),
        ('{"a": [1, 2]', True),
        ('{"a": [1, 2], "b": "\\"', True),
        ("[1, 2]}", False),
    ],
)
def test_whether_a_line_is_cut(line, cut):
    assert is_cut(line.encode()) is cut


def test_a_cut_line_has_its_number_among_times():
    data = b'{"at": 1.0}\n\n{"at": 2.0, "b": [3'
    with pytest.raises(BadDataError, match="line 13 cannot be read: it is cut"):
        times_of_lines("a.jsonl", "at", Chunk(11, data))
    with pytest.raises(BadDataError, match="line 3 cannot be read: it is cut"):
        times_of_lines("a.jsonl", "at", Chunk(3, b'{"at'))


@pytest.mark.parametrize(
    ("unit", "rate"), [("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)]
)
def test_other_units_than_seconds_are_refused(unit, rate):
    now = 1.7e9
    data = f'{{"at": {now}}}\n{{"at": {now * rate}}}\n'.encode()
    with pytest.raises(BadDataError, match=f"line 2 has .* they look like {unit}: divide them by"):
        times_of_lines("a.jsonl", "at", Chunk(1, data))
    monitor = rankme.Monitor(K, window=timedelta(minutes=1))
    monitor.update(ROWS[:2], time=now)
    before = monitor.report()
    for time in (now * rate, -now * rate, [now, now * rate]):
        with pytest.raises(ValueError, match=f"they look like {unit}"):
            monitor.update(ROWS[:2], time=time)
    assert monitor.report() == before


def test_the_ends_of_the_calendar(capsys):
    first = datetime(1, 1, 1, tzinfo=timezone.utc).timestamp()
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc).timestamp()
    assert out_of_years(np.array([first, last])) is None
    assert out_of_years(np.array([first - 1, last]))[0] == 0
    assert out_of_years(np.array([first, last + 1]))[0] == 1
    assert "look like" not in out_of_years(np.array([1e30]))[1]
    monitor = rankme.Monitor(K, window=timedelta(days=400))
    monitor.update(ROWS, time=first)
    for window in monitor.update(ROWS[:0], time=last):
        print_window(window)
    told = capsys.readouterr().out
    assert told.startswith("window 0  -621")
    assert " s to 1-12-29T" in told.replace("0001", "1")


@pytest.mark.parametrize(
    "time",
    [
        "2030", b"2030", np.str_("2030"), ["2030", "2031"], np.array(["2030", "2031"], object),
        np.datetime64("2030"), np.datetime64("2030-01-01T00:00:00", "ns"),
        np.array(["2030", "2031"], "M8[s]"),
    ],
)  # fmt: skip
def test_a_time_that_is_no_number_of_seconds(time):
    monitor = rankme.Monitor(K, window=timedelta(minutes=1))
    with pytest.raises(TypeError, match="time must be"):
        monitor.update(ROWS[:2], time=time)
    assert monitor.n_rows == 0
