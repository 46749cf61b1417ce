"""Rows of int8 and uint8: refused unless the user tells what they are, and then read exactly."""

import base64
import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

import rankme
from command import run
from rankme.sources import BadDataError, choose_rows, open_source, subset
from source_files import joined, small_blocks
from zarr_files import add_array, new_group

RNG = np.random.default_rng(0)
INT8 = RNG.integers(-128, 128, (37, 5)).astype(np.int8)
UINT8 = RNG.integers(0, 256, (37, 5)).astype(np.uint8)


def save_bin(path, rows):
    path.write_bytes(np.array(rows.shape, "<u4").tobytes() + rows.tobytes())


def save_bvecs(path, rows):
    lengths = np.full((len(rows), 1), rows.shape[1], "<i4").view("u1").reshape(len(rows), 4)
    path.write_bytes(np.hstack([lengths, rows]).tobytes())


def save_hdf5(path, rows):
    with h5py.File(path, "w") as file:
        file["rows"] = rows


def save_chunked(path, rows):
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=rows, chunks=(6, 5), compression="gzip")


def save_zarr(path, rows):
    add_array(new_group(path), "rows", rows, chunks=(8, 5))


def lists(rows, kind):
    values = pa.array(rows.ravel())
    if kind == "fixed":
        return pa.FixedSizeListArray.from_arrays(values, rows.shape[1])
    return pa.ListArray.from_arrays(np.arange(0, rows.size + 1, rows.shape[1]), values)


def save_parquet(path, rows, kind="list"):
    pq.write_table(pa.table({"rows": lists(rows, kind)}), path, row_group_size=15)


def save_arrow(path, rows):
    table = pa.table({"rows": lists(rows, "fixed")})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


WRITERS = {
    ".npy": np.save,
    ".npz": lambda path, rows: np.savez(path, rows=rows),
    "-compressed.npz": lambda path, rows: np.savez_compressed(path, rows=rows),
    ".safetensors": lambda path, rows: save_file({"rows": rows}, path),
    ".pt": lambda path, rows: torch.save({"rows": torch.from_numpy(rows)}, path),
    ".h5": save_hdf5,
    "-chunked.h5": save_chunked,
    ".zarr": save_zarr,
    ".parquet": save_parquet,
    "-fixed.parquet": lambda path, rows: save_parquet(path, rows, "fixed"),
    ".arrow": save_arrow,
}
BENCHMARKS = {
    ".i8bin": (save_bin, INT8),
    ".u8bin": (save_bin, UINT8),
    ".bvecs": (save_bvecs, UINT8),
}
CASES = [(suffix, write, rows) for suffix, write in WRITERS.items() for rows in (INT8, UINT8)]
CASES += [(suffix, *rest) for suffix, rest in BENCHMARKS.items()]
IDS = [f"{rows.dtype}{suffix}" for suffix, _, rows in CASES]


@pytest.mark.parametrize(("suffix", "write", "rows"), CASES, ids=IDS)
def test_integers_are_refused_unless_they_are_asked_for(tmp_path, suffix, write, rows):
    path = tmp_path / f"rows{suffix}"
    write(path, rows)
    with pytest.raises(BadDataError, match=r"int8|I8|U8|no column of floating"):
        open_source(path)
    with pytest.raises(BadDataError, match=r"--integers, integers=True"):
        open_source(path, column=None if path.suffix in (".npy", *BENCHMARKS) else "rows")


@pytest.mark.parametrize(("suffix", "write", "rows"), CASES, ids=IDS)
def test_integers_are_read_as_the_numbers_that_they_are(tmp_path, monkeypatch, suffix, write, rows):
    small_blocks(monkeypatch)
    path = tmp_path / f"rows{suffix}"
    write(path, rows)
    source = open_source(path, integers=True)
    assert (source.n_rows, source.n_cols, source.dtype) == (37, 5, np.float16)
    for start in (0, 1, 36, 37):
        np.testing.assert_array_equal(joined(source, start), rows[start:])
    np.testing.assert_array_equal(source.matrix(), rows)
    chosen = choose_rows(37, 9)
    np.testing.assert_array_equal(joined(subset(source, 9)), rows[chosen])
    expected = rankme.score(rows.astype(np.float64))
    assert rankme.score(path, integers=True) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("way", ["bits", "signs"])
