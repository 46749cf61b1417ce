"""Pickles and saved files of earlier versions load, and say what they said."""

import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

import rankme
from helpers import ROOT
from rankme import metrics
from rankme.sources import BadDataError

DATA = ROOT / "tests" / "data"
COMPAT = DATA / "compat"
# The rows that every sum in the folder holds, the first 25 of them as shard a.npy.
ROWS = np.load(DATA / "minilm_wordnet_2000x384_f16.npy")[:40, :8]
OPTIONS = {"gram": {}, "gram-normalized": {"normalize": True}, "qr": {"method": "qr"}}


def unpickled(name):
    return pickle.loads((COMPAT / f"{name}.pickle").read_bytes())


def loaded(name):
    return rankme.Accumulator.load(COMPAT / f"{name}.rankme")


@pytest.mark.parametrize("of", [unpickled, loaded])
@pytest.mark.parametrize("kind", OPTIONS)
def test_sums(kind, of):
    acc = of(kind)
    assert type(acc) is rankme.Accumulator
    assert acc.n_rows == 40
    assert acc.shards == {"a.npy": 25}
    assert acc.score() == pytest.approx(rankme.score(ROWS, **OPTIONS[kind]), rel=1e-12)
    acc.update(ROWS)  # it goes on
    assert acc.n_rows == 80


@pytest.mark.parametrize("of", [unpickled, loaded])
def test_empty_sum(of):
    acc = of("empty")
    assert (acc.dim, acc.n_rows, acc.shards) == (8, 0, {})


@pytest.mark.parametrize(
    "of", [unpickled, lambda name: rankme.LayerAccumulator.load(COMPAT / f"{name}.rankme")]
)
def test_layers(of):
    acc = of("layers")
    assert type(acc) is rankme.LayerAccumulator
    assert acc.score() == pytest.approx(np.full(2, rankme.score(ROWS)), rel=1e-12)


def test_spectrum():
    spectrum = unpickled("spectrum")
    assert type(spectrum) is rankme.Spectrum
    assert spectrum.rankme() == pytest.approx(rankme.score(ROWS), rel=1e-12)
    assert (spectrum.n_rows, spectrum.n_cols) == ROWS.shape


def test_errors():
    error = unpickled("nonfinite")
    assert type(error) is rankme.NonFiniteError
    assert (error.row, error.column) == (3, 2)
    assert unpickled("nonfinite-batch").matrix == 1
    assert type(unpickled("integrity")) is rankme.IntegrityError
    assert type(unpickled("precision")) is rankme.PrecisionWarning
    assert type(unpickled("bad-data")) is BadDataError


def test_functions():
    assert unpickled("functions") == [
        rankme.score,
        rankme.spectrum,
        rankme.score_batch,
        rankme.spectrum_batch,
        rankme.show_config,
        rankme.open_source,
        metrics.lidar,
        metrics.coherence,
    ]


@pytest.mark.parametrize("name", ["source", "source-raw", "source-remote"])
def test_sources(name):
    assert unpickled(name).n_cols in (8, 384)


def public():
    for module in (rankme, rankme.metrics, rankme.sources):
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, type) or callable(thing):
                yield pytest.param(thing, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("thing", list(public()))
def test_a_pickle_names_the_face_alone(thing):
    assert thing.__module__ in ("rankme", "rankme.metrics", "rankme.sources")
    texts = [text for _, text, _ in pickletools.genops(pickle.dumps(thing))]
    assert [text for text in texts if isinstance(text, str) and "._" in text] == []
    assert pickle.loads(pickle.dumps(thing)) is thing


def test_every_file_of_the_folder_is_tried():
    text = Path(__file__).read_text(encoding="utf-8")
    for path in COMPAT.iterdir():
        assert f'"{path.stem}"' in text, path
