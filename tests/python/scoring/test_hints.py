"""Every next step that an error names is taken, and leads to the right number."""

import json
import types

import datasets
import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pytest
import scipy.sparse
import torch

import rankme
from oracles import moderate

ROWS = np.array([[3.0, 0.0], [0.0, 4.0]])
TWO = rankme.score(ROWS)
Z = moderate(5, 60, 8, "f4")
FULL = rankme.score(Z)
UNIT = np.array([[1.0, 2.0, 2.0]])
IDS = {"id": range(60), "label": ["a"] * 60}
NUMBERS = {**IDS, **{f"x{i}": Z[:, i] for i in range(8)}}
MANY = {"id": range(60), **{f"x{i}": moderate(6, 60, 12)[:, i] for i in range(12)}}
MANY_ROWS = rankme.score(moderate(6, 60, 12))
WHOLE = np.arange(60.0)
COORDINATES = {f"x{i}": Z[:, i] for i in range(8)}
INT8 = np.round(Z * (127 / np.abs(Z).max())).astype(np.int8)
SCALE, ZERO = (Z.max(0) - Z.min(0)) / 250, np.round(-Z.min(0) * 250 / (Z.max(0) - Z.min(0)))
UINT8 = np.round(Z / SCALE + ZERO).astype(np.uint8)
BITS = moderate(7, 60, 12) > 0
SIGNS = rankme.score(BITS * 2.0 - 1)
PACKED = np.packbits(BITS, axis=1)
NESTED = [[[3.0, 0.0], [0.0, 4.0]], [[3.0, 0.0]]]
THREE = rankme.score(np.array([[3.0, 0.0], [0.0, 4.0], [3.0, 0.0]]))
FLAT = pa.array(ROWS.tolist())
GIVEN = {"zero_point": ZERO, "scale": SCALE, "K": 12}
FLOAT8 = "f.name for f in Z.schema if 'float' in str(f.type) or str(f.type) == 'double'"


class Embedding:
    """What a client of an API gives for each text."""

    def __init__(self, row):
        self.index = 0
        self.embedding = row


def step(obj, code, expected, **given):
    return obj, code, expected, given


