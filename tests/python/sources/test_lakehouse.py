"""Tables whose log tells which files are alive: read through it, or refused by name."""

import json
import os
import re
import shutil
import subprocess
import sys

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from command import environment, error_line, run
from helpers import output_of
from lakehouse_tables import deletion_vector, table, write_delta, write_iceberg, write_log
from rankme.sources import BadDataError, open_source
from source_files import matrix

DELETED = ["deletionVectors"]
OLD, NEW = np.eye(4), matrix(40, 4)


def sorted_rows(rows):
    return sorted(map(tuple, np.asarray(rows).tolist()))


def upload(folder, url):
    system, base = fsspec.core.url_to_fs(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            system.pipe_file(f"{base}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@pytest.mark.parametrize("options", [{}, {"partition_by": ["day"]}], ids=["plain", "partitioned"])
def test_a_delta_table_is_its_live_rows(tmp_path, memory, options):
    path = write_delta(tmp_path / "a table", OLD, NEW, **options)
    assert sum(pq.read_metadata(file).num_rows for file in path.rglob("*.parquet")) == 44
    upload(path, memory)
    for place in (path, memory):
        source = open_source(place)
        assert sorted_rows(source.matrix()) == sorted_rows(NEW)
        assert rankme.score(place) == pytest.approx(rankme.score(NEW), rel=1e-12)
    result = run("score", "--json", path)
    record = json.loads(result.stdout)
    files = 2 if options else 1
    assert (record["n_rows"], record["n_files"], record["n_folders"]) == (40, files, files)


def test_rows_that_were_deleted_and_files_that_were_merged_count_once(tmp_path):
    from deltalake import DeltaTable, write_deltalake

    write_delta(tmp_path / "t", NEW)
    write_deltalake(tmp_path / "t", table(NEW[:8] + 1), mode="append")
    delta = DeltaTable(tmp_path / "t")
    delta.delete("id >= 30")
    delta.optimize.compact()
    expected = [*NEW[:30], *(NEW[:8] + 1)]
    assert sorted_rows(open_source(tmp_path / "t").matrix()) == sorted_rows(np.float32(expected))
    delta.create_checkpoint()
    assert open_source(tmp_path / "t").n_rows == 38


def test_the_case_of_the_report(tmp_path):
    for number, rows in enumerate((OLD, np.eye(4)[[0, 0, 0, 0]])):
        pq.write_table(table(rows), tmp_path / f"part-{number}.parquet")
    write_log(tmp_path, table(OLD).schema)
    assert open_source(tmp_path).n_rows == 4
    assert rankme.score(tmp_path, eps=0) == pytest.approx(1, rel=1e-12)


def follow(error, column="emb"):
    """Do what an error says: evaluate the code that it ends with."""
    import deltalake
    import pyiceberg.table

    code = re.search(r"(rankme\.score\(numpy.*\))", str(error))[1].replace("COLUMN", column)
    names = {"rankme": rankme, "numpy": np, "pyarrow": pa}
    return eval(code, {**names, "deltalake": deltalake, "pyiceberg": pyiceberg})  # noqa: S307


def test_deletion_vectors_are_refused_with_a_way_out(tmp_path, memory):
    for number in range(2):
        pq.write_table(table(NEW), tmp_path / f"part-{number}.parquet")
    schema = table(NEW).schema
    write_log(tmp_path, schema, features=DELETED, vector=deletion_vector([3, 17]))
    with pytest.raises(BadDataError, match=r"with deletion vectors, so that the rows") as caught:
        open_source(tmp_path)
    expected = rankme.score(np.delete(NEW, [3, 17], axis=0))
    assert follow(caught.value) == pytest.approx(expected, rel=1e-12)
    upload(tmp_path, memory)
    with pytest.raises(BadDataError, match=r"with deletion vectors"):
        open_source(memory)
    write_log(tmp_path, schema, features=DELETED)  # the feature is on, and no row is deleted
    assert open_source(tmp_path).n_rows == 40


def test_columns_of_other_names_are_refused_with_a_way_out(tmp_path):
    # In the files "emb" is a column that the table has no more, and its own is "emb_2".
    old = table(NEW)
    new = old.append_column("emb_2", table(NEW[::-1] * [1, 2, 3, 4])["emb"])
    for number in range(2):
        pq.write_table(new, tmp_path / f"part-{number}.parquet")
    mode = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "4"}
    mapped = {"configuration": mode, "names": {"emb": "emb_2"}}
    write_log(tmp_path, old.schema, features=["columnMapping"], **mapped)
    with pytest.raises(BadDataError, match="is a Delta table with column mapping") as caught:
        open_source(tmp_path)
    expected = rankme.score(NEW * [1, 2, 3, 4])
    assert follow(caught.value) == pytest.approx(expected, rel=1e-7)


def test_files_elsewhere_are_refused_with_a_way_out(tmp_path):
    (tmp_path / "t").mkdir()
    for number in range(2):
        pq.write_table(table(NEW), tmp_path / "t" / f"part-{number}.parquet")
    write_log(tmp_path / "t", table(NEW).schema)
    (tmp_path / "t" / "part-1.parquet").rename(tmp_path / "one.parquet")
    log = tmp_path / "t" / "_delta_log" / f"{1:020}.json"
    log.write_text(log.read_text().replace("part-1.parquet", (tmp_path / "one.parquet").as_uri()))
    with pytest.raises(BadDataError, match="is a Delta table with files elsewhere") as caught:
        open_source(tmp_path / "t")
    assert follow(caught.value) == pytest.approx(rankme.score(NEW), rel=1e-12)


def test_parts_of_a_delta_table_are_refused(tmp_path, memory):
    path = write_delta(tmp_path / "t", OLD, NEW, partition_by=["day"])
    upload(path, memory)
    for root in (str(path), memory):
        for inside in ("day=1", "*/*.parquet", "day=*/part-*.parquet"):
            with pytest.raises(BadDataError, match="table of Delta, which keeps rows") as caught:
                open_source(f"{root}/{inside}")
            place = re.search(r"; open (\S+), or name", str(caught.value))[1]
            assert open_source(place if root != memory else root).n_rows == 40
    with pytest.raises(
        BadDataError, match=r"its folder t is a table of Delta; open that by itself"
    ):
        open_source(tmp_path)
    file = next(path.glob("day=1/*.parquet"))
    assert open_source(file).n_rows in (2, 20)  # whoever names a file means it


def test_dead_files_that_are_named_for_a_set_are_refused(tmp_path):
    from deltalake import write_deltalake

    path = write_delta(tmp_path / "t", OLD, NEW)
    write_deltalake(path, table(NEW[:8] + 1), mode="append")
    live = [shard.name for shard in open_source(path).shards]
    (dead,) = {str(file) for file in path.glob("*.parquet")} - set(live)
    assert open_source(live).n_rows == len(NEW) + 8
    assert open_source(dead).n_rows == len(OLD)  # by itself it is what it is
    problem = (
        f"{dead}: is a dead file of .*/t, a table of Delta: its rows were deleted or rewritten"
    )
    with pytest.raises(BadDataError, match=problem):
        open_source([*live, dead])
    result = run("score", "--pool", *live, dead, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "is a dead file of" in error_line(result)
    result = run("score", "--json", "--pool", *live, cwd=tmp_path)
    assert json.loads(result.stdout)["n_rows"] == len(NEW) + 8


def test_a_table_of_lance_that_cannot_be_read(tmp_path):
    for folder in ("_versions", "data"):
        (tmp_path / "db" / "t.lance" / folder).mkdir(parents=True)
    (tmp_path / "db" / "t.lance" / "_versions" / "1.manifest").touch()
    (tmp_path / "db" / "t.lance" / "data" / "0.lance").touch()
    np.save(tmp_path / "db" / "beside.npy", NEW)
    with pytest.raises(BadDataError, match=r"its folder t\.lance is a table of Lance; open that"):
        open_source(tmp_path / "db")
    with pytest.raises(BadDataError, match=r"t\.lance: cannot be read"):
        open_source(tmp_path / "db" / "t.lance")
    memory = fsspec.filesystem("memory")
    memory.pipe("/db/t.lance/_versions/1.manifest", b"")
    with pytest.raises(BadDataError, match=r"a table of Lance.*lance\.dataset\('.*t\.lance'\)"):
        open_source("memory://db/t.lance")
    with pytest.raises(BadDataError, match=r"a table of Lance"):
        open_source(tmp_path / "db" / "t.lance" / "data")


def test_a_table_without_files_is_empty(tmp_path):
    from deltalake import DeltaTable

    write_delta(tmp_path / "t", NEW)
    DeltaTable(tmp_path / "t").delete()
    with pytest.raises(BadDataError, match="a Delta table without rows"):
        open_source(tmp_path / "t")


def test_a_damaged_log_is_an_error(tmp_path):
    write_delta(tmp_path / "t", NEW)
    next((tmp_path / "t" / "_delta_log").glob("*.json")).write_text("{")
    with pytest.raises(BadDataError, match="its log cannot be read"):
        open_source(tmp_path / "t")


def test_a_missing_library_names_its_extra(tmp_path):
    write_delta(tmp_path / "t", NEW)
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['deltalake'] = None\n")
    result = run("score", "t", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).endswith('pip install "rankme[lakehouse]"')


def test_importing_rankme_imports_no_lakehouse():
    code = "import sys, rankme; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert "deltalake" not in done.stdout


@pytest.mark.filterwarnings("ignore")  # of pyiceberg about itself
def test_iceberg_is_refused_with_a_way_out(tmp_path, memory):
    path = write_iceberg(tmp_path, OLD, NEW)
    with pytest.raises(BadDataError, match="is a table of Iceberg, whose folder keeps") as caught:
        open_source(path)
    assert follow(caught.value) == pytest.approx(rankme.score(NEW), rel=1e-12)
    for inside in ("data", "data/*.parquet"):
        with pytest.raises(BadDataError, match=f"lie in {path}, a table of Iceberg"):
            open_source(f"{path}/{inside}")
    upload(path, memory)
    for inside in ("", "/data", "/data/*.parquet"):
        with pytest.raises(BadDataError, match="table of Iceberg"):
            open_source(memory + inside)


@pytest.mark.parametrize(
    ("log", "kind"),
    [(".hoodie/hoodie.properties", "Hudi"), ("_spark_metadata/0", "Spark streaming")],
)
def test_other_tables_are_refused_by_name(tmp_path, memory, log, kind):
    (tmp_path / "t" / log).parent.mkdir(parents=True)
    (tmp_path / "t" / log).write_text("v1")
    for number, rows in enumerate((OLD, NEW[:20], NEW[20:])):
        pq.write_table(table(rows), tmp_path / "t" / f"part-{number}.parquet")
    upload(tmp_path / "t", memory)
    for place in (tmp_path / "t", memory):
        with pytest.raises(BadDataError, match=f"is a table of {kind}.*rankme score --pool FILE"):
            open_source(place)
        with pytest.raises(BadDataError, match=f"a table of {kind}.*rankme score --pool FILE"):
            open_source(f"{place}/*.parquet")
    live = [f"t/part-{number}.parquet" for number in (1, 2)]
    result = run("score", "--json", "--pool", *live, cwd=tmp_path)
    assert json.loads(result.stdout)["rankme"] == pytest.approx(rankme.score(NEW), rel=1e-12)


def test_a_partition_of_a_hudi_table_is_refused(tmp_path):
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / ".hoodie_partition_metadata").write_text("")
    pq.write_table(table(OLD), tmp_path / "day=1" / "a.parquet")
    for place in ("", "day=1", "day=1/*.parquet"):
        with pytest.raises(BadDataError, match="table of Hudi"):
            open_source(tmp_path / place)


def test_a_run_that_pooled_dead_files_says_so(tmp_path):
    path = write_delta(tmp_path / "t", OLD, NEW)
    shutil.move(path / "_delta_log", tmp_path / "log")
    state = ("--state", tmp_path / "run.rankme")
    # Without its log the folder is what it was taken for before.
    assert run("score", path, *state).returncode == 0
    shutil.move(tmp_path / "log", path / "_delta_log")
    line = error_line(run("score", path, *state))
    assert "holds 4 rows of" in line
    assert (
        "start again with another file (before the first release a folder was all files in it"
        in line
    )
    result = run("score", "--json", path, "--state", tmp_path / "other.rankme")
    assert json.loads(result.stdout)["rankme"] == pytest.approx(rankme.score(NEW), rel=1e-12)


def test_a_bucket_with_a_delta_table(tmp_path):
    from moto.server import ThreadedMotoServer

    write_delta(tmp_path / "t", OLD, NEW)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    keys |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    code = f"""
import fsspec, rankme
system = fsspec.filesystem("s3")
system.mkdir("lake")
system.put({os.fspath(tmp_path / "t")!r}, "lake/", recursive=True)
print(rankme.open_source("s3://lake/t").n_rows)
"""
    try:
        assert output_of(code, **keys).split() == ["40"]
    finally:
        server.stop()
