"""Every format: its own library writes, rankme reads each row once, from any row on."""

import os

import ml_dtypes
import numpy as np
import pytest

import rankme
from rankme.sources import BadDataError, RowSource, open_source
from source_files import FORMATS, matrix, save_fbin, small_blocks, write

OTHER_TYPES = [name for name, (_, _, other) in FORMATS.items() if other]


def blocks_of(source, start=0, hold=0):
    blocks = list(source.blocks(start, hold=hold))
    assert all(len(block) > 0 for block in blocks)
    return blocks


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_comes_once_from_any_start(tmp_path, monkeypatch, name):
    small_blocks(monkeypatch)
    rows = matrix()
    source = open_source(write(tmp_path, name, rows))
    assert isinstance(source, RowSource)
    assert (source.n_rows, source.n_cols, source.dtype) == (37, 5, np.float32)
    assert len(blocks_of(source)) > 2
    for start in range(38):
        # With so long a hold no block is overwritten before they are joined.
        read = [rows[:start], *blocks_of(source, start, hold=99)]
        np.testing.assert_array_equal(np.concatenate(read), rows)
    for start in (-1, 38):
        with pytest.raises(ValueError, match=f"start is {start}; wanted a row from 0 to 37"):
            source.blocks(start)


@pytest.mark.parametrize("name", OTHER_TYPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_types_keep_their_precision(tmp_path, name, dtype):
    rows = matrix(dtype=dtype)
    source = open_source(write(tmp_path, name, rows))
    assert source.dtype == dtype
    np.testing.assert_array_equal(source.matrix(), rows)


@pytest.mark.parametrize("name", ["safetensors", "pt", "pt-dict"])
def test_bfloat16_stays_bfloat16(tmp_path, name):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    tensor = torch.from_numpy(matrix()).bfloat16()
    path = tmp_path / f"rows.{name}"
    if name == "safetensors":
        save_file({"rows": tensor}, path)
    else:
        torch.save({"rows": tensor} if name == "pt-dict" else tensor, path)
    source = open_source(path)
    assert source.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(source.matrix().view(np.uint16), tensor.view(torch.uint16))
    assert rankme.score(path) == rankme.score(tensor.float().numpy())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(37, 5), (4, 9)], ids=["tall", "wide"])
@pytest.mark.parametrize("options", [{}, {"center": True, "normalize": True}, {"method": "auto"}])
def test_a_path_scores_as_its_array(tmp_path, name, shape, options):
    rows = matrix(*shape)
    path = write(tmp_path, name, rows)
    expected = rankme.spectrum(rows, **options)
    for given in (path, str(path), open_source(path)):
        found = rankme.spectrum(given, **options)
        assert (found.n_rows, found.n_cols, found.method) == (*shape, expected.method)
        assert found.rankme() == pytest.approx(expected.rankme(), rel=1e-12)
    assert rankme.score(path, **options) == pytest.approx(expected.rankme(), rel=1e-12)


@pytest.mark.parametrize("name", FORMATS)
def test_the_identity_follows_the_content(tmp_path, name):
    path = write(tmp_path, name, matrix())
    first = open_source(path).identity
    assert first == open_source(path).identity
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if path.is_file():
        assert (first.name, first.size) == (str(path), path.stat().st_size)
    for file in files:
        later = file.stat().st_mtime_ns + 10**9
        os.utime(file, ns=(later, later))
    second = open_source(path).identity
    assert (second.name, second.size) == (first.name, first.size)
    assert second.version != first.version


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_a_transposed_matrix_is_read_in_its_own_order(tmp_path, monkeypatch, order, kind):
    torch = pytest.importorskip("torch")
    small_blocks(monkeypatch)
    rows = np.asarray(matrix(), order=order)
    path = tmp_path / f"rows.{kind}"
    if kind == "npz":
        np.savez(path, rows=rows)
    else:
        torch.save(torch.from_numpy(rows), path)
    source = open_source(path)
    assert source.fortran_order is (order == "F")
    np.testing.assert_array_equal(np.concatenate(blocks_of(source, hold=99)), rows)


def test_a_compressed_fortran_array_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "rows.npz", rows=np.asfortranarray(matrix()))
    with pytest.raises(BadDataError, match=r"rows\.npz\[rows\]: compressed and in Fortran order"):
        open_source(tmp_path / "rows.npz")


def test_a_strided_tensor_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.zeros(8, 8)[:, ::2], tmp_path / "rows.pt")
    with pytest.raises(BadDataError, match=r"a view of strides \(8, 2\) over a larger tensor"):
        open_source(tmp_path / "rows.pt")


def test_a_pickle_of_a_pt_file_is_not_run(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"path": tmp_path, "rows": torch.zeros(4, 2)}, tmp_path / "rows.pt")
    with pytest.raises(
        BadDataError,
        match=r"rows\.pt: holds objects that are no tensors, .* not read by running them",
    ):
        open_source(tmp_path / "rows.pt")


def test_an_old_pt_file_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.zeros(4, 2), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(BadDataError, match=r"a pickle; torch\.save writes an archive since 1\.6"):
        open_source(tmp_path / "old.pt")


def test_a_stored_npz_array_is_read_from_the_archive_itself(tmp_path):
    rows = matrix(50, 4)
    np.savez(tmp_path / "rows.npz", rows=rows)
    source = open_source(tmp_path / "rows.npz")
    raw = (tmp_path / "rows.npz").read_bytes()
    assert raw[source.offset : source.offset + rows.nbytes] == rows.tobytes()


def test_any_subclass_is_scored():
    class Two(RowSource):
        name, n_rows, n_cols, dtype = "two", 12, 3, np.dtype(np.float64)

        def __init__(self, rows):
            self.rows = rows

        def blocks(self, start=0, *, hold=0):  # noqa: ARG002
            yield self.rows[start:]

    rows = matrix(12, 3, np.float64)
    assert rankme.score(Two(rows)) == pytest.approx(rankme.score(rows), rel=1e-12)
    with pytest.raises(BadDataError, match="two: gave 11 rows; it had announced 12"):
        rankme.score(Two(rows[:11]))


def test_half_precision_bin_files(tmp_path):
    rows = matrix(37, 5).astype(np.float16)
    save_fbin(tmp_path / "rows.f16bin", rows)
    source = open_source(tmp_path / "rows.f16bin")
    assert (source.n_rows, source.n_cols, source.dtype) == (37, 5, np.float16)
    for start in (0, 1, 36, 37):
        read = [rows[:start], *source.blocks(start, hold=99)]
        np.testing.assert_array_equal(np.concatenate(read), rows)
    expected = rankme.score(rows)
    assert rankme.score(tmp_path / "rows.f16bin") == pytest.approx(expected, rel=1e-12)
