"""``rankme watch``: windows of a source that grows, on every way out, and no row twice."""

import json
import os
import signal
import socket
import urllib.request
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pyarrow import parquet

import rankme
from command import error_line, run
from watched import (
    FOLDER,
    WINDOW,
    K,
    draw,
    ended,
    expected,
    lines_of,
    next_window,
    put,
    same,
    started,
    windows,
)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    return place


def test_a_folder_is_windows_of_its_rows_in_order(folder):
    rows = draw(730)
    for i, part in enumerate(np.array_split(rows, 12)):
        put(folder, f"part-{i}.npy", part)
        os.utime(folder / f"part-{i}.npy", (1e9, 1e9))
    result = run("watch", folder, *FOLDER)
    assert result.returncode == 0, result.stderr
    same(windows(result.stdout), expected(rows))
    assert "30 rows are in no window yet" in result.stderr
    assert {one["schema"] for one in windows(result.stdout)} == {"rankme.watch/1"}


def test_the_line_for_people(folder):
    put(folder, "a.npy", draw(WINDOW))
    np.save(folder.parent / "ref.npy", draw(2000, 1))
    result = run(
        "watch", folder, *FOLDER[:3], "--window", WINDOW, "--metric", "stable_rank",
        "--reference", folder.parent / "ref.npy", "--resamples", 99,
    )  # fmt: skip
    (line,) = result.stdout.splitlines()
    (one,) = expected(draw(WINDOW), metrics=["stable_rank"])
    assert line.startswith(f"window 0  100 rows  RankMe {one['rankme']:.6g} ± ")
    assert f"stable_rank {one['metrics']['stable_rank']:.4g}  frechet" in line


def test_files_that_come_later_and_a_stop(folder):
    state = folder.parent / "s"
    process = started(
        folder, "--json", "--window", WINDOW, "--settle", 0, "--every", 0.05, "--state", state
    )
    rows = draw(360)
    put(folder, "a.npy", rows[:150])
    found = [next_window(process)]
    (folder / "ignored.txt").write_text("no embeddings")
    put(folder, "b.npy", rows[150:])
    found += [next_window(process), next_window(process)]
    same(found, expected(rows))
    assert ended(process) == (0, "", "")
    put(folder, "c.npy", draw(50, 1))
    result = run("watch", folder, *FOLDER, "--state", state)
    (last,) = windows(result.stdout)
    assert last["index"] == 3
    same([last], expected(np.vstack([rows, draw(50, 1)]))[3:])


