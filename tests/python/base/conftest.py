"""What the tests of this room share."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def _collections_are_short():
    """Leave out of each collection what other modules have imported; with engines it takes .7 s."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
