"""The table of how each format is read, made by trying it; as a program it prints the table."""

import tempfile
import uuid
from pathlib import Path

import fsspec

from rankme.sources import BadDataError, jsonl, open_source
from source_files import FORMATS, TABLES, TEXTS, matrix, write

# One of the files that tests write for each row of the table of formats.
TRIED = {
    "NumPy array": "npy",
    "NumPy archive": "npz",
    "NumPy archive, compressed": "npz-compressed",
    "big-ann-benchmarks": "fbin",
    "TEXMEX": "fvecs",
    "safetensors": "safetensors",
    "PyTorch": "pt",
    "Arrow IPC file, Feather 2": "arrow-lz4",
    "Arrow IPC stream": "arrow-stream-zstd",
    "Parquet": "parquet",
    "HDF5": "hdf5-gzip",
    "FAISS index": "faiss",
    "JSON lines": "jsonl",
    "JSON lines, compressed": "jsonl-gzip",
    "CSV, TSV": "csv",
    "Lance, LanceDB": "lance",
    "Delta table": "delta",
    "Zarr 2 and 3": "zarr-3",
    "Hugging Face dataset": "huggingface",
}


def from_where(source):
    """Say in words where reading can begin."""
    entries = source.shards[0].entries
    if entries is None:
        return "any row"
    return "the beginning of a file" if entries == (0,) else f"any {source.shards[0].noun}"


def by_url(path):
    """Say whether a file or folder is read behind a URL."""
    system, name = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    system.put(str(path), f"{name}/{path.name}", recursive=path.is_dir())
    try:
        open_source(f"memory:/{name}/{path.name}")
    except BadDataError:
        return "no"
    else:
        return "yes"
    finally:
        system.rm(name, recursive=True)


def by_stdin(path, folder):
    """Say whether a file is told without its name, as standard input has none."""
    if path.is_dir():
        return "no"
    nameless = folder / "nameless"
    nameless.write_bytes(path.read_bytes())
    try:
        open_source(nameless)
    except BadDataError:
        return f"`--format {path.name.partition('.')[2]}`"
    return "yes"


def rows():
    """Return the rows of the table, each a dict of its cells by heading."""
    usual, jsonl.CHUNK_BYTES = jsonl.CHUNK_BYTES, 2000  # several in a small file
    try:
        return _rows()
    finally:
        jsonl.CHUNK_BYTES = usual


def _rows():
    found = []
    for name, case in TRIED.items():
        with tempfile.TemporaryDirectory() as place:
            path = write(Path(place), case, matrix(700, 5))
            found.append({
                "format": name,
                "reading begins at": from_where(open_source(path)),
                "URL": by_url(path),
                "standard input": by_stdin(path, Path(place)),
            })  # fmt: skip
    return found


def text_of(table):
    """Write the table in Markdown."""
    heads = [*table[0]]
    lines = [heads, [":--"] * len(heads), *([row[head] for head in heads] for row in table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    assert set(TRIED.values()) <= {*FORMATS, *TEXTS, *TABLES}
    print(text_of(rows()))  # noqa: T201
