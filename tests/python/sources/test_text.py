"""JSON lines and CSV: vectors that are written as text, and the first record that is bad."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

import rankme
from rankme.sources import BadDataError
from rankme.sources._errors import NoRowsError
from source_files import TEXTS, base64_of, matrix, small_blocks, text_of, write

TWO = [[3.0, 0.0], [0.0, 4.0]]
RANKME = 1.9796262


def rows_of(source, start=0):
    return np.vstack([block.copy() for block in source.blocks(start)])


def code(*numbers, dtype="<f4"):
    return base64.b64encode(np.array(numbers, dtype).tobytes()).decode()


def item(index, vector):
    return {"object": "embedding", "index": index, "embedding": vector}


def answer(*items, **others):
    body = {"object": "list", "data": list(items), "model": "m", "usage": {"total_tokens": 4}}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "x", "custom_id": "a", "response": response, "error": None, **others}


REFUSED = {
    "id": "x", "custom_id": "b", "error": None,
    "response": {"status_code": 400, "body": {"error": {"message": "too long", "code": 3}}},
}  # fmt: skip
EXPIRED = {"id": "y", "custom_id": "c", "response": None, "error": {"message": "batch expired"}}


def lines(*objects):
    return "".join(f"{json.dumps(one)}\n" for one in objects)


@pytest.mark.parametrize("size", [120, 700, None])
@pytest.mark.parametrize("name", TEXTS)
def test_every_row_comes_once_from_any_start(tmp_path, monkeypatch, name, size):
    if size is not None:
        small_blocks(monkeypatch, size)
    z = matrix()
    source = rankme.open_source(write(tmp_path, name, z))
    kind = np.float32 if name in ("jsonl-base64", "tsv") else np.float64
    assert (source.n_rows, source.n_cols, source.dtype) == (*z.shape, kind)
    for start in (0, 1, 17, 36):
        np.testing.assert_array_equal(rows_of(source, start), z[start:])
    assert list(source.blocks(37)) == []
    with pytest.raises(ValueError, match="start is 38"):
        source.blocks(38)
    for seed in (0, None):
        some = rankme.spectrum(source, rows=9, seed=seed)
        chosen = rankme.sources.choose_rows(37, 9, seed=seed)
        assert some.rankme() == pytest.approx(rankme.spectrum(z[chosen]).rankme(), rel=1e-12)
    assert rankme.score(source) == pytest.approx(rankme.score(z), rel=1e-12)
    with pytest.raises(BadDataError, match=r"has no|neither"):
        rankme.open_source(source.name, column="another")


READ = {
    "lists": ("a.jsonl", lines({"embedding": TWO[0]}) + "\n" + lines({"embedding": TWO[1]})),
    "no newline at the end": ("a.jsonl", '{"e": [3.0, 0]}\r\n{"e": [0, 4]}'),
    "whole numbers first": ("a.ndjson", '{"e": [3, 0]}\n{"e": [0.0, 4]}\n'),
    "integers beside": ("a.jsonl", '{"ids": [3, 0], "e": [3.0, 0]}\n{"ids": [7], "e": [0, 4]}'),
    "text": ("a.jsonl", lines({"t": "[1] x", "e": "[3.0, 0.0]"}, {"t": "", "e": "[\n0.0,4.0 ]"})),
    "base64": ("a.jsonl", lines({"e": code(3, 0)}, {"e": code(0, 4)})),
    "keys within": ("a.jsonl", lines({"v": {"a": TWO[0]}}, {"v": {"a": TWO[1]}, "w": 7})),
    "a batch": ("a.jsonl", lines(answer(item(0, TWO[0])), answer(item(0, TWO[1])))),
    "a batch out of order": ("a.jsonl", lines(answer(item(1, TWO[1]), item(0, TWO[0])))),
    "a batch of base64": ("a.jsonl.gz", lines(answer(item(1, code(0, 4)), item(0, code(3, 0))))),
    "answers": ("a.jsonl", lines({"data": [item(0, TWO[0]), item(1, TWO[1])], "model": "m"})),
    "csv": ("a.csv", 'text,embedding\na,"[3.0, 0.0]"\n"b\n""c""","[0.0, 4.0]"\n'),
    "csv of base64": ("a.csv.zst", f"text,e\na,{code(3, 0)}\nb,{code(0, 4)}\n"),
    "tabs": ("a.tsv.gz", "text\te\na,b\t[3.0, 0.0]\nb\t[0.0, 4.0]\n"),
}


@pytest.mark.parametrize(("name", "content"), READ.values(), ids=READ)
def test_what_is_read(tmp_path, name, content):
    text_of(tmp_path / name, content)
    source = rankme.open_source(tmp_path / name)
    np.testing.assert_array_equal(rows_of(source), TWO)
    assert rankme.score(tmp_path / name) == pytest.approx(RANKME, abs=1e-7)