@pytest.mark.parametrize(("suffix", "write", "rows"), CASES, ids=IDS)
def test_packed_bits_are_eight_columns_a_byte(tmp_path, suffix, write, rows, way):
    path = tmp_path / f"rows{suffix}"
    write(path, rows)
    # Services pack the bits of signs to uint8, and take 128 off where int8 is asked for.
    packed = (rows.astype(np.int16) + 128).astype(np.uint8) if rows.dtype == np.int8 else rows
    wanted = np.unpackbits(packed, axis=1).astype(np.float64)
    if way == "signs":
        wanted = 2 * wanted - 1
    source = open_source(path, unpack_bits="signs" if way == "signs" else True)
    assert (source.n_rows, source.n_cols, source.dtype) == (37, 40, np.float16)
    np.testing.assert_array_equal(joined(source), wanted)
    np.testing.assert_array_equal(joined(source, 30), wanted[30:])


def test_bits_of_binary_columns_are_those_of_a_type_that_is_told(tmp_path):
    path = tmp_path / "rows.parquet"
    kind = pa.binary(UINT8.shape[1])
    pq.write_table(pa.table({"rows": pa.array([row.tobytes() for row in UINT8], kind)}), path)
    bits = np.unpackbits(UINT8, axis=1)
    unsigned = open_source(path, unpack_bits=True, dtype="uint8").matrix()
    np.testing.assert_array_equal(unsigned, bits)
    with pytest.raises(BadDataError, match="'rows': its bytes may be uint8, or int8"):
        open_source(path, unpack_bits=True)
    signed = open_source(path, unpack_bits=True, dtype="int8").matrix()
    np.testing.assert_array_equal(signed, np.unpackbits(UINT8 ^ 0x80, axis=1))


def test_bits_as_sentence_transformers_packs_them(tmp_path):
    quantize = pytest.importorskip("sentence_transformers.util.quantization").quantize_embeddings
    rows = RNG.standard_normal((50, 64)).astype(np.float32)
    for precision in ("binary", "ubinary"):
        np.save(tmp_path / f"{precision}.npy", quantize(rows, precision=precision))
        source = open_source(tmp_path / f"{precision}.npy", unpack_bits="signs")
        np.testing.assert_array_equal(source.matrix(), np.where(rows > 0, 1, -1))


def test_null_rows_of_bytes_can_be_left_out(tmp_path):
    column = pa.array([[1, 2], None, [3, 5], [8, 250]], pa.list_(pa.uint8()))
    pq.write_table(pa.table({"rows": column}), tmp_path / "rows.parquet")
    there = np.array([[1, 2], [3, 5], [8, 250]], np.uint8)
    for options, rows in (
        ({"integers": True}, there),
        ({"unpack_bits": True}, np.unpackbits(there, axis=1)),
    ):
        with pytest.raises(BadDataError, match=r"row 1 .* is null"):
            rankme.score(tmp_path / "rows.parquet", **options)
        found = rankme.spectrum(tmp_path / "rows.parquet", skip_nonfinite=True, **options)
        assert found.n_skipped == 1
        expected = rankme.score(rows.astype(np.float64))
        assert found.rankme() == pytest.approx(expected, rel=1e-12)


def test_bytes_that_were_taken_for_other_numbers_are_another_version(tmp_path):
    np.save(tmp_path / "rows.npy", UINT8)
    ways = ({"integers": True}, {"unpack_bits": True}, {"unpack_bits": "signs"})
    versions = {open_source(tmp_path / "rows.npy", **way).identity.version for way in ways}
    assert len(versions) == 3


def test_integers_beside_floats_have_to_be_named(tmp_path):
    floats = RNG.standard_normal((37, 4))
    np.savez(tmp_path / "rows.npz", bytes=INT8, floats=floats)
    assert rankme.open_source(tmp_path / "rows.npz").dtype == np.float64
    with pytest.raises(BadDataError, match="2 that may be meant: 'bytes', 'floats'"):
        open_source(tmp_path / "rows.npz", integers=True)
    chosen = open_source(tmp_path / "rows.npz", integers=True, column="floats")
    np.testing.assert_array_equal(chosen.matrix(), floats)