def test_a_file_that_is_being_written_is_not_read(folder):
    data = lines_of(draw(WINDOW)).encode()
    process = started(folder, "--json", "--window", WINDOW // 2, "--settle", 1.5, "--every", 0.05)
    with (folder / "a.jsonl").open("wb") as file:
        for begin in range(0, len(data), len(data) // 8):
            file.write(data[begin : begin + len(data) // 8])
            file.flush()
            with pytest.raises(Exception, match="timed out"):
                process.wait(timeout=0.2)
    found = [next_window(process), next_window(process)]
    assert [one["n_rows"] for one in found] == [WINDOW // 2] * 2
    code, out, _ = ended(process, signal.SIGINT)
    assert (code, out) == (130, "")


@pytest.mark.parametrize("kills", [4])
def test_killed_at_any_moment_no_row_counts_twice(folder, kills):
    rows = draw(40 * WINDOW + 17, 5)
    for i, part in enumerate(np.array_split(rows, 60)):
        np.save(folder / f"part-{i}.npy", part)
        os.utime(folder / f"part-{i}.npy", (1e9, 1e9))
    state = folder.parent / "s"
    options = (*FOLDER[1:], "--every", 0.01, "--state", state, "--checkpoint-every", 0)
    told = {}
    for _ in range(kills):
        process = started(folder, *options)
        for _ in range(5):
            one = next_window(process)
            told[one["index"]] = one
        process.kill()
        for one in windows(process.communicate()[0]):
            told[one["index"]] = one
    result = run("watch", folder, *FOLDER, "--state", state)
    assert result.returncode == 0, result.stderr
    told |= {one["index"]: one for one in windows(result.stdout)}
    same([told[index] for index in sorted(told)], expected(rows))
    assert "17 rows are in no window yet" in result.stderr


def test_an_alarm_is_told_everywhere(folder):
    reference = folder.parent / "ref.npy"
    np.save(reference, draw(3000, 9))
    for i, scale in enumerate([1, 1, 2, 1, 1, 1]):
        put(folder, f"part-{i}.npy", draw(WINDOW, 20 + i, scale))
        os.utime(folder / f"part-{i}.npy", (1e9, 1e9))
    log = folder.parent / "log"
    prom = folder.parent / "rankme.prom"
    command = f'echo "$RANKME_EVENT $RANKME_WINDOW $RANKME_OUTSIDE" >> {log}; exit 7'
    result = run(
        "watch", folder, *FOLDER, "--reference", reference, "--resamples", 200,
        "--false-alarms", 0.005, "--alarm-command", command, "--prometheus", prom,
    )  # fmt: skip
    assert result.returncode == 0
    found = windows(result.stdout)
    assert [one["alarm"] for one in found] == [False, False, True, True, False, False]
    raised, cleared = sorted(log.read_text().splitlines(), key=lambda line: line.split()[1])
    assert raised.startswith("raised 2 ")
    assert "frechet" in raised
    assert cleared.startswith("cleared 4")
    assert result.stderr.count("the alarm command failed with status 7") == 2
    samples = {
        one.name: one.value
        for family in text_string_to_metric_families(prom.read_text())
        for one in family.samples
    }
    assert samples["rankme_rows_total"] == 6 * WINDOW
    assert (samples["rankme_windows_total"], samples["rankme_alarm"]) == (6, 0)
    assert samples["rankme_score"] == found[-1]["rankme"]


def test_a_slow_alarm_command_holds_nothing_up(folder):
    reference = folder.parent / "ref.npy"
    np.save(reference, draw(3000, 9))
    process = started(
        folder, "--json", "--window", WINDOW, "--settle", 0, "--every", 0.05,
        "--reference", reference, "--resamples", 99, "--alarm-command", "sleep 1000",
    )  # fmt: skip
    for i in range(3):
        put(folder, f"{i}.npy", draw(WINDOW, i, 3.0))
        assert next_window(process)["alarm"]
    code, out, said = ended(process)
    assert (code, out) == (0, "")
    assert "the alarm command was ended" in said


def test_standard_input_in_lines_as_they_come():
    rows = draw(3 * WINDOW)
    process = started("-", "--json", "--window", WINDOW, stdin=-1)
    found = []
    for i in range(3):
        process.stdin.write(lines_of(rows[i * WINDOW : (i + 1) * WINDOW]))
        process.stdin.flush()
        found.append(next_window(process))  # before the pipe is closed
    same(found, expected(rows))
    assert process.communicate()[0] == ""
    assert process.returncode == 0


def test_standard_input_of_arrow(tmp_path):
    rows = draw(250)
    table = pa.table({"z": [*rows.astype("f4")]})
    with pa.ipc.new_stream(tmp_path / "s.arrows", table.schema) as writer:
        for batch in table.to_batches(70):
            writer.write_batch(batch)
    with (tmp_path / "s.arrows").open() as file:
        process = started("-", "--json", "--window", WINDOW, stdin=file)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    same(windows(out), expected(rows.astype("f4")))


def test_bad_lines_are_named_and_what_came_before_is_saved(tmp_path):
    rows = draw(WINDOW + 30)
    state = tmp_path / "s"
    process = started("-", "--json", "--window", WINDOW, "--state", state, stdin=-1)
    process.stdin.write(lines_of(rows))
    process.stdin.flush()
    next_window(process)
    said = process.communicate('{"embedding": [1.0, 2.0]}\n', timeout=60)[1]
    assert process.returncode == 1
    assert said.startswith("rankme: error: standard input: line 131 ")
    result = run("watch", "-", "--json", "--window", WINDOW, "--state", state)
    assert "30 rows are in no window yet" in result.stderr


def test_a_table_with_times_that_grows(tmp_path):
    path = tmp_path / "t.parquet"
    rows, times = draw(600), np.arange(600.0) * 10  # an hour and two thirds

    def write(n):
        stamps = pa.array(times[:n] * 1e6).cast(pa.int64()).cast(pa.timestamp("us"))
        table = pa.table({"z": [*rows[:n]], "at": stamps})
        parquet.write_table(table, tmp_path / ".t")
        (tmp_path / ".t").rename(path)

    options = (path, "--json", "--window", "30m", "--time-column", "at", "--settle", 0)
    state = ("--state", tmp_path / "s")
    write(300)
    first = windows(run("watch", *options, *state, "--once").stdout)
    write(600)
    second = windows(run("watch", *options, *state, "--once").stdout)
    monitor = rankme.Monitor(K, window=timedelta(minutes=30))
    same(first + second, monitor.update(rows, time=times))
    assert [one["start"] for one in first + second] == [0, 1800, 3600]
    again = run("watch", *options, *state, "--once")
    assert (again.returncode, again.stdout) == (0, "")
    write(200)
    result = run("watch", *options, *state, "--once")
    assert "does not begin any more with the 600 rows" in error_line(result)


def test_windows_end_by_the_clock_where_nothing_comes(folder):
    process = started(folder, "--json", "--window", "1s", "--settle", 0, "--every", 0.05)
    put(folder, "a.npy", draw(70))
    first = next_window(process)  # nothing more comes
    assert (first["n_rows"], first["end"] - first["start"]) == (70, 1)
    put(folder, "b.npy", draw(80))
    second = next_window(process)
    assert (second["n_rows"], second["index"]) == (80, 1)
    assert second["start"] >= first["end"]
    assert ended(process) == (0, "", "")


def test_standard_input_with_times():
    rows, times = draw(300), np.arange(300.0) * 60
    process = started("-", "--json", "--window", "1h", "--time-column", "at", stdin=-1)
    out, said = process.communicate(lines_of(rows, at=times.tolist()), timeout=60)
    assert process.returncode == 0, said
    same(windows(out), rankme.Monitor(K, window=timedelta(hours=1)).update(rows, time=times))
    process = started("-", "--json", "--window", "1h", "--time-column", "at", stdin=-1)
    said = process.communicate(lines_of(rows, at=times[::-1].tolist()), timeout=60)[1]
    assert "error: standard input: line 2 has the time 1970-01-01T04:58:00.000Z" in said
    assert "the row before has 1970-01-01T04:59:00.000Z; rows must come in the order" in said


@pytest.mark.parametrize("is_file", [False, True])
def test_whole_numbers_are_watched_where_the_user_says_so(tmp_path, is_file):
    rows = np.rint(9 * draw(60))
    lines = [json.dumps({"at": i, "v": row}) for i, row in enumerate(rows.astype(int).tolist())]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    args = ["--json", "--window", "30s", "--time-column", "at", "--once"]
    for more, status in ([], 1), (["--integers"], 0):
        process = started(path if is_file else "-", *args, *more, stdin=-1)
        out, said = process.communicate("" if is_file else path.read_text(), timeout=60)
        assert process.returncode == status, said
    assert [one["n_rows"] for one in windows(out)][:1] == [30]


def test_a_page_is_served(folder):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    process = started(
        folder, "--json", "--window", WINDOW, "--settle", 0, "--every", 0.05,
        "--listen", address,
    )  # fmt: skip

    def page():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return answer.read().decode()

    put(folder, "a.npy", draw(2 * WINDOW + 7))
    second = [next_window(process), next_window(process)][1]
    samples = {
        one.name: one.value
        for family in text_string_to_metric_families(page())
        for one in family.samples
    }
    assert samples["rankme_score"] == second["rankme"]
    assert samples["rankme_rows_total"] == 2 * WINDOW + 7
    busy = run("watch", folder, *FOLDER, "--listen", address)
    assert (busy.returncode, error_line(busy)) == (1, f"{address}: Address already in use")
    assert ended(process) == (0, "", "")