def test_a_column_for_each_dimension(tmp_path):
    path = tmp_path / "a.csv"
    text_of(path, "id,x_10,x_2\n7,0,3\n8,4.0,0\n")
    source = rankme.open_source(path, column="x_*")
    np.testing.assert_array_equal(rows_of(source), TWO)
    with pytest.raises(BadDataError, match="name them by a pattern: --column 'x_"):
        rankme.score(path)
    with pytest.raises(BadDataError, match=r"no column like 'y_\*'"):
        rankme.score(path, column="y_*")
    text_of(path, "x,y\n3.5,0.5\n0.5,4.0\n")
    np.testing.assert_array_equal(rows_of(rankme.open_source(path)), [[3.5, 0.5], [0.5, 4]])
    ids = "".join(f"{i}.0,{i / 7},{i / 9}\n" for i in range(20))
    text_of(path, f"id,x,y\n{ids}")
    with pytest.raises(BadDataError, match=r"column 'id' holds whole numbers"):
        rankme.score(path)


def test_what_base64_is(tmp_path):
    path = tmp_path / "a.jsonl"
    z = np.random.default_rng(1).standard_normal((20, 3))
    text_of(path, lines(*({"e": code(*row, dtype="<f2")} for row in z)))
    np.testing.assert_array_equal(
        rows_of(rankme.open_source(path, dtype="float16")), z.astype("f2")
    )
    with pytest.raises(BadDataError, match=r"has 6 bytes of base64 .* no row of float32"):
        rankme.open_source(path)
    text_of(path, lines(*({"e": code(*row, dtype="<f8")} for row in z)))
    with pytest.raises(BadDataError, match="they are of another type"):
        rankme.open_source(path)
    text_of(path, lines({"e": TWO[0]}))
    with pytest.raises(BadDataError, match="its entries are float64 by the file itself"):
        rankme.open_source(path, dtype="float32")


BAD = {
    "a failed line": ("a.jsonl", lines(answer(item(0, TWO[0])), REFUSED), "line 2 failed.*too lon"),
    "two": (
        "a.jsonl", lines(answer(item(0, TWO[0])), EXPIRED, REFUSED), r"line 2.*expired'.*1 more",
    ),
    "all": ("a.jsonl", lines(REFUSED, EXPIRED), "line 1 failed.*too long"),
    "an item that lacks": (
        "a.jsonl", lines(answer(item(0, TWO[0]), item(2, TWO[1]))), "line 1 has not one item",
    ),
    "an item twice": (
        "a.jsonl", lines(answer(item(0, TWO[0]), item(0, TWO[1]))), "line 1 has not one item",
    ),
    "length": ("a.jsonl", '{"e":[1.5,2]}\n\n{"e":[1,2,3]}\n', "line 3 has length 3 .* wanted 2"),
    "null": ("a.jsonl", '{"e":[1.5,2]}\n{"e":null}\n', "line 2 is null"),
    "no key": ("a.jsonl", '{"e":[1.5,2]}\n{"f":1}\n', "line 2 is null"),
    "null entry": ("a.jsonl", '{"e":[1.5,2]}\n{"e":[1,null]}\n', "line 2, entry 1 is null"),
    "text in it": ("a.jsonl", '{"e":[1.5,2]}\n\n{"e":[1,"x"]}\n{"e":[2]}\n', "line 3 cannot be r"),
    "half a line": ("a.jsonl", '{"e":[1.5,2]}\n{"e":[1.5', "line 2 cannot be read"),
    "two in a line": (
        "a.jsonl", 80 * '{"e":[1.5,2]}\n' + '{"e":[1,2]} {"e":[3,4]}\n', "line 81 .*several values",
    ),
    "nan": ("a.jsonl", '{"e":[1.5,2]}\n\n{"e":[1,NaN]}\n', "line 3, column 1 .* is nan"),
    "several": ("a.jsonl", '{"e":[1.5,2],"f":[1.5,2]}\n', "holds 2 .* 'e', 'f'; name one"),
    "no vectors": ("a.jsonl", '{"e":"x","f":1}\n', "holds no key of .*'e', 'f'"),
    "no object": ("a.jsonl", "[1, 2]\n", "line 1 is JSON of another kind"),
    "no JSON": ("a.jsonl", '\n{"e": [\n', "line 2 is no JSON"),
    "bad text": ("a.jsonl", lines({"e": "[1,2]"}, {"e": "[1,x]"}), r"line 2 is no JSON .*\[1,x\]"),
    "two texts": ("a.jsonl", lines({"e": "[1,2]"}, {"e": '[1,2]}\n{"v":[3,4]'}), "line 2 is no J"),
    "bad base64": ("a.jsonl", lines({"e": code(3, 0)}, {"e": "AAAAAAAAgE!="}), "line 2 is no base"),
    "short base64": ("a.jsonl", lines({"e": code(3, 0)}, {"e": code(3)}), "line 2 has 8 letters"),
    "no base64": ("a.jsonl", lines({"e": code(3, 0)}, {"e": None}), "line 2 is null"),
    "a short record": ("a.csv", "x,y\n3.0,0.5\n0.5\n", "Row #3: Expected 2 columns, got 1"),
    "text for a number": ("a.csv", "x,y\n3.0,0.5\n0.5,abc\n", "Row #3: .* invalid value 'abc'"),
    "an empty number": ("a.csv", "x,y\n3.0,0.5\n0.5,\n", "row 1 .record 2.* null in column 'y'"),
    "an empty text": ("a.csv", 'x,e\n3.0,"[1,2]"\n0.5,\n', "row 1 .record 2.* null in column 'e'"),
    "a bad text": ("a.csv", 'x,e\n3.0,"[1,2]"\n0.5,"[1,x]"\n', "row 1 .record 2.* is no JSON list"),
    "another length": ("a.csv", 'x,e\n3.0,"[1,2]"\n0.5,"[1]"\n', "row 1 .record 2.* has length 1"),
    "no names": ("a.csv", "3.0,0.5\n0.5,4.0\n", "its first line has numbers such as 3.0"),
    "spaces before them": ("a.csv", " 3.0, 0.5\n 0.5, 4.0\n", "has numbers such as 3.0"),
    "lines of JSON": ("a.csv", '{"e": [3.0, 0.5]}\n', "is an object of JSON, .*--format jsonl"),
    "a name twice": ("a.csv", "e,e\n3.0,0.5\n", "several columns of the name 'e'"),
    "an infinite number": ("a.csv", "x,y\n3.0,0.5\n0.5,inf\n", "record 2.*column 1 .* is inf"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), BAD.values(), ids=BAD)
