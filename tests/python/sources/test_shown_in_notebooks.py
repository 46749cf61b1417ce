"""What a notebook shows of a source: what it is and where, without secrets."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

import rankme
from rankme.sources import Identity, RowSource, open_source, subset
from rankme.sources._bytes.files import LocalFile
from rankme.sources._in_memory import ChunkRows, MemoryRows
from rankme.sources._source_html import KINDS
from shown_html import cells, parsed
from source_files import FORMATS, TEXTS, matrix, write


@pytest.mark.parametrize("name", {**FORMATS, **TEXTS})
def test_every_format_says_what_it_is(tmp_path, name):
    path = write(tmp_path, name, matrix())
    source = open_source(path)
    found = cells(source)
    assert found["kind"] in KINDS.values()
    assert (found["place"], found["rows"], found["columns"]) == (str(path), "37", "5")
    assert found["dtype"] == source.dtype.name
    assert found["size"] == ("740 bytes" if source.dtype == np.float32 else "1.48 kB")
    column = getattr(source.shards[0], "column", None)
    assert found.get("column") == (column or getattr(source.shards[0], "key", None))


def test_every_kind_of_source_has_words():
    def below(kind):
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    # What is made of others has theirs; the rest have no rows of their own.
    made = {"ByteRows", "ShardedSource", "SubsetSource", "FileSource", "MemoryRows"}
    ours = {one.__name__ for one in below(RowSource) if one.__module__.startswith("rankme.")}
    assert ours - made == set(KINDS)


def test_nothing_is_read(tmp_path, monkeypatch):
    source = open_source(write(tmp_path, "npy", matrix()))
    monkeypatch.setattr(LocalFile, "open", None)
    assert cells(source)["rows"] == "37"


def test_a_folder_says_how_many_files(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"part-{i}.npy", matrix(seed=i))
    found = cells(open_source(tmp_path))
    assert (found["kind"], found["files"], found["rows"]) == (".npy", "3", "111")
    assert found["place"] == str(tmp_path)


def test_chosen_rows_say_from_how_many(tmp_path):
    source = open_source(write(tmp_path, "hdf5", matrix()))
    found = cells(subset(source, 12))
    assert (found["kind"], found["rows"]) == (cells(source)["kind"], "12, chosen from 37")
    assert found["column"] == cells(source)["column"] == "model/rows"


def test_bytes_say_what_they_are_read_as(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2000, 16), np.uint8))
    found = cells(open_source(tmp_path / "x.npy", unpack_bits="signs"))
    assert found["dtype"] == "uint8 bits as -1 and +1"
    assert (found["columns"], found["rows"]) == ("128", "2,000")


def test_secrets_are_not_shown():
    class There(RowSource):
        name = "https://me:hunter2@host/x.npy?X-Amz-Signature=hunter3"
        identity = Identity("x", 0, "1")
        n_rows, n_cols, dtype = 10**9, 1024, np.dtype(np.float32)

        def blocks(self, start=0, *, hold=0):
            raise NotImplementedError

    html = There()._repr_html_()
    assert "hunter" not in html
    found = cells(There())
    assert (found["kind"], found["rows"], found["size"]) == ("There", "1,000,000,000", "4.1 TB")
    assert found["place"] == "https://host/x.npy?X-Amz-Signature=..."


def test_a_query_is_not_shown(tmp_path):
    path = tmp_path / "rows.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (v BLOB)")
        rows = matrix().astype("<f4")
        database.executemany("INSERT INTO t VALUES (?)", [(row.tobytes(),) for row in rows])
    source = open_source(f"sqlite:{path}", query="SELECT v FROM t", dtype="float32")
    found = cells(source)
    assert (found["kind"], found["column"]) == ("query of a database", "v")
    assert "SELECT" not in source._repr_html_()


def test_text_of_files_is_no_markup(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "<i>.safetensors"
    save_file({"<b>rows": matrix(), "others": matrix()}, path)
    source = open_source(path, column="<b>rows", tags={"<u>": "a & b"})
    found = cells(source)
    assert (found["column"], found["tag <u>"]) == ("<b>rows", "a & b")
    assert {one.tag for one in parsed(source._repr_html_()).iter()} == {
        "div", "strong", "table", "tr", "th", "td"
    }  # fmt: skip


def test_rows_in_memory_are_rows_in_memory():
    assert issubclass(ChunkRows, MemoryRows)
    assert cells(ChunkRows("Z", [matrix()]))["kind"] == "rows in memory"
    assert rankme.open_source is open_source
