"""The .npy source: every row once, in bounded blocks, and every bad file refused in words."""

import os
import re

import ml_dtypes
import numpy as np
import pytest
from numpy.lib import format as npy_format

from rankme.sources import BadDataError, NpySource, open_source
from rankme.sources._bytes import npy_header, raw


def matrix(shape=(37, 5), dtype=np.float32, order="C"):
    values = np.random.default_rng(1).standard_normal(shape)
    return np.asarray(values, dtype=dtype, order=order)


def write(path, array, version=None):
    with path.open("wb") as file:
        npy_format.write_array(file, array, version=version)
    return path


def raw_npy(path, header, data=b"", version=(1, 0)):
    """Write a file with a header of our own, as another program might."""
    text = header.encode("latin1")
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    path.write_bytes(npy_header.MAGIC + bytes(version) + size + text + data)
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    """Make several blocks of a few hundred bytes out of a small file."""
    monkeypatch.setattr(raw, "BLOCK_BYTES", 200)
    monkeypatch.setattr(raw, "MIN_READ_BYTES", 16)
    monkeypatch.setattr(raw, "MAX_FORTRAN_BLOCK_BYTES", 400)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("start", [0, 1, 36, 37])
def test_blocks_hold_every_row_once(tmp_path, version, order, dtype, start):
    rows = matrix(dtype=dtype, order=order)
    source = open_source(write(tmp_path / "rows.npy", rows, version))
    blocks = [block.copy() for block in source.blocks(start)]
    assert (source.n_rows, source.n_cols, source.dtype) == (37, 5, np.dtype(dtype))
    assert source.fortran_order is (order == "F")
    assert len(blocks) > 1 or start >= 36
    assert all(block.dtype == dtype for block in blocks)
    np.testing.assert_array_equal(np.concatenate([rows[:start], *blocks]), rows)


@pytest.mark.parametrize("start", [-1, 38])
def test_a_start_outside_the_file_is_refused(tmp_path, start):
    source = open_source(write(tmp_path / "rows.npy", matrix()))
    with pytest.raises(ValueError, match=rf"start is {start}; wanted a row from 0 to 37"):
        next(source.blocks(start))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_buffer_serves_all_blocks(tmp_path, order):
    source = open_source(write(tmp_path / "rows.npy", matrix(order=order)))
    blocks = list(source.blocks())
    assert len(blocks) > 2
    assert all(np.shares_memory(blocks[0], block) for block in blocks[1:])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_cols", [1, 768, 5000])
def test_blocks_stay_under_32_mib(tmp_path, order, n_cols):
    n_rows = 40 * 2**20 // (4 * n_cols)
    path = tmp_path / "rows.npy"
    rows = np.lib.format.open_memmap(
        path, "w+", np.float32, (n_rows, n_cols), fortran_order=order == "F"
    )
    del rows
    sizes = [block.nbytes for block in open_source(path).blocks()]
    assert sum(sizes) == n_rows * n_cols * 4
    assert max(sizes) <= 32 * 2**20
    assert len(sizes) > 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_matrix_maps_a_large_file_and_reads_a_small_one(tmp_path, monkeypatch, order):
    rows = matrix(order=order)
    source = open_source(write(tmp_path / "rows.npy", rows))
    monkeypatch.setattr(raw, "MIN_MAPPED_BYTES", rows.nbytes)
    mapped = source.matrix()
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, rows)
    monkeypatch.setattr(raw, "MIN_MAPPED_BYTES", rows.nbytes + 1)
    read = source.matrix()
    assert not isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, rows)


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    rows = matrix((2, 3))
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n"
    source = open_source(raw_npy(tmp_path / "old.npy", header, rows.tobytes()))
    np.testing.assert_array_equal(next(source.blocks()), rows)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.arange(6).reshape(2, 3), "dtype int64; wanted float16, float32 or float64"),
        (np.ones((2, 3), bool), "dtype bool; wanted"),
        (np.ones((2, 3), complex), "dtype complex128; wanted"),
        (np.ones((2, 3), np.longdouble), f"dtype {np.dtype(np.longdouble)}; wanted"),
        (np.ones((2, 3), ">f4"), "dtype float32 in foreign byte order (>f4); wanted"),
        (np.ones((2, 3), [("x", "f4")]), "dtype [('x', '<f4')]; wanted"),
        (np.ones((2, 3), ml_dtypes.bfloat16), "dtype '|V2', the name of the type is lost"),
        (np.ones(7, np.float32), "an array of 1 dimensions, shape (7,); wanted 2"),
        (np.ones((2, 3, 4), np.float32), "an array of 3 dimensions, shape (2, 3, 4); wanted 2"),
        (np.array(1.0), "an array of 0 dimensions, shape (); wanted 2"),
        (np.ones((0, 3)), "empty, shape (0, 3); wanted at least one row"),
        (np.ones((3, 0)), "empty, shape (3, 0); wanted"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value.dtype}-{value.shape}",
)
def test_arrays_that_are_no_embeddings_are_refused(tmp_path, array, problem):
    path = tmp_path / "bad.npy"
    np.save(path, array)
    with pytest.raises(BadDataError, match=re.escape(f"{path}: {problem}")) as caught:
        open_source(path)
    assert caught.value.name == str(path)
    assert isinstance(caught.value, ValueError)


