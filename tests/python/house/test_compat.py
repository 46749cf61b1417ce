"""Pickles and saved files of earlier versions load, and say what they said."""

import json
import pickle
import pickletools
import struct
from pathlib import Path

import numpy as np
import pytest

import rankme
from helpers import ROOT
from oracles import rankme_of
from rankme import metrics
from rankme._accumulators.state_header import State
from rankme.sources import BadDataError
from saved_states import old_bytes
from state_reader import probes

DATA = ROOT / "tests" / "data"
COMPAT = DATA / "compat"
# The rows that every sum in the folder holds, the first 25 of them as shard a.npy.
ROWS = np.load(DATA / "minilm_wordnet_2000x384_f16.npy")[:40, :8]
OPTIONS = {"gram": {}, "gram-normalized": {"normalize": True}, "qr": {"method": "qr"}}
# Saved by what wrote format 2 and, the last two, format 1.
FILES = {
    "gram": 2,
    "gram-normalized": 2,
    "gram-far": 2,  # a mean 10,000 times as long as the spread
    "gram-huge": 2,
    "gram-tiny": 2,
    "gram-seed": 2,
    "qr": 2,
    "qr-huge": 2,
    "qr-normalized": 2,
    "gram-format-1": 1,
    "qr-format-1": 1,
}
# Score, low end and high end of each file by what wrote it.
SCORES = json.loads((COMPAT / "scores.json").read_text(encoding="utf-8"))


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


def assert_says_what_it_said(acc, said):
    for center, (score, low, high) in zip((False, True), said.values(), strict=True):
        spectrum = acc.spectrum(center=center)
        assert low <= spectrum.rankme() <= high
        # Where what wrote it did not know more, neither does this one.
        assert spectrum.rankme() == pytest.approx(score, rel=max(1e-9, (high - low) / low))
        now = spectrum.rankme_bounds()
        assert now[0] <= spectrum.rankme() <= now[1]
        assert now[0] <= high
        assert low <= now[1]


@pytest.mark.parametrize("name", FILES)
def test_files_of_older_formats_say_what_they_said(name):
    assert struct.unpack_from("<8sI", (COMPAT / f"{name}.rankme").read_bytes())[1] == FILES[name]
    acc = loaded(name)
    assert acc.n_rows == 40
    assert acc.shards == ({"a.npy": 25} if FILES[name] == 2 else {})
    assert_says_what_it_said(acc, SCORES[name])


@pytest.mark.parametrize("name", ["layers", "layers-normalized"])
def test_stacks_of_older_formats_say_what_they_said(name):
    stack = rankme.LayerAccumulator.load(COMPAT / f"{name}.rankme")
    for layer, said in zip(stack, SCORES[name], strict=True):
        assert_says_what_it_said(layer, said)


@pytest.mark.parametrize("data", ["minilm_docstrings_2000x384_f16", "minilm_wordnet_2000x384_f16"])
def test_real_embeddings_in_format_2(data, tmp_path):
    z = np.load(DATA / f"{data}.npy").astype(np.float64)
    k = z.shape[1]
    x = probes(k, 0)
    lower = (z.T @ z)[np.tril_indices(k)]
    arrays = (z.sum(axis=0), (z.T @ (z @ x)).ravel(), lower)
    # The longest block is what a matrix product of NumPy adds up in one chain, at most.
    numbers = (0, 0, 1, len(z))
    state = State("gram", k, False, len(z), numbers, arrays)
    (tmp_path / "a").write_bytes(old_bytes(state))
    old = rankme.Accumulator.load(tmp_path / "a")
    for center in (False, True):
        svd = np.linalg.svd(z - z.mean(axis=0) if center else z, compute_uv=False)
        found = old.spectrum(center=center)
        assert found.rankme() == pytest.approx(rankme_of(svd), rel=1e-9)
        low, high = found.rankme_bounds()
        assert low <= rankme_of(svd) <= high


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
    for path in COMPAT.glob("*.*e"):
        assert f'"{path.stem}"' in text, path
