"""Folders, patterns and saved datasets: which files are one set, and in which order."""

import json
import os
import shutil

import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, ShardedSource, open_source
from rankme.sources._sharded import natural_order
from source_files import arrow_table, matrix, save_dataset, write


def test_numbers_sort_as_numbers():
    names = ["b", "part-10", "part-9", "part-010", "a1b2", "a1b10", "1", "part-", "A"]
    expected = ["1", "A", "a1b2", "a1b10", "b", "part-", "part-9", "part-010", "part-10"]
    assert sorted(sorted(names), key=natural_order) == expected


@pytest.fixture
def parts(tmp_path):
    """Twelve shards in a folder, and their rows."""
    found = [matrix(n + 1, 4, seed=n) for n in range(12)]
    for number, part in enumerate(found):
        np.save(tmp_path / f"part-{number}.npy", part)
    return found


def test_a_folder_is_a_set_in_natural_order(tmp_path, parts):
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / "_SUCCESS").write_text("")
    np.save(tmp_path / ".hidden.npy", matrix(3, 4))
    (tmp_path / "_unfinished").mkdir()
    np.save(tmp_path / "_unfinished" / "part-0.npy", matrix(3, 4))
    source = open_source(tmp_path)
    assert [shard.name for shard in source.shards] == [
        str(tmp_path / f"part-{number}.npy") for number in range(12)
    ]
    rows = np.concatenate(parts)
    np.testing.assert_array_equal(source.matrix(), rows)
    for start in range(len(rows) + 1):
        read = [rows[:start], *(block.copy() for block in source.blocks(start))]
        np.testing.assert_array_equal(np.concatenate(read), rows)
    assert source.where(4) == f"{tmp_path / 'part-2.npy'}: row 1"
    assert rankme.score(tmp_path) == pytest.approx(rankme.score(rows), rel=1e-12)


def test_sub_folders_belong_to_a_set(tmp_path, parts):
    (tmp_path / "year=2025").mkdir()
    np.save(tmp_path / "year=2025" / "more.npy", matrix(5, 4))
    assert open_source(tmp_path).n_rows == sum(map(len, parts)) + 5


def test_a_pattern_is_a_set(tmp_path, parts):
    source = open_source(tmp_path / "part-1*.npy")
    expected = np.concatenate([parts[1], parts[10], parts[11]])
    np.testing.assert_array_equal(source.matrix(), expected)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        open_source(tmp_path / "none-*.npy")


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symlink", "hard link"])
def test_a_file_under_two_names_is_refused(tmp_path, link):
    link(tmp_path / "part-3.npy", tmp_path / "part-20.npy")
    for path in (tmp_path, tmp_path / "*.npy"):
        with pytest.raises(
            BadDataError,
            match=r"part-20\.npy: is the same file as .*part-3\.npy, and would be counted twice",
        ):
            open_source(path)
    assert open_source(tmp_path / "part-1*.npy").n_rows == 2 + 11 + 12


@pytest.mark.usefixtures("parts")
def test_a_folder_that_holds_itself_is_refused(tmp_path):
    (tmp_path / "again").symlink_to(".")
    with pytest.raises(BadDataError, match="is the same file as"):
        open_source(tmp_path / "**" / "*.npy")


def test_a_linked_folder_belongs_to_a_set_and_only_once(tmp_path):
    for name in ("here/day=1", "there"):
        (tmp_path / name).mkdir(parents=True)
        np.save(tmp_path / name / "part.npy", matrix(5, 4))
    (tmp_path / "here" / "day=2").symlink_to(tmp_path / "there")
    assert open_source(tmp_path / "here").n_rows == 10
    (tmp_path / "here" / "day=3").symlink_to(".")
    with pytest.raises(BadDataError, match=r"is the same folder as .*here, and would be counted"):
        open_source(tmp_path / "here")


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path):
    np.save(tmp_path / "rows[1].npy", matrix())
    assert open_source(tmp_path / "rows[1].npy").n_rows == 37


