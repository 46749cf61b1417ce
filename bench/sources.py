"""How fast and in how much memory a file is scored, beside its reader and the kernel alone.

    python bench/sources.py --rows 4000000 --cols 256

For each format a file of float32 rows is written to a temporary folder. One process then measures,
in turns: the reader alone (every block read, none used), the kernel alone (blocks of the same size
that lie in memory), and both together, which is `rankme.score(path)`. Rates are medians, shares and
ratios the medians of those of each round. The share "of the cores" is that of the rate at which no
core would ever wait: reader and kernel need so much processor time, and there are so many cores.
Another process runs the command and reports its largest resident
memory. Where Parquet is among the formats, `pyarrow.parquet`'s `read_table` followed by NumPy's
float64 Gram matrix and its eigenvalues takes turns with `rankme.score` as well. Prints Markdown.
"""
# ruff: noqa: INP001, T201, PLC0415

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

STEP = 50_000  # rows that are made and written at a time
MIB = 2**20


def parts(n_rows: int, n_cols: int) -> Iterator[NDArray[np.float32]]:
    """Yield rows of a decaying spectrum, the same for every format."""
    rng = np.random.default_rng(0)
    scale = ((1 + np.arange(n_cols)) ** -0.7).astype(np.float32)
    for first in range(0, n_rows, STEP):
        yield rng.standard_normal((min(STEP, n_rows - first), n_cols), dtype=np.float32) * scale


def write_npy(path: Path, n_rows: int, n_cols: int) -> None:
    """Write a .npy file."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n_cols)}
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts(n_rows, n_cols):
            part.tofile(file)


def write_safetensors(path: Path, n_rows: int, n_cols: int) -> None:
    """Write a safetensors file, without holding it: its library wants all of a tensor."""
    entry = {"dtype": "F32", "shape": [n_rows, n_cols], "data_offsets": [0, 4 * n_rows * n_cols]}
    header = json.dumps({"rows": entry}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for part in parts(n_rows, n_cols):
            part.tofile(file)


def tables(n_rows: int, n_cols: int, *, binary: bool = False) -> Iterator[Any]:
    """Yield the rows as Arrow tables of one column: fixed-size lists, or fixed-size binary."""
    import pyarrow as pa

    for part in parts(n_rows, n_cols):
        if binary:
            kind = pa.binary(4 * n_cols)
            column = pa.Array.from_buffers(kind, len(part), [None, pa.py_buffer(part)])
        else:
            column = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), n_cols)
        told = {"dtype": "float32"} if binary else None
        field = pa.field("rows", column.type, metadata=told)
        yield pa.table([column], schema=pa.schema([field]))


def write_arrow(path: Path, n_rows: int, n_cols: int) -> None:
    """Write an Arrow IPC file of uncompressed record batches."""
    import pyarrow as pa

    pieces = tables(n_rows, n_cols)
    first = next(pieces)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, first.schema) as writer:
        writer.write_table(first)
        for table in pieces:
            writer.write_table(table)


def write_parquet(path: Path, n_rows: int, n_cols: int, *, binary: bool = False) -> None:
    """Write a Parquet file as PyArrow does by default, with row groups of 50,000 rows."""
    import pyarrow.parquet as pq

    pieces = tables(n_rows, n_cols, binary=binary)
    first = next(pieces)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in pieces:
            writer.write_table(table)


def write_binary_parquet(path: Path, n_rows: int, n_cols: int) -> None:
    """Write a Parquet file whose rows are fixed-size binary."""
    write_parquet(path, n_rows, n_cols, binary=True)


def write_hdf5(path: Path, n_rows: int, n_cols: int, **options: Any) -> None:
    """Write an HDF5 file with one dataset, contiguous unless options say otherwise."""
    import h5py

    with h5py.File(path, "w") as file:
        data = file.create_dataset("rows", (n_rows, n_cols), np.float32, **options)
        for number, part in enumerate(parts(n_rows, n_cols)):
            data[number * STEP : number * STEP + len(part)] = part


def write_chunked_hdf5(path: Path, n_rows: int, n_cols: int) -> None:
    """Write an HDF5 file with one dataset in chunks of a MiB."""
    write_hdf5(path, n_rows, n_cols, chunks=(max(1, MIB // (4 * n_cols)), n_cols))


WRITERS: dict[str, Callable[[Path, int, int], None]] = {
    "npy": write_npy,
    "safetensors": write_safetensors,
    "arrow": write_arrow,
    "parquet": write_parquet,
    "parquet-binary": write_binary_parquet,
    "hdf5": write_hdf5,
    "hdf5-chunked": write_chunked_hdf5,
}


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that some work takes, and those of all processors together."""
    began, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - processor


def read_only(path: str) -> None:
    """Read all rows and drop them."""
    from rankme.sources import open_source, row_blocks

    with closing(row_blocks((shard, 0) for shard in open_source(path).shards)) as blocks:
        for _ in blocks:
            pass


