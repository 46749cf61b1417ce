"""Ray: the score of one process, also when workers die; datasets, files and their errors."""

import numpy as np
import pyarrow as pa
import pytest
import ray
import ray.data

import rankme
from engines import (
    REPETITIONS,
    WorkerKiller,
    assert_fast,
    assert_same,
    embeddings,
    one_process,
    write_shards,
)
from rankme.distributed import ray as rankme_ray

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray and what it imports

ROWS = 60_000


@pytest.fixture(scope="module")
def z():
    return embeddings(ROWS)


@pytest.fixture(scope="module")
def expected(z):
    return one_process(z)


@pytest.fixture(scope="module")
def shards(z, tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), z, 3)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=400 * 2**20,
        log_to_driver=False,
        configure_logging=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def runs_task(process):
    title = " ".join(process.cmdline())
    return title.startswith(("ray::partial", "ray::Map"))


def test_files(shards, expected):
    acc = rankme_ray.accumulate(shards, rows_per_task=5_000)
    assert_same(acc, expected)
    assert acc.shards == {str(path): ROWS // 3 for path in shards}
    assert rankme_ray.score(shards, center=True) == pytest.approx(
        expected.score(center=True), rel=1e-12
    )
    assert rankme_ray.accumulate(str(shards[0])).n_rows == ROWS // 3
    assert_fast(rankme_ray.accumulate(shards, precision="fast"), expected)


def test_dataset(z, expected):
    dataset = ray.data.from_numpy(np.array_split(z, 12))
    assert_same(rankme_ray.accumulate(dataset, rows_per_task=10_000), expected)


@pytest.mark.parametrize("settings", [{"normalize": True, "seed": 7}, {"method": "qr"}])
def test_settings_reach_the_tasks(tmp_path, settings):
    z = embeddings(3_000, 60)
    shards = write_shards(tmp_path, z, 3)
    acc = rankme_ray.accumulate(shards, rows_per_task=400, **settings)
    assert_same(acc, one_process(z, **settings))


@pytest.mark.parametrize("repetition", range(REPETITIONS))
def test_a_killed_worker_changes_nothing(shards, expected, repetition):
    with WorkerKiller(runs_task, seed=repetition) as killer:
        acc = rankme_ray.accumulate(shards, rows_per_task=8_000)
    assert killer.killed is not None
    assert_same(acc, expected)


def test_a_changed_file_is_an_error(tmp_path):
    z = embeddings(100, 5)
    path = write_shards(tmp_path, z, 1)[0]
    source = rankme.open_source(path)
    np.save(path, z[:90])
    with pytest.raises(Exception, match=r"shard-0.npy: .*(chang|replac)"):
        rankme_ray.accumulate(source)


def test_bad_arguments(shards):
    with pytest.raises(TypeError, match=r"data must be a .*, not float"):
        rankme_ray.score(1.0)
    with pytest.raises(ValueError, match=r"shard-0.npy is given twice"):
        rankme_ray.score([shards[0], *shards])
    with pytest.raises(ValueError, match="rows_per_task must be 1 or more, not 0"):
        rankme_ray.score(shards, rows_per_task=0)
    with pytest.raises(ValueError, match="method must be 'gram' or 'qr', not 'svd'"):
        rankme_ray.score(shards, method="svd")
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        rankme_ray.score(shards, eps=2)
    with pytest.raises(FileNotFoundError):
        rankme_ray.score("nothing.npy")


@pytest.mark.parametrize("rows_per_task", [1, 5, 131_072])
def test_blocks_that_became_empty_change_nothing(rows_per_task):
    rows = embeddings(60, 4)
    dataset = ray.data.from_arrow(
        [
            pa.table({"n": list(range(i, i + 10)), "z": list(rows[i : i + 10])})
            for i in range(0, 60, 10)
        ]
    )
    kept = dataset.filter(lambda row: 10 <= row["n"] < 20 or 35 <= row["n"] < 40)
    acc = rankme_ray.accumulate(kept, column="z", rows_per_task=rows_per_task)
    assert_same(acc, one_process(np.concatenate([rows[10:20], rows[35:40]])))
    with pytest.raises(ValueError, match="there are no rows"):
        rankme_ray.accumulate(dataset.filter(lambda _: False), column="z")


def test_a_dataset_that_may_lose_blocks_is_refused():
    dataset = ray.data.from_numpy(embeddings(60, 4))
    dataset.context.max_errored_blocks = -1
    with pytest.raises(ValueError, match="max_errored_blocks=-1, which loses rows quietly"):
        rankme_ray.accumulate(dataset)


def test_blocks_of_pandas():
    import pandas as pd

    rows = embeddings(60, 4)
    dataset = ray.data.from_pandas(pd.DataFrame({"n": range(60), "z": list(rows)}))
    assert_same(rankme_ray.accumulate(dataset, column="z"), one_process(rows))


def test_columns_of_a_dataset():
    table = pa.table({"id": range(6), "a": [[1.0, 0.0]] * 6, "b": [[0.0, 2.0]] * 6})
    dataset = ray.data.from_arrow(table)
    assert rankme_ray.accumulate(dataset, column="b").gram()[1, 1] == 24
    with pytest.raises(ValueError, match="the dataset: holds 2 that may be meant"):
        rankme_ray.score(dataset)
    with pytest.raises(ValueError, match="the dataset: has no column 'c'"):
        rankme_ray.score(dataset, column="c")
    matrices = ray.data.from_numpy(np.zeros((6, 2, 2), np.float32))
    with pytest.raises(ValueError, match="the dataset: holds no column"):
        rankme_ray.score(matrices)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([[1.0, 2.0], None], "row 1 is null in column 'z'"),
        ([[1.0, 2.0], [1.0]], "row 1 has length 1 in column 'z'; wanted 2"),
        ([[1.0, None]], "row 0, entry 1 is null in column 'z'"),
        ([[1.0, float("inf")]], r"a batch of the dataset: row 0, column 1 .* is inf"),
    ],
)
def test_bad_rows_are_named(rows, text):
    dataset = ray.data.from_arrow(pa.table({"z": pa.array(rows, pa.list_(pa.float32()))}))
    with pytest.raises(Exception, match=text):
        rankme_ray.score(dataset)


def test_a_bad_entry_is_named_with_its_file(tmp_path):
    z = embeddings(100, 5)
    z[73, 2] = np.nan
    path = write_shards(tmp_path, z, 1)[0]
    with pytest.raises(Exception, match=r"shard-0.npy: row 73, column 2 .* is nan"):
        rankme_ray.accumulate(path, rows_per_task=30)
