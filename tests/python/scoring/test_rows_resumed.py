"""A run over chosen rows goes on in the middle of a shard, with the same rows."""

import numpy as np
import pytest

import rankme
from rankme._scoring.meter import NoMeter
from rankme._scoring.resumable import accumulate
from rankme.sources import BadDataError, choose_rows, open_source, subset
from source_files import matrix, parquet_writer, small_blocks

N, ROWS = 300, 90
OPTIONS = {
    "normalize": False,
    "method": "gram",
    "device": "cpu",
    "every": 0,
    "meter": NoMeter(),
    "warn": pytest.fail,
}
CHOSEN = choose_rows(N, ROWS)


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_a_run_goes_on_behind_the_rows_that_are_in(tmp_path, monkeypatch, suffix):
    small_blocks(monkeypatch)
    z = matrix(N)
    bad = int(CHOSEN[50])
    z[bad, 1] = np.nan
    path, state = tmp_path / f"rows.{suffix}", str(tmp_path / "run.rankme")
    {"npy": np.save, "parquet": parquet_writer()}[suffix](path, z)
    some = subset(open_source(path), ROWS)
    choice = {"rows": ROWS, "seed": 0}
    with pytest.raises(BadDataError, match=rf"row {bad}\b.* is nan"):
        accumulate(some, state, **OPTIONS, **choice)
    held = rankme.Accumulator.load(state).n_rows
    assert 30 < held <= 50
    taken = []
    take = type(some.source).take

    def watched(self, rows, *, hold=0):
        taken.extend(rows.tolist())
        return take(self, rows, hold=hold)

    monkeypatch.setattr(type(some.source), "take", watched)
    acc = accumulate(some, state, **OPTIONS, **choice, skip_nonfinite=True)
    assert taken == CHOSEN[held:].tolist()
    assert (acc.n_rows, acc.n_skipped) == (ROWS - 1, 1)
    assert acc.score() == pytest.approx(rankme.score(z[np.setdiff1d(CHOSEN, bad)]), rel=1e-12)


def test_a_shard_of_which_other_rows_are_meant_is_another(tmp_path):
    np.save(tmp_path / "a.npy", matrix(N))
    source, state = open_source(tmp_path / "a.npy"), str(tmp_path / "run.rankme")
    accumulate(subset(source, ROWS), state, **OPTIONS)
    with pytest.raises(BadDataError, match=r"a\.npy: changed since .* took in 90 rows of it"):
        accumulate(subset(source, ROWS, seed=1), state, **OPTIONS)
