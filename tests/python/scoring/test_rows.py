"""``rows=`` and ``seed=``: the same rows of whatever they come in, and no others."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import rankme
from rankme.sources import choose_rows
from source_files import arrow_table, matrix, write

N, K, ROWS = 500, 6, 120
Z = matrix(N, K)
CHOSEN = choose_rows(N, ROWS)


class Blocks:
    """Blocks of rows that can be gone through again."""

    def __init__(self, *lengths, of=Z):
        self.parts = np.split(of, np.cumsum(lengths))
        self.passes = self.given = 0

    def __iter__(self):
        self.passes += 1
        for part in self.parts:
            self.given += len(part)
            yield part


def jax_array(z):
    import jax

    return jax.numpy.asarray(z)


WAYS = {
    "array": lambda z: z,
    "strided": lambda z: np.repeat(z, 2, axis=0)[::2],
    "fortran": np.asfortranarray,
    "tensor": torch.from_numpy,
    "jax": jax_array,
    "arrow": lambda z: arrow_table(z)["rows"].combine_chunks(),
    "chunked": lambda z: pa.chunked_array(
        [arrow_table(part)["rows"].chunk(0) for part in Blocks(9, of=z)]
    ),
    "frame": pd.DataFrame,
    "series": lambda z: pd.Series(list(z)),
    "list": list,
    "lists": lambda z: z.tolist(),
    "blocks": lambda z: Blocks(1, 200, 7, of=z),
    "tensors": lambda z: [torch.from_numpy(row) for row in z],
    "rows, one by one": lambda z: Blocks(*[1] * (N - 1), of=z),
    "loader": lambda z: torch.utils.data.DataLoader(torch.from_numpy(z), batch_size=33),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", [0, None])
def test_the_same_rows_of_whatever_they_come_in(way, seed):
    s = rankme.spectrum(WAYS[way](Z), rows=ROWS, seed=seed)
    assert (s.n_rows, s.n_cols) == (ROWS, K)
    expected = Z[CHOSEN] if seed == 0 else Z[:ROWS]
    assert s.rankme() == pytest.approx(rankme.score(expected), rel=1e-12)


def test_of_the_part_that_is_selected():
    batches = [{"z": part} for part in Blocks(33)]
    expected = rankme.score(Z[:ROWS])
    found = rankme.score(iter(batches), select="z", rows=ROWS, seed=None)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["gram", "qr", "auto"])
@pytest.mark.parametrize("options", [{}, {"center": True}, {"normalize": True, "eps": 0}])
def test_with_every_option(method, options, tmp_path):
    path = write(tmp_path, "npy", Z)
    wide = np.ascontiguousarray(Z[:K].T @ Z[:K, :1] @ Z[:1, :1] + Z.T)  # fewer rows than columns
    for z, rows in ((Z, ROWS), (wide, 4)):
        expected = rankme.score(z[choose_rows(len(z), rows, seed=3)], method=method, **options)
        found = [rankme.score(z, rows=rows, seed=3, method=method, **options)]
        if z is Z:
            found += [
                rankme.score(one, rows=rows, seed=3, method=method, **options)
                for one in (path, Blocks(1, 70), torch.from_numpy(Z))
            ]
        assert found == pytest.approx([expected] * len(found), rel=1e-10)


def test_long_lists_of_vectors_are_chosen_from():
    rows = [torch.full((64,), float(i), dtype=torch.bfloat16) for i in range(40_000)]
    for row, number in zip(rows, range(40_000), strict=True):
        row[number % 64] += 1 + number
    chosen = choose_rows(40_000, 50)
    expected = rankme.score(torch.stack([rows[i] for i in chosen]))
    assert rankme.score(rows, rows=50) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="rows is 40001, and Z has 40000 rows"):
        rankme.score(rows, rows=40_001)


def test_all_rows_are_all_rows():
    assert rankme.score(Z, rows=N) == rankme.score(Z)
    assert rankme.score(Z, rows=None, seed=7) == rankme.score(Z)


def test_reading_stops_at_the_last_of_the_first_rows():
    blocks = Blocks(*[50] * 9)
    rankme.score(iter(blocks), rows=ROWS, seed=None)
    assert blocks.given == 150
    once = Blocks(*[50] * 9)
    rankme.score(once, rows=ROWS)
    # They are counted, and then taken.
    assert once.passes == 2


def test_a_stream_of_unknown_length_says_what_to_do():
    def stream():
        return iter(Blocks(50, 50))

    with pytest.raises(ValueError, match="Z gives them once: take the first with seed=None") as e:
        rankme.score(stream(), rows=ROWS)
    assert "np.concatenate(list(Z))" in str(e.value)
    assert rankme.score(np.concatenate(list(stream())), rows=ROWS) == rankme.score(Z, rows=ROWS)
    expected = rankme.score(Z[:ROWS])
    assert rankme.score(stream(), rows=ROWS, seed=None) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("way", ["array", "tensor", "lists", "blocks", "frame"])
@pytest.mark.parametrize("seed", [0, None])
def test_more_rows_than_there_are(way, seed):
    with pytest.raises(ValueError, match="rows is 501, and Z has 500 rows; ask for 500 or fewer"):
        rankme.score(WAYS[way](Z), rows=N + 1, seed=seed)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rows": 0}, ValueError, "rows must be 1 or more, not 0"),
        ({"rows": 5.0}, TypeError, "rows must be an integer, not float"),
        ({"rows": "5"}, TypeError, "rows must be an integer, not str"),
        ({"rows": 5, "seed": -1}, ValueError, "seed must be from 0 to"),
        (
            {"rows": 5, "seed": "none"},
            TypeError,
            "seed must be an integer, for a random subset, or",
        ),
        ({"seed": 2**64}, ValueError, "seed must be from 0 to"),
    ],
)
def test_what_is_no_number_of_rows(options, error, text):
    for call in (rankme.score, rankme.spectrum, rankme.estimate):
        with pytest.raises(error, match=text):
            call(Z, **options)


def test_no_array_is_refused_as_ever():
    with pytest.raises(TypeError, match="Z has dtype int64"):
        rankme.score(np.ones((9, 3), int), rows=4)
    with pytest.raises(ValueError, match="Z must be 2-D"):
        rankme.score(np.ones((9, 3, 2)), rows=4)
    with pytest.raises(ValueError, match="Z has no rows"):
        rankme.score(Blocks(of=Z[:0]), rows=4)


@pytest.mark.parametrize("way", ["array", "tensor", "jax", "lists", "blocks", "chunked"])
def test_a_bad_row_is_named_as_in_the_whole(way):
    z = Z.copy()
    bad = int(CHOSEN[17])
    z[bad, 2] = np.nan
    given = WAYS[way](z)
    with pytest.raises(rankme.NonFiniteError, match=rf"^Z\[{bad}, 2\] is nan"):
        rankme.score(given, rows=ROWS)
    # Left out are rows that were drawn: fewer are scored, and no other ones in their place.
    s = rankme.spectrum(given, rows=ROWS, skip_nonfinite=True)
    assert (s.n_rows, s.n_skipped) == (ROWS - 1, 1)
    assert s.rankme() == pytest.approx(rankme.score(z[np.setdiff1d(CHOSEN, bad)]), rel=1e-12)


def test_a_bad_row_that_was_not_drawn_does_not_matter():
    z = Z.copy()
    z[np.setdiff1d(np.arange(N), CHOSEN)] = np.inf
    assert rankme.score(z, rows=ROWS) == rankme.score(Z, rows=ROWS)


def test_an_array_is_never_copied_as_a_whole():
    import tracemalloc

    z = np.zeros((2**19, 64), np.float32)  # 128 MiB
    z[:, :8] = np.random.default_rng(0).standard_normal((2**19, 8))
    tracemalloc.start()
    rankme.score(z, rows=2**18 + 1)  # 64 MiB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20  # two blocks, and what is picked of a third


def test_estimate_takes_them_too():
    found = rankme.estimate(Z, rows=ROWS, groups=8)
    wanted = rankme.estimate(Z[CHOSEN], groups=8)
    assert (found.score, found.std_error) == pytest.approx((wanted.score, wanted.std_error))
    assert found.n_rows == ROWS
