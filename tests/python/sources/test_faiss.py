"""FAISS indexes: vectors that come back are read, and others are refused by the kind of index."""

import json
import pickle

import faiss
import fsspec
import numpy as np
import pytest

import rankme
from command import run
from rankme.sources import BadDataError, choose_rows, open_source, subset
from rankme.sources import faiss as reader
from source_files import joined, matrix, small_blocks

ROWS = matrix(300, 16)
EXACT = ["Flat", "HNSW8", "NSG8", "IVF4,Flat", "IDMap,Flat", "IDMap2,Flat", "PQ4x4,RFlat"]
DECODED = ["SQ8", "SQfp16", "PQ4x4", "HNSW8,SQ8", "IVF4,SQ8", "IVF4,PQ4x4", "PCA8,Flat", "PQ4x4fs"]
DECODED += ["RQ2x4", "OPQ4,PQ4x4", "PCA8,SQ8", "PCA8,IVF4,Flat"]
REFUSED = ["LSH", "RaBitQ", "ITQ8,LSH"]


def index_of(spec, rows=ROWS, ids=None):
    index = faiss.index_factory(rows.shape[1], spec)
    index.train(rows)
    if ids is None and spec.startswith("IDMap"):
        ids = np.arange(len(rows))[::-1] * 7
    index.add(rows) if ids is None else index.add_with_ids(rows, ids)
    return index


def write(path, index):
    faiss.write_index(index, str(path))
    return path


@pytest.mark.parametrize("spec", EXACT)
def test_vectors_come_back_as_they_went_in(tmp_path, monkeypatch, spec):
    small_blocks(monkeypatch, 4000)
    source = open_source(write(tmp_path / "rows.faiss", index_of(spec)))
    assert (source.n_rows, source.n_cols, source.dtype) == (300, 16, np.float32)
    assert source.stored is None
    assert len(list(source.blocks())) > 2
    for start in (0, 1, 250, 300):
        np.testing.assert_array_equal(joined(source, start), ROWS[start:])
    np.testing.assert_array_equal(joined(subset(source, 9)), ROWS[choose_rows(300, 9)])
    score = rankme.score(tmp_path / "rows.faiss")
    assert score == pytest.approx(rankme.score(ROWS), rel=1e-12)
    assert joined(pickle.loads(pickle.dumps(source))).tolist() == ROWS.tolist()


@pytest.mark.parametrize("spec", DECODED)
def test_what_was_decoded_is_said(tmp_path, spec):
    index = index_of(spec)
    source = open_source(write(tmp_path / "rows.faiss", index))
    if isinstance(index, faiss.IndexIVF):
        index.make_direct_map()
    wanted = index.reconstruct_n(0, 300) if "PCA8,IVF" not in spec else None
    found = joined(source)
    if wanted is not None:
        np.testing.assert_array_equal(found, wanted)
    assert not np.array_equal(found, ROWS)
    assert np.abs(found - ROWS).mean() < np.abs(ROWS).mean()
    assert source.stored.startswith("float32 decoded by ")


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        ("L2norm,Flat", "float32 as transformed by NormalizationTransform of IndexPreTransform"),
        ("L2norm,SQ8", "float32 decoded by IndexScalarQuantizer, as transformed by Normalization"),
        ("PCA8,Flat", "float32 decoded by PCAMatrix of IndexPreTransform"),
        ("PCA8,SQ8", "float32 decoded by IndexScalarQuantizer"),
    ],
)
def test_what_changed_the_vectors_before_is_said(tmp_path, spec, stored):
    source = open_source(write(tmp_path / "rows.faiss", index_of(spec)))
    assert source.stored.startswith(stored)
    norms = np.linalg.norm(joined(source), axis=1)
    assert np.allclose(norms, 1, atol=0.02) == spec.startswith("L2norm")


@pytest.mark.parametrize("spec", REFUSED)
def test_an_index_that_gives_nothing_back_is_refused_by_its_kind(tmp_path, spec):
    with pytest.raises(BadDataError, match=r"LSH|RaBitQ|ITQ"):
        open_source(write(tmp_path / "rows.faiss", index_of(spec)))


def test_numbers_of_the_users_own_are_no_places(tmp_path):
    ids = np.random.default_rng(0).permutation(300) * 5 + 2
    source = open_source(write(tmp_path / "rows.faiss", index_of("IVF4,Flat", ids=ids)))
    np.testing.assert_array_equal(joined(source), ROWS[np.argsort(ids)])
    ids[7] = ids[9]
    with pytest.raises(BadDataError, match="have 299 numbers: rows of one number"):
        open_source(write(tmp_path / "rows.faiss", index_of("IVF4,Flat", ids=ids)))
    bad = ROWS.copy()
    bad[4, 2] = np.nan
    index = index_of("IVF4,Flat")
    index.add(bad)
    with pytest.raises(BadDataError, match="counts 600 rows and has 599 in its lists"):
        open_source(write(tmp_path / "rows.faiss", index))
    ids[7] = 10**9
    with pytest.raises(BadDataError, match="under numbers of the user's"):
        open_source(write(tmp_path / "rows.faiss", index_of("PCA8,IVF4,Flat", ids=ids)))


