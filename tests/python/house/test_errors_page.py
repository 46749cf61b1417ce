"""Each error text of docs/reference/errors.md is what is raised, and its cure was tried."""

import struct
import sys
import warnings
from hashlib import sha256

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import rankme
from database_errors import database_errors
from helpers import run_python
from pages import codes, is_like, tables
from rankme import sources

PAGE = "reference/errors.md"
CLASSES, *TEXTS = tables(PAGE)
ROWS = [row for table in TEXTS for row in table]
RNG = np.random.default_rng(0)
PLAIN = RNG.standard_normal((30, 4))


def with_entry(value):
    rows = PLAIN.astype("f4")
    rows[3, 2] = value
    return rows


def filled(dim=4, shard=None, rows=None, **options):
    acc = rankme.Accumulator(dim, **options)
    acc.update(np.resize(PLAIN, (30, dim)) if rows is None else rows, shard=shard)
    return acc


# ---- how each text comes about: its beginning, what is there, and what calls for it --------------


def arrays():
    acc, score, update = rankme.Accumulator(4), "rankme.score(Z)", "acc.update(Z)"
    tokens = RNG.standard_normal((2, 5, 4))
    mask = tokens[..., 0] < 1
    foreign = np.dtype("f4").newbyteorder()
    with np.errstate(over="ignore"):
        half = with_entry(7e4).astype("f2")
    yield "Z[...] is nan", {"Z": with_entry(np.nan)}, score
    yield "Z[...] is inf", {"Z": half, "wide": with_entry(7e4)}, score
    yield "Z must be 2-D, a row per embedding; it is 3-D", {"Z": tokens, "mask": mask}, score
    yield "Z must be 2-D, a row per embedding; it is 1-D", {"Z": PLAIN[0], "acc": acc}, update
    yield "Z is empty", {"Z": PLAIN[:0], "acc": acc}, score
    yield "Z has dtype int8", {"Z": (9 * PLAIN).astype("i1")}, score
    quantised = {"Z": np.abs(9 * PLAIN).astype("u1"), "zero_point": 5, "scale": 0.1}
    yield "Z has dtype uint8", quantised, score
    yield "Z has dtype float32 in foreign byte order", {"Z": PLAIN.astype(foreign)}, score
    yield "Z is a list of 2-D", {"Z": [PLAIN, PLAIN]}, score
    yield "Z is a list of dict", {"Z": [{"id": 1, "embedding": row} for row in PLAIN]}, score
    frame = pd.DataFrame({"id": range(30), "x0": PLAIN[:, 0], "x1": PLAIN[:, 1]})
    yield "Z is a table of which", {"Z": frame}, score
    yield "Z has 2 columns", {"Z": pd.DataFrame({"a": [*PLAIN], "b": [*PLAIN]})}, score
    yield "block 0 of Z", {"Z": DataLoader(TensorDataset(torch.ones(9, 2), torch.ones(9)))}, score
    once = {"Z": iter([PLAIN]), "again": iter([PLAIN])}
    yield "rows is 60", {"Z": PLAIN}, "rankme.score(Z, rows=60)"
    for text, call in {
        "a random choice": "rankme.score(Z, rows=20)",
        "Z gives its rows once": "rankme.curve(Z, rows=[20, 30])",
    }.items():
        yield text, {"Z": iter([PLAIN]), "again": iter([PLAIN])}, call
    yield 'method="auto" may', once, 'rankme.score(Z, method="auto")'
    layers = {"stack": rankme.LayerAccumulator(2, 4), "Z": PLAIN}
    yield "cannot update a layer", layers, "stack[0].update(Z)"
    yield "Z is a masked array", {"Z": np.ma.masked_array(PLAIN, PLAIN > 2)}, score
    masked = {"Z": tokens, "acc": acc, "np": np}
    yield "mask must be booleans", {**masked, "mask": mask * 1.0}, "acc.update(Z, mask=mask)"
    yield "mask must have", {**masked, "mask": mask.any(axis=1)}, "acc.update(Z, mask=mask)"
    yield "Z is a tensor", {"Z": torch.ones(3, 2, requires_grad=True)}, score
    yield "Z has 5 columns", {"Z": np.ones((3, 5)), "acc": acc}, update
    stack = {"Zs": [PLAIN], "acc": rankme.LayerAccumulator(2, 4)}
    yield "Zs has 1 layers", stack, "acc.update(Zs)"
    grouped = rankme.GroupedAccumulator(4, 3)
    labels = np.array([0, 1, 2, 3] + [0] * 26)
    there = {"grouped": grouped, "Z": PLAIN, "np": np, "labels": labels}
    yield "groups must be from 0 to 2", there, "grouped.update(Z, groups=labels)"
    lacking = np.where(labels == 2, np.nan, labels % 3)
    yield "groups has dtype", {**there, "labels": lacking}, "grouped.update(Z, groups=labels)"


