"""Files of embeddings in every format, written by the format's own library."""

import json
import os

import numpy as np
import pytest

from rankme.sources import arrow, delimited, faiss, hdf5, jsonl, lance, npz, parquet, zarr
from rankme.sources._bytes import raw


def matrix(n_rows=37, n_cols=5, dtype=np.float32, seed=1):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_cols))
    return (rows * (1 + np.arange(n_cols)) ** -0.7).astype(dtype)


def small_blocks(monkeypatch, size=200):
    """Make several blocks of a few hundred bytes out of a small file."""
    for module in (raw, arrow, delimited, faiss, hdf5, jsonl, npz, parquet, zarr):
        monkeypatch.setattr(module, "BLOCK_BYTES", size)
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 2 * size)
    monkeypatch.setattr(jsonl, "CHUNK_BYTES", size)
    monkeypatch.setattr(lance, "BATCH_BYTES", size)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 2 * size // 5)
    monkeypatch.setattr(raw, "MIN_READ_BYTES", 16)
    monkeypatch.setattr(raw, "MAX_FORTRAN_BLOCK_BYTES", 2 * size)


def save_npy(path, rows):
    np.save(path, rows)


def save_npz(path, rows):
    np.savez(path, ids=np.arange(len(rows)), rows=rows)


def save_compressed_npz(path, rows):
    np.savez_compressed(path, rows=rows)


def save_fbin(path, rows):
    header = np.array(rows.shape, "<u4").tobytes()
    path.write_bytes(header + rows.tobytes())


def save_fvecs(path, rows):
    lengths = np.full((len(rows), 1), rows.shape[1], "<i4").view("<f4")
    path.write_bytes(np.hstack([lengths, rows]).tobytes())


def save_safetensors(path, rows):
    from safetensors.numpy import save_file

    save_file({"bias": rows[0].copy(), "rows": rows}, path)


def save_tensor(path, rows):
    import torch

    torch.save(torch.from_numpy(rows), path)


def save_tensors(path, rows):
    import torch

    tensor = torch.from_numpy(np.vstack([rows[:3], rows]))[3:]  # a view with an offset
    torch.save({"step": 7, "model": {"bias": tensor[0].clone(), "rows": tensor}}, path)


def arrow_table(rows, kind="fixed", name="rows"):
    """Return a table of an id and a column of vectors of some Arrow type."""
    import pyarrow as pa

    n_rows, n_cols = rows.shape
    values = pa.array(rows.ravel())
    ends = np.arange(0, rows.size + 1, n_cols)
    column = {
        "fixed": lambda: pa.FixedSizeListArray.from_arrays(values, n_cols),
        "list": lambda: pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values),
        "large": lambda: pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values),
        "binary": lambda: pa.array([row.tobytes() for row in rows], pa.binary(4 * n_cols)),
        "tensor": lambda: pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(values.type, (n_cols,)),
            pa.FixedSizeListArray.from_arrays(values, n_cols),
        ),
    }[kind]()
    # Somebody has to tell what bytes are: here the file itself.
    told = {"dtype": "float32"} if kind == "binary" else None
    fields = [pa.field("id", pa.int64()), pa.field(name, column.type, metadata=told)]
    return pa.table([pa.array(np.arange(n_rows)), column], schema=pa.schema(fields))


def arrow_writer(kind="fixed", stream=False, compression=None):
    def save(path, rows):
        import pyarrow as pa

        table = arrow_table(rows, kind)
        options = pa.ipc.IpcWriteOptions(compression=compression)
        new = pa.ipc.new_stream if stream else pa.ipc.new_file
        with (
            pa.OSFile(os.fspath(path), "wb") as file,
            new(file, table.schema, options=options) as writer,
        ):
            writer.write_table(table, max_chunksize=7)

    return save


def needs_null_fixed_lists():
    """Skip a test where PyArrow cannot read them from Parquet, as that of Python 3.10."""
    import pyarrow as pa

    if int(pa.__version__.partition(".")[0]) < 26:
        pytest.skip("PyArrow before 26 cannot read null fixed-size lists of Parquet")


def parquet_writer(kind="fixed", **options):
    def save(path, rows):
        import pyarrow.parquet as pq

        pq.write_table(arrow_table(rows, kind), path, **{"row_group_size": 15, **options})

    return save


def hdf5_writer(**options):
    def save(path, rows):
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("ids", data=np.arange(len(rows)))
            chunks = options.get("chunks")
            if chunks is not None:
                chunks = tuple(np.minimum(chunks, rows.shape).tolist())
            file.create_dataset("model/rows", data=rows, **{**options, "chunks": chunks})

    return save


def zarr_writer(zarr_format, **options):
    def save(path, rows):
        from zarr_files import add_array, new_group

        group = new_group(path, zarr_format)
        add_array(group, "ids", np.arange(len(rows)))
        add_array(group, "model/rows", rows, **{"chunks": (8, 3), **options})

    return save


def save_dataset(path, rows):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "rows": datasets.List(datasets.Value("float32"))}
    )
    columns = {"text": [f"row {i}" for i in range(len(rows))], "rows": list(rows)}
    dataset = datasets.Dataset.from_dict(columns, features=features)
    dataset.save_to_disk(path, num_shards=3)