def kernel_only(path: str) -> None:
    """Take in as many rows as the file has, from four blocks that lie in memory."""
    import rankme
    from rankme.sources import open_source

    source = open_source(path)
    rows = next(iter(source.blocks()))
    blocks = [rows.copy() for _ in range(4)]
    accumulator = rankme.Accumulator(source.n_cols)
    left, turn = source.n_rows, 0
    while left > 0:
        block = blocks[turn % 4][:left]
        accumulator.update(block)
        left -= len(block)
        turn += 1
    accumulator.score()


def peer(path: str) -> None:
    """Read a Parquet table whole, and score its float64 Gram matrix with NumPy."""
    import pyarrow.parquet as pq

    column = pq.read_table(path, columns=["rows"])["rows"].combine_chunks()
    rows = column.values.to_numpy().reshape(len(column), -1)
    gram = np.zeros((rows.shape[1], rows.shape[1]))
    for first in range(0, len(rows), STEP):  # all at once it would take three times the memory
        part = rows[first : first + STEP].astype(np.float64)
        gram += part.T @ part
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0))
    p = values / values.sum() + 1e-7
    np.exp(-(p * np.log(p)).sum())


def seconds_of(path: str, repeats: int, with_peer: bool) -> dict[str, list[float]]:
    """Measure everything; return the seconds of all rounds."""
    import rankme

    reader, kernel, both = (
        lambda: read_only(path),
        lambda: kernel_only(path),
        lambda: rankme.score(path),
    )
    result = in_turns({"reader": reader, "kernel": kernel, "both": both}, repeats)
    if with_peer:  # by itself: it takes so much memory that the others would read from the disk
        beside = in_turns({"peer": lambda: peer(path), "both": both}, min(repeats, 3))
        result |= {"peer": beside["peer"], "beside_peer": beside["both"]}
    return result


def in_turns(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Measure pieces of work in turns; return the seconds of each, and of the processors for it."""
    for run in work.values():  # the page cache and the imports
        run()
    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, run in work.items():
            wall, processor = timed(run)
            seconds.setdefault(name, []).append(wall)
            seconds.setdefault(f"{name}_processor", []).append(processor)
    return seconds


# A small interpreter starts the command, because Linux counts the memory of the process that starts
# another one as that one's own peak.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak_of(path: Path) -> int:
    """Return the largest resident memory of the command, in bytes."""
    command = [str(Path(sys.executable).with_name("rankme")), "score", "--json", str(path)]
    result = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, check=True)
    return int(result.stdout)


def in_process(*args: object) -> str:
    """Run this file with other arguments in a process of its own."""
    command = [sys.executable, __file__, *map(str, args)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--cols", type=int, default=256)
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=list(WRITERS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the files go; each is removed after its turn")
    parser.add_argument("--no-peer", action="store_true", help="leave read_table out")
    parser.add_argument("--write", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--measure", metavar="PATH", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        WRITERS[args.formats[0]](Path(args.write), args.rows, args.cols)
        return
    if args.measure:
        with_peer = args.formats[0] == "parquet" and not args.no_peer
        print(json.dumps(seconds_of(args.measure, args.repeats, with_peer)))
        return
    size = 4 * args.rows * args.cols
    print(f"{args.rows:,} x {args.cols} float32, {size / 1e9:.2f} GB, medians of {args.repeats}\n")
    rates = "reader GB/s | kernel GB/s | both GB/s"
    print(f"| format | {rates} | of the slower | of the cores | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for name in args.formats:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            path = Path(folder) / f"rows.{name.partition('-')[0]}"
            shared = ["--rows", args.rows, "--cols", args.cols, "--formats", name]
            in_process("--write", path, *shared)
            more = ["--repeats", args.repeats, *(["--no-peer"] if args.no_peer else [])]
            seconds = json.loads(in_process("--measure", path, *shared, *more))
            peak = peak_of(path)
        print_row(name, size, seconds, peak)


def print_row(name: str, size: int, seconds: dict[str, list[float]], peak: int) -> None:
    """Print what was measured of one format, a line of the table or two."""
    reader, kernel, both = (np.array(seconds[what]) for what in ("reader", "kernel", "both"))
    needed = np.add(seconds["reader_processor"], seconds["kernel_processor"])
    of_slower = np.median(np.maximum(reader, kernel) / both)
    of_cores = np.median(needed / len(os.sched_getaffinity(0)) / both)
    rates = " | ".join(f"{size / 1e9 / np.median(what):.2f}" for what in (reader, kernel, both))
    print(
        f"| {name} | {rates} | {of_slower:.0%} | {of_cores:.0%} | {peak / MIB:.0f} |",
        flush=True,
    )
    if "peer" in seconds:
        ratio = np.median(np.divide(seconds["peer"], seconds["beside_peer"]))
        rate = size / 1e9 / np.median(seconds["peer"])
        print(f"| ... read_table + NumPy | | | {rate:.2f} | rankme {ratio:.2f}x | | |", flush=True)


if __name__ == "__main__":
    main()
