"""Passwords and signatures in URLs, and values of storage options: used, and shown nowhere."""

import json
import traceback

import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, open_each, open_source, zarr
from rankme.sources._bytes.remote import remote_errors
from rankme.sources._folders import RemoteFolder
from rankme.sources._shown import one_name, redacted, secrets_of, shown_url, without_secrets
from source_files import matrix
from web import serve

SIGNED = "X-Amz-Credential=hunter4&X-Amz-Date=2026&X-Amz-Signature=hunter3"
SHOWN = "X-Amz-Credential=...&X-Amz-Date=...&X-Amz-Signature=..."


@pytest.fixture
def server(tmp_path):
    np.save(tmp_path / "ip.npy", matrix())
    with serve(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@host:81/a@b.npy?v=1", "https://host:81/a@b.npy?v=1"),
        ("https://me:hun/ter2@host/x.npy", "https://host/x.npy"),
        ("ftp://me:hun?ter2@host/x.npy", "ftp://host/x.npy"),
        ("http://me:hunter2/x.npy", "http://..."),
        ("s3://me:hunter2@bucket/x.npy", "s3://bucket/x.npy"),
        ("abfs://container@account/x.npy", "abfs://container@account/x.npy"),
        ("http://[::1]:80/x.npy", "http://[::1]:80/x.npy"),
        (f"https://h/x?v=1&{SIGNED}#top", f"https://h/x?v=1&{SHOWN}#top"),
        ("https://h/x?X-Amz-Signatur%65=hunter3", "https://h/x?X-Amz-Signatur%65=..."),
        ("https://h/x?X-Goog-Signature=hunter3", "https://h/x?X-Goog-Signature=..."),
        ("https://h/x?se=9&sp=r&sig=hunter3", "https://h/x?se=...&sp=...&sig=..."),
        ("https://h/x?se=9&sp=r", "https://h/x?se=9&sp=r"),
        ("https://h/x?AWSAccessKeyId=a&Expires=1&Signature=b",
         "https://h/x?AWSAccessKeyId=...&Expires=...&Signature=..."),
        ("https://h/x?Expires=1", "https://h/x?Expires=1"),
        ("https://h/x#access_token=hunter3", "https://h/x#access_token=..."),
        ("https://h/x?tokenizer=bpe&passage=1", "https://h/x?tokenizer=bpe&passage=1"),
        ("zip://a.npy::https://me:hunter2@h/x.zip?token=b", "zip://a.npy::https://h/x.zip?token=..."),
        ("postgresql://me:hunter2@h/db", "postgresql://h/db"),
        ("a folder/x?token=1.npy", "a folder/x?token=1.npy"),
        ("SELECT '://a:b@c'", "SELECT '://a:b@c'"),
    ],
)  # fmt: skip
def test_what_of_a_url_is_shown(url, shown):
    assert shown_url(url) == shown
    assert without_secrets(f"of '{url}', which") == f"of '{shown}', which" or " " in url
    for secret in secrets_of(url):
        if secret.startswith("hun"):
            assert secret not in redacted(f"it failed with {secret!r}", secrets_of(url))


def test_a_shard_goes_by_what_is_fetched_and_not_by_who_signed():
    assert one_name(f"https://h/x?{SIGNED}") == one_name(
        f"https://h/x?{SIGNED}".replace("er3", "9")
    )
    first, second = (one_name(f"https://h/get?key={name}") for name in ("hunter2", "b.npy"))
    assert first != second
    assert "hunter2" not in first


def test_nothing_of_a_run_has_them(server, tmp_path):
    url = f"{server.url.replace('http://', 'http://me:hunter2@')}/ip.npy?v=1&{SIGNED}"
    shown = f"{server.url}/ip.npy?v=1&{SHOWN}"
    source = open_source(url)
    assert source.name == shown
    state = tmp_path / "run.rankme"
    done = run("score", "--json", url, "--state", state)
    assert json.loads(done.stdout)["path"] == shown
    again = run("score", "--json", url.replace("hunter3", "renewed"), "--state", state)
    assert json.loads(again.stdout)["rankme"] == json.loads(done.stdout)["rankme"]
    said = (repr(source), repr(source.identity), *open_each(url), done.stdout, done.stderr)
    for text in (*said, again.stderr, state.read_bytes().decode("latin-1")):
        assert "hunter" not in text
    both = run("compare", "--json", url, url.replace("v=1", "v=2"), "--rows", "20")
    assert both.returncode == 0
    assert "hunter" not in both.stdout + both.stderr


