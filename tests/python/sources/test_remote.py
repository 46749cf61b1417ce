"""Files behind URLs: a real web server, an S3 server, memory; and what happens when they fail."""

import os
import subprocess
import sys
import time
import uuid

import fsspec
import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, choose_rows, open_source
from rankme.sources._bytes import remote
from rankme.sources._shown import one_name
from source_files import FORMATS, matrix, small_blocks, write
from web import serve

FILES = [name for name in FORMATS if not name.startswith(("zarr", "huggingface", "lance"))]
FOLDERS = ["zarr-2", "zarr-3", "zarr-3-shards", "huggingface"]


@pytest.fixture
def server(tmp_path):
    with serve(tmp_path) as running:
        yield running


@pytest.fixture
def memory():
    """An empty folder of fsspec's file system in memory, as URL."""
    name = uuid.uuid4().hex
    system = fsspec.filesystem("memory")
    system.makedirs(f"/{name}")
    yield f"memory://{name}"
    system.rm(f"/{name}", recursive=True)


def upload(folder, url):
    """Put the files of a folder under a URL."""
    system, base = fsspec.core.url_to_fs(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            place = f"{base}/{path.relative_to(folder).as_posix()}"
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            system.pipe_file(place, path.read_bytes())


@pytest.mark.parametrize("name", FILES)
def test_every_format_over_http(server, tmp_path, monkeypatch, name):
    small_blocks(monkeypatch)
    rows = matrix()
    path = write(tmp_path, name, rows)
    source = open_source(f"{server.url}/{path.name}")
    assert source.name == f"{server.url}/{path.name}"
    assert (source.identity.name, source.identity.size) == (source.name, path.stat().st_size)
    assert source.identity.version.startswith("ETag:")
    read = [block.copy() for block in source.blocks(11)]
    np.testing.assert_array_equal(np.concatenate(read), rows[11:])
    assert rankme.score(source.name) == pytest.approx(rankme.score(rows), rel=1e-12)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_in_a_store(memory, tmp_path, name):
    rows = matrix()
    path = write(tmp_path, name, rows)
    upload(path, f"{memory}/set")
    source = open_source(f"{memory}/set")
    np.testing.assert_array_equal(source.matrix(), rows)
    assert source.identity == open_source(f"{memory}/set").identity


def test_folders_and_patterns_of_a_store_are_sets(memory, tmp_path):
    parts = [matrix(9, 4, seed=seed) for seed in range(11)]
    for number, part in enumerate(parts):
        np.save(tmp_path / f"part-{number}.npy", part)
    upload(tmp_path, memory)
    whole = open_source(memory)
    np.testing.assert_array_equal(whole.matrix(), np.concatenate(parts))
    assert [shard.name.rpartition("-")[2] for shard in whole.shards][:3] == [
        "0.npy",
        "1.npy",
        "2.npy",
    ]
    some = open_source(f"{memory}/part-1*.npy")
    np.testing.assert_array_equal(some.matrix(), np.concatenate([parts[1], parts[10]]))
    with pytest.raises(FileNotFoundError, match="no file matches"):
        open_source(f"{memory}/none-*.npy")


def test_a_file_url_is_a_path(tmp_path):
    rows = matrix()
    path = tmp_path / "with space.npy"
    np.save(path, rows)
    assert open_source(path.as_uri()).identity == open_source(path).identity


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3a://bucket/x@2.npy", "s3://bucket/x@2.npy"),
        ("s3n://bucket/x.npy", "s3://bucket/x.npy"),
        ("gcs://bucket/x.npy", "gs://bucket/x.npy"),
        ("https://me:secret@host:81/a@b.npy?v=1", "https://host:81/a@b.npy?v=1"),
        ("sftp://me@host/x.npy", "sftp://host/x.npy"),
        ("https://host/x.npy", "https://host/x.npy"),
        ("abfs://container@account/x.npy", "abfs://container@account/x.npy"),
        ("memory://a@b/x.npy", "memory://a@b/x.npy"),
    ],
)
def test_a_url_has_one_name(url, name):
    assert one_name(url) == name


def test_user_and_password_are_not_in_the_name_of_a_shard(server, tmp_path):
    np.save(tmp_path / "x.npy", matrix())
    url = f"{server.url}/x.npy"
    with_user = open_source(url.replace("http://", "http://me:secret@"))
    np.testing.assert_array_equal(with_user.matrix(), matrix())
    assert with_user.identity == open_source(url).identity