def test_wider_integers_are_ids_still(tmp_path):
    np.save(tmp_path / "rows.npy", INT8.astype(np.int32))
    with pytest.raises(BadDataError, match="dtype int32; wanted"):
        open_source(tmp_path / "rows.npy", integers=True)


def test_bits_of_floats_are_an_error(tmp_path):
    np.save(tmp_path / "rows.npy", INT8.astype(np.float32))
    with pytest.raises(BadDataError, match="its entries are float32; bits are packed in bytes"):
        open_source(tmp_path / "rows.npy", unpack_bits=True)
    (tmp_path / "rows.jsonl").write_text('{"rows": [1.5, 2]}\n')
    with pytest.raises(BadDataError, match="its bytes may be uint8, or int8"):
        open_source(tmp_path / "rows.jsonl", unpack_bits=True)
    with pytest.raises(BadDataError, match="its entries are float64 by the file itself"):
        open_source(tmp_path / "rows.jsonl", unpack_bits=True, dtype="uint8")


def in_json(path, rows, key="e", **more):
    lines = [json.dumps({key: row.tolist()} | more) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_whole_numbers_of_json_are_embeddings_where_the_user_says_so(tmp_path):
    path = in_json(tmp_path / "rows.jsonl", UINT8)
    for column in (None, "e"):
        with pytest.raises(BadDataError, match=r"'e' holds whole numbers .* --integers"):
            open_source(path, column=column)
    np.testing.assert_array_equal(open_source(path, integers=True).matrix(), UINT8)
    told = run("score", path, "--integers", "--json")
    assert json.loads(told.stdout)["dtype"] == "whole numbers"


@pytest.mark.parametrize(("rows", "dtype"), [(UINT8, "uint8"), (INT8, "int8")])
def test_packed_bits_of_json(tmp_path, rows, dtype):
    path = in_json(tmp_path / "rows.jsonl", rows)
    with pytest.raises(BadDataError, match="its bytes may be uint8, or int8"):
        open_source(path, unpack_bits=True)
    np.save(tmp_path / "rows.npy", rows)
    wanted = open_source(tmp_path / "rows.npy", unpack_bits="signs").matrix()
    source = open_source(path, unpack_bits="signs", dtype=dtype)
    np.testing.assert_array_equal(source.matrix(), wanted)
    np.testing.assert_array_equal(
        np.concatenate([*subset(source, 9).blocks()]), wanted[choose_rows(len(rows), 9)]
    )


def test_a_number_that_is_no_byte_is_named(tmp_path):
    rows = UINT8.astype(int)
    rows[5, 2] = 256
    path = in_json(tmp_path / "rows.jsonl", rows)
    with pytest.raises(BadDataError, match=r"line 6, column 2 is 256; wanted whole .* 0 to 255"):
        rankme.score(open_source(path, unpack_bits=True, dtype="uint8"))


def test_ids_of_tokens_are_not_taken_for_the_vectors_beside_them(tmp_path):
    text = base64.b64encode(np.arange(5, dtype="<f4").tobytes()).decode()
    path = in_json(tmp_path / "rows.jsonl", UINT8, key="input_ids", embedding=text)
    with pytest.raises(BadDataError, match="holds 2 that may be meant: 'input_ids', 'embedding'"):
        open_source(path)
    assert open_source(path, column="embedding").n_cols == 5


def test_base64_of_bytes(tmp_path):
    text = base64.b64encode(np.arange(4, dtype=np.int8).tobytes()).decode()
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"e": text}) + "\n")
    source = open_source(path, column="e", dtype="int8", integers=True)
    np.testing.assert_array_equal(source.matrix(), [np.arange(4)])
    with pytest.raises(BadDataError, match="which bytes base64 holds is not told"):
        open_source(path, column="e", integers=True)


