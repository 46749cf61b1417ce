"""What several tests of sources stand on."""

import uuid

import fsspec
import pytest


@pytest.fixture
def memory():
    """An empty folder of fsspec's file system in memory, as URL."""
    name = uuid.uuid4().hex
    # There from the beginning: a test that puts nothing in leaves it to be removed.
    fsspec.filesystem("memory").makedirs(f"/{name}")
    yield f"memory://{name}"
    fsspec.filesystem("memory").rm(f"/{name}", recursive=True)
