"""Two workers of each engine against one single-threaded process, and wide partial results.

    python bench/engines.py                              # all engines on 2,000,000 x 512 float32
    python bench/engines.py --rows 400000 ray dask
    python bench/engines.py --wide 8192 ray              # do partial results of that K get through?

Prints a table in Markdown. The rows are written to .npy shards once and lie in the page cache. What
is timed is one reduction on workers that are up and have imported rankme (a small one goes before);
the start of the engine is printed beside it. Efficiency is the time of one process over twice that
of two workers; the two take turns, and medians are compared. Each result is held against the Gram
matrix of one process.
"""
# ruff: noqa: E402, INP001, PLC0415, T201

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before any BLAS is loaded, and inherited by all workers.
for name in ("RANKME_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

import rankme

if TYPE_CHECKING:
    from collections.abc import Callable

SHARDS = 8
TOLERANCE = 1e-12
CHUNK = 50_000
ENGINES = ("ray", "dask", "torch", "spark")


def write_shards(folder: Path, n_rows: int, n_cols: int) -> list[str]:
    """Write rows with a decaying spectrum; the same few over and over, as time does not care."""
    rng = np.random.default_rng(0)
    chunk = rng.standard_normal((min(CHUNK, n_rows), n_cols), dtype=np.float32)
    chunk *= np.arange(1, n_cols + 1, dtype=np.float32) ** -0.7
    paths = []
    for shard in range(SHARDS):
        rows = len(range(shard, n_rows, SHARDS))
        paths.append(str(folder / f"shard-{shard}.npy"))
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, n_cols)}
        with Path(paths[-1]).open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.writelines(chunk[: rows - start].data for start in range(0, rows, len(chunk)))
    return paths


def one_process(paths: list[str]) -> rankme.Accumulator:
    """Take in all shards here, on one thread."""
    acc = None
    for path in paths:
        source = rankme.open_source(path)
        acc = acc or rankme.Accumulator(source.n_cols)
        for block in source.blocks():
            acc.update(block)
    return acc


class Ray:
    """Two Ray workers of one CPU each."""

    def start(self, store_bytes: int) -> None:
        """Start the cluster."""
        import ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=store_bytes,
        )

    def reduce(self, paths: list[str], rows_per_task: int) -> rankme.Accumulator:
        """Score by tasks."""
        from rankme.distributed import ray

        return ray.accumulate(paths, rows_per_task=rows_per_task)

    def stop(self) -> None:
        """Stop the cluster."""
        import ray

        ray.shutdown()


class Dask:
    """Two worker processes of one thread each."""

    def start(self, _store_bytes: int) -> None:
        """Start the cluster."""
        from distributed import Client, LocalCluster

        self.cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self.client = Client(self.cluster)

    def reduce(self, paths: list[str], rows_per_task: int) -> rankme.Accumulator:
        """Score by tasks."""
        from rankme.distributed import dask

        return dask.accumulate(paths, rows_per_task=rows_per_task)

    def stop(self) -> None:
        """Stop the cluster."""
        self.client.close()
        self.cluster.close()


