"""Groups over every engine: those of one process, and errors that name the row."""

import os

import dask
import dask.array as da
import numpy as np
import pyarrow as pa
import pytest
import ray
import ray.data
from pyspark.sql import SparkSession

import rankme
from engines import SPARK, embeddings, needs_java
from rankme.distributed import dask as rankme_dask
from rankme.distributed import ray as rankme_ray
from rankme.distributed import spark as rankme_spark
from rankme.distributed import torch as rankme_torch
from ranks import on_ranks

pytestmark = pytest.mark.filterwarnings("ignore")  # of the engines and what they import

K = 30
N_GROUPS = 5  # the last one stays empty
Z = embeddings(3_000, K)
LABELS = np.random.default_rng(0).choice(N_GROUPS - 1, len(Z), p=[0.6, 0.3, 0.0995, 0.0005])


def one_process(**options):
    acc = rankme.GroupedAccumulator(K, N_GROUPS, **options)
    acc.update(Z, groups=LABELS)
    return acc


def assert_same(acc, expected=None):
    expected = expected or one_process()
    assert acc.group_rows.tolist() == expected.group_rows.tolist()
    # A group of two rows knows its smaller singular value to 1e-8 of the larger one.
    np.testing.assert_allclose(acc.scores(), expected.scores(), rtol=1e-10)
    assert acc.lidar() == pytest.approx(expected.lidar(), rel=1e-9)
    assert acc.spread() == pytest.approx(expected.spread(), rel=1e-10)


@pytest.fixture(scope="module")
def cluster():
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200 * 2**20,
        log_to_driver=False,
        configure_logging=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def spark():
    os.environ.update(SPARK)
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    yield session
    session.stop()


class TestDask:
    @pytest.mark.parametrize("chunks", [(700, -1), (700, 10)])
    @pytest.mark.parametrize("labels", [LABELS, da.from_array(LABELS, chunks=900)], ids=type)
    def test_array(self, chunks, labels):
        assert_same(rankme_dask.grouped(da.from_array(Z, chunks=chunks), labels, N_GROUPS))

    def test_many_tasks(self, monkeypatch):
        monkeypatch.setattr(rankme_dask, "_GROUP_BYTES", 1)
        assert_same(rankme_dask.grouped(da.from_array(Z, chunks=(100, -1)), LABELS, N_GROUPS))

    def test_lengths_that_are_not_known(self):
        array, labels = da.from_array(Z, chunks=(900, -1)), da.from_array(LABELS, chunks=900)
        positive = array[:, 0] > 0
        acc = rankme_dask.grouped(array[positive], labels[positive], N_GROUPS)
        expected = rankme.GroupedAccumulator(K, N_GROUPS)
        expected.update(Z[Z[:, 0] > 0], groups=LABELS[Z[:, 0] > 0])
        assert_same(acc, expected)

    def test_delayed_blocks(self):
        blocks = [dask.delayed(part) for part in np.split(Z, 4)]
        labels = [dask.delayed(part) for part in np.split(LABELS, 4)]
        settings = {"normalize": True, "seed": 7}
        acc = rankme_dask.grouped(blocks, labels, N_GROUPS, **settings)
        assert_same(acc, one_process(**settings))

    def test_what_does_not_fit(self):
        array = da.from_array(Z, chunks=(700, -1))
        with pytest.raises(ValueError, match="labels has 2999 entries for 3000 rows"):
            rankme_dask.grouped(array, LABELS[1:], N_GROUPS)
        with pytest.raises(ValueError, match="labels must be 1-D"):
            rankme_dask.grouped(array, LABELS[:, None], N_GROUPS)
        blocks = [dask.delayed(Z), dask.delayed(Z)]
        with pytest.raises(ValueError, match="labels has 1 blocks for 2 of data"):
            rankme_dask.grouped(blocks, [dask.delayed(LABELS)], N_GROUPS)
        wrong = LABELS.copy()
        wrong[800] = 9
        with pytest.raises(ValueError, match=r"blocks 0 to 4: groups .* row 800 has the label 9"):
            rankme_dask.grouped(array, wrong, N_GROUPS)
        with pytest.raises(ValueError, match="n_groups must be from 1"):
            rankme_dask.grouped(array, LABELS, 0)
        bad = Z.copy()
        bad[801, 3] = np.nan
        with pytest.raises(ValueError, match=r"blocks 0 to 4: row 801, column 3 .* is nan"):
            rankme_dask.grouped(da.from_array(bad, chunks=(700, -1)), LABELS, N_GROUPS)