def test_a_folder_of_several_formats_is_refused(tmp_path, parts):
    np.savez(tmp_path / "more.npz", rows=parts[0])
    with pytest.raises(BadDataError, match=r"several formats: 12 \.npy, 1 \.npz; name some"):
        open_source(tmp_path)


def test_a_folder_without_data_is_refused(tmp_path):
    with pytest.raises(BadDataError, match=r"a folder without a file of embeddings; wanted \.npy"):
        open_source(tmp_path)


@pytest.mark.parametrize("kind", ["list", "fixed"])
def test_tables_without_rows_among_others_change_nothing(tmp_path, kind):
    import pyarrow.parquet as pq

    rows = matrix(30, 4)
    table = arrow_table(rows, kind)
    for number, (start, stop) in enumerate([(0, 0), (0, 13), (13, 13), (13, 30), (30, 30)]):
        pq.write_table(table.slice(start, stop - start), tmp_path / f"part-{number}.parquet")
    for path in (tmp_path, tmp_path / "*.parquet"):
        source = open_source(path)
        assert [shard.n_rows for shard in source.shards] == [13, 17]
        np.testing.assert_array_equal(source.matrix(), rows)
    with pytest.raises(BadDataError, match=r"part-0\.parquet\[rows\]: empty, shape \(0, "):
        open_source(tmp_path / "part-0.parquet")
    with pytest.raises(BadDataError, match="all 1 files of it are without rows"):
        open_source(tmp_path / "part-[0].parquet")


@pytest.mark.usefixtures("parts")
def test_a_shard_of_another_width_is_named(tmp_path):
    np.save(tmp_path / "part-5.npy", matrix(5, 3))
    with pytest.raises(BadDataError, match=r"part-5\.npy: has 3 columns; wanted 4, as in .*-0"):
        open_source(tmp_path)


def test_the_command_scores_a_folder_as_one_set(tmp_path, parts):
    results = [run("score", "--json", path, cwd=tmp_path) for path in (".", "part-1*.npy")]
    assert [(result.returncode, result.stderr) for result in results] == [(0, "")] * 2
    whole, some = (json.loads(result.stdout) for result in results)
    assert [(one["n_files"], one["n_folders"]) for one in (whole, some)] == [(12, 1), (3, 1)]
    assert (whole["path"], whole["n_rows"]) == (".", sum(map(len, parts)))
    assert (some["path"], some["n_rows"]) == ("part-1*.npy", 2 + 11 + 12)
    assert whole["rankme"] == pytest.approx(rankme.score(np.concatenate(parts)), rel=1e-12)