def test_rows_that_were_removed_are_gone(tmp_path):
    for spec in ("Flat", "IVF4,Flat"):
        index = index_of(spec)
        index.remove_ids(np.array([3, 5]))
        source = open_source(write(tmp_path / "rows.faiss", index))
        left = np.delete(ROWS, [3, 5], axis=0)
        assert sorted(joined(source).tolist()) == sorted(left.tolist())


def test_a_flat_index_is_read_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "require", None)  # without the library
    for metric in (faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT, faiss.METRIC_Canberra):
        index = faiss.IndexFlat(16, metric)
        index.add(ROWS)
        path = write(tmp_path / "rows.index", index)
        source = open_source(path)
        assert path.read_bytes()[source.offset :][: ROWS.nbytes] == ROWS.tobytes()


def test_a_binary_index_has_packed_bits(tmp_path):
    bits = np.random.default_rng(0).integers(0, 256, (50, 4)).astype(np.uint8)
    index = faiss.IndexBinaryFlat(32)
    index.add(bits)
    path = tmp_path / "rows.faiss"
    faiss.write_index_binary(index, str(path))
    with pytest.raises(BadDataError, match="--unpack-bits"):
        open_source(path)
    found = open_source(path, unpack_bits=True)
    np.testing.assert_array_equal(joined(found), np.unpackbits(bits, axis=1))
    other = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(32), 32, 2)
    other.train(bits)
    faiss.write_index_binary(other, str(path))
    with pytest.raises(BadDataError, match="a binary index that is not flat"):
        open_source(path, unpack_bits=True)


@pytest.mark.parametrize("spec", ["Flat", "IVF4,Flat", "SQ8"])
def test_a_damaged_index_is_an_error(tmp_path, spec):
    path = write(tmp_path / "rows.faiss", index_of(spec))
    raw = path.read_bytes()
    for size in (5, 30, 44, 300, len(raw) - 1):
        path.write_bytes(raw[:size])
        with pytest.raises(BadDataError, match=r"rows\.faiss: "):
            open_source(path)


@pytest.mark.parametrize("spec", ["Flat", "IDMap,Flat", "binary"])
def test_what_follows_the_vectors_is_an_error(tmp_path, spec):
    path = tmp_path / "rows.faiss"
    if spec == "binary":
        index = faiss.IndexBinaryFlat(32)
        index.add(np.arange(40, dtype=np.uint8).reshape(10, 4))
        faiss.write_index_binary(index, str(path))
    else:
        write(path, index_of(spec))
    assert open_source(path, unpack_bits=spec == "binary").n_rows > 1
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(BadDataError, match=r"damaged: \d+ bytes follow the vectors; wanted \d+"):
        open_source(path, unpack_bits=spec == "binary")


def test_an_index_that_changes_meanwhile(tmp_path):
    path = write(tmp_path / "rows.faiss", index_of("IVF4,Flat"))
    source = open_source(path)
    write(path, index_of("IVF4,Flat", ROWS[:200]))
    with pytest.raises(BadDataError, match="changed since it was opened"):
        joined(source)


def test_an_empty_index_and_a_column(tmp_path):
    write(tmp_path / "rows.faiss", faiss.IndexFlatL2(16))
    with pytest.raises(BadDataError, match=r"empty, shape \(0, 16\)"):
        open_source(tmp_path / "rows.faiss")
    write(tmp_path / "rows.faiss", index_of("Flat"))
    with pytest.raises(BadDataError, match="holds one matrix without a name"):
        open_source(tmp_path / "rows.faiss", column="rows")


def test_an_index_in_a_folder_counts_where_it_is_alone(tmp_path):
    for number in (0, 1):
        write(tmp_path / f"part-{number}.faiss", index_of("Flat", ROWS[150 * number :][:150]))
    np.testing.assert_array_equal(joined(open_source(tmp_path)), ROWS)
    np.save(tmp_path / "rows.npy", ROWS[:20])
    assert open_source(tmp_path).n_rows == 20


@pytest.mark.parametrize("spec", ["Flat", "IVF4,Flat"])
def test_an_index_behind_a_url(tmp_path, spec):
    path = write(tmp_path / "rows.faiss", index_of(spec))
    fsspec.filesystem("memory").pipe("/faiss/rows.faiss", path.read_bytes())
    np.testing.assert_array_equal(joined(open_source("memory://faiss/rows.faiss")), ROWS)


def test_the_command_says_what_was_decoded(tmp_path):
    path = write(tmp_path / "rows.faiss", index_of("SQ8"))
    told = json.loads(run("score", "--json", path).stdout)
    assert told["dtype"] == "float32 decoded by IndexScalarQuantizer"
    assert told["rankme"] == pytest.approx(rankme.score(ROWS), rel=1e-3)
