"""One set in every store that rankme reads has one score: the benchmark's stores, small."""

import importlib.util
import sys

import numpy as np
import pytest

from helpers import ROOT


def loaded(name):
    """Import a program of the benchmarks, whose folder has names that are here already."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


loaded("store_files")  # which the next one imports
stores = loaded("stores")

Z = stores.rows_of(2000, 48)


@pytest.fixture(scope="module")
def server():
    with stores.postgres_server() as url:
        yield url


@pytest.mark.parametrize("name", stores.STORES)
def test_every_store_gives_one_score(name, tmp_path, server):
    store, place = stores.STORES[name], stores.place_of(name, str(tmp_path), server)
    store.write(place, Z)
    rounded = store.rounded(Z)
    n_rows, score = stores.found(store, place)
    assert n_rows == len(Z)
    assert score == pytest.approx(stores.expected(store, Z), rel=1e-12)
    if rounded.dtype == np.uint8:  # a scale and an offset away
        rounded = (rounded.astype("f8") - 128) / 40
        assert np.abs(rounded - Z.clip(-3.2, 3.175)).max() < 0.013
    else:
        assert np.abs(rounded.astype("f8") - Z).max() < 2e-3
    assert len(store.read(place)) in (len(Z), Z.size)  # what reads it beside rankme reads the same