@pytest.mark.usefixtures("parts")
def test_a_pool_does_not_count_a_shard_twice(tmp_path):
    result = run("score", "--pool", ".", "part-3.npy", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "part-3.npy and part-3.npy are the same file" in error_line(result)


def test_a_saved_dictionary_of_one_split_is_that_split(tmp_path):
    import datasets

    rows = matrix(20, 4)
    dataset = datasets.Dataset.from_dict({"rows": rows.tolist()})
    datasets.DatasetDict({"train": dataset}).save_to_disk(tmp_path / "one")
    np.testing.assert_array_equal(open_source(tmp_path / "one").matrix(), rows.astype(np.float64))
    datasets.DatasetDict({"train": dataset, "test": dataset}).save_to_disk(tmp_path / "two")
    with pytest.raises(BadDataError, match="holds 2 splits: 'train', 'test'; open the folder of"):
        open_source(tmp_path / "two")
    assert open_source(tmp_path / "two" / "test").n_rows == 20


def test_a_selection_that_was_saved_is_a_selection(tmp_path):
    import datasets

    rows = matrix(30, 4)
    dataset = datasets.Dataset.from_dict({"rows": rows.tolist()})
    dataset.select([7, 3, 3, 29]).save_to_disk(tmp_path / "some")
    np.testing.assert_array_equal(open_source(tmp_path / "some").matrix(), rows[[7, 3, 3, 29]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", r"state\.json cannot be read"),
        ("[]", r"state\.json holds no object"),
        ("{}", r"state\.json names no data files"),
    ],
)
def test_a_damaged_dataset_is_refused(tmp_path, text, problem):
    save_dataset(tmp_path / "set", matrix())
    (tmp_path / "set" / "state.json").write_text(text)
    with pytest.raises(BadDataError, match=problem):
        open_source(tmp_path / "set")


def test_a_dataset_without_one_of_its_files_is_an_error(tmp_path):
    save_dataset(tmp_path / "set", matrix())
    next((tmp_path / "set").glob("data-00001-*")).unlink()
    with pytest.raises(FileNotFoundError, match="data-00001"):
        open_source(tmp_path / "set")


@pytest.mark.parametrize("name", ["npy", "fvecs", "hdf5", "zarr-3"])
def test_a_file_has_one_identity_by_whatever_name(tmp_path, monkeypatch, name):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    path = write(tmp_path / "real", name, matrix())
    identity = open_source(path).identity
    assert identity.name == os.path.realpath(path)
    monkeypatch.chdir(tmp_path)
    for shown in (f"link/{path.name}", f"link/../real/{path.name}", f"real/./{path.name}"):
        source = open_source(shown)
        assert (source.name, source.identity) == (shown, identity)


def test_the_same_sources_make_the_same_identity(tmp_path, parts):
    one = open_source(tmp_path).identity
    assert open_source(tmp_path).identity == one
    np.save(tmp_path / "part-4.npy", parts[5])
    assert open_source(tmp_path).identity != one


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (["float16", "float16"], "float16"),
        (["bfloat16", "bfloat16"], "bfloat16"),
        (["float16", "bfloat16"], "float32"),
        (["bfloat16", "float32", "float16"], "float32"),
        (["float16", "float64", "bfloat16"], "float64"),
    ],
)
def test_shards_of_several_types_are_held_exactly(tmp_path, kinds, wanted):
    import torch
    from safetensors.torch import save_file

    tensors = []
    for number, kind in enumerate(kinds):
        tensors.append(torch.from_numpy(matrix(6, 4, seed=number)).to(getattr(torch, kind)))
        save_file({"rows": tensors[-1]}, tmp_path / f"part-{number}.safetensors")
    source = open_source(tmp_path)
    assert source.dtype == np.dtype(wanted)
    rows = np.concatenate([tensor.double().numpy() for tensor in tensors])
    np.testing.assert_array_equal(source.matrix().astype(np.float64), rows)
    assert rankme.score(tmp_path) == pytest.approx(rankme.score(rows), rel=1e-12)
    few = np.concatenate([tensor.double().numpy()[:1] for tensor in tensors])
    for number, tensor in enumerate(tensors):
        save_file({"rows": tensor[:1].clone()}, tmp_path / f"part-{number}.safetensors")
    assert len(few) < few.shape[1]  # read by columns, and centred as one matrix
    for center in (False, True):
        expected = rankme.score(few, center=center)
        assert rankme.score(tmp_path, center=center) == pytest.approx(expected, rel=1e-10)


def test_shards_may_be_sets_themselves(tmp_path, parts):
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    both = ShardedSource("both", (open_source(tmp_path), open_source(tmp_path.with_name("copy"))))
    assert len(both.shards) == 24
    np.testing.assert_array_equal(both.matrix(), np.concatenate([*parts, *parts]))


def test_many_short_shards_are_scored(tmp_path):
    # More than are opened side by side, and fewer rows than columns.
    rows = matrix(100, 120)
    for number, row in enumerate(rows):
        np.save(tmp_path / f"{number}.npy", row[None])
    assert rankme.score(tmp_path) == pytest.approx(rankme.score(rows), rel=1e-10)