class Torch:
    """Two ranks of a gloo group, which wait for orders on their standard input."""

    def start(self, _store_bytes: int) -> None:
        """Start the ranks."""
        self.folder = tempfile.TemporaryDirectory()
        environment = {"WORLD_SIZE": "2", "STORE": str(Path(self.folder.name, "store"))}
        self.ranks = [
            subprocess.Popen(
                [sys.executable, __file__, "--rank"],
                env={**os.environ, **environment, "RANK": str(rank)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]

    def reduce(self, paths: list[str], _rows_per_task: int) -> rankme.Accumulator:
        """Let each rank take half of each shard, and reduce."""
        saved = Path(self.folder.name, "total.rankme")
        for rank in self.ranks:
            rank.stdin.write(json.dumps([paths, str(saved)]) + "\n")
            rank.stdin.flush()
        for rank in self.ranks:
            if rank.stdout.readline() != "done\n":
                raise RuntimeError("a rank failed")
        return rankme.Accumulator.load(saved)

    def stop(self) -> None:
        """Let the ranks end."""
        for rank in self.ranks:
            rank.stdin.close()
            rank.wait()
        self.folder.cleanup()


def run_rank() -> None:
    """Be a rank of `Torch`."""
    import torch.distributed as dist

    from rankme.distributed.torch import all_reduce

    rank = int(os.environ["RANK"])
    dist.init_process_group(
        "gloo", init_method=f"file://{os.environ['STORE']}", rank=rank, world_size=2
    )
    for line in sys.stdin:
        paths, saved = json.loads(line)
        sources = [rankme.open_source(path) for path in paths]
        acc = rankme.Accumulator(sources[0].n_cols)
        for source in sources:
            half = source.n_rows // 2
            left = source.n_rows - half if rank else half
            for block in source.blocks(half if rank else 0):
                acc.update(block[:left])
                left -= len(block)
                if left <= 0:
                    break
        total = all_reduce(acc)
        if rank == 0:
            total.save(saved)
        print("done", flush=True)
    dist.destroy_process_group()


class Spark:
    """Two executors of one core each; the rows come from Parquet, which is written first."""

    def start(self, _store_bytes: int) -> None:
        """Start the cluster."""
        from pyspark.sql import SparkSession

        os.environ["PYSPARK_PYTHON"] = sys.executable
        self.session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.files.openCostInBytes", "128mb")  # a partition a file
            .getOrCreate()
        )

    def reduce(self, paths: list[str], _rows_per_task: int) -> rankme.Accumulator:
        """Score a column, a partition for each file or 128 MiB of it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from rankme.distributed import spark

        folder = Path(paths[0]).parent / "parquet"
        if not folder.exists():
            folder.mkdir()
            for path in paths:
                z = np.load(path)
                column = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])
                table = pa.table({"z": column.cast(pa.list_(pa.float32()))})
                pq.write_table(table, folder / (Path(path).stem + ".parquet"))
        frame = self.session.read.parquet(str(folder))
        return spark.accumulate(frame, "z")

    def stop(self) -> None:
        """Stop the cluster."""
        self.session.stop()


def timed(function: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Return the seconds that a call took, and its result."""
    begin = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - begin, result


def require_same(acc: rankme.Accumulator, expected: rankme.Accumulator) -> None:
    """Raise unless both hold as many rows and the same Gram matrix."""
    if acc.n_rows != expected.n_rows:
        raise RuntimeError(f"{acc.n_rows} rows came through of {expected.n_rows}")
    gram, wanted = acc.gram(), expected.gram()
    error = np.abs(gram - wanted).max() / np.abs(wanted).max()
    if not error <= TOLERANCE:
        raise RuntimeError(f"the Gram matrix is off by {error} of its largest entry")


def measure(name: str, paths: list[str], small: list[str], options: argparse.Namespace) -> str:
    """Return a row of the table."""
    engine = {"ray": Ray, "dask": Dask, "torch": Torch, "spark": Spark}[name]()
    begin = time.perf_counter()
    engine.start(options.store_mib * 2**20)
    try:
        require_same(engine.reduce(small, 256), one_process(small))
        start = time.perf_counter() - begin
        singles, pairs = [], []
        for _ in range(options.repeats):
            seconds, expected = timed(one_process, paths)
            singles.append(seconds)
            seconds, acc = timed(engine.reduce, paths, options.rows_per_task)
            pairs.append(seconds)
            require_same(acc, expected)
    finally:
        engine.stop()
    one, two = statistics.median(singles), statistics.median(pairs)
    return (
        f"| {name} | {start:.1f} | {one:.2f} | {two:.2f} | {one / two:.2f} | {one / two / 2:.2f} |"
    )


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("engines", nargs="*", default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--cols", type=int, default=512)
    parser.add_argument(
        "--wide", type=int, metavar="K", help="only see whether 8 partials of that K get through"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows-per-task", type=int, default=2**17)
    parser.add_argument("--store-mib", type=int, default=3_000, help="of Ray's object store")
    parser.add_argument("--folder", type=Path, help="where the shards go; default: a temporary one")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        run_rank()
        return
    if options.wide:
        # Few rows: what is asked is whether the partial results get through.
        options.cols = options.wide
        options.rows = 64 * SHARDS
        options.repeats = 1
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for part in ("all", "small"):
            Path(folder, part).mkdir()
        paths = write_shards(Path(folder, "all"), options.rows, options.cols)
        small = write_shards(Path(folder, "small"), 4_000, 16)
        print(f"{options.rows} x {options.cols} float32, {os.cpu_count()} cores\n")
        print("| engine | start, s | one process, s | two workers, s | speed-up | efficiency |")
        print("|---|---|---|---|---|---|")
        for name in options.engines:
            print(measure(name, paths, small, options), flush=True)


if __name__ == "__main__":
    main()