HINTS = {
    "vector": step(UNIT[0], "Z[None]", 1.0),
    "tensor": step(torch.tensor(UNIT[0]), "Z[None]", 1.0),
    "list of numbers": step(UNIT[0].tolist(), "np.asarray(Z)[None]", 1.0),
    "Series of numbers": step(pd.Series(UNIT[0]), "np.asarray(Z)[None]", 1.0),
    "Arrow numbers": step(pa.array(UNIT[0]), "np.asarray(Z)[None]", 1.0),
    "chunked numbers": step(pa.chunked_array([UNIT[0]]), "np.asarray(Z)[None]", 1.0),
    "polars numbers": step(pl.Series(UNIT[0]), "np.asarray(Z)[None]", 1.0),
    "axes of length 1, last": step(ROWS[:, :, None, None], "Z.reshape(2, 2)", TWO),
    "axis of length 1, middle": step(ROWS[:, None], "Z.reshape(2, 2)", TWO),
    "axis of length 1, first": step(ROWS[None], "Z.reshape(2, 2)", TWO),
    "one row": step(UNIT[None], "Z.reshape(1, 3)", 1.0),
    "one column": step(UNIT.reshape(3, 1, 1), "Z.reshape(3, 1)", 1.0),
    "tensor with axes": step(torch.tensor(ROWS)[:, None], "Z.reshape(2, 2)", TWO),
    "tokens": step(Z.reshape(6, 10, 8), "Z.reshape(-1, 8)", FULL),
    "tokens with padding": step(
        np.concatenate([Z.reshape(6, 10, 8), np.full((6, 2, 8), 7.0)], axis=1),
        "Z[mask]",
        FULL,
        mask=np.arange(12)[None] < np.full((6, 1), 10),
    ),
    "matrices": step(
        Z.reshape(6, 10, 8), "rankme.score_batch(Z)", [rankme.score(z) for z in Z.reshape(6, 10, 8)]
    ),
    "list of matrices": step(
        [Z[:20], Z[20:]], "rankme.score_batch(Z)", [rankme.score(Z[:20]), rankme.score(Z[20:])]
    ),
    "list of blocks": step([Z[:20], Z[20:]], "rankme.score(iter(Z))", FULL),
    "list of lists of rows": step([Z[:9].tolist(), Z[9:].tolist()], "rankme.score(iter(Z))", FULL),
    "int8": step(INT8, "np.asarray(Z).astype(np.float32)", FULL),
    "int8 tensor": step(torch.from_numpy(INT8), "np.asarray(Z).astype(np.float32)", FULL),
    "uint8": step(UINT8, "(np.asarray(Z).astype(np.float32) - zero_point) * scale", FULL),
    "packed bits": step(
        PACKED, "np.unpackbits(np.asarray(Z).view(np.uint8), axis=1, count=K) * 2.0 - 1", SIGNS
    ),
    "packed bits, int8": step(
        (PACKED.astype("i2") - 128).astype(np.int8),
        "np.unpackbits(np.asarray(Z).view(np.uint8), axis=1, count=K) * 2.0 - 1",
        SIGNS,
    ),
    "lists of int8": step(
        pa.array(list(INT8)), "np.array(Z.to_pylist(), np.int8).astype(np.float32)", FULL
    ),
    "integers": step(ROWS.astype(int), "np.asarray(Z).astype(np.float64)", TWO),
    "lists of integers": step(ROWS.astype(int).tolist(), "np.asarray(Z).astype(np.float64)", TWO),
    "bool": step(ROWS > 0, "np.asarray(Z).astype(np.float32)", rankme.score(np.eye(2))),
    "object": step(ROWS.astype(object), "np.asarray(Z).astype(np.float64)", TWO),
    "long double": step(ROWS.astype("g"), "np.asarray(Z).astype(np.float64)", TWO),
    "big-endian": step(
        ROWS.astype(">f8"), "np.asarray(Z).astype(np.asarray(Z).dtype.newbyteorder('='))", TWO
    ),
    "frame with an id": step(pd.DataFrame(NUMBERS), f"Z[{[f'x{i}' for i in range(8)]}]", FULL),
    "polars with an id": step(
        pl.DataFrame(NUMBERS), f"Z.select({[f'x{i}' for i in range(8)]})", FULL
    ),
    "table with an id": step(pa.table(NUMBERS), f"Z.select({[f'x{i}' for i in range(8)]})", FULL),
    "frame with many columns": step(pd.DataFrame(MANY), "Z.select_dtypes('floating')", MANY_ROWS),
    "table with many columns": step(pa.table(MANY), f"Z.select([{FLOAT8}])", MANY_ROWS),
    "two columns": step(pa.table({"a": FLAT, "b": FLAT}), "rankme.score(Z, column='a')", TWO),
    "two columns, pandas": step(pd.DataFrame({"a": [*ROWS], "b": [*ROWS]}), "Z['a']", TWO),
    "two columns, polars": step(pl.DataFrame({"a": [*ROWS], "b": [*ROWS]}), "Z['a']", TWO),
    "lazy": step(pl.LazyFrame({"e": ROWS.tolist()}), "Z.collect()", TWO),
    "text": step(pd.Series(["[3.0, 0.0]", "[0.0, 4.0]"]), "[json.loads(text) for text in Z]", TWO),
    "Arrow text": step(
        pa.array(["[3.0, 0.0]", "[0.0, 4.0]"]), "[json.loads(text) for text in Z.to_pylist()]", TWO
    ),
    "bytes": step(
        [row.astype("f4").tobytes() for row in ROWS],
        "[np.frombuffer(row, np.float32) for row in Z]",
        TWO,
    ),
    "Arrow bytes": step(
        pa.array([row.astype("f4").tobytes() for row in ROWS], pa.binary(8)),
        "np.stack([np.frombuffer(row, np.float32) for row in Z.to_pylist()])",
        TWO,
    ),
    "records": step(
        [{"id": 3, "embedding": row} for row in ROWS], "[row['embedding'] for row in Z]", TWO
    ),
    "objects": step(list(map(Embedding, ROWS)), "[item.embedding for item in Z]", TWO),
    "nested lists": step(pa.array(NESTED), "pyarrow.compute.list_flatten(Z)", THREE),
    "nested chunks": step(pa.chunked_array([NESTED]), "pyarrow.compute.list_flatten(Z)", THREE),
    "dictionary": step(pa.DictionaryArray.from_arrays([0, 1], FLAT), "Z.dictionary_decode()", TWO),
    "struct": step(
        pa.StructArray.from_arrays([FLAT], ["x"]), "pyarrow.compute.struct_field(Z, 'x')", TWO
    ),
    "sparse": step(scipy.sparse.csr_array(ROWS), "Z.toarray()", TWO),
    "float8": step(ROWS.astype(ml_dtypes.float8_e4m3fn), "np.asarray(Z).astype(np.float32)", TWO),
    "float8 tensor": step(torch.tensor(ROWS).to(torch.float8_e5m2), "Z.float()", TWO),
    "bits of bfloat16": step(
        ROWS.astype(ml_dtypes.bfloat16).view(np.uint16),
        "np.asarray(Z).view(ml_dtypes.bfloat16)",
        TWO,
    ),
    "a dataset": step(
        torch.utils.data.TensorDataset(torch.tensor(Z), torch.arange(60)),
        "rankme.score(torch.utils.data.DataLoader(Z, batch_size=1024), select=0)",
        FULL,
    ),
    "lists of numbers as text": step(
        ROWS.astype(str).tolist(), "np.asarray(Z).astype(np.float64)", TWO
    ),
    "numbers as text": step(ROWS.astype(str), "np.asarray(Z).astype(np.float64)", TWO),
    "a missing vector": step([*ROWS, None], "[row for row in Z if hasattr(row, '__len__')]", TWO),
    "a missing vector, pandas": step(pd.Series([*ROWS, None]), "Z.dropna()", TWO),
    "labels that are numbers": step(pd.DataFrame(ROWS).assign(id=[1, 2]), "Z[[0, 1]]", TWO),
    "polars with many columns": step(
        pl.DataFrame(MANY), "Z.select(polars.selectors.float())", MANY_ROWS
    ),
    "dataset with an id": step(
        datasets.Dataset.from_dict({"id": [1, 2], "a": [3.0, 0.0], "b": [0.0, 4.0]}),
        "Z.select_columns(['a', 'b'])",
        TWO,
    ),
    "dataset with many columns": step(
        datasets.Dataset.from_dict(MANY),
        "Z.select_columns([name for name, kind in Z.features.items() if 'float' in str(kind)])",
        MANY_ROWS,
    ),
    "polars bytes": step(
        pl.Series([row.astype("f4").tobytes() for row in ROWS]),
        "np.stack([np.frombuffer(row, np.float32) for row in "
        "pyarrow.chunked_array(Z).to_pylist()])",
        TWO,
    ),
    "polars text": step(
        pl.Series(["[3.0, 0.0]", "[0.0, 4.0]"]),
        "[json.loads(text) for text in pyarrow.chunked_array(Z).to_pylist()]",
        TWO,
    ),
    **{
        f"an id of whole numbers, {library}": step(made({"id": WHOLE, **COORDINATES}), code, FULL)
        for library, made, code in (
            ("pandas", pd.DataFrame, "Z.drop(columns=['id'])"),
            ("polars", pl.DataFrame, "Z.drop(['id'])"),
            ("Arrow", pa.table, "Z.drop_columns(['id'])"),
            ("datasets", datasets.Dataset.from_dict, "Z.remove_columns(['id'])"),
        )
    },
    **{
        f"a whole coordinate, {library}": step(
            made({"id": WHOLE, **COORDINATES}), code, rankme.score(np.column_stack([WHOLE, Z]))
        )
        for library, made, code in (
            ("pandas", pd.DataFrame, "Z.to_numpy()"),
            ("polars", pl.DataFrame, "Z.to_numpy()"),
            ("Arrow", pa.table, "np.column_stack(Z.columns)"),
            ("datasets", datasets.Dataset.from_dict, "Z.to_pandas().to_numpy()"),
        )
    },
    **{
        f"integers, {library}": step(made({f"x{i}": INT8[:, i] for i in range(8)}), code, FULL)
        for library, made, code in (
            ("pandas", pd.DataFrame, "Z.to_numpy().astype(np.float32)"),
            ("polars", pl.DataFrame, "Z.to_numpy().astype(np.float32)"),
            ("Arrow", pa.table, "np.column_stack(Z.columns).astype(np.float32)"),
        )
    },
    "gradient": step(torch.tensor(ROWS, requires_grad=True), "Z.detach()", TWO),
}


