"""Streaming: any chunking, any merge order and the one-shot call see the same rows."""

import copy
import functools
import operator
import pickle

import numpy as np
import pytest

import rankme
from helpers import accumulated, bits, contents
from oracles import (
    AGAINST_SVD,
    DTYPES,
    SAME_ROWS,
    moderate,
    preprocess,
    rankme_by_svd,
    relative_error,
)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", [(False, False), (True, False), (False, True), (True, True)])
def test_chunking_merging_and_one_shot_agree(dtype, options):
    center, normalize = options
    z = moderate(1, 2000, 50, dtype)
    expected = rankme_by_svd(z, center=center, normalize=normalize)
    one_shot = rankme.score(z, center=center, normalize=normalize)
    assert relative_error(one_shot, expected) < AGAINST_SVD

    chunkings = [[2000], [1] * 2000, [1999, 1], [1, 1999], [7] * 285 + [5], [512, 512, 976]]
    for lengths in chunkings:
        blocks = np.split(z, np.cumsum(lengths)[:-1])
        acc = accumulated(*blocks, normalize=normalize)
        assert acc.n_rows == 2000
        assert relative_error(acc.score(center=center), one_shot) < SAME_ROWS

    parts = [accumulated(block, normalize=normalize) for block in np.array_split(z, 9)]
    order = np.random.default_rng(2).permutation(9)
    left = functools.reduce(operator.add, parts)
    right = functools.reduce(lambda a, b: b + a, [parts[i] for i in order])
    tree = (parts[0] + parts[5]) + ((parts[2] + parts[8]) + (parts[1] + parts[3]))
    tree += parts[4] + parts[7]
    tree += parts[6]
    for total in (left, right, tree, sum(parts)):
        assert total.n_rows == 2000
        assert relative_error(total.score(center=center), one_shot) < SAME_ROWS
    assert [part.n_rows for part in parts] == [len(b) for b in np.array_split(z, 9)]


def test_mixed_dtypes_in_one_stream():
    blocks = [moderate(i, 40, 12, dtype) for i, dtype in enumerate(DTYPES)]
    expected = rankme_by_svd(np.vstack([block.astype("f8") for block in blocks]))
    assert relative_error(accumulated(*blocks).score(), expected) < AGAINST_SVD


def test_fewer_rows_than_columns_so_far():
    z = moderate(3, 40, 30)
    acc = rankme.Accumulator(30)
    for i in range(40):
        acc.update(z[i : i + 1])
        # N < K takes the eigenvalues of the K x K matrix here and of the N x N one in one shot:
        # the largest N agree.
        assert relative_error(acc.score(), rankme.score(z[: i + 1])) < 1e-10
        assert acc.spectrum().singular_values.shape == (min(i + 1, 30),)


@pytest.mark.parametrize("normalize", [False, True])
def test_gram(normalize):
    z = moderate(4, 700, 23)
    acc = accumulated(z[:300], z[300:], normalize=normalize)
    gram = acc.gram()
    assert gram.shape == (23, 23)
    assert gram.dtype == np.float64
    assert not gram.flags.writeable
    np.testing.assert_array_equal(gram, gram.T)
    if normalize:
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(gram, z.T @ z, rtol=1e-12, atol=1e-12)

    snapshot = gram.copy()
    acc.update(moderate(5, 10, 23))
    np.testing.assert_array_equal(gram, snapshot)
    assert not np.array_equal(acc.gram(), gram)


def test_gram_of_no_rows_is_zero():
    np.testing.assert_array_equal(rankme.Accumulator(3).gram(), np.zeros((3, 3)))


def test_mean_and_triangle_are_those_of_the_rows():
    z = preprocess(moderate(6, 200, 9))
    known = contents(accumulated(z))
    assert (known["n_rows"], known["exponent"]) == (200, 0)
    mean = known["origin"] + (known["offset"] + known["offset_low"])
    np.testing.assert_allclose(mean, z.mean(axis=0), rtol=1e-12)
    centred = z - z.mean(axis=0)
    scatter = (centred.T @ centred)[np.tril_indices(9)]
    np.testing.assert_allclose(known["triangle"], scatter, rtol=1e-11)


