"""docs/reference/formats.md has a row for every format that the code knows, and each is true."""

import ast
import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest

import rankme
from formats_table import rows as tried
from pages import codes, tables, text_of
from rankme import sources
from rankme.sources._bytes import remote
from rankme.sources._format_table import FORMATS, KNOWN_SUFFIXES
from source_files import FORMATS as WRITTEN
from source_files import TABLES, TEXTS, matrix, write

PAGE = "reference/formats.md"
READ, BYTES, INDEXES, URLS, DATABASES = tables(PAGE)
TABLE = {one.name: one for one in FORMATS}
SOURCES = Path(sources.__file__).parent
# Which of the files that the tests of sources write belong to which row.
CASES = {
    "NumPy array": ["npy"],
    "NumPy archive": ["npz", "npz-compressed"],
    "big-ann-benchmarks": ["fbin"],
    "TEXMEX": ["fvecs"],
    "safetensors": ["safetensors"],
    "PyTorch": ["pt", "pt-dict"],
    "Arrow IPC file, Feather 2": [
        "arrow-file", "arrow-list", "arrow-large-list", "arrow-binary", "arrow-tensor", "arrow-lz4",
    ],
    "Arrow IPC stream": ["arrow-stream", "arrow-stream-zstd"],
    "Parquet": [
        "parquet", "parquet-list", "parquet-large-list", "parquet-binary", "parquet-zstd",
    ],
    "HDF5": ["hdf5", "hdf5-chunked", "hdf5-gzip"],
    "FAISS index": ["faiss"],
    "JSON lines": ["jsonl", "jsonl-gzip", "jsonl-base64"],
    "CSV, TSV": ["csv", "csv-zstd", "tsv"],
    "Lance, LanceDB": ["lance"],
    "Delta table": ["delta"],
    "Zarr 2 and 3": ["zarr-2", "zarr-3", "zarr-3-shards"],
    "Hugging Face dataset": ["huggingface"],
}  # fmt: skip
NAMED = {"npz": "rows", "pt-dict": "model.rows", "hdf5": "model/rows", "zarr": "model/rows"}


def test_no_suffix_is_of_two_formats():
    assert len(set(KNOWN_SUFFIXES)) == len(KNOWN_SUFFIXES)


def test_the_page_has_the_table():
    assert "```{formats-table}\n```" in text_of(PAGE)


def test_every_extra_of_a_reader_is_named_and_no_other():
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "require":
                found |= {key.value for key in node.keywords if key.arg == "extra"}
            elif node.func.id == "pyarrow":
                found.add(node.args[1])
    extras = {node.value for node in found if isinstance(node, ast.Constant)}
    extras |= {"remote", "s3", "gcs", "hf", "postgresql", "sqlite"}  # by the scheme of a URL
    named = set(re.findall(r"rankme\[(\w+)\]", text_of(PAGE)))
    assert extras == named | {one.extra for one in FORMATS} - {None}
    assert extras <= set(importlib.metadata.metadata("rankme").get_all("Provides-Extra"))


def test_every_file_that_the_tests_write_belongs_to_a_row():
    assert sorted(case for cases in CASES.values() for case in cases) == sorted(
        {**WRITTEN, **TEXTS, **TABLES}
    )
    assert CASES.keys() == TABLE.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_each_format_is_read(name, tmp_path):
    one = TABLE[name]
    for case in CASES[name]:
        (tmp_path / case).mkdir()
        path = write(tmp_path / case, case, matrix())
        source = rankme.open_source(path)
        np.testing.assert_array_equal(np.vstack([*map(np.copy, source.blocks())]), matrix())
        if path.is_dir():
            assert any((path / inside).exists() for inside in one.inside)
        else:
            assert path.name.endswith(one.suffixes)
        if one.magics:
            assert path.read_bytes().startswith(one.magics)
            # The suffix does not matter then.
            renamed = path.rename(path.with_suffix(".data"))
            assert rankme.open_source(renamed).n_rows == len(matrix())


@pytest.mark.parametrize("name", CASES)
def test_what_column_chooses(name, tmp_path):
    case = CASES[name][-1]
    path = write(tmp_path, case, matrix())
    chosen = next((NAMED[key] for key in NAMED if case.startswith(key)), "rows")
    if TABLE[name].column is None:
        with pytest.raises(sources.BadDataError, match="holds one matrix without a name"):
            rankme.open_source(path, column=chosen)
    else:
        assert rankme.open_source(path, column=chosen).n_rows == len(matrix())
        with pytest.raises(sources.BadDataError, match="has no"):
            rankme.open_source(path, column="another")


def test_a_set_of_files(tmp_path):
    for number in (10, 2):
        np.save(tmp_path / f"part-{number}.npy", np.full((1, 3), float(number)))
    for path in (tmp_path, tmp_path / "part-*.npy"):
        (block,) = [np.vstack([*map(np.copy, rankme.open_source(path).blocks())])]
        np.testing.assert_array_equal(block[:, 0], [2, 10])


def test_every_scheme_with_an_extra_of_its_own_is_named():
    extras = {
        scheme.removesuffix("://"): re.findall(r"rankme\[(\w+)\]", row["needs"])
        for row in URLS
        for scheme in codes(row["scheme"])
    }
    assert {scheme: found[0] for scheme, found in extras.items() if found} == {
        **remote.EXTRAS, "https": "remote", "http": "remote"
    }  # fmt: skip


def test_file_urls(tmp_path):
    np.save(tmp_path / "rows.npy", matrix())
    assert rankme.open_source((tmp_path / "rows.npy").as_uri()).n_rows == len(matrix())


def test_each_meaning_of_bytes_is_read_as_the_page_says(tmp_path):
    rows = np.arange(12, dtype=np.uint8).reshape(4, 3)
    np.save(tmp_path / "rows.npy", rows)
    found = []
    for row in BYTES:
        for code in codes(row["say"])[1:]:
            name, _, value = code.partition("=")
            source = rankme.open_source(tmp_path / "rows.npy", **{name: ast.literal_eval(value)})
            found.append(source.n_cols // rows.shape[1])
    assert found == [1, 8, 8]


def test_how_each_format_is_read_was_tried():
    assert tried() == READ
    names = {row["format"].partition(", compressed")[0] for row in READ}
    assert names == TABLE.keys()