def test_a_bvecs_row_of_another_length_is_named(tmp_path):
    save_bvecs(tmp_path / "rows.bvecs", UINT8)
    raw = bytearray((tmp_path / "rows.bvecs").read_bytes())
    raw[9 * 4] = 6  # of the fifth row
    (tmp_path / "rows.bvecs").write_bytes(raw)
    with pytest.raises(BadDataError, match="row 4 has length 6; wanted 5"):
        rankme.score(tmp_path / "rows.bvecs", integers=True)
    (tmp_path / "rows.bvecs").write_bytes(raw[:-1])
    with pytest.raises(BadDataError, match="truncated or ragged"):
        open_source(tmp_path / "rows.bvecs", integers=True)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"unpack_bits": "01"}, ValueError, "unpack_bits must be False, True"),
        ({"unpack_bits": 1}, TypeError, "unpack_bits must be False, True"),
        ({"unpack_bits": True, "integers": True}, ValueError, "leave one out"),
        ({"unpack_bits": True, "dtype": "float32"}, ValueError, "uint8 or int8, not float32"),
    ],
)
def test_policies_that_mean_nothing(tmp_path, options, error, text):
    np.save(tmp_path / "rows.npy", INT8)
    with pytest.raises(error, match=text):
        open_source(tmp_path / "rows.npy", **options)


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_arrays_in_memory_take_the_same_words(make):
    array = make(INT8.copy())
    assert rankme.score(array, integers=True) == pytest.approx(rankme.score(INT8 * 1.0), rel=1e-12)
    bits = np.unpackbits(INT8.view(np.uint8) ^ 0x80, axis=1).astype(float)
    assert rankme.score(array, unpack_bits=True) == pytest.approx(rankme.score(bits), rel=1e-12)
    assert rankme.estimate(array, integers=True, groups=8).score > 0
    some = rankme.score(array, integers=True, rows=9)
    assert some == pytest.approx(rankme.score(INT8[choose_rows(37, 9)] * 1.0), rel=1e-12)
    floats = make(INT8.astype(np.float32))
    assert rankme.score(floats, integers=True) == rankme.score(floats)


def test_what_is_said_of_arrays_that_are_none():
    with pytest.raises(ValueError, match="Z must be 2-D"):
        rankme.score(INT8[0], integers=True)
    with pytest.raises(TypeError, match="and Z is list"):
        rankme.score([INT8], integers=True)
    with pytest.raises(TypeError, match="an array has a dtype"):
        rankme.score(INT8, integers=True, dtype="int8")


def test_the_case_of_the_tracker(tmp_path):
    rows = np.array([[127, 0], [0, -127], [1, 1]], np.int8)
    np.save(tmp_path / "rows.npy", rows)
    for given in (rows, tmp_path / "rows.npy"):
        found = rankme.spectrum(given, integers=True)
        assert found.effective_rank() == pytest.approx(1.9999999990, abs=5e-11)


def test_the_command_says_what_it_read(tmp_path):
    np.save(tmp_path / "rows.npy", UINT8)
    path = str(tmp_path / "rows.npy")
    done = run("score", path)
    assert done.returncode == 1
    assert "--integers" in done.stderr
    for option, words, rows in (
        ("--integers", "uint8 as numbers", UINT8),
        ("--unpack-bits", "uint8 bits as 0 and 1", np.unpackbits(UINT8, axis=1)),
        ("--unpack-signs", "uint8 bits as -1 and +1", np.unpackbits(UINT8, axis=1) * 2.0 - 1),
    ):
        assert f"dtype       {words}\n" in run("score", option, path).stdout
        told = json.loads(run("score", option, "--json", path).stdout)
        assert told["dtype"] == words
        assert told["rankme"] == pytest.approx(rankme.score(rows.astype(float)), rel=1e-12)
    both = run("score", "--integers", "--unpack-bits", path)
    assert both.returncode == 2
    assert "a byte is read in one way" in both.stderr


def test_a_run_goes_on_only_with_the_same_word(tmp_path):
    np.save(tmp_path / "rows.npy", UINT8)
    state, path = str(tmp_path / "run.rankme"), str(tmp_path / "rows.npy")
    assert run("score", "--unpack-bits", path, "--state", state).returncode == 0
    assert run("score", "--unpack-bits", path, "--state", state).returncode == 0
    other = run("score", "--unpack-signs", path, "--state", state)
    assert other.returncode == 1
    assert "changed" in other.stderr
