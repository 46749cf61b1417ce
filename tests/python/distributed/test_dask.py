"""Dask: the score of one process, also when workers die; arrays, delayed blocks, files, errors."""

import os

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

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
from rankme.distributed import dask as rankme_dask

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask and what it imports

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


@pytest.fixture(scope="module")
def client():
    # A LocalCluster drops a worker that is down 15 s after it was killed, even if it was up in
    # between; here workers are killed every few seconds.
    patience = dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with patience, LocalCluster(processes=True, **options) as cluster, Client(cluster) as client:
        yield client


@pytest.mark.usefixtures("client")
def test_files(shards, expected):
    acc = rankme_dask.accumulate(shards, rows_per_task=5_000)
    assert_same(acc, expected)
    assert acc.shards == {str(path): ROWS // 3 for path in shards}
    assert rankme_dask.score(shards, center=True) == pytest.approx(
        expected.score(center=True), rel=1e-12
    )
    assert_fast(rankme_dask.accumulate(shards, precision="fast"), expected)


@pytest.mark.parametrize("chunks", [(7_000, -1), (7_000, 100), (500, -1)])
@pytest.mark.usefixtures("client")
def test_array(z, expected, chunks):
    assert_same(rankme_dask.accumulate(da.from_array(z, chunks=chunks)), expected)


@pytest.mark.usefixtures("client")
def test_lengths_that_are_not_known(z):
    array = da.from_array(z, chunks=(9_000, -1))
    positive = array[array[:, 0] > 0]
    assert np.isnan(positive.shape[0])
    assert_same(rankme_dask.accumulate(positive), one_process(z[z[:, 0] > 0]))


@pytest.mark.usefixtures("client")
def test_delayed_blocks(expected):
    read = dask.delayed(lambda start: embeddings(ROWS)[start : start + ROWS // 4])
    blocks = [read(start) for start in range(0, ROWS, ROWS // 4)]
    assert_same(rankme_dask.accumulate(blocks), expected)


def test_without_a_cluster(z, expected):
    with dask.config.set(scheduler="threads"):
        assert_same(rankme_dask.accumulate(da.from_array(z, chunks=(7_000, -1))), expected)


@pytest.mark.parametrize("settings", [{"normalize": True, "seed": 7}, {"method": "qr"}])
@pytest.mark.usefixtures("client")
def test_settings_reach_the_tasks(tmp_path, settings):
    z = embeddings(3_000, 60)
    shards = write_shards(tmp_path, z, 3)
    acc = rankme_dask.accumulate(shards, rows_per_task=400, **settings)
    assert_same(acc, one_process(z, **settings))


@pytest.mark.parametrize("repetition", range(REPETITIONS))
def test_a_killed_worker_changes_nothing(client, shards, expected, repetition):
    client.wait_for_workers(2, timeout=60)
    addresses = {pid: address for address, pid in client.run(os.getpid).items()}
    workers = client.cluster.scheduler.workers

    def runs_task(process):
        worker = workers.get(addresses.get(process.pid))
        return worker is not None and len(worker.processing) > 0

    with WorkerKiller(runs_task, seed=repetition) as killer:
        acc = rankme_dask.accumulate(shards, rows_per_task=8_000)
    assert killer.killed is not None
    assert_same(acc, expected)


@pytest.mark.usefixtures("client")
def test_a_changed_file_is_an_error(tmp_path):
    z = embeddings(100, 5)
    path = write_shards(tmp_path, z, 1)[0]
    source = rankme.open_source(path)
    np.save(path, z[:90])
    with pytest.raises(Exception, match=r"shard-0.npy: .*(chang|replac)"):
        rankme_dask.accumulate(source)


@pytest.mark.usefixtures("client")
def test_bad_arguments(shards):
    with pytest.raises(TypeError, match=r"data must be a .*, not float"):
        rankme_dask.score(1.0)
    with pytest.raises(ValueError, match=r"shard-0.npy is given twice"):
        rankme_dask.score([shards[0], *shards])
    with pytest.raises(ValueError, match="rows_per_task must be 1 or more, not 0"):
        rankme_dask.score(shards, rows_per_task=0)
    with pytest.raises(ValueError, match="method must be 'gram' or 'qr', not 'svd'"):
        rankme_dask.score(shards, method="svd")
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        rankme_dask.score(shards, eps=2)
    with pytest.raises(FileNotFoundError):
        rankme_dask.score("nothing.npy")


def test_a_bad_entry_is_named_with_its_block():
    z = embeddings(100, 5)
    z[73, 2] = np.nan
    with pytest.raises(ValueError, match=r"blocks 0 to 3: row 73, column 2 .* is nan"):
        rankme_dask.accumulate(da.from_array(z, chunks=(30, -1)))
    delayed = [dask.delayed(z[:50]), dask.delayed(z[50:])]
    with pytest.raises(ValueError, match=r"block 1: row 23, column 2 .* is nan"):
        rankme_dask.accumulate(delayed)


def test_an_array_in_chunks_of_columns_is_not_one_block():
    array = da.from_array(np.ones((40_000, 512)), chunks=(-1, 64))
    with dask.config.set({"array.chunk-size": "8MiB"}):
        groups = rankme_dask._block_groups(array)
    assert len(groups) > 1
    assert_same(
        rankme_dask.accumulate(array[:, :100]), one_process(np.ones((40_000, 512))[:, :100])
    )


@pytest.mark.usefixtures("client")
def test_a_bad_entry_is_named_with_its_file(tmp_path):
    z = embeddings(100, 5)
    z[73, 2] = np.nan
    path = write_shards(tmp_path, z, 1)[0]
    with pytest.raises(Exception, match=r"shard-0.npy: row 73, column 2 .* is nan"):
        rankme_dask.accumulate(path, rows_per_task=30)