def test_a_folder_is_shown_without_them_and_its_files_are_fetched_with_them():
    folder = RemoteFolder("ftp://me:hunter2@h/set", None, "/set", {"/set/z/a.npy": {}})
    assert folder.files(["z/a.npy"]) == [("/set/z/a.npy", "ftp://me:hunter2@h/set/z/a.npy")]
    assert folder.child("z").name == "ftp://h/set/z"


@pytest.mark.parametrize("protocol", ["http", "https", "ftp"])
def test_no_error_has_them(protocol):
    url = f"{protocol}://somebody:hunter2@127.0.0.1:9/x.npy?sig=hunter3"
    done = run("score", "--json", url)
    assert done.returncode == 1
    assert "127.0.0.1:9/x.npy" in error_line(done)
    try:
        rankme.score(url)
    except OSError as error:
        raised = "".join(traceback.format_exception(error))
    for text in (done.stdout, done.stderr, raised.replace(url, "")):
        assert "hunter" not in text
        assert "somebody" not in text


@pytest.mark.parametrize(
    "options",
    [
        {"client_kwargs": {"endpoint_url": "http://x:hunter2@127.0.0.1:9/"}},
        {"endpoint_url": "http://x:hunter2@127.0.0.1:9/", "key": "hunter4", "secret": "hunter5"},
    ],
)
def test_no_error_of_a_store_has_the_values_of_options(monkeypatch, options):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OSError, match="s3://b") as caught:
        open_source("s3://b/x.npy", storage_options=options)
    text = "".join(traceback.format_exception(caught.value)).partition("OSError:")[2]
    assert text
    assert "hunter" not in text


def test_values_of_options_are_taken_out_of_what_a_store_says():
    class Store:
        storage_options = {  # noqa: RUF012
            "hosts": ["inner.example"], "password": 123456, "target_protocol": "file", "anon": True,
        }  # fmt: skip

    said = "Could not connect to http://a:hunter2@inner.example as 123456; a file, True"
    for kind in (OSError, RuntimeError, ValueError):
        with pytest.raises((OSError, BadDataError)) as caught, remote_errors("s3://b/x", Store()):
            raise kind(said)
        text = str(caught.value)
        assert "a file, True" in text
        for secret in ("hunter2", "inner.example", "123456"):
            assert secret not in text
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", [RuntimeError, OSError, PermissionError])
@pytest.mark.parametrize(
    ("place", "options"), [("ftp://me:hunter2@h/z.zarr", {}), ("s3://b/z.zarr", {"key": "hunter2"})]
)
def test_values_are_taken_out_of_what_zarr_says(kind, place, options):
    with (
        pytest.raises((OSError, BadDataError), match=r"z\.zarr") as caught,
        zarr._parsing(shown_url(place), place, options),
    ):
        raise kind(13, "no entry with hunter2")
    assert "hunter" not in "".join(traceback.format_exception(caught.value)).partition("Error:")[2]
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("options", "named"), [({"headers": "hunter2"}, "headers"),
                           ({"hedders": "hunter2", "block_size": 9}, "hedders")],
)  # fmt: skip
def test_an_option_that_the_store_does_not_take_is_named(server, options, named):
    with pytest.raises(BadDataError, match="a value may be JSON") as caught:
        open_source(f"{server.url}/ip.npy", storage_options=options)
    assert f"does not take the storage options {named}, or not with" in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_what_a_message_writes_behind_a_url_stays():
    for text in ("50 in http://h/m.npz?sig=...[b], and", "http://h/m.npz?sig=...: row 0"):
        assert without_secrets(text) == text
    assert without_secrets("http://h/m.npz?sig=...hunter2") == "http://h/m.npz?sig=..."


def test_the_hint_how_a_url_is_written_is_whole():
    done = run("score", "postgresql://u:a/hunter2@h/db", "--query", "select 1")
    assert "wanted postgresql://user:password@host:port/database, in which" in error_line(done)
    assert "hunter" not in done.stderr
