"""Runs that go on, engines and the command keep the count of the rows that were left out."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rankme
from command import run
from oracles import moderate
from rankme.distributed import _partials, _ranges
from rankme.sources import BadDataError, open_source
from source_files import needs_null_fixed_lists

K = 5
BAD = [3, 20, 21, 58]


@pytest.fixture
def folder(tmp_path):
    z = moderate(1, 60, K, "f4")
    z[BAD, 2] = np.nan
    place = tmp_path / "rows"
    place.mkdir()
    for i, part in enumerate(np.split(z, [20, 22, 40])):  # the second has bad rows only
        np.save(place / f"{i}.npy", part)
    return place


@pytest.fixture
def expected(folder):
    z = np.concatenate([np.load(file) for file in sorted(folder.iterdir())])
    return rankme.score(np.delete(z, BAD, axis=0))


def record_of(*args):
    done = run("score", *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_command(folder, expected):
    assert run("score", folder).returncode == 1
    record = record_of(folder, "--skip-nonfinite")
    assert record["rankme"] == pytest.approx(expected, rel=1e-9)
    assert (record["n_rows"], record["n_skipped"]) == (56, 4)
    assert record_of(folder / "0.npy", "--skip-nonfinite")["n_skipped"] == 1
    text = run("score", folder, "--skip-nonfinite").stdout
    assert "56 (4 more left out: NaN or infinity)" in text
    none = run("score", folder / "1.npy", "--skip-nonfinite")
    assert none.returncode == 1
    assert "holds NaN or infinity" in none.stderr


def test_a_run_that_met_a_bad_row_goes_on_without_it(folder, expected, tmp_path):
    state = tmp_path / "run.rankme"
    stopped = run("score", folder, "--state", state)
    assert stopped.returncode == 1
    assert "column 2 (counted from 0) is nan" in stopped.stderr
    record = record_of(folder, "--state", state, "--skip-nonfinite", "--checkpoint-every", 0)
    assert (record["n_rows"], record["n_skipped"]) == (56, 4)
    assert record["rankme"] == pytest.approx(expected, rel=1e-9)
    again = record_of(folder, "--state", state)  # it is finished, and remembers
    assert (again["rankme"], again["n_skipped"]) == (record["rankme"], 4)
    merged = run("merge", state, "--json")
    assert json.loads(merged.stdout)["n_skipped"] == 4
    loaded = rankme.Accumulator.load(state)
    assert (loaded.n_rows, loaded.n_skipped) == (56, 4)
    assert sum(loaded.shards.values()) == 56


@pytest.mark.parametrize("rows_per_task", [3, 100])
def test_ranges_of_a_job(folder, expected, rows_per_task):
    settings = _partials.JobSettings(normalize=False, method="gram", seed=0, skip_nonfinite=True)
    ranges = _ranges.ranges_of(folder, None, rows_per_task)
    parts = [_ranges.partial_of_range(*one, settings) for one in ranges]
    total = _ranges.whole(_partials.merged(parts), ranges)
    assert total.score() == pytest.approx(expected, rel=1e-9)
    assert (total.n_rows, total.n_skipped) == (56, 4)
    # Of the file whose rows are all bad there is nothing.
    assert sorted(total.shards.values()) == [18, 19, 19]
    with pytest.raises(RuntimeError, match="missing"):
        _ranges.whole(_partials.merged(parts[1:]), ranges)
    strict = _partials.JobSettings(normalize=False, method="gram", seed=0, skip_nonfinite=False)
    bad = next(one for one in ranges if one.start <= 3 < one.stop)
    with pytest.raises(BadDataError, match=r"row 3, column 2 \(counted from 0\) is nan"):
        _ranges.partial_of_range(*bad, strict)


def test_blocks_of_a_job():
    settings = _partials.JobSettings(normalize=False, method="gram", seed=0, skip_nonfinite=True)
    z = moderate(2, 30, K)
    z[7] = np.inf
    data = _partials.partial_of_blocks(np.split(z, 3), settings, "blocks")
    found = _partials.restored(data)
    assert (found.n_rows, found.n_skipped) == (29, 1)


def test_dask(folder, expected):
    dask = pytest.importorskip("rankme.distributed.dask")
    import dask.array as da

    z = np.concatenate([np.load(file) for file in sorted(folder.iterdir())])
    for data in (str(folder), da.from_array(z, chunks=(7, K))):
        acc = dask.accumulate(data, skip_nonfinite=True)
        assert (acc.n_rows, acc.n_skipped) == (56, 4)
        assert dask.score(data, skip_nonfinite=True) == pytest.approx(expected, rel=1e-9)


def test_a_source_of_tables(tmp_path):
    z = moderate(3, 40, K, "f4")
    z[[0, 17], 1] = np.inf
    pq.write_table(pa.table({"e": list(z)}), tmp_path / "t.parquet", row_group_size=9)
    found = rankme.spectrum(tmp_path / "t.parquet", skip_nonfinite=True)
    assert (found.n_rows, found.n_skipped) == (38, 2)
    expected = rankme.score(np.delete(z, [0, 17], axis=0))
    assert found.rankme() == pytest.approx(expected, rel=1e-9)
    assert rankme.score(open_source(tmp_path / "t.parquet"), skip_nonfinite=True) == found.rankme()


FILES = {
    "int8": (lambda z: np.round(z * 40).astype("i1"), "Z.astype(np.float32)", 5e-2),
    "integers": (lambda z: np.round(z * 1e6).astype("i8"), "Z.astype(np.float64)", 1e-4),
    "big-endian": (lambda z: z.astype(">f8"), "Z.astype(Z.dtype.newbyteorder('='))", 1e-9),
    "axes of length 1": (lambda z: z[:, None, :, None], "Z.reshape(40, 5)", 1e-9),
    "tokens": (lambda z: z.reshape(4, 10, 5), "Z.reshape(-1, 5)", 1e-9),
}


@pytest.mark.parametrize(("change", "code", "close"), FILES.values(), ids=FILES)
def test_the_step_that_a_file_is_given(change, code, close, tmp_path):
    z = moderate(4, 40, K)
    z /= np.abs(z).max() / 3
    np.save(tmp_path / "z.npy", change(z))
    with pytest.raises(BadDataError) as caught:
        rankme.score(tmp_path / "z.npy")
    assert code in str(caught.value)
    found = rankme.score(eval(code, {"Z": np.load(tmp_path / "z.npy"), "np": np}))  # noqa: S307
    assert found == pytest.approx(rankme.score(z), rel=close)


ROWS = [[1.0, 0.0], None, [float("nan"), 0.0], [0.0, None], [0.0, 1.0]]
NULLS = {
    "list": pa.list_(pa.float32()),
    "large list": pa.large_list(pa.float64()),
    "fixed": pa.list_(pa.float32(), 2),
}


@pytest.mark.parametrize("kind", NULLS.values(), ids=NULLS)
def test_null_rows_and_entries_are_left_out_too(kind, tmp_path):
    if kind == NULLS["fixed"]:
        needs_null_fixed_lists()
    column = pa.array(ROWS, kind)
    table = pa.table({"e": pa.chunked_array([column, column[1:2], column])})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    batches = table.slice(0, 4).combine_chunks(), table.slice(4).combine_chunks()
    for made in (table, table["e"], tmp_path / "t.parquet", iter(batches)):
        found = rankme.spectrum(made, skip_nonfinite=True)
        assert (found.n_rows, found.n_skipped) == (4, 7)
        assert found.effective_rank() == pytest.approx(2)
    with pytest.raises(ValueError, match="null"):
        rankme.score(table)
    acc = rankme.Accumulator(2, skip_nonfinite=True)
    for part in (column, column[1:], column[:0]):
        acc.update(part)
    assert (acc.n_rows, acc.n_skipped) == (3, 6)
    nothing = column[1:2]
    if kind != NULLS["fixed"]:
        with pytest.raises(ValueError, match=r"only rows that are null.*cast it to fixed-size"):
            acc.update(nothing)
    acc.update(nothing.cast(NULLS["fixed"]))
    assert (acc.n_rows, acc.n_skipped) == (3, 7)
    record = record_of(tmp_path / "t.parquet", "--skip-nonfinite", "--state", tmp_path / "s.rankme")
    assert (record["n_rows"], record["n_skipped"]) == (4, 7)
