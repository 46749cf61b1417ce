"""Spark: the score of one process, also when executors or Python workers die; and its errors."""

import os

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from engines import (
    REPETITIONS,
    SPARK,
    WorkerKiller,
    assert_fast,
    assert_same,
    embeddings,
    needs_java,
    one_process,
)
from rankme.distributed import spark as rankme_spark

pytestmark = [
    needs_java,
    pytest.mark.filterwarnings("ignore"),  # of Spark and what it imports
]

ROWS = 36_000
COLS = 256


def list_column(z, kind=None):
    numbers = pa.array(z.ravel())
    return pa.FixedSizeListArray.from_arrays(numbers, z.shape[1]).cast(
        kind or pa.list_(pa.float32())
    )


@pytest.fixture(scope="module")
def spark():
    os.environ.update(SPARK)
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        # Executors are killed again and again; by default the tenth ends the application.
        .config("spark.deploy.maxExecutorRetries", "-1")
        # What a dead executor had is asked for three times, five seconds apart, by default.
        .config("spark.shuffle.io.maxRetries", "1")
        .config("spark.shuffle.io.retryWait", "100ms")
        .config("spark.sql.files.maxPartitionBytes", "8mb")
        .config("spark.sql.files.openCostInBytes", "8mb")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def z():
    return embeddings(ROWS, COLS)


@pytest.fixture(scope="module")
def expected(z):
    return one_process(z)


@pytest.fixture(scope="module")
def frame(spark, z, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    for i, shard in enumerate(np.array_split(z, 9)):
        pq.write_table(
            pa.table({"id": range(len(shard)), "z": list_column(shard)}), folder / f"{i}.parquet"
        )
    frame = spark.read.parquet(str(folder))
    assert frame.rdd.getNumPartitions() == 9
    return frame


def test_dataframe(frame, expected):
    assert_same(rankme_spark.accumulate(frame, "z"), expected)
    assert rankme_spark.score(frame, "z", center=True) == pytest.approx(
        expected.score(center=True), rel=1e-12
    )
    assert_fast(rankme_spark.accumulate(frame, "z", precision="fast"), expected)


def runs_task(process):
    """Tell a Python worker, a child of Spark's daemon, that computes; an idle one sleeps."""
    both = " ".join(process.cmdline()), " ".join(process.parent().cmdline())
    computes = process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_STOPPED)
    return computes and all("pyspark.daemon" in line for line in both)


def has_task(process):
    """Tell an executor, a JVM, whose Python worker computes."""
    return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()) and any(
        runs_task(child) for child in process.children(recursive=True)
    )


@pytest.mark.parametrize("repetition", range(REPETITIONS))
def test_a_killed_worker_changes_nothing(frame, expected, repetition):
    with WorkerKiller(has_task if repetition % 2 else runs_task, seed=repetition) as killer:
        acc = rankme_spark.accumulate(frame, "z")
    assert killer.killed is not None
    assert_same(acc, expected)


def test_settings_and_empty_partitions(spark):
    z = embeddings(600, 20).astype(np.float64)
    frame = spark.createDataFrame(
        pa.table({"z": list_column(z, pa.list_(pa.float64()))})
    ).repartition(2)
    settings = {"normalize": True, "seed": 3}
    for data in (frame, frame.union(frame.where("z[0] > 1e9"))):
        assert_same(rankme_spark.accumulate(data, "z", **settings), one_process(z, **settings))
    with pytest.raises(ValueError, match="there are no rows to score"):
        rankme_spark.accumulate(frame.where("z[0] > 1e9"), "z")


def test_a_column_may_have_a_dot(spark):
    frame = spark.createDataFrame([([1.0, 0.0],), ([0.0, 1.0],)], "z array<double>").toDF("z.a")
    assert rankme_spark.score(frame, "z.a", eps=0) == pytest.approx(2)


def test_bad_rows_are_named(spark):
    frame = spark.createDataFrame([([1.0, 2.0],), (None,), ([1.0],)], "z array<float>").coalesce(1)
    with pytest.raises(Exception, match="partition 0: row 1 is null in column 'z'"):
        rankme_spark.accumulate(frame, "z")
    with pytest.raises(Exception, match="row 1 has length 1 in column 'z'; wanted 2"):
        rankme_spark.accumulate(frame.where("z is not null"), "z")
    frame = spark.createDataFrame(
        [([1.0],), ([2.0],), ([float("nan")],)], "z array<float>"
    ).coalesce(1)
    with pytest.raises(Exception, match=r"partition 0: row 2, column 0 .* is nan"):
        rankme_spark.accumulate(frame, "z")


def test_bad_arguments(spark):
    frame = spark.createDataFrame([([1, 2],)], "z array<int>")
    with pytest.raises(ValueError, match="there is no column 'y', only 'z'"):
        rankme_spark.score(frame, "y")
    with pytest.raises(TypeError, match="column 'z' holds array<int>; wanted is "):
        rankme_spark.score(frame, "z")
    with pytest.raises(TypeError, match="data must be a pyspark"):
        rankme_spark.score([1.0], "z")
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        rankme_spark.score(frame, "z", eps=2)
