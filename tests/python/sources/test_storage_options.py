"""Options of the store behind a URL: taken, never shown, never saved."""

import json
import pickle
import re

import fsspec
import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, open_source
from rankme.sources._bytes import remote
from source_files import matrix
from zarr_files import add_array, new_group

ROWS = matrix(40, 5)
SECRET = "hunter2-hunter2"  # noqa: S105 - of a server that runs for the test


@pytest.fixture(scope="module")
def store():
    """The options of an S3 server of our own, about which the environment tells nothing."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "key": "me",
        "secret": SECRET,
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}"},
    }
    system = fsspec.filesystem("s3", **options)
    system.mkdir("kept")
    yield options, system
    server.stop()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def upload(store, tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    store[1].put(str(tmp_path / "rows.npy"), "kept/rows.npy")
    return store[0]


def test_a_file_a_folder_and_a_pattern_are_opened_with_them(upload):
    for url in ("s3://kept/rows.npy", "s3://kept/*.npy"):
        source = open_source(url, storage_options=upload)
        np.testing.assert_array_equal(source.matrix(), ROWS)
        again = pickle.loads(pickle.dumps(source))
        np.testing.assert_array_equal(again.matrix(), ROWS)
        assert SECRET not in repr(source)
        assert SECRET not in repr(source.identity)


def test_a_zarr_store_is_opened_with_them(store, tmp_path):
    add_array(new_group(tmp_path / "z"), "rows", ROWS, chunks=(8, 5))
    store[1].put(str(tmp_path / "z"), "kept/z.zarr", recursive=True)
    source = open_source("s3://kept/z.zarr", storage_options=store[0])
    np.testing.assert_array_equal(source.matrix(), ROWS)
    assert SECRET not in repr(source)


def test_the_command_takes_them_and_saves_none(upload, tmp_path):
    pairs = [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in upload.items()
    ]
    options = [word for pair in pairs for word in ("--storage-option", pair)]
    state = tmp_path / "run.rankme"
    done = run("score", "--json", "s3://kept/rows.npy", *options, "--state", state)
    assert json.loads(done.stdout)["rankme"] == pytest.approx(rankme.score(ROWS), rel=1e-12)
    assert SECRET.encode() not in state.read_bytes()
    bad = run("score", "s3://kept/nothing.npy", *options)
    assert bad.returncode == 1
    assert SECRET not in bad.stdout + bad.stderr


def test_options_that_are_none(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(ValueError, match=r"are for the store of a URL, and .* is a path on disk"):
        open_source(tmp_path / "rows.npy", storage_options={"anon": True})
    with pytest.raises(TypeError, match="must be a dict with texts as keys") as caught:
        open_source("s3://kept/rows.npy", storage_options=[SECRET])
    assert SECRET not in str(caught.value)
    with pytest.raises(BadDataError, match="does not take the storage options password") as wrong:
        open_source("github://a/b.npy", storage_options={"password": SECRET})
    assert SECRET not in str(wrong.value)
    for words, text in (
        ([SECRET], "wanted NAME=VALUE"),
        (["anon=true", "--storage-option", "anon=false"], "anon is given twice"),
    ):
        done = run("score", tmp_path / "rows.npy", "--storage-option", *words)
        assert done.returncode == 2
        assert text in error_line(done)
        assert SECRET not in done.stderr


def test_the_hub_is_a_store():
    pytest.importorskip("huggingface_hub")
    system, path = remote.connect(
        "hf://datasets/someone/something@main/a.parquet", {"token": False}
    )
    assert type(system).__name__ == "HfFileSystem"
    assert path == "datasets/someone/something@main/a.parquet"
    assert remote.version_of({"name": path, "size": 3, "blob_id": "abc"}) == "blob_id:abc"


def test_threads_of_the_command(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    done = run("score", "--json", "--threads", 1, tmp_path / "rows.npy")
    assert json.loads(done.stdout)["rankme"] == pytest.approx(rankme.score(ROWS), rel=1e-12)
    bad = run("score", "--threads", 0, tmp_path / "rows.npy")
    assert bad.returncode == 2
    assert re.search("--threads", error_line(bad))
