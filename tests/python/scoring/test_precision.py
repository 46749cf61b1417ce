"""How wide the bounds are, who is told when they are wide, and what method="auto" does then."""

import functools
import warnings

import numpy as np
import pytest

import extended
import rankme
from command import DOCSTRINGS, WORDNET
from helpers import half_width, in_blocks
from oracles import moderate, rankme_by_svd, relative_error, with_singular_values
from rankme import _core

OPTIONS = [(False, False), (True, False), (False, True), (True, True)]


def collapsed():
    return with_singular_values(1, 300, 40, np.logspace(0, -14, 40))


# ---- how wide ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [DOCSTRINGS, WORDNET], ids=lambda path: path.stem)
@pytest.mark.parametrize("options", OPTIONS)
def test_real_embeddings_are_known_to_a_millionth(path, options):
    center, normalize = options
    z = np.load(path)
    gram = rankme.spectrum(z, center=center, normalize=normalize)
    stream = in_blocks(z, method="gram", normalize=normalize).spectrum(center=center)
    qr = rankme.spectrum(z, center=center, normalize=normalize, method="qr")
    for spectrum in (gram, stream, qr):
        assert half_width(spectrum) < 1e-6
        assert half_width(spectrum, eps=0) < 1e-6
        # The three intervals hold one number.
        low, high = spectrum.rankme_bounds()
        assert low <= qr.rankme_bounds()[1]
        assert qr.rankme_bounds()[0] <= high


@pytest.mark.parametrize("shape", [(3000, 120), (120, 3000), (1000, 300)], ids=str)
@pytest.mark.parametrize("center", [False, True])
def test_gaussian_data_are_known_to_twelve_digits(shape, center):
    z = np.random.default_rng(2).standard_normal(shape)
    if center and shape[0] < shape[1]:
        # One of the centred directions is zero, which no interval of a Gram matrix can be sure of.
        assert half_width(rankme.spectrum(z, center=True)) < 1e-9
    else:
        assert half_width(rankme.spectrum(z, center=center)) < 1e-12


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_a_stream_of_single_rows_keeps_its_bounds(method):
    z = moderate(3, 2000, 12)
    acc = rankme.Accumulator(12, method=method)
    for row in z[:, None, :]:
        acc.update(row)
    sigma = extended.singular_values(z.astype(extended.LONG))
    spectrum = acc.spectrum()
    low, high = spectrum.singular_value_bounds()
    assert ((low <= sigma) & (sigma <= high)).all()
    # A QR factor is charged for every one of its 2,000 blocks.
    assert half_width(spectrum) < (1e-12 if method == "gram" else 1e-11)


# ---- the warning -------------------------------------------------------------------------------


@functools.cache
def one_direction(noise, columns=500):
    """Embeddings that have all but collapsed onto a line; the more columns, the more is unsure."""
    rng = np.random.default_rng(4)
    line = np.outer(rng.standard_normal(columns + 20), rng.standard_normal(columns)) / columns
    return line + noise * rng.standard_normal(line.shape) / np.sqrt(columns)


NOISES = [(1e-3, 500), (1e-6, 500), (1e-7, 500), (1e-10, 500), (1e-9, 1000)]


def streamed(z):
    acc = rankme.Accumulator(z.shape[1])
    acc.update(z)
    return acc


def calls(z):
    """The score, and the spectrum that it is of. A stream has no rows to look at again."""
    acc = streamed(z)
    return {
        "one-shot": (lambda: rankme.score(z), lambda: rankme.spectrum(z)),
        "streaming": (acc.score, acc.spectrum),
    }


@pytest.mark.parametrize("face", ["one-shot", "streaming"])
@pytest.mark.parametrize("noise", NOISES)
def test_a_warning_comes_exactly_where_the_interval_is_wider_than_a_thousandth(face, noise):
    z = one_direction(*noise)
    call, spectrum = calls(z)[face]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = call()
    low, high = spectrum().rankme_bounds()
    assert low <= score <= high
    assert [one.category for one in caught] == (
        [rankme.PrecisionWarning] if high - low > 1e-3 * score else []
    )


def test_both_sides_of_the_threshold_are_tried():
    widths = [2 * half_width(streamed(one_direction(*noise)).spectrum()) for noise in NOISES]
    assert min(widths) < 1e-6
    assert max(widths) > 1e-3
    # One call has the rows at hand.
    assert max(half_width(rankme.spectrum(one_direction(*noise))) for noise in NOISES) < 1e-6


def test_the_warning_says_what_is_known_and_what_to_do():
    acc = streamed(one_direction(1e-9, 1000))
    low, high = acc.spectrum().rankme_bounds()
    score = acc.spectrum().rankme()
    text = (
        rf"^RankMe {score:.6g} has relative uncertainty {(high - low) / score:.1g} "
        rf"\(interval {low:.6g} to {high:.6g}\), above 0.001; method=.qr. sees smaller"
    )
    with pytest.warns(rankme.PrecisionWarning, match=text) as caught:
        acc.score()
    assert [one.filename for one in caught] == [__file__]  # the line that asked
    assert issubclass(rankme.PrecisionWarning, UserWarning)


