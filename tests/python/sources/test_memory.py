"""Half a GiB of rows in each format takes the memory of a few blocks."""

import json

import numpy as np
import pytest

from command import RANKME
from helpers import MEASURE, output_of

MIB = 2**20
N_ROWS, N_COLS = 2**19, 256
PIECE = 2**16


def write_npy(path, piece):
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (N_ROWS, N_COLS)}
        np.lib.format.write_array_header_1_0(file, header)
        repeat(file, piece)


def write_safetensors(path, piece):
    entry = {"dtype": "F32", "shape": [N_ROWS, N_COLS], "data_offsets": [0, 4 * N_ROWS * N_COLS]}
    header = json.dumps({"rows": entry}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        repeat(file, piece)


def repeat(file, piece):
    for _ in range(N_ROWS // PIECE):
        piece.tofile(file)


def batch_of(piece):
    import pyarrow as pa

    return pa.record_batch({"rows": pa.FixedSizeListArray.from_arrays(piece.ravel(), N_COLS)})


def write_arrow(path, piece):
    import pyarrow as pa

    batch = batch_of(piece)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        for _ in range(N_ROWS // PIECE):
            writer.write_batch(batch)


def write_parquet(path, piece):
    import pyarrow as pa
    import pyarrow.parquet as pq

    # One row group of all rows, as PyArrow makes them by default.
    table = pa.Table.from_batches([batch_of(piece)] * (N_ROWS // PIECE))
    pq.write_table(table, path, use_dictionary=False)


def write_hdf5(path, piece):
    import h5py

    with h5py.File(path, "w") as file:
        data = file.create_dataset("rows", (N_ROWS, N_COLS), np.float32, chunks=(1024, N_COLS))
        for first in range(0, N_ROWS, PIECE):
            data[first : first + PIECE] = piece


WRITERS = {
    "rows.npy": write_npy,
    "rows.safetensors": write_safetensors,
    "rows.arrow": write_arrow,
    "rows.parquet": write_parquet,
    "rows.h5": write_hdf5,
}


@pytest.mark.parametrize("name", WRITERS)
def test_half_a_gibibyte_takes_less_than_400_mib(tmp_path, name):
    rng = np.random.default_rng(8)
    WRITERS[name](tmp_path / name, rng.standard_normal((PIECE, N_COLS), dtype=np.float32))
    assert (tmp_path / name).stat().st_size > 0.9 * 4 * N_ROWS * N_COLS
    record, peak = json.loads(output_of(MEASURE, RANKME, "score", "--json", tmp_path / name))
    assert (record["n_rows"], record["n_cols"]) == (N_ROWS, N_COLS)
    assert peak < (250 if name == "rows.npy" else 400) * MIB