def metrics():
    yield "the accumulator has no rows", {"acc": rankme.Accumulator(4), "Z": PLAIN}, "acc.score()"
    yield "the accumulator keeps no groups", {"Z": PLAIN}, "rankme.Accumulator(4).estimate()"
    yield "... rows fill", {"Z": PLAIN}, "rankme.estimate(iter([Z]))"
    yield "groups are kept with", {}, "rankme.Accumulator(4, groups=16, method='qr')"
    yield "eps must be", {"Z": PLAIN}, "rankme.score(Z, eps=7)"
    wide = np.ones((2, 200_000), "f4")
    yield "out of memory", {"Z": wide}, "rankme.Accumulator(Z.shape[1]).update(Z)"
    yield "entry [...] of the Gram", {"acc": filled(rows=PLAIN * 1e200)}, "acc.gram()"
    yield "an accumulator of method 'qr' keeps", {"acc": filled(method="qr")}, "acc.gram()"
    yield "self_clustering", {"Z": PLAIN}, "rankme.spectrum(Z).self_clustering()"
    few = np.eye(9)
    yield "mean_share", {"Z": PLAIN}, "rankme.spectrum(Z, method='qr').mean_share()"
    yield "anisotropy", {"Z": PLAIN}, "rankme.spectrum(Z).anisotropy()"
    yield "... rows are too few", {"Z": few}, "rankme.metrics.participation_ratio_corrected(Z)"
    yield "alpha_req", {"Z": PLAIN}, "rankme.spectrum(Z, center=True).alpha_req()"
    yield (
        "participation_ratio",
        {"Z": PLAIN},
        "rankme.spectrum(Z, method='qr').participation_ratio()",
    )
    line = RNG.standard_normal((1600, 1)) * RNG.standard_normal((1, 1500))
    collapsed = line + 1e-9 * RNG.standard_normal(line.shape)
    stream = rankme.Accumulator(1500)
    stream.update(collapsed)
    yield "RankMe ...", {"Z": collapsed, "stream": stream}, "stream.score()"


def agreements():
    scores, truth = dict(zip("abcd", (3, 9, 5, 1), strict=True)), {"a": 7.0, "b": 7.4, "c": 7.6}
    call = "rankme.agreement(scores, truth, higher_is_better=True)"
    yield "run 'd' has no truth", {"scores": scores, "truth": truth}, call
    failed = {"scores": scores, "truth": truth | {"c": np.nan, "d": 6.0}}
    yield "truth of run 'c' is nan", failed, call
    seeds = pd.Series([7.0, 7.1, 7.4, 7.6, 6.0], index=[*"aabcd"])
    yield "truth has run 'a' twice", {"scores": scores, "truth": seeds}, call
    table = [{"model": n, "task": t, "f1": x} for n, x in scores.items() for t in "xy"]
    yield "truth: beside the columns", {"scores": scores, "truth": table}, call
    labels = {"scores": [1.0, 2.0], "positive": np.array(["right", "wrong"])}
    yield "positive[...] is", labels, "rankme.auroc(scores, positive)"


def saved_files(folder):
    acc = filled()
    for text, other in {
        "cannot merge accumulators of dim": filled(5),
        "cannot merge an accumulator that normalizes": filled(normalize=True),
        "cannot merge accumulators whose probes": filled(seed=1),
        "cannot merge accumulators of method": filled(method="qr"),
    }.items():
        yield text, {"acc": acc.copy(), "other": other}, "acc.merge(other)"
    tagged = {"acc": filled(tags={"step": 1}), "other": filled(tags={"step": 2})}
    yield "cannot merge: tag", tagged, "acc.merge(other)"
    grouped = {"acc": filled(groups=16), "other": filled()}
    yield "cannot merge accumulators of groups", grouped, "acc.merge(other)"
    yield "cannot merge: both hold", {"acc": filled(shard="a.npy")}, "acc.merge(acc)"
    path, original = folder / "copy.rankme", folder / "original.rankme"
    acc.save(original)
    data = original.read_bytes()
    # The last entry of the triangle, with a checksum that fits: what a flipped bit leaves behind.
    faulty = data[:-40] + struct.pack("<d", 1e9)
    rankme.LayerAccumulator(2, 4).save(path)
    for text, contents in {
        "...: not a saved": path.read_bytes(),
        "...: the checksum": data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
        "...: the saved state is truncated": data[:-50],
        "...: format version 4": data[:8] + struct.pack("<I", 4) + data[12:],
        "the Gram matrix disagrees": faulty + sha256(faulty).digest(),
    }.items():
        path.write_bytes(contents)
        names = {"path": path, "original": original, "again": acc}
        yield text, names, "rankme.Accumulator.load(path).spectrum()"