@pytest.mark.parametrize(("eps", "taken"), [(0, "qr"), (1e-4, "gram")], ids=["qr", "gram"])
def test_auto_decides_by_the_eps_of_the_call_on_every_way(tmp_path, monkeypatch, eps, taken):
    z = one_direction(1e-10)
    np.save(tmp_path / "z.npy", z)
    gram, stream = rankme.spectrum(z), streamed(z).spectrum()
    methods = []

    def noting(function):
        def noted(matrix, center, normalize, method):
            methods.append(method)
            return function(matrix, center, normalize, method)

        return noted

    for name in ("spectrum", "spectrum_batch"):
        monkeypatch.setattr(_core, name, noting(getattr(_core, name)))

    def between(widths):
        assert widths[0] > 1.1 * widths[1]
        return {"eps": eps, "method": "auto", "rtol": np.sqrt(np.prod(widths))}

    options = between([2 * half_width(gram, one) for one in (0, 1e-4)])
    of_stream = between([2 * half_width(stream, one) for one in (0, 1e-4)])
    # A batch knows each value's interval and no more.
    boxes = [_core.rankme_bounds(gram._low, gram._high, one) for one in (0, 1e-4)]
    of_batch = between([(high - low) / low for low, high in boxes])
    rankme.score(z, **options)
    assert methods.pop() == taken
    rankme.score_batch([z], **of_batch)
    assert methods.pop() == taken
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rankme.PrecisionWarning)
        score = rankme.score(tmp_path / "z.npy", **of_stream)
    by = {"gram": stream.rankme(eps=eps), "qr": rankme.score(z, method="qr", eps=eps)}
    assert min(by, key=lambda method: abs(by[method] - score)) == taken


def test_qr_warns_without_naming_itself_as_the_remedy():
    # Unit vectors that are one but for rounding.
    z = np.outer(np.arange(1.0, 301), moderate(15, 1, 20)[0])
    with pytest.warns(rankme.PrecisionWarning, match="below the rounding") as caught:
        rankme.score(z, center=True, normalize=True, method="qr")
    assert 'method="qr"' not in str(caught[0].message)


def test_spectrum_and_qr_do_not_warn():
    z = one_direction(1e-9)
    rankme.spectrum(z).rankme()
    assert half_width(rankme.spectrum(z, method="qr")) < 1e-6
    assert relative_error(rankme.score(z, method="qr"), rankme_by_svd(z)) < 1e-6


# ---- method="auto" -----------------------------------------------------------------------------


def test_auto_takes_gram_where_that_is_enough():
    z = np.random.default_rng(7).standard_normal((500, 40))
    spectrum = rankme.spectrum(z, method="auto")
    assert spectrum.method == "gram"
    assert "method='gram'" in repr(spectrum)
    assert rankme.score(z, method="auto") == rankme.score(z)


def test_auto_takes_qr_where_gram_is_not_enough():
    z = collapsed()
    spectrum = rankme.spectrum(z, method="auto", rtol=1e-9)
    assert spectrum.method == "qr"
    assert "method='qr'" in repr(spectrum)
    np.testing.assert_array_equal(
        spectrum.singular_values, rankme.spectrum(z, method="qr").singular_values
    )
    assert rankme.score(z, method="auto", rtol=1e-9) == rankme.score(z, method="qr")


def test_auto_takes_qr_by_default_for_what_has_collapsed_onto_a_line(tmp_path):
    z = one_direction(1e-9, 1000)
    np.save(tmp_path / "z.npy", z)
    path = tmp_path / "z.npy"
    spectrum = rankme.spectrum(path, method="auto")
    assert spectrum.method == "qr"
    assert rankme.score(path, method="auto") == spectrum.rankme()  # no warning
    # With the rows at hand a second Gram matrix is enough.
    assert rankme.spectrum(z, method="auto").method == "gram"


def test_rtol_is_the_width_that_is_accepted():
    z = one_direction(1e-6)
    low, high = rankme.spectrum(z).rankme_bounds()
    width = (high - low) / rankme.spectrum(z).rankme()
    assert 0 < width < 1
    assert rankme.spectrum(z, method="auto", rtol=width * 1.01).method == "gram"
    assert rankme.spectrum(z, method="auto", rtol=width * 0.99).method == "qr"
    assert rankme.spectrum(z, method="auto", rtol=0).method == "qr"


@pytest.mark.parametrize("rtol", [-1e-9, float("nan"), float("inf")])
def test_rtol_out_of_range(rtol):
    for call in (rankme.score, rankme.spectrum):
        with pytest.raises(ValueError, match=f"rtol must be finite and 0 or more, not {rtol}"):
            call(np.eye(3), method="auto", rtol=rtol)


@pytest.mark.parametrize("method", ["svd", "", "QR", None, 1, ["qr"]], ids=repr)
def test_unknown_methods(method):
    for call in (rankme.score, rankme.spectrum):
        with pytest.raises(ValueError, match="method must be 'gram', 'qr' or 'auto', not "):
            call(np.eye(3), method=method)
    with pytest.raises(ValueError, match="method must be 'gram' or 'qr', not "):
        rankme.Accumulator(3, method=method)


def test_an_accumulator_cannot_look_twice():
    with pytest.raises(ValueError, match="method must be 'gram' or 'qr', not 'auto'"):
        rankme.Accumulator(3, method="auto")
