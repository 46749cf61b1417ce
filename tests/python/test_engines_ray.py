"""Ray: the score of one process, also when workers die; datasets, files and their errors."""

import numpy as np
import pytest
import ray
import ray.data

from engines import (
    REPETITIONS,
    WorkerKiller,
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
    return title.startswith(("ray::_partial", "ray::Map"))


def test_files(shards, expected):
    acc = rankme_ray.accumulate(shards, rows_per_task=5_000)
    assert_same(acc, expected)
    assert rankme_ray.score(shards, center=True) == pytest.approx(
        expected.score(center=True), rel=1e-12
    )
    assert rankme_ray.accumulate(str(shards[0])).n_rows == ROWS // 3


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