def save_faiss(path, rows):
    import faiss

    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    file = faiss.VectorIOWriter()  # FAISS takes only UTF-8 for a name
    faiss.write_index(index, file)
    path.write_bytes(faiss.vector_to_array(file.data).tobytes())


def save_lance(path, rows):
    import lance

    lance.write_dataset(arrow_table(rows), path, mode="overwrite", max_rows_per_file=15)


def save_delta(path, rows):
    from deltalake import WriterProperties, write_deltalake

    write_deltalake(
        path, arrow_table(rows), writer_properties=WriterProperties(max_row_group_size=15)
    )


def text_of(path, content):
    """Write text, compressed as the suffix says."""
    import gzip

    import pyarrow as pa

    data = content.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pa.Codec("zstd").compress(data, asbytes=True)
    path.write_bytes(data)


def base64_of(row):
    import base64

    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def save_jsonl(path, rows):
    # Numbers of float64, as which they are read.
    made = ({"id": i, "rows": row.tolist()} for i, row in enumerate(rows.astype("f8")))
    text_of(path, "".join(f"{json.dumps(one)}\n" for one in made))


def save_jsonl_base64(path, rows):
    made = ({"text": f"row {i}", "rows": base64_of(row)} for i, row in enumerate(rows))
    text_of(path, "".join(f"{json.dumps(one)}\n" for one in made))


def save_csv(path, rows):
    lines = (f'"row\n{i}","{row.tolist()}"\n' for i, row in enumerate(rows.astype("f8")))
    text_of(path, "text,rows\n" + "".join(lines))


def save_tsv(path, rows):
    lines = (f"{i}\t{base64_of(row)}\n" for i, row in enumerate(rows))
    text_of(path, "id\trows\n" + "".join(lines))


# Name of the case: suffix, writer, and whether other types than float32 fit.
FORMATS = {
    "npy": (".npy", save_npy, True),
    "npz": (".npz", save_npz, True),
    "npz-compressed": (".npz", save_compressed_npz, True),
    "fbin": (".fbin", save_fbin, False),
    "fvecs": (".fvecs", save_fvecs, False),
    "safetensors": (".safetensors", save_safetensors, True),
    "pt": (".pt", save_tensor, True),
    "pt-dict": (".pt", save_tensors, True),
    "arrow-file": (".arrow", arrow_writer(), True),
    "arrow-stream": (".arrows", arrow_writer(stream=True), True),
    "arrow-list": (".arrow", arrow_writer("list"), True),
    "arrow-large-list": (".arrow", arrow_writer("large"), True),
    "arrow-binary": (".arrow", arrow_writer("binary"), False),
    "arrow-tensor": (".arrow", arrow_writer("tensor"), True),
    "arrow-lz4": (".arrow", arrow_writer(compression="lz4"), True),
    "arrow-stream-zstd": (".arrows", arrow_writer(stream=True, compression="zstd"), True),
    "parquet": (".parquet", parquet_writer(), True),
    "parquet-list": (".parquet", parquet_writer("list"), True),
    "parquet-large-list": (".parquet", parquet_writer("large"), True),
    "parquet-binary": (".parquet", parquet_writer("binary"), False),
    "parquet-zstd": (".parquet", parquet_writer(compression="zstd", use_dictionary=False), True),
    "hdf5": (".h5", hdf5_writer(), True),
    "hdf5-chunked": (".h5", hdf5_writer(chunks=(6, 2)), True),
    "hdf5-gzip": (".h5", hdf5_writer(chunks=(6, 5), compression="gzip", shuffle=True), True),
    "faiss": (".faiss", save_faiss, False),
    "lance": (".lance", save_lance, True),
    "zarr-2": (".zarr", zarr_writer(2), True),
    "zarr-3": (".zarr", zarr_writer(3), True),
    "zarr-3-shards": (".zarr", zarr_writer(3, chunks=(4, 5), shards=(12, 5)), True),
    "huggingface": ("", save_dataset, False),
}
# Of text: numbers come as float64, two suffixes may stand together, and no sign is at the end.
TEXTS = {
    "jsonl": (".jsonl", save_jsonl, False),
    "jsonl-gzip": (".ndjson.gz", save_jsonl, False),
    "jsonl-base64": (".jsonl.zst", save_jsonl_base64, False),
    "csv": (".csv", save_csv, False),
    "csv-zstd": (".csv.zst", save_csv, False),
    "tsv": (".tsv", save_tsv, False),
}
# Of which the files are those of a format above: their own tests are in test_lakehouse.py.
TABLES = {"delta": ("", save_delta, False)}


def write(folder, name, rows):
    """Write rows in a format; return the path."""
    suffix, save, _ = {**FORMATS, **TEXTS, **TABLES}[name]
    path = folder / f"rows{suffix}"
    save(path, rows)
    return path


def joined(source, start=0):
    """All rows of a source from one on, as one array."""
    return np.concatenate([np.empty((0, source.n_cols)), *source.blocks(start, hold=99)])