@pytest.mark.parametrize(("obj", "code", "expected", "given"), HINTS.values(), ids=HINTS)
def test_the_step_leads_to_the_right_number(obj, code, expected, given):
    with pytest.raises((TypeError, ValueError)) as caught:
        rankme.score(obj)
    said = str(caught.value)
    # A step may be told in two parts: M = one, and what is to be done with M.
    _, named, made = said.partition("M = ")
    if named:
        said = said.replace("M.", made.partition(";")[0] + ".")
    assert code in said
    names = {
        "np": np,
        "json": json,
        "rankme": rankme,
        "pyarrow": pa,
        "polars": pl,
        "torch": torch,
        "ml_dtypes": ml_dtypes,
        "Z": obj,
        **GIVEN,
        **given,
    }
    found = eval(code, names)  # noqa: S307
    if not isinstance(found, float) and code != "rankme.score_batch(Z)":
        found = rankme.score(found)
    # Quantised to 8 bits, the rows are others by half a step.
    assert found == pytest.approx(expected, rel=2e-3 if "float32)" in code else 1e-6)


def test_a_mapping_says_what_it_has():
    for made in ({"emb": ROWS, "ids": [1]}, types.MappingProxyType({"emb": ROWS})):
        with pytest.raises(TypeError, match=r"with the entries 'emb'.*; pass one, Z\[\.\.\.\]"):
            rankme.score(made)
    with pytest.raises(TypeError, match="keeps no row twice; pass a list"):
        rankme.score({(3.0, 0.0), (0.0, 4.0)})
    assert rankme.score(list({(3.0, 0.0), (0.0, 4.0)})) == pytest.approx(TWO)