def test_the_first_bad_record_is_named(tmp_path, name, content, message):
    text_of(tmp_path / name, content)
    column = "?" if content.startswith("x,y") else None
    with pytest.raises(BadDataError, match=f"{name}: .*{message}"):
        rankme.score(tmp_path / name, column=column)


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", ""), ("a.jsonl", " \n\n"), ("a.csv", "x,e\n")]
)
def test_no_rows(tmp_path, name, content):
    text_of(tmp_path / name, content)
    with pytest.raises(NoRowsError):
        rankme.open_source(tmp_path / name)


def test_rows_that_are_null_are_left_out(tmp_path):
    z = matrix()
    texts = [str(row.tolist()) for row in z.astype("f8")]
    text_of(
        tmp_path / "a.jsonl", lines({"e": texts[0]}, {"e": None}, *({"e": t} for t in texts[1:]))
    )
    coded = [base64_of(row) for row in z]
    text_of(tmp_path / "b.jsonl", lines({"e": coded[0]}, {}, *({"e": one} for one in coded[1:])))
    text_of(tmp_path / "c.csv", "id,e\n1,\n" + "".join(f'1,"{text}"\n' for text in texts))
    for path in tmp_path.iterdir():
        found = rankme.spectrum(path, skip_nonfinite=True)
        assert (found.n_rows, found.n_skipped) == (37, 1)
        assert found.rankme() == pytest.approx(rankme.spectrum(z).rankme(), rel=1e-12)


@pytest.mark.parametrize("name", ["jsonl", "jsonl-gzip", "csv", "csv-zstd"])
def test_a_file_that_changes(tmp_path, monkeypatch, name):
    small_blocks(monkeypatch, 300)
    path = write(tmp_path, name, matrix())
    source = rankme.open_source(path)
    text_of(path, path.read_text(encoding="utf-8") if path.suffix not in (".gz", ".zst") else "x")
    with pytest.raises(BadDataError, match="changed since it was opened"):
        rankme.score(source)


@pytest.mark.parametrize("name", ["jsonl-gzip", "csv-zstd"])
def test_a_compressed_file_that_was_cut(tmp_path, name):
    path = write(tmp_path, name, matrix())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadDataError, match="Truncated compressed stream"):
        rankme.open_source(path)
    path.write_bytes(b"no archive at all")
    with pytest.raises(BadDataError, match="cannot be read"):
        rankme.open_source(path)


def test_text_in_folders(tmp_path):
    for i in range(3):
        text_of(tmp_path / f"part-{i}.jsonl.gz", lines({"e": [1.5, i]}, {"e": [i, 2]}))
    source = rankme.open_source(tmp_path)
    assert (source.n_rows, len(source.shards)) == (6, 3)
    # Beside other formats it is about the rows.
    np.save(tmp_path / "part-0.npy", np.eye(4))
    (tmp_path / "labels.csv").write_text("id,label\n1,2\n", encoding="utf-8")
    assert rankme.open_source(tmp_path).n_cols == 4


def test_pickles_are_told_what_to_do(tmp_path):
    import pickle

    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"embeddings": np.eye(3)}))
    with pytest.raises(
        BadDataError, match=r"never loaded.*numpy.save\(path, obj\['embeddings'\]\)"
    ):
        rankme.score(tmp_path / "a.pkl")


def test_the_command_reads_them(tmp_path):
    text_of(tmp_path / "a.csv", "id,x_10,x_2\n7,0,3\n8,4.0,0\n")
    command = [sys.executable, "-m", "rankme", "score", str(tmp_path / "a.csv"), "--json"]
    done = subprocess.run([*command, "--column", "x_*"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rankme"] == pytest.approx(RANKME, abs=1e-7)