def test_the_command_reads_urls(server, tmp_path):
    rows = matrix(50, 4)
    write(tmp_path, "parquet", rows)
    result = run("score", "--json", f"{server.url}/rows.parquet")
    assert (result.returncode, result.stderr) == (0, "")
    assert f'"path": "{server.url}/rows.parquet"' in result.stdout


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("{server}/missing.npy", "{server}/missing.npy: ClientResponseError: 404"),
        ("http://127.0.0.1:9/x.npy", "http://127.0.0.1:9/x.npy: ClientConnectorError: Cannot conn"),
        ("memory://nothing.npy", "memory://nothing.npy: No such file or directory"),
        ("nonsense://x.npy", "nonsense://x.npy: Protocol not known: nonsense"),
    ],
)
def test_what_cannot_be_reached_is_one_line(server, url, problem):
    result = run("score", url.format(server=server.url))
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith(problem.format(server=server.url))


def test_a_server_without_ranges_is_refused(tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((2**21, 4), np.float32))
    with serve(tmp_path, ranges=False) as server:
        with pytest.raises(
            BadDataError, match=r"rows\.npy: the server gives whole files only"
        ) as caught:
            rankme.score(f"{server.url}/rows.npy")
        assert caught.value.name == f"{server.url}/rows.npy"


def test_a_file_that_changes_meanwhile_is_refused(server, tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    write(tmp_path, "npy", matrix())
    source = open_source(f"{server.url}/rows.npy")
    blocks = source.blocks()
    next(blocks)
    write(tmp_path, "npy", matrix(seed=2))
    with pytest.raises(BadDataError, match=r"rows\.npy: changed since it was opened"):
        list(blocks)
    with pytest.raises(BadDataError, match=r"rows\.npy: changed since it was opened"):
        list(source.blocks())


def test_a_server_that_fails_meanwhile_is_an_oserror_that_names_the_url(server, tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((2**20, 16), np.float32))  # several ranges
    source = open_source(f"{server.url}/rows.npy")
    server.fail_after = len(server.requests) + 3
    with pytest.raises(OSError, match="503") as caught:
        rankme.score(source)
    assert caught.value.filename == source.name


def test_errors_of_a_store_that_are_no_oserror_become_one():
    with (
        pytest.raises(OSError, match="Strange: no bucket") as caught,
        remote.remote_errors("s3://b"),
    ):
        raise type("Strange", (Exception,), {})("no bucket")
    assert caught.value.filename == "s3://b"


@pytest.fixture(scope="module")
def bucket():
    """The URL of a bucket on an S3 server of our own, and where that server listens."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    variables = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        fsspec.filesystem("s3").mkdir("embeddings")
        yield "s3://embeddings", endpoint
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.stop()


def test_a_bucket_of_shards(bucket, tmp_path):
    url, _ = bucket
    parts = [matrix(30, 4, seed=seed) for seed in range(3)]
    for number, part in enumerate(parts):
        np.save(tmp_path / f"part-{number}.npy", part)
    upload(tmp_path, f"{url}/run")
    source = open_source(f"{url}/run")
    assert source.shards[1].identity.name == f"{url}/run/part-1.npy"
    assert source.shards[1].identity.version.startswith("ETag:")
    expected = rankme.score(np.concatenate(parts))
    assert rankme.score(f"{url}/run/*.npy") == pytest.approx(expected, rel=1e-12)
    some = np.concatenate(parts)[choose_rows(90, 20)]
    assert rankme.score(f"{url}/run", rows=20) == pytest.approx(rankme.score(some), rel=1e-12)
    assert rankme.score(source) == pytest.approx(expected, rel=1e-12)


def test_a_key_under_two_protocols_is_one_file(bucket, tmp_path):
    url, _ = bucket
    np.save(tmp_path / "a.npy", matrix())
    upload(tmp_path, f"{url}/twice")
    other = url.replace("s3://", "s3a://")
    result = run("score", "--pool", f"{url}/twice/a.npy", f"{other}/twice/a.npy")
    assert (result.returncode, result.stdout) == (2, "")
    assert "are the same file; --pool counts every row once" in error_line(result)


def test_an_unreachable_bucket_is_one_line_and_counts_nothing(bucket):
    url, _ = bucket
    result = run("score", f"{url}-not-there/x.npy")
    assert (result.returncode, result.stdout) == (1, "")
    assert error_line(result).startswith(f"{url}-not-there/x.npy: ")


CODE = """
import rankme, sys
rankme.score(sys.argv[1])
"""


def test_ctrl_c_ends_a_read_that_hangs(server, tmp_path):
    import signal
    import threading

    np.save(tmp_path / "rows.npy", np.zeros((2**20, 16), np.float32))
    hang, asked = threading.Event(), threading.Event()
    answer = server.RequestHandlerClass.answer

    def slow(handler, *, body):
        if len(server.requests) > 6:
            asked.set()
            hang.wait(60)
        answer(handler, body=body)

    server.RequestHandlerClass = type("Slow", (server.RequestHandlerClass,), {"answer": slow})
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, f"{server.url}/rows.npy"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert asked.wait(60)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert "KeyboardInterrupt" in stderr
        assert time.monotonic() - began < 20
    finally:
        hang.set()
        process.kill()
        process.wait()