NO_NUMBERS = {
    "pandas": pd.DataFrame(NUMBERS),
    "polars": pl.DataFrame(NUMBERS),
    "pyarrow": pa.table(NUMBERS),
    "ids alone": pd.DataFrame({"id": range(60)}),
    "ids and text": pl.DataFrame(IDS),
    "record batch": pa.record_batch(pd.DataFrame(IDS)),
}


@pytest.mark.parametrize("made", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_no_table_is_told_to_score_its_ids(made):
    with pytest.raises(TypeError, match=r"'id' \(.*int64\).* can be no coordinates") as caught:
        rankme.score(made)
    assert "to_numpy" not in str(caught.value)
    assert "asarray" not in str(caught.value)
    assert "column=" in str(caught.value)
    with pytest.raises(TypeError, match="can be no coordinates"):
        rankme.Accumulator(2).update(made)


def test_a_column_of_text_says_what_to_do():
    frame = pd.DataFrame({"id": [1, 2], "emb": ["[3.0, 0.0]", "[0.0, 4.0]"]})
    with pytest.raises(TypeError, match=r"rankme\.score\(Z, column=\.\.\.\) names"):
        rankme.score(frame)
    with pytest.raises(TypeError, match=r"\[json\.loads\(text\) for text in Z\['emb'\]\]"):
        rankme.score(frame, column="emb")
    assert rankme.score([json.loads(text) for text in frame["emb"]]) == pytest.approx(TWO)