def test_asking_does_not_end_the_stream():
    z = moderate(7, 90, 8)
    acc = accumulated(z[:50])
    before = bits(acc)
    acc.score()
    acc.spectrum(center=True)
    acc.gram()
    repr(acc)
    assert bits(acc) == before
    acc.update(z[50:])
    assert relative_error(acc.score(), rankme.score(z)) < SAME_ROWS


def test_a_spectrum_does_not_follow_the_stream():
    acc = accumulated(moderate(8, 50, 8))
    spectrum = acc.spectrum()
    score = spectrum.rankme()
    acc.update(moderate(9, 50, 8) * 100)
    assert (spectrum.rankme(), spectrum.n_rows) == (score, 50)


def test_reset():
    z = moderate(10, 60, 7)
    acc = rankme.Accumulator(7, normalize=True)
    empty = bits(acc)
    acc.update(z * 1e250)
    assert bits(acc) != empty
    acc.reset()
    assert bits(acc) == empty
    acc.update(z)
    assert bits(acc) == bits(accumulated(z, normalize=True))


def test_copies_are_equal_and_independent():
    acc = accumulated(moderate(11, 60, 7) * 1e-200)
    state = bits(acc)
    copies = [
        acc.copy(),
        copy.copy(acc),
        copy.deepcopy(acc),
        acc + rankme.Accumulator(7),
        rankme.Accumulator(7) + acc,
        sum([acc]),
        *(pickle.loads(pickle.dumps(acc, protocol)) for protocol in range(2, 6)),
    ]
    for other in copies:
        assert type(other) is rankme.Accumulator
        assert bits(other) == state
        other.update(moderate(12, 1, 7))
        assert bits(other) != state
    assert bits(acc) == state


def test_in_place_addition_keeps_the_object():
    acc, other = accumulated(moderate(13, 20, 5)), accumulated(moderate(14, 30, 5))
    same, state = acc, bits(other)
    acc += other
    assert acc is same
    assert acc.n_rows == 50
    assert bits(other) == state


def test_merging_with_itself_counts_every_row_twice():
    z = moderate(15, 40, 6)
    acc = accumulated(z)
    acc.merge(acc)
    assert acc.n_rows == 80
    np.testing.assert_array_equal(acc.gram(), 2 * accumulated(z).gram())
    assert relative_error(acc.score(), rankme_by_svd(np.vstack([z, z]))) < AGAINST_SVD


def test_an_empty_accumulator_is_neutral():
    acc = accumulated(moderate(16, 40, 6))
    state = bits(acc)
    acc.merge(rankme.Accumulator(6))
    assert bits(acc) == state


def test_attributes_and_repr():
    acc = rankme.Accumulator(np.int64(5), normalize=True)
    acc.update(moderate(17, 3, 5))
    assert (acc.dim, acc.normalize, acc.n_rows) == (5, True, 3)
    assert all(part in repr(acc) for part in ("dim=5", "normalize=True", "3 rows"))
    for name in ("dim", "normalize", "n_rows"):
        with pytest.raises(AttributeError):
            setattr(acc, name, 1)
    spectrum = acc.spectrum(center=True)
    assert (spectrum.n_rows, spectrum.n_cols) == (3, 5)
    assert (spectrum.center, spectrum.normalize) == (True, True)


class Named(rankme.Accumulator):
    """A subclass stays itself on every way that makes a new object."""


def test_subclasses(tmp_path):
    acc = Named(4)
    acc.update(np.eye(4))
    acc.save(tmp_path / "a.rankme")
    made = [
        acc.copy(),
        acc + acc,
        Named.load(tmp_path / "a.rankme"),
        pickle.loads(pickle.dumps(acc)),
    ]
    assert all(type(other) is Named for other in made)
