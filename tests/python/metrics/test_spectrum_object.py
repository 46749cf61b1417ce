"""The result object."""

import copy
import pickle

import numpy as np
import pytest

import rankme
from oracles import moderate


@pytest.fixture
def spectrum():
    return rankme.spectrum(moderate(1, 60, 9), center=True)


def test_attributes(spectrum):
    assert (spectrum.n_rows, spectrum.n_cols) == (60, 9)
    assert (spectrum.center, spectrum.normalize, spectrum.method) == (True, False, "gram")


def test_it_never_changes(spectrum):
    for name in ("n_rows", "center", "singular_values", "rankme", "_scaled"):
        with pytest.raises(AttributeError):
            setattr(spectrum, name, 1)
    with pytest.raises((AttributeError, TypeError)):
        spectrum.new_name = 1
    values = spectrum.singular_values
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0
    # Whoever lifts the flag of what was returned changes a copy.
    values.flags.writeable = True
    values[:] = 0
    assert spectrum.singular_values.all()


@pytest.mark.parametrize(
    "remake", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_pickle_and_copy(spectrum, remake):
    other = remake(spectrum)
    assert repr(other) == repr(spectrum)
    assert other.rankme(eps=1e-3) == spectrum.rankme(eps=1e-3)
    np.testing.assert_array_equal(other.singular_values, spectrum.singular_values)
    assert not other.singular_values.flags.writeable


def test_equality_is_identity(spectrum):
    other = rankme.spectrum(moderate(1, 60, 9), center=True)
    assert spectrum == spectrum  # noqa: PLR0124
    assert spectrum != other
    assert len({spectrum, other}) == 2


def test_repr_tells_what_was_assumed(spectrum):
    text = repr(spectrum)
    expected = ("n_rows=60", "n_cols=9", "center=True", "normalize=False", "method='gram'")
    assert all(part in text for part in expected)
    assert f"rankme={spectrum.rankme():.6g}" in text


def test_repr_of_a_spectrum_beyond_float64():
    z = np.full((9, 4), np.finfo("f8").max)
    assert "rankme=1" in repr(rankme.spectrum(z))


@pytest.mark.parametrize("eps", [-1e-9, 1.001, 10**400, float("nan"), float("inf"), -float("inf")])
def test_eps_out_of_range(spectrum, eps):
    z = moderate(2, 9, 3)
    acc = rankme.Accumulator(3)
    acc.update(z)
    for call in (
        lambda: spectrum.rankme(eps=eps),
        lambda: spectrum.rankme_bounds(eps=eps),
        lambda: rankme.score(z, eps=eps),
        lambda: acc.score(eps=eps),
    ):
        with pytest.raises(ValueError, match=r"eps must be from 0 to 1, not (-|n|i|1\.001)"):
            call()


@pytest.mark.parametrize("eps", ["1e-7", None, 1j, np.zeros(2)], ids=repr)
def test_eps_that_is_no_number(spectrum, eps):
    with pytest.raises(TypeError, match="eps must be a real number, not "):
        spectrum.rankme(eps=eps)


def test_options_are_keyword_only(spectrum):
    z = moderate(3, 9, 3)
    acc = rankme.Accumulator(3)
    acc.update(z)
    for call in (
        lambda: spectrum.rankme(1e-7),
        lambda: rankme.score(z, 1e-7),
        lambda: rankme.spectrum(z, True),
        lambda: rankme.Accumulator(3, True),
        lambda: acc.score(1e-7),
        lambda: acc.spectrum(True),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            call()
