"""The programs in the pages of docs/ run as they stand, and print what the pages say they print.

The ``python`` blocks of a page are one program, its ``sh`` blocks one script, which runs after it
in the same folder. That folder has real embeddings under the names that the pages use. A comment
behind a `print` says what is printed; ``...`` in it stands for anything.
"""

import importlib
import os
import re
import subprocess
import sys

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import rankme
from command import RANKME
from command import WORDNET as EMBEDDINGS
from gpu import NO_GPU
from helpers import ROOT

DOCS = ROOT / "docs"
GPU_PAGE = "guides/gpus.md"
# The engines are started in ways of their own, by the tests of the room `distributed`.
ENGINES_PAGE = "guides/clusters.md"
# A bucket is among them.
TASKS_PAGE = "start/tasks.md"
APART = {ENGINES_PAGE, GPU_PAGE, TASKS_PAGE}

BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)


def program(page, language):
    """Return the blocks of a page in one language, joined."""
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return "\n".join(text for kind, text in blocks if kind == language)


def pages():
    """Yield the pages for users that hold programs."""
    for path in sorted(DOCS.rglob("*.md")):
        page = str(path.relative_to(DOCS))
        if not page.startswith("developers/") and BLOCK.search(path.read_text(encoding="utf-8")):
            yield page


def check_printed(source, output):
    """Hold what was printed to what the comments behind the print calls say."""
    position = 0
    for said in PRINTED.findall(source):
        pattern = "^" + ".*".join(map(re.escape, said.split("..."))) + "$"
        found = re.compile(pattern, re.MULTILINE).search(output, position)
        assert found, f"expected {said!r} in:\n{output[position:]}"
        position = found.end()


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files that the pages speak of, all of them real embeddings."""
    z = np.load(EMBEDDINGS)
    np.save(tmp_path / "embeddings.npy", z)
    for name, labels in (("embeddings", "01"), ("shards", ("00", "01", "10", "11"))):
        (tmp_path / name).mkdir()
        for label, part in zip(labels, np.array_split(z, len(labels)), strict=True):
            np.save(tmp_path / name / f"part-{label}.npy", part)
    (tmp_path / "runs" / "7" / "embeddings").mkdir(parents=True)
    values = pa.array(z.astype(np.float32).ravel())
    table = pa.table({"embedding": pa.FixedSizeListArray.from_arrays(values, z.shape[1])})
    for path in ("embeddings.parquet", "runs/7/embeddings/part-0.parquet"):
        parquet.write_table(table, tmp_path / path)
    data = pa.array([row.tobytes() for row in z], pa.binary(2 * z.shape[1]))
    parquet.write_table(pa.table({"embedding": data}), tmp_path / "bytes.parquet")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "data").symlink_to(EMBEDDINGS.parent)
    return tmp_path


def run(folder, *command):
    path = f"{RANKME.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def run_page(page, folder):
    source = program(page, "python")
    check_printed(source, run(folder, sys.executable, "-c", source))
    run(folder, "bash", "-euc", program(page, "sh"))


def test_the_pages_are_found():
    assert len(list(pages())) >= 12


@pytest.mark.parametrize("page", [page for page in pages() if page not in APART])
def test_the_programs_of_a_page_run(page, folder):
    run_page(page, folder)


@pytest.fixture
def bucket(monkeypatch):
    """Put shards into a bucket of an S3 server, of which the environment tells."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.mkdir("embeddings")
    for number, part in enumerate(np.array_split(np.load(EMBEDDINGS), 3)):
        with system.open(f"embeddings/run-7/part-{number}.npy", "wb") as file:
            np.save(file, part)
    yield
    system.rm("embeddings", recursive=True)  # servers of one process have the same buckets
    server.stop()


@pytest.mark.usefixtures("bucket")
def test_each_task_is_done_alone_in_less_than_ten_lines(folder):
    text = (DOCS / TASKS_PAGE).read_text(encoding="utf-8")
    programs = [source for language, source in BLOCK.findall(text) if language == "python"]
    assert len(programs) == text.count("\n## ") == 10
    assert all(len(source.splitlines()) < 10 for source in programs)
    alone = f"for source in {programs!r}:\n    exec(source, {{}})"
    check_printed("\n".join(programs), run(folder, sys.executable, "-c", alone))
    run(folder, "bash", "-euc", program(TASKS_PAGE, "sh"))


def test_the_front_page_leads_to_each_task():
    text = (DOCS / TASKS_PAGE).read_text(encoding="utf-8")
    front = (DOCS / "index.md").read_text(encoding="utf-8")
    for title in re.findall(r"^## (.*)$", text, re.MULTILINE):
        assert f"({TASKS_PAGE}#{title.lower().replace(' ', '-')})" in front


@pytest.mark.gpu
@pytest.mark.skipif(not rankme.cuda.is_available(), reason=NO_GPU)
def test_the_program_for_gpus_runs(folder):
    run_page(GPU_PAGE, folder)


def test_the_parts_of_several_machines_are_the_whole(folder):
    run_page("guides/larger-than-memory.md", folder)
    whole = rankme.score(np.load(EMBEDDINGS))
    for name in ("run", "total", "all"):
        acc = rankme.Accumulator.load(folder / f"{name}.rankme")
        assert acc.score() == pytest.approx(whole, rel=1e-12)
        assert set(acc.shards.values()) == {500}


def test_the_reference_has_every_public_name():
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (rankme\S*)$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    engines = [f"rankme.distributed.{engine}" for engine in ("torch", "ray", "dask", "spark")]
    folder = ROOT / "python" / "rankme" / "integrations"
    integrations = [f"rankme.integrations.{path.stem}" for path in sorted(folder.glob("[a-z]*.py"))]
    assert list(sections) == [
        "rankme",
        "rankme.metrics",
        "rankme.sources",
        *integrations,
        *engines,
        "rankme.cuda",
    ]
    for module, section in sections.items():
        listed = re.findall(r"^   (\w+)$", section, re.MULTILINE)
        public = set(importlib.import_module(module).__all__) - {"__version__", "cuda"}
        assert sorted(listed) == sorted(public), module


def test_a_wrong_comment_is_noticed():
    with pytest.raises(AssertionError, match=r"expected '3\.1"):
        check_printed("print(x)  # 3.1...", "3.2\n")
    check_printed("print(x)  # 3.1...\nprint(y)\nprint(z)  # 2", "3.14\n7\n2\n")
