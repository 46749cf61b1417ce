"""A file, or a key, for each vector: as one set, in order, with the place of what is wrong."""

import contextlib
import pickle

import h5py
import numpy as np
import pytest
import torch

import rankme
from command import error_line, run
from rankme.sources import BadDataError, choose_rows, open_source, subset
from rankme.sources import vectors_apart as reader
from source_files import matrix

ROWS = matrix(23, 5).astype(np.float32)


def npy_files(folder, rows=ROWS):
    for i, row in enumerate(rows):
        place = folder / ("a" if i < 12 else "b")  # sub-folders are part of it
        place.mkdir(exist_ok=True)
        np.save(place / f"v{i}.npy", row if i % 2 else row[None])
    return folder


def pt_files(folder, rows=ROWS):
    for i, row in enumerate(rows):
        torch.save(torch.from_numpy(row), folder / f"v{i}.pt")
    return folder


def npz_keys(folder, rows=ROWS):
    np.savez(folder / "v.npz", **{f"k{i}": row for i, row in enumerate(rows)})
    return folder / "v.npz"


def h5_keys(folder, rows=ROWS):
    with h5py.File(folder / "v.h5", "w") as file:
        for i, row in enumerate(rows):
            file[f"k{i}"] = row
    return folder / "v.h5"


def pt_keys(folder, rows=ROWS):
    torch.save({f"k{i}": torch.from_numpy(row) for i, row in enumerate(rows)}, folder / "v.pt")
    return folder / "v.pt"


WRITERS = [
    (npy_files, "files"),
    (pt_files, "files"),
    (npz_keys, "keys"),
    (h5_keys, "keys"),
    (pt_keys, "keys"),
]


def joined(source, start=0):
    return np.concatenate([np.empty((0, source.n_cols)), *source.blocks(start)])


@pytest.mark.parametrize(("write", "rows_are"), WRITERS)
def test_every_vector_comes_once_from_any_start(tmp_path, monkeypatch, write, rows_are):
    monkeypatch.setattr(reader, "BLOCK_BYTES", 100)
    source = open_source(write(tmp_path), rows_are=rows_are)
    rows = ROWS[sorted(range(23), key=str)] if write is h5_keys else ROWS  # which sorts names
    assert (source.n_rows, source.n_cols, source.dtype) == (23, 5, np.float32)
    for start in (0, 1, 11, 22, 23):
        np.testing.assert_array_equal(joined(source, start), rows[start:])
    np.testing.assert_array_equal(joined(subset(source, 9)), rows[choose_rows(23, 9)])
    assert rankme.score(source) == pytest.approx(rankme.score(rows), rel=1e-12)
    sent = pickle.loads(pickle.dumps(source))
    assert sent == source
    np.testing.assert_array_equal(joined(sent), rows)


def test_the_command(tmp_path):
    npy_files(tmp_path)
    result = run("score", ".", "--rows-are", "files", "--rows", 20, "--json", cwd=tmp_path)
    assert result.returncode == 0
    assert f'"rankme": {rankme.score(open_source(tmp_path, rows_are="files"), rows=20)!r}' in (
        result.stdout
    )
    result = run("score", "a/*.npy", "--rows-are", "files", cwd=tmp_path)
    assert "rows N      12" in result.stdout


def test_a_vector_within_a_file_of_keys(tmp_path):
    for i, row in enumerate(ROWS):
        found = {"label": "x", "mean_representations": {33: torch.from_numpy(row)}}
        torch.save(found, tmp_path / f"protein-{i}.pt")
    source = open_source(tmp_path, rows_are="files", column="mean_representations.33")
    np.testing.assert_array_equal(joined(source), ROWS)
    with pytest.raises(BadDataError, match="label, mean_representations; name the one that is"):
        open_source(tmp_path, rows_are="files")
    with pytest.raises(BadDataError, match=r"has no '12' of the column .*; it has 33"):
        open_source(tmp_path, rows_are="files", column="mean_representations.12")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (np.ones(4, np.float32), r"v7\.npy: holds 4 numbers, and .*v0\.npy holds 5"),
        (np.ones(5), r"v7\.npy: holds float64, and .*v0\.npy float32"),
        (np.ones(5, int), r"v7\.npy: holds int64; wanted float16"),
        (np.ones((2, 5), np.float32), r"v7\.npy: has the shape \(2, 5\), and each is to hold one"),
        (np.ones(0, np.float32), r"v7\.npy: has the shape \(0,\)"),
        (np.array([{}], object), r"v7\.npy: cannot be read as \.npy"),
        (np.full(5, np.nan, np.float32), r"row 7, .*v7\.npy, column 0"),
    ],
)
def test_the_first_bad_file_is_named_and_nothing_counted(tmp_path, bad, text):
    npy_files(tmp_path)
    np.save(tmp_path / "a" / "v7.npy", bad)
    source = open_source(tmp_path, rows_are="files")
    with pytest.raises(ValueError, match=text):
        rankme.score(source)
    acc = rankme.Accumulator(5)
    with contextlib.suppress(ValueError):
        for block in source.blocks():
            acc.update(block)
    assert acc.n_rows == 0


def test_what_changes_meanwhile_is_an_error(tmp_path):
    source = open_source(npy_files(tmp_path), rows_are="files")
    np.save(tmp_path / "a" / "v3.npy", np.ones(50, np.float32))
    with pytest.raises(BadDataError, match="changed since it was opened"):
        joined(source)
    (tmp_path / "a" / "v3.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"v3\.npy"):
        joined(source)


@pytest.mark.parametrize(
    ("prepare", "rows_are", "text"),
    [
        (lambda folder: folder, "files", "has no files of single vectors; wanted .npy, .pt, .pth"),
        (lambda folder: npz_keys(folder, []), "keys", "has no keys"),
        (lambda folder: npy_files(folder) / "a" / "v1.npy", "keys", "is no container of keys"),
        (lambda folder: folder, "rows", "rows_are must be 'files', 'keys' or None"),
        (lambda _: "s3://bucket/vectors", "files", "are read from disk: fetch them first"),
    ],
)
def test_what_cannot_be_opened(tmp_path, prepare, rows_are, text):
    with pytest.raises(ValueError, match=text):
        open_source(prepare(tmp_path), rows_are=rows_are)


@pytest.mark.parametrize("other", [{"dtype": "int8"}, {"integers": True}, {"unpack_bits": True}])
def test_what_says_nothing_of_them_is_refused(tmp_path, other):
    with pytest.raises(BadDataError, match="a type of their own: leave out dtype, integers"):
        open_source(npy_files(tmp_path), rows_are="files", **other)


def test_standard_input_has_no_files(tmp_path):
    result = run("score", "-", "--rows-are", "files", cwd=tmp_path)
    assert result.returncode == 2
    assert "standard input is one file" in error_line(result)


def test_files_of_several_formats(tmp_path):
    npy_files(tmp_path)
    torch.save(torch.ones(5), tmp_path / "x.pt")
    result = run("score", ".", "--rows-are", "files", cwd=tmp_path)
    assert result.returncode == 1
    assert "several formats: .npy, .pt; name some by a pattern" in error_line(result)


def test_a_key_that_is_no_vector_is_named(tmp_path):
    np.savez(tmp_path / "v.npz", a=ROWS[0], b=ROWS[:2])
    with pytest.raises(BadDataError, match=r"v\.npz\[b\]: has the shape \(2, 5\)"):
        rankme.score(open_source(tmp_path / "v.npz", rows_are="keys"))
    with pytest.raises(BadDataError, match="each key is a row: leave out column"):
        open_source(tmp_path / "v.npz", rows_are="keys", column="a")
