"""Which rows a number and a seed choose: the same for ever, and every subset as likely."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from rankme.sources import choose_rows
from rankme.sources._choice import _split_mix

MASK = 2**64 - 1


def mixed(state):
    """SplitMix64's output, from its paper."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def by_definition(n_rows, rows, seed):
    """What the docstring says, a number after the other."""
    found, state = set(), seed
    while len(found) < min(rows, n_rows - rows):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        number = mixed(state) >> (64 - (n_rows - 1).bit_length())
        if number < n_rows:
            found.add(number)
    return sorted(found if 2 * rows <= n_rows else set(range(n_rows)) - found)


# These must never change: two releases would compare different rows.
LITERAL = {
    (1000, 4, 0): [27, 441, 904, 994],
    (1000, 4, 1): [455, 580, 763, 994],
    (10, 3, 0): [0, 1, 6],
    (10, 7, 0): [2, 3, 4, 5, 7, 8, 9],
    (7, 1, MASK): [1],
    (10**9, 5, 0): [28383046, 114188890, 351463363, 463349658, 948447758],
    (25, 5, 123): [4, 15, 19, 21, 22],
}


@pytest.mark.parametrize("case", LITERAL)
def test_the_rows_of_ever(case):
    n_rows, rows, seed = case
    assert choose_rows(n_rows, rows, seed=seed).tolist() == LITERAL[case]


def test_the_generator_gives_the_published_numbers():
    assert _split_mix(1234567, 0, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    np.testing.assert_array_equal(_split_mix(7, 3, 4), _split_mix(7, 0, 9)[3:7])


def test_the_rows_are_those_of_the_definition():
    for n_rows, rows, seed in itertools.product((2, 3, 8, 9, 100, 1025), (1, 2, 4, 700), (0, 5)):
        if rows <= n_rows:
            chosen = choose_rows(n_rows, rows, seed=seed)
            assert chosen.tolist() == by_definition(n_rows, rows, seed), (n_rows, rows, seed)


@pytest.mark.parametrize(("n_rows", "rows"), [(5, 1), (5, 2), (6, 3), (6, 4), (9, 8)])
def test_every_subset_is_as_likely(n_rows, rows):
    subsets = list(itertools.combinations(range(n_rows), rows))
    counts = Counter(
        tuple(choose_rows(n_rows, rows, seed=seed).tolist()) for seed in range(200 * len(subsets))
    )
    assert stats.chisquare([counts[one] for one in subsets]).pvalue > 1e-3


def test_every_row_is_as_likely():
    counts = np.zeros(1000)
    for seed in range(2000):
        counts[choose_rows(1000, 100, seed=seed)] += 1
    # A row is in or out with a chance of a tenth, and a choice has just a hundred.
    assert stats.chi2(999).sf(((counts - 200) ** 2 / 180).sum() * 0.999) > 1e-3


def test_a_billion_rows_take_no_memory_of_a_billion():
    import tracemalloc

    tracemalloc.start()
    chosen = choose_rows(10**9, 25_600)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(chosen), len(set(chosen.tolist()))) == (25_600, 25_600)
    assert peak < 8 * 8 * 25_600


def test_all_and_the_first():
    assert choose_rows(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert choose_rows(5, 3, seed=None).tolist() == [0, 1, 2]
    assert choose_rows(1, 1).dtype == np.int64
    assert choose_rows(np.int32(50), np.uint8(9), seed=np.int64(3)).dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((5, 6, 0), ValueError, "rows is 6, and the set has 5 rows; ask for 5 or fewer"),
        ((5, 0, 0), ValueError, "rows must be 1 or more, not 0"),
        ((0, 1, 0), ValueError, "n_rows must be 1 or more, not 0"),
        ((5, 2.0, 0), TypeError, "rows must be an integer, not float"),
        ((5, 2, -1), ValueError, "seed must be from 0 to 18446744073709551615, not -1"),
        ((5, 2, 0.5), TypeError, "seed must be an integer, for a random subset, or None, for the"),
    ],
)
def test_what_is_refused(arguments, error, text):
    n_rows, rows, seed = arguments
    with pytest.raises(error, match=text):
        choose_rows(n_rows, rows, seed=seed)