def comparisons():
    sets = {"a": PLAIN, "b": PLAIN}
    yield "to compare takes two", {"Z": PLAIN}, "rankme.compare({'a': Z})"
    centred = {**sets, "b": rankme.estimate(PLAIN, center=True)}
    yield "run 'b': it was computed", {"sets": centred}, "rankme.compare(sets)"
    tags = {"a": {"layer": "fc"}, "b": {"layer": "head"}}
    yield "run 'a' has layer", {"sets": sets, "tags": tags}, "rankme.compare(sets, tags=tags)"
    sums = {name: rankme.estimate(PLAIN[:n]) for name, n in (("a", 30), ("b", 20))}
    yield "run 'a' has 30", {"sets": sums, "Z": PLAIN}, "rankme.compare(sets)"
    yield "run 'a': rows=40", {"sets": sets}, "rankme.compare(sets, rows=40)"
    uneven = {"sets": {"a": PLAIN, "b": PLAIN[:20]}}
    yield "paired=True", uneven, "rankme.compare(sets, paired=True)"


def files(folder):
    opened = "rankme.score(path)"
    path, whole = folder / "rows.npy", folder / "whole.npy"
    np.save(whole, PLAIN)
    rows = np.ones((9, 8))
    rows[3, 5] = np.nan
    for text, contents in {
        "...: row 3, column 5": rows,
        "...: dtype int64": (9 * PLAIN).astype("i8"),
        "...: an array of 3 dimensions": PLAIN.reshape(3, 10, 4),
    }.items():
        np.save(path, contents)
        yield text, {"path": path, "rows": rows}, opened
    path.write_bytes(whole.read_bytes()[:-10])
    yield "...: truncated", {"path": path, "original": whole}, opened
    yield "...: holds one matrix", {"path": whole}, 'rankme.open_source(path, column="a")'
    two, table = folder / "two.npz", folder / "rows.dat"
    np.savez(two, a=PLAIN, b=PLAIN)
    yield "...: holds 2 that", {"path": two}, opened
    np.savetxt(table, PLAIN, delimiter=",")
    yield "...: no known format", {"path": table}, opened
    filled().save(folder / "part.rankme")
    yield "...: a saved state", {"path": folder / "part.rankme"}, opened
    arrays = folder / "arrays.pt"
    torch.save({"feats": PLAIN}, arrays)
    yield "...: holds objects", {"path": arrays, "torch": torch}, opened
    tensor = folder / "rows.pt"
    torch.save(torch.ones(3, 2), tensor, _use_new_zipfile_serialization=False)
    yield "...: a pickle", {"path": tensor, "torch": torch}, opened
    torch.save(torch.ones(3, 8)[:, ::2], tensor)
    yield "...: a view", {"path": tensor, "torch": torch}, opened


def folders(folder):
    mixed, unlike = folder / "mixed", folder / "unlike"
    for place in (mixed, unlike):
        place.mkdir()
        np.save(place / "a.npy", PLAIN)
    np.savez(mixed / "b.npz", PLAIN)
    np.save(unlike / "b.npy", np.ones((3, 5)))
    yield "...: holds files of several", {"path": mixed}, "rankme.open_source(path)"
    yield "...: has 5 columns", {"path": unlike}, "rankme.open_source(path)"
    pair, hudi = folder / "pair", folder / "hudi"
    for name in ("img_emb", "text_emb"):
        (pair / name).mkdir(parents=True)
        np.save(pair / name / "0.npy", PLAIN)
    yield "...: holds files that may", {"path": pair}, "rankme.open_source(path)"
    (hudi / ".hoodie").mkdir(parents=True)
    for number in range(3):
        pq.write_table(pa.table({"e": PLAIN.tolist()}), hudi / f"part-{number}.parquet")
    yield "...: is a table of Hudi", {"path": hudi}, "rankme.open_source(path)"


def told(path):
    opened = "rankme.open_source(path)"
    data = [row.tobytes() for row in np.eye(8, dtype="f2")]
    pq.write_table(pa.table({"e": pa.array(data, pa.binary(16))}), path)
    yield "...: column 'e' holds bytes", {"path": path}, opened
    yield "...: row 0, entry 0", {"path": path}, 'rankme.open_source(path, dtype="float32")'
    path = path.with_name("told.npy")
    np.save(path, PLAIN)
    yield "...: its entries", {"path": path}, 'rankme.open_source(path, dtype="float16")'


