"""``rankme watch``: sources that are not what they were, states of other runs, wrong usage."""

import json
import os
import signal
import socket

import numpy as np
import pytest

from command import error_line, run
from watched import (
    FOLDER,
    WINDOW,
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


def test_a_file_that_changed_after_it_was_read(folder):
    state = ("--state", folder.parent / "s")
    put(folder, "a.npy", draw(WINDOW))
    assert run("watch", folder, *FOLDER, *state).returncode == 0
    put(folder, "a.npy", draw(2 * WINDOW))
    result = run("watch", folder, *FOLDER, *state)
    assert result.returncode == 1
    assert "a.npy: changed after its 100 rows were taken in" in error_line(result)


def test_a_file_that_was_moved_is_known_again(folder):
    state = ("--state", folder.parent / "s")
    put(folder, "a.npy", draw(WINDOW))
    assert len(windows(run("watch", folder, *FOLDER, *state).stdout)) == 1
    (folder / "done").mkdir()
    (folder / "a.npy").rename(folder / "done" / "b.npy")
    assert run("watch", folder, *FOLDER, *state).stdout == ""
    (folder / "c.npy").hardlink_to(folder / "done" / "b.npy")
    result = run("watch", folder, *FOLDER, *state)
    assert result.stdout == ""
    assert "c.npy is the same file as done/b.npy" in result.stderr


def test_bad_files_stop_or_are_passed_over(folder):
    bad = draw(WINDOW)
    bad[70, 2] = np.nan
    put(folder, "a.npy", draw(30))
    put(folder, "b.npy", bad)
    (folder / "c.parquet").write_bytes(b"PAR1 is the beginning of it")
    put(folder, "d.npy", draw(WINDOW - 30, 4))
    for name in "abcd":
        (path,) = folder.glob(f"{name}.*")
        os.utime(path, (1e9, 1e9))
    state = folder.parent / "s"
    result = run("watch", folder, *FOLDER, "--state", state)
    assert (result.returncode, result.stdout) == (1, "")
    assert "b.npy: row 70, column 2 (counted from 0) is nan" in error_line(result)
    result = run("watch", folder, *FOLDER, "--state", state, "--skip-bad-files")
    assert result.returncode == 0, result.stderr
    same(windows(result.stdout), expected(np.vstack([draw(30), draw(WINDOW - 30, 4)])))
    assert result.stderr.count("the file was passed over") == 2
    put(folder, "b.npy", draw(WINDOW, 8))  # mended
    result = run("watch", folder, *FOLDER, "--state", state)
    same(windows(result.stdout)[:1], [{**expected(draw(WINDOW, 8))[0], "index": 1}])


def test_a_state_of_another_run_is_refused(folder):
    state = folder.parent / "s"
    put(folder, "a.npy", draw(WINDOW))
    run("watch", folder, *FOLDER, "--state", state)
    before = state.read_bytes()
    other = run("watch", folder, *FOLDER[:-1], 200, "--state", state)
    assert "was begun with --window 100, and not 200" in error_line(other)
    state.write_bytes(before[:-40] + bytes(8) + before[-32:])
    result = run("watch", folder, *FOLDER, "--state", state)
    assert result.returncode == 1
    assert "s: " in error_line(result)


def test_two_runs_do_not_share_a_state(folder):
    state = ("--state", folder.parent / "s", "--every", 0.05)
    lock = folder.parent / "s.lock"
    put(folder, "a.npy", draw(WINDOW))
    process = started(folder, *FOLDER[1:], *state)
    next_window(process)
    second = run("watch", folder, *FOLDER, *state)
    assert (second.returncode, second.stdout) == (1, "")
    assert "s: another run uses it now" in error_line(second)
    put(folder, "b.npy", draw(WINDOW))
    next_window(process)  # the first one is not disturbed
    assert ended(process, signal.SIGKILL)[0] == -signal.SIGKILL
    assert lock.exists()
    put(folder, "c.npy", draw(WINDOW))
    again = run("watch", folder, *FOLDER, *state)
    assert again.returncode == 0, again.stderr
    assert windows(again.stdout)[-1]["index"] == 2
    assert not lock.exists()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((".",), "Missing option '--window'"),
        (("missing", "--window", "100"), "missing does not exist"),
        (("s3://b/x", "--window", "100"), "is a URL"),
        (("sqlite:a.db", "--window", "100"), "sqlite:a.db is a URL"),
        (("https://me:hunter2@h/a.npy", "--window", "100"), "https://h/a.npy is a URL"),
        (
            (".", "--window", "100", "--reference", "postgresql://me:hunter2@h/d"),
            "postgresql://h/d is a database, of which a query selects the rows; in Python",
        ),
        ((".", "--window", "1 hour"), "'1 hour' is neither a number of rows"),
        ((".", "--window", "0s"), "window must be longer than nothing"),
        ((".", "--window", "100", "--step", "30"), "step must divide window"),
        ((".", "--window", "100", "--time-column", "t"), "times are of windows by time"),
        ((".", "--window", "100", "--metric", "x"), "metrics has 'x'"),
        ((".", "--window", "1h", "--expected-rows", "9"), "not of the form FEWEST,MOST"),
        ((".", "--window", "100", "--listen", "9464"), "not of the form HOST:PORT"),
        ((".", "--window", "100", "--checkpoint-every", "9"), "nothing to save without --state"),
        ((".", "--window", "100", "--prometheus", "no/a.prom"), "no is no folder"),
    ],
)
def test_wrong_usage(tmp_path, args, text):
    result = run("watch", *args, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert text in error_line(result)
    assert "hunter2" not in result.stderr


def test_a_reference_behind_a_url(folder):
    rows = draw(1000, 1)
    np.save(folder.parent / "ref.npy", rows)
    put(folder, "a.npy", draw(WINDOW))
    wanted = expected(draw(WINDOW), reference=rows, resamples=99)
    for url in (f"file://{folder.parent}/ref.npy", f"local://{folder.parent}/ref.npy"):
        result = run("watch", folder, *FOLDER, "--reference", url, "--resamples", 99)
        assert result.returncode == 0, result.stderr
        assert windows(result.stdout)[0]["drift"]["frechet"] == pytest.approx(
            wanted[0]["drift"]["frechet"], rel=1e-6
        )


def test_a_run_goes_on_without_its_reference(folder):
    reference = folder.parent / "usual.npy"
    np.save(reference, draw(2_000, 9))
    options = ("--reference", reference, "--resamples", 99, "--state", folder.parent / "s")
    put(folder, "a.npy", draw(WINDOW))
    assert run("watch", folder, *FOLDER, *options).returncode == 0
    reference.unlink()
    put(folder, "b.npy", draw(WINDOW, 1))
    result = run("watch", folder, *FOLDER, *options)
    assert [one["judged"] for one in windows(result.stdout)] == [True], result.stderr


def test_the_password_of_a_reference_is_not_shown(folder):
    with socket.socket() as one:  # nothing answers there
        one.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{one.getsockname()[1]}/a.npy"
    result = run("watch", folder, *FOLDER, "--reference", f"http://me:hunter2@{place}")
    assert (result.returncode, result.stdout) == (1, "")
    assert f"http://{place}" in error_line(result)
    assert "hunter2" not in result.stderr


def test_a_table_of_delta_is_no_folder_that_grows(folder):
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log" / "0.json").write_text(json.dumps({"add": {}}))
    result = run("watch", folder, *FOLDER)
    assert "a table of Delta" in error_line(result)


def test_times_by_their_place(tmp_path):
    table, state = tmp_path / "log.jsonl", tmp_path / "s"
    args = ("--json", "--window", "10s", "--time-column", "at", "--once", "--state", state)
    rows, times = draw(30), np.arange(30.0)
    table.write_text(lines_of(rows, at=times.tolist()))
    assert len(windows(run("watch", table, *args).stdout)) == 2
    with table.open("a") as file:
        file.write(lines_of(rows[:2], at=[31.0, 30.5]))
    said = error_line(run("watch", table, *args))
    assert "log.jsonl: line 32 has the time 1970-01-01T00:00:30.500Z, and the row before" in said
    table.write_text(lines_of(rows, at=times.tolist()) + lines_of(rows[:2], at=[31.0, 12.0]))
    pieces = [lines_of(rows, at=times.tolist()), lines_of(rows[:1], at=[12.0])]
    process = started("-", *args[:-3], stdin=-1)
    process.stdin.write(pieces[0])
    process.stdin.flush()
    next_window(process)
    said = process.communicate(pieces[1], timeout=60)[1]
    assert "line 31 has the time 1970-01-01T00:00:12.000Z, and all was told before" in said
    assert process.returncode == 1


def test_lines_that_are_all_left_out_are_counted(tmp_path):
    table, state = tmp_path / "log.jsonl", tmp_path / "s"
    args = ("--window", "10s", "--time-column", "at", "--once", "--state", state)
    table.write_text(lines_of(draw(30), at=list(range(30))))
    run("watch", table, *args, "--skip-nonfinite", "--json")
    with table.open("a") as file:
        file.write('{"embedding": null, "at": 40}\n')
    result = run("watch", table, *args, "--skip-nonfinite", "--json")
    assert result.returncode == 0, result.stderr
    assert [(one["index"], one["n_rows"]) for one in windows(result.stdout)] == [(2, 10)]


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_times_that_are_rounded_are_refused(tmp_path, kind):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    times = pa.array((np.arange(5) * 100).astype(kind))
    table = pa.table({"at": times, "v": pa.array(draw(5).tolist())})
    parquet.write_table(table, tmp_path / "t.parquet")
    options = ("--window", "10s", "--time-column", "at", "--once")
    said = error_line(run("watch", tmp_path / "t.parquet", *options))
    assert f"column 'at', its time, is of {kind}, which does not tell a second" in said


def test_files_whose_vectors_lie_elsewhere_are_refused(folder):
    state = ("--state", folder.parent / "s")
    rows = draw(3 * WINDOW)
    for name, key in (("a", "clip"), ("b", "clip"), ("c", "dino")):
        lines = [json.dumps({key: row}) for row in rows[:WINDOW].tolist()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        result = run("watch", folder, *FOLDER, *state)
        assert result.returncode == int(name == "c"), result.stderr
    said = error_line(result)
    assert "c.jsonl: has its vectors in 'dino', and a.jsonl has them in 'clip'; --column" in said
    csv = folder.parent / "csv"
    csv.mkdir()
    for name, names in (("a", "xyzuvw"), ("b", "wxyzuv")):
        text = "\n".join(",".join(map(repr, row)) for row in rows[:WINDOW].tolist())
        (csv / f"{name}.csv").write_text(",".join(names) + "\n" + text + "\n")
    said = error_line(run("watch", csv, *FOLDER))
    assert "b.csv: has column 'w' for dimension 0, where a.csv has 'x'" in said


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_a_reference_whose_columns_have_another_order(folder, kind):
    texts = {
        name: "".join(",".join(map(repr, row)) + "\n" for row in draw(n).tolist())
        for name, n in (("a.csv", WINDOW), ("usual.csv", 3 * WINDOW))
    }
    (folder / "a.csv").write_text("x,y,z,u,v,w\n" + texts["a.csv"])
    usual = folder.parent / "usual.csv"
    usual.write_text("w,x,y,z,u,v\n" + texts["usual.csv"])
    source = folder if kind == "folder" else folder / "a.csv"
    said = error_line(run("watch", source, *FOLDER, "--reference", usual))
    assert "a.csv: has the columns x, y, z, ... (" in said
    assert "as dimensions, and the reference w, x, y, ... (" in said
    usual.write_text("x,y,z,u,v,w\n" + texts["usual.csv"])
    assert len(windows(run("watch", source, *FOLDER, "--reference", usual).stdout)) == 1


@pytest.mark.parametrize("mark", ["_delta_log", "_versions", ".zarray", "state.json", "iceberg"])
def test_tables_and_stores_in_sub_folders_are_refused(folder, mark):
    put(folder, "a.npy", draw(WINDOW))
    place = folder / "more" / "one"
    place.mkdir(parents=True)
    put(place, "a.npy", draw(WINDOW))
    if mark == "iceberg":
        (place / "metadata").mkdir()
        mark = "metadata/v1.metadata.json"
    (place / mark).mkdir() if "." not in mark else (place / mark).write_text("{}")
    result = run("watch", folder, *FOLDER)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"{place}: a " in error_line(result)


def test_files_beside_the_shards_do_not_count(folder):
    faiss = pytest.importorskip("faiss")
    rows = draw(WINDOW)
    put(folder, "a.npy", rows)
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows.astype("f4"))
    faiss.write_index(index, str(folder / "index.faiss"))
    (folder / "labels.csv").write_text("id,label\n0,cat\n")
    (folder / "b.npy.gz").write_bytes(b"\x1f\x8b")
    (folder / "c.npy.part").write_bytes(b"half")
    result = run("watch", folder, *FOLDER, "--state", folder.parent / "s")
    assert [one["n_rows"] for one in windows(result.stdout)] == [WINDOW], result.stderr
    for name in ("index.faiss", "labels.csv"):
        assert f"{name} is text or an index beside files of another format, and is" in result.stderr
    assert "b.npy.gz is compressed, and is not read: decompress it first" in result.stderr
    assert "c.npy.part" not in result.stderr


def test_text_beside_the_shards_does_not_count_when_these_are_gone(folder):
    state = ("--state", folder.parent / "s")
    rows = draw(2 * WINDOW)
    put(folder, "a.npy", rows[:WINDOW])
    (folder / "more.jsonl").write_text(lines_of(np.ones_like(rows[:WINDOW])))
    assert len(windows(run("watch", folder, *FOLDER, *state).stdout)) == 1
    (folder / "a.npy").unlink()
    result = run("watch", folder, *FOLDER, *state)
    assert (result.returncode, result.stdout) == (0, "")
    assert "more.jsonl is text or an index beside files of another format" in result.stderr
    put(folder, "b.npy", rows[WINDOW:])
    assert len(windows(run("watch", folder, *FOLDER, *state).stdout)) == 1


def test_text_that_was_taken_in_and_then_another_format(folder):
    state = ("--state", folder.parent / "s")
    (folder / "a.jsonl").write_text(lines_of(draw(WINDOW)))
    assert run("watch", folder, *FOLDER, *state).returncode == 0
    put(folder, "b.npy", draw(WINDOW))
    said = error_line(run("watch", folder, *FOLDER, *state))
    assert "b.npy: is of another format than a.jsonl, whose rows were taken in" in said
