"""What docs/sources.md shows runs, and names every format and extra."""

import re

import rankme
from helpers import ROOT
from rankme.sources._formats import KNOWN_SUFFIXES
from source_files import matrix, write

PAGE = (ROOT / "docs" / "sources.md").read_text()


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/7/embeddings"
    folder.mkdir(parents=True)
    write(folder, "parquet", matrix()).rename(folder / "part-0.parquet")
    first, last = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(first.replace("1_000_000", "10").replace('column="embedding"', 'column="rows"'))  # noqa: S102
    space = {}
    exec(last, space)  # noqa: S102
    spectrum = rankme.spectrum(space["Generated"]())
    assert (spectrum.n_rows, spectrum.n_cols) == (100_000, 64)
    assert spectrum.rankme() > 63


def test_every_extra_of_a_reader_is_named():
    for extra in ("bfloat16", "torch", "arrow", "parquet", "hdf5", "zarr", "remote", "s3", "gcs"):
        assert f"rankme[{extra}]" in PAGE
    assert {".npy", ".npz", ".fbin", ".f16bin", ".fvecs"} <= set(KNOWN_SUFFIXES)