def columns(path):
    null, short = {"e": [[1.0, 2.0], None]}, {"e": [[1.0, 2.0], [3.0], [0.0, 1.0]]}
    for text, table in {
        "...: row group 0, row 1 (row 1 of the file) is null": null,
        "...: row group 0, row 1 (row 1 of the file) has length": short,
        "...: holds no column": {"a": [1.0, 2.0], "b": [3.0, 4.0]},
    }.items():
        pq.write_table(pa.table(table), path)
        names = {"table": pa.table(table), "path": path, "pyarrow": pa}
        yield text, names, "rankme.score(path)"


def others(folder, monkeypatch):
    path = folder / "rows.h5"
    with h5py.File(path, "w") as file:
        file["rows"] = PLAIN
    monkeypatch.setitem(sys.modules, "h5py", None)  # as if it were not installed
    yield "...: HDF5 needs", {"path": path}, "rankme.open_source(path)"
    yield "precision='fast'", {}, "rankme.Accumulator(4, method='qr', precision='fast')"
    if "no CUDA module" in rankme.cuda.describe().get("reason", ""):
        yield "device='cuda:0'", {"Z": PLAIN}, "rankme.score(Z, device='cuda')"


def tries(folder, monkeypatch):
    yield from arrays()
    yield from metrics()
    yield from agreements()
    yield from saved_files(folder)
    yield from comparisons()
    yield from files(folder)
    yield from folders(folder)
    yield from columns(folder / "rows.parquet")
    yield from told(folder / "bytes.parquet")
    yield from database_errors(folder)
    yield from others(folder, monkeypatch)


def row_of(beginning):
    (row,) = (row for row in ROWS if codes(row["text"])[0].startswith(beginning))
    return row


def raised(call, **names):
    """The error of a call, or its first warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(call, {"np": np, "rankme": rankme, **names})  # noqa: S102
        except Exception as error:  # noqa: BLE001
            return error
    return caught[0].message


def test_each_text_comes_and_each_cure_helps(tmp_path, monkeypatch):
    tried = []
    for beginning, names, call in tries(tmp_path, monkeypatch):
        row = row_of(beginning)
        text = codes(row["text"])[0]
        error = raised(call, **names)
        assert is_like(str(error), text), f"{error!r} is not {text}"
        assert isinstance(error, rankme.PrecisionWarning) == ("PrecisionWarning" in row["text"])
        tried.append(text)
        monkeypatch.undo()  # the library is there again
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(codes(row["cure"])[-1], {"np": np, "rankme": rankme, **names})  # noqa: S102
    left = {codes(row["text"])[0] for row in ROWS} - set(tried)
    # A program of its own; and what only an installation without CUDA can show.
    assert {text.split()[0] for text in left} <= {"RANKME_NUM_THREADS", "device='cuda:0':"}


def test_the_variable_of_threads():
    (row,) = (row for row in ROWS if "RANKME_NUM_THREADS" in row["text"])
    code = "import numpy as np, rankme; print(rankme.score(np.eye(3), eps=0))"
    environment = {"RANKME_NUM_THREADS": "many"}
    failed = run_python(code, **environment)
    assert is_like(failed.stderr.splitlines()[-1], f"ValueError: {codes(row['text'])[0]}")
    exec(codes(row["cure"])[0], {"environment": environment})  # noqa: S102
    assert float(run_python(code, **environment).stdout) == pytest.approx(3)


def test_every_public_class_is_named_with_its_base():
    named = {codes(row["class"])[0]: codes(row["is a"])[0] for row in CLASSES}
    found = {
        f"{module.__name__}.{name}": kind
        for module in (rankme, sources)
        for name in module.__all__
        if isinstance(kind := getattr(module, name), type) and issubclass(kind, BaseException)
    }
    assert set(named) == set(found)
    for name, base in named.items():
        assert found[name].__bases__[0].__name__ == base


def test_the_attributes_that_are_named_are_there(tmp_path):
    error = raised("rankme.score(Z)", Z=with_entry(np.nan))
    assert (error.row, error.column, error.matrix) == (3, 2, None)
    assert np.isnan(error.value)
    np.save(tmp_path / "a.npy", PLAIN[0])
    error = raised("rankme.score(path)", path=tmp_path / "a.npy")
    assert error.name == str(tmp_path / "a.npy")
    assert str(error) == f"{error.name}: {error.problem}"
