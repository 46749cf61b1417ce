"""Names that mislead: links to nothing, wildcards in names, chains of URLs, two spellings."""

import os
import pickle
import zipfile

import fsspec
import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.distributed._ranges import ranges_of
from rankme.sources import BadDataError, open_source
from rankme.sources._bytes.urls import urls_below
from source_files import FORMATS, arrow_table, matrix, save_dataset, write

FIRST, SECOND = matrix(30, 4, seed=1), matrix(20, 4, seed=2)


def upload(path, url):
    system, place = fsspec.core.url_to_fs(url)
    system.pipe_file(place, path.read_bytes())


@pytest.mark.parametrize("place", ["more.npy", "more", "sub/more.npy"])
def test_a_link_to_nothing_in_a_folder_is_an_error(tmp_path, place):
    np.save(tmp_path / "a.npy", FIRST)
    link = tmp_path / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/unmounted/more.npy")
    with pytest.raises(FileNotFoundError) as caught:
        open_source(tmp_path)
    assert caught.value.filename == str(link)


def test_a_link_to_nothing_in_a_pattern_is_an_error(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    (tmp_path / "b.npy").symlink_to("/unmounted/b.npy")
    result = run("score", "*.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith("b.npy: No such file")


@pytest.mark.parametrize(
    "name", ["b?x.npy", "b?=x/rows.npy", "b::x.npy", "b[1].npy", "b#1 %20.npy"]
)
def test_a_name_with_marks_belongs_to_its_folder(tmp_path, memory, name):
    np.save(tmp_path / "a.npy", FIRST)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    np.save(path, SECOND)
    assert open_source(tmp_path).n_rows == 50
    for part in ("a.npy", name):
        upload(tmp_path / part, f"{memory}/{part.replace('::', '~')}")
    assert open_source(memory).n_rows == 50


def test_a_name_that_is_there_is_no_pattern(memory, tmp_path):
    np.save(tmp_path / "rows.npy", FIRST)
    np.save(tmp_path / "other.npy", SECOND)
    upload(tmp_path / "rows.npy", f"{memory}/rows[1].npy")
    upload(tmp_path / "other.npy", f"{memory}/rows1.npy")
    assert open_source(f"{memory}/rows[1].npy").n_rows == 30
    assert open_source(f"{memory}/rows[0-9].npy").n_rows == 20


def test_saved_datasets_below_a_folder_are_opened_by_themselves(tmp_path):
    save_dataset(tmp_path / "first", FIRST)
    save_dataset(tmp_path / "second", SECOND)
    with pytest.raises(BadDataError, match=r"is a saved dataset, by its state\.json; open that"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["zarr-2", "zarr-3"])
def test_a_store_among_files_is_not_passed_over(tmp_path, name):
    np.save(tmp_path / "a.npy", FIRST)
    write(tmp_path, name, SECOND)
    with pytest.raises(BadDataError, match="is a Zarr store or a saved dataset"):
        open_source(tmp_path)


def test_caches_of_datasets_are_not_counted_with_their_data(tmp_path):
    import pyarrow as pa

    for name in ("data-train.arrow", "cache-0123456789abcdef.arrow"):
        table = arrow_table(FIRST)
        with pa.ipc.new_stream(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(BadDataError, match=r"holds cache-0123456789abcdef\.arrow, which the data"):
        open_source(tmp_path)
    assert open_source(tmp_path / "*-train.arrow").n_rows == 30


@pytest.fixture
def archives(tmp_path):
    """Two zip archives with an array of the same name and size in each."""
    for name, rows in (("a", FIRST), ("b", FIRST * np.arange(4, dtype=np.float32))):
        np.save(tmp_path / "e.npy", rows)
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.write(tmp_path / "e.npy", "e.npy")
    (tmp_path / "e.npy").unlink()
    return tmp_path


@pytest.mark.parametrize("member", ["e.npy", "*.npy", ""])
def test_files_in_archives_are_told_apart(archives, member):
    states = []
    for name in ("a", "b"):
        url = f"zip://{member}::{name}.zip"
        result = run("score", url, "--state", f"{name}.rankme", cwd=archives)
        assert (result.returncode, result.stderr) == (0, "")
        acc = rankme.Accumulator.load(archives / f"{name}.rankme")
        assert list(acc.shards) == [f"zip://e.npy::{archives / name}.zip"]
        states.append(acc)
    assert (states[0] + states[1]).n_rows == 60
    other = run("score", "zip://*.npy::b.zip", "--state", "a.rankme", cwd=archives)
    assert other.returncode == 1
    assert "a.zip, which is not among the files now" in error_line(other)


def test_an_archive_that_was_replaced_is_noticed(archives):
    command = ("score", "zip://*.npy::a.zip", "--state", "run.rankme")
    assert run(*command, cwd=archives).returncode == 0
    (archives / "b.zip").replace(archives / "a.zip")  # of the same size
    result = run(*command, cwd=archives)
    assert result.returncode == 1
    assert "changed" in error_line(result)


def test_a_url_and_a_pattern_give_one_name(memory, tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    upload(tmp_path / "a.npy", f"{memory}/a.npy")
    single = open_source(f"{memory}/a.npy")
    for url in (f"{memory}/*.npy", memory, f"{memory}/"):
        assert open_source(url).shards[0].identity == single.identity
    with pytest.raises(ValueError, match="is given twice, and would be counted twice"):
        ranges_of([f"{memory}/a.npy", f"{memory}/*.npy"], None, 1000)


def test_hard_links_given_to_an_engine_are_one_file(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    os.link(tmp_path / "a.npy", tmp_path / "b.npy")
    with pytest.raises(ValueError, match=r"b\.npy is given twice, .*; before as .*a\.npy"):
        ranges_of([tmp_path / "a.npy", tmp_path / "b.npy"], None, 1000)


def test_a_source_that_came_from_elsewhere_is_the_same_file(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    source = open_source(tmp_path / "a.npy")
    for pair in ((source, pickle.loads(pickle.dumps(source))), (source, source)):
        for first, second in (pair, pair[::-1]):
            with pytest.raises(ValueError, match="is given twice, and would be counted twice"):
                ranges_of([first, second], None, 1000)


# Lance knows names in UTF-8 alone, and files of its own.
NAMED = [name for name in FORMATS if "zarr" not in name and name != "lance"]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("stem", [os.fsdecode(b"\xe9"), "s3:x"], ids=["latin-1", "colon"])
def test_any_name_of_a_file_is_read(tmp_path, monkeypatch, name, stem):
    path = write(tmp_path, name, FIRST)
    monkeypatch.chdir(tmp_path)
    os.rename(path, stem + path.suffix)  # noqa: PTH104
    np.testing.assert_array_equal(open_source(stem + path.suffix).matrix(), FIRST)


@pytest.mark.parametrize(
    ("url", "path", "found", "expected"),
    [
        ("sftp://me@host/d/*.npy", "/d/*.npy", "/d/a.npy", "sftp://me@host/d/a.npy"),
        ("abfs://c@account/d/*.npy", "c/d/*.npy", "c/d/a.npy", "abfs://c@account/d/a.npy"),
        ("s3://b*/a.npy", "b*/a.npy", "bkt/a.npy", "s3://bkt/a.npy"),
        ("memory://*.npy", "/*.npy", "/a.npy", "memory://a.npy"),
        ("s3://b/d/**/[ab].npy", "b/d/**/[ab].npy", "b/d/e/a.npy", "s3://b/d/e/a.npy"),
        ("simplecache::s3://b/*.npy", "b/*.npy", "b/a.npy", "simplecache::s3://b/a.npy"),
        ("zip://d/*::s3://b/x.zip", "d/*", "d/a.npy", "zip://d/a.npy::s3://b/x.zip"),
        ("sftp://host/d/", "/d", "/d/e/a.npy", "sftp://host/d/e/a.npy"),
        ("s3://b/r[1]", "b/r[1]", "b/r[1]/a.npy", "s3://b/r[1]/a.npy"),
        ("zip://::/x.zip", "", "d/a.npy", "zip://d/a.npy::/x.zip"),
        ("memory://", "", "/a.npy", "memory://a.npy"),
    ],
)
def test_a_file_keeps_the_host_and_the_archive_of_its_url(url, path, found, expected):
    is_pattern = "*" in url
    assert list(urls_below(url, path, [found], is_pattern=is_pattern)) == [(found, expected)]
