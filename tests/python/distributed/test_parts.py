"""The ranges of files that tasks read: each is in the result once, or there is no result."""

import os
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from engines import assert_same, embeddings, one_process, write_shards
from rankme.distributed import _ranges
from rankme.distributed._partials import JobSettings, merged
from rankme.distributed._ranges import partial_of_range, ranges_of, whole
from rankme.sources import BadDataError, row_blocks
from rankme.sources._bytes import raw

SETTINGS = JobSettings(normalize=False, method="gram", seed=0)


@pytest.fixture
def z():
    return embeddings(700, 9)


@pytest.fixture
def ranges(z, tmp_path):
    return ranges_of(write_shards(tmp_path, z, 2), None, 100)


def test_the_shards_of_the_result_are_the_files(z, ranges, tmp_path):
    acc = whole(merged([partial_of_range(*one, SETTINGS) for one in ranges]), ranges)
    assert_same(acc, one_process(z))
    assert acc.shards == {str(tmp_path / f"shard-{i}.npy"): 350 for i in range(2)}


def test_a_result_cannot_be_merged_with_one_of_the_same_file(ranges, tmp_path):
    acc = whole(merged([partial_of_range(*one, SETTINGS) for one in ranges]), ranges)
    path = tmp_path / "shard-1.npy"
    alone = rankme.Accumulator(9)
    alone.update(np.load(path), shard=rankme.open_source(path).identity.shard)
    with pytest.raises(ValueError, match=r"both hold rows of shard '.*shard-1.npy' \(350 and 350"):
        acc.merge(alone)


def test_a_file_under_two_names_is_refused(z, tmp_path):
    (path,) = write_shards(tmp_path, z, 1)
    (tmp_path / "other.npy").symlink_to(path)
    with pytest.raises(ValueError, match=r"other\.npy is given twice, and would be counted twice"):
        ranges_of([path, tmp_path / "other.npy"], None, 100)


def test_a_file_that_changes_while_a_task_reads_it_is_an_error(ranges, tmp_path, monkeypatch):
    path = tmp_path / "shard-0.npy"
    first = ranges[0]
    assert first.stop < first.source.n_rows  # the task does not come to the end of the file

    monkeypatch.setattr(raw, "BLOCK_BYTES", 200)  # many more blocks than are read ahead

    def disturbed(shards, stop):
        with closing(row_blocks(shards, stop=stop)) as blocks:
            for block in blocks:
                os.utime(path, ns=(7, 7))
                yield block

    monkeypatch.setattr(_ranges, "row_blocks", disturbed)
    with pytest.raises(BadDataError, match=r"shard-0\.npy: changed since it was opened"):
        partial_of_range(*first, SETTINGS)


@pytest.mark.parametrize(
    ("most", "stops"),
    [(1, [30, 60, 90, 100]), (60, [60, 100]), (89, [60, 100]), (90, [90, 100]), (100, [100])],
)
def test_a_row_group_is_in_one_range(tmp_path, most, stops):
    rows = embeddings(100, 4)
    table = pa.table({"rows": pa.array(list(rows), pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=30)
    ranges = ranges_of(tmp_path / "rows.parquet", None, most)
    assert [one.stop for one in ranges] == stops
    assert [one.start for one in ranges] == [0, *stops[:-1]]
    acc = whole(merged([partial_of_range(*one, SETTINGS) for one in ranges]), ranges)
    assert_same(acc, one_process(rows))


def test_a_compressed_array_is_one_range(tmp_path):
    np.savez_compressed(tmp_path / "rows.npz", rows=embeddings(100, 4))
    (one,) = ranges_of(tmp_path / "rows.npz", None, 10)
    assert one[1:] == (0, 100)


def test_files_of_two_widths_are_refused_before_the_work(tmp_path):
    for k in (3, 4):
        np.save(tmp_path / f"{k}.npy", embeddings(20, k))
    with pytest.raises(BadDataError, match=r"4\.npy: has 4 columns; wanted 3, as in .*3\.npy"):
        ranges_of([tmp_path / "3.npy", tmp_path / "4.npy"], None, 100)


def test_files_of_other_columns_are_refused_before_the_work(tmp_path):
    np.save(tmp_path / "a.npy", embeddings(4, 2))
    (tmp_path / "b.csv").write_text("x,y\n0.5,1.5\n")
    (tmp_path / "c.csv").write_text("y,x\n0.5,1.5\n")
    paths = [tmp_path / name for name in ("a.npy", "b.csv", "c.csv")]
    for of in (lambda: ranges_of(paths, None, 100), lambda: rankme.open_source(paths)):
        with pytest.raises(BadDataError, match=r"c.csv: has column 'y' for dimension 0, where"):
            of()
    results = []
    for path in paths:
        ranges = ranges_of(path, None, 100)
        results.append(whole(merged([partial_of_range(*one, SETTINGS) for one in ranges]), ranges))
    assert (results[0] + results[1]).n_rows == 5
    with pytest.raises(ValueError, match=r"the dimensions are the columns x, y \(.* and y, x \("):
        results[1].merge(results[2])


def test_a_range_that_comes_twice_is_refused(ranges):
    first, second = (partial_of_range(*one, SETTINGS) for one in ranges[:2])
    with pytest.raises(ValueError, match=r"shard-0.npy\[0:87\]' \(87 and 87\)"):
        merged([first, second, first])


def test_a_range_that_was_lost_is_noticed(ranges):
    most = merged([partial_of_range(*one, SETTINGS) for one in ranges[1:]])
    with pytest.raises(RuntimeError, match=r"of 7 ranges; wanted 700 of 8; missing: .*\[0:87\]"):
        whole(most, ranges)


def test_a_range_that_is_too_short_is_noticed(ranges):
    short = [ranges[0]._replace(stop=80), *ranges[1:]]
    result = merged([partial_of_range(*one, SETTINGS) for one in short])
    with pytest.raises(RuntimeError, match=r"693 rows of 8 ranges; wanted 700 of 8"):
        whole(result, ranges)


def test_what_nobody_asked_for_is_noticed(ranges):
    result = merged([partial_of_range(*one, SETTINGS) for one in ranges])
    with pytest.raises(RuntimeError, match="wanted 613 of 7; missing: none"):
        whole(result, ranges[1:])