class Intruder:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_objects_are_refused_and_never_loaded(tmp_path):
    path = tmp_path / "bad.npy"
    np.save(path, np.array([[Intruder(tmp_path / "intruder")]], dtype=object), allow_pickle=True)
    with pytest.raises(BadDataError, match=r"an array of Python objects \(pickled, never loaded\)"):
        open_source(path)
    assert not (tmp_path / "intruder").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no known format: an empty file"),
        (b"PK\x03\x04 a zip archive", "cannot be read: BadZipFile: File is not a zip file"),
        (b"\x93NUM", r"no known format: the first bytes b'\x93NUM'"),
        (npy_header.MAGIC, ".npy format version 0.0; wanted 1.0, 2.0 or 3.0"),
        (
            npy_header.MAGIC + b"\x04\x00" + bytes(80),
            ".npy format version 4.0; wanted 1.0, 2.0 or 3.0",
        ),
        (npy_header.MAGIC + b"\x01\x00\x76\x00{'descr'", "the .npy header cannot be read: EOF"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, problem):
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=re.escape(f"{path}: {problem}")):
        open_source(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3.5), }\n",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3), }\n",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'descr': '<f4', 'shape': (2, 3), }\n",
        "__import__('os').abort()\n",
        "{{{{\n",
        "x" * 20_000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }\n",
    ],
)
def test_forged_headers_are_refused_in_one_line(tmp_path, header):
    path = raw_npy(tmp_path / "bad.npy", header, bytes(24))
    with pytest.raises(BadDataError, match=r"header cannot be read|impossible shape") as caught:
        open_source(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("change", "problem"),
    [(-1, "truncated: 1 bytes are missing"), (3, "3 bytes follow the array")],
)
def test_a_wrong_length_is_refused(tmp_path, order, change, problem):
    path = write(tmp_path / "bad.npy", matrix(order=order))
    size = path.stat().st_size
    os.truncate(path, size + change)
    wanted = (
        f"{path}: {problem}; the file has {size + change} bytes, "
        f"a 37 x 5 array of float32 wants {size}"
    )
    with pytest.raises(BadDataError, match=re.escape(wanted)):
        open_source(path)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path, order):
    path = write(tmp_path / "rows.npy", matrix(order=order))
    source = open_source(path)
    blocks = source.blocks()
    next(blocks)
    size = path.stat().st_size
    os.truncate(path, size - 400)
    problem = f"ends at byte {size - 400} while being read; wanted {size} bytes"
    with pytest.raises(BadDataError, match=problem):
        list(blocks)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("width", [1, 2, 5, 9])
def test_panels_hold_every_column_once(tmp_path, order, width):
    rows = matrix(order=order)
    source = open_source(write(tmp_path / "rows.npy", rows))
    panels = [panel.copy() for panel in source.panels(width)]
    assert len(panels) == -(-5 // width)
    assert all(panel.dtype == np.float32 for panel in panels)
    np.testing.assert_array_equal(np.concatenate(panels, axis=1), rows)


def replace(path, array):
    """Put another file of the same length under the name."""
    write(path.with_name("new.npy"), array)
    path.with_name("new.npy").replace(path)


def overwrite(path, array):
    """Write into the same file, at a later time than that of the last change."""
    before = path.stat().st_mtime_ns
    write(path, array)
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize("change", [replace, overwrite])
@pytest.mark.parametrize("read", ["blocks", "panels", "matrix"])
def test_a_file_that_changed_after_its_header_was_read_is_refused(tmp_path, change, read):
    path = write(tmp_path / "rows.npy", matrix())
    source = open_source(path)
    # The same bytes in another shape: read by the old header they would pass for the old rows.
    change(path, matrix((5, 37)))
    with pytest.raises(BadDataError, match=r"rows\.npy: changed since it was opened"):
        {
            "blocks": lambda: list(source.blocks()),
            "panels": lambda: list(source.panels(2)),
            "matrix": source.matrix,
        }[read]()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("read", ["blocks", "panels"])
def test_a_file_that_is_overwritten_while_it_is_read_is_refused(tmp_path, read):
    path = write(tmp_path / "rows.npy", matrix())
    source = open_source(path)
    parts = source.blocks() if read == "blocks" else source.panels(2)
    next(parts)
    overwrite(path, matrix())
    with pytest.raises(BadDataError, match=r"rows\.npy: changed since it was opened"):
        list(parts)


def test_a_file_that_is_replaced_while_it_is_read_stays_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "BLOCK_BYTES", 200)
    rows = matrix()
    path = write(tmp_path / "rows.npy", rows)
    blocks = open_source(path).blocks()
    parts = [next(blocks).copy()]
    replace(path, matrix((5, 37)))
    parts += [block.copy() for block in blocks]
    np.testing.assert_array_equal(np.concatenate(parts), rows)


def test_a_named_pipe_is_refused_without_waiting(tmp_path):
    path = tmp_path / "pipe.npy"
    os.mkfifo(path)
    with pytest.raises(BadDataError, match="not a regular file"):
        open_source(path)


def test_a_missing_file_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        NpySource.open(tmp_path / "missing.npy")