def assert_deals(acc):
    """The groups of the jackknife hold all rows, whoever dealt them, and tell a like error."""
    estimate, alone = acc.estimate(), rankme.estimate(Z, groups=8)
    assert acc.groups == estimate.groups == 8
    assert estimate.group_rows.sum() == len(Z)
    assert estimate.score == pytest.approx(alone.score, rel=1e-12)
    assert 0.3 < estimate.std_error / alone.std_error < 3


def table(labels=LABELS):
    rows = pa.FixedSizeListArray.from_arrays(pa.array(Z.ravel()), K)
    return pa.table({"id": range(len(Z)), "z": rows, "label": labels})


@pytest.mark.usefixtures("cluster")
class TestRay:
    def test_dataset(self):
        dataset = ray.data.from_arrow(table()).repartition(6)
        assert_same(rankme_ray.grouped(dataset, "label", N_GROUPS, column="z", rows_per_task=400))
        assert_deals(rankme_ray.accumulate(dataset, column="z", rows_per_task=400, groups=8))

    def test_what_does_not_fit(self):
        dataset = ray.data.from_arrow(table())
        with pytest.raises(ValueError, match="there is no column 'class', only 'id', 'z', 'label'"):
            rankme_ray.grouped(dataset, "class", N_GROUPS, column="z")
        with pytest.raises(
            Exception, match=r"batch of the dataset: groups .* has the label 3; make"
        ):
            rankme_ray.grouped(dataset, "label", 3, column="z")
        with pytest.raises(TypeError, match=r"must be a ray\.data\.Dataset, not str"):
            rankme_ray.grouped("a.npy", "label", 3)


@needs_java
class TestSpark:
    def frame(self, spark):
        columns = [Z.tolist(), LABELS.tolist()]
        rows = list(zip(*columns, strict=True))
        kinds = "`em.bedding` array<double>, label int"
        return spark.createDataFrame(rows, kinds).repartition(5)

    def test_frame(self, spark):
        acc = rankme_spark.grouped(self.frame(spark), "em.bedding", "label", N_GROUPS)
        assert_same(acc)
        assert_deals(rankme_spark.accumulate(self.frame(spark), "em.bedding", groups=8))
        with pytest.raises(Exception, match=r"partition .: groups .* has the label"):
            rankme_spark.grouped(self.frame(spark), "em.bedding", "label", 2)
        with pytest.raises(
            TypeError, match=r"'em\.bedding' holds array<double>; wanted is tinyint"
        ):
            rankme_spark.grouped(self.frame(spark), "em.bedding", "em.bedding", 2)
        with pytest.raises(ValueError, match="there is no column 'class'"):
            rankme_spark.grouped(self.frame(spark), "em.bedding", "class", 2)


def reduce_groups(rank, world_size):
    acc = rankme.GroupedAccumulator(K, N_GROUPS, skip_nonfinite=True)
    # Rank 0 has no rows.
    own = slice(rank - 1, None, world_size - 1)
    if rank > 0:
        acc.update(Z[own], groups=LABELS[own], shard=f"of rank {rank}")
        acc.update(np.full((rank, K), np.nan), groups=[0] * rank)
    before = acc.__getstate__()
    total = rankme_torch.all_reduce_groups(acc)
    assert acc.__getstate__() == before
    return total


def reduce_wrong(rank, case):
    if case == "shard":
        acc = rankme.GroupedAccumulator(K, N_GROUPS)
        acc.update(Z[:9], groups=LABELS[:9], shard="same")
    elif case == "type" and rank == 1:
        acc = rankme.Accumulator(K)
    else:
        size = N_GROUPS + rank if case == "n_groups" else N_GROUPS
        acc = rankme.GroupedAccumulator(K, size, seed=rank if case == "seed" else 0)
    try:
        rankme_torch.all_reduce_groups(acc)
    except (TypeError, ValueError, RuntimeError) as error:
        return str(error)
    return "nothing was wrong"


class TestTorch:
    def test_every_rank_has_all(self):
        totals = on_ranks(3, reduce_groups, 3)
        assert_same(totals[0])
        assert totals[0].shards == {"of rank 1": 1500, "of rank 2": 1500}
        assert totals[0].n_skipped == 3
        assert len({total.__getstate__() for total in totals}) == 1

    @pytest.mark.parametrize(
        ("case", "text"),
        [
            ("shard", "shard 'same'"),
            ("n_groups", "n_groups of the accumulators differs among the ranks: 5 and 6"),
            ("seed", "seed of the accumulators differs"),
            ("type", "rankme.Accumulator; all_reduce takes"),
        ],
    )
    def test_what_does_not_fit_is_an_error_on_every_rank(self, case, text):
        first, second = on_ranks(2, reduce_wrong, case)
        assert text in second
        assert first == second or "rank 1 has nothing that can be reduced" in first
