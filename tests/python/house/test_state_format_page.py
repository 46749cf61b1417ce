"""The reader that is written from docs/reference/state-format.md alone reads what was saved."""

import hashlib
import json
import struct

import numpy as np
import pytest

import extended
import rankme
from helpers import bits
from oracles import moderate
from rankme._accumulators import state_file
from saved_states import old_bytes, uncentred
from state_reader import (
    ACCUMULATOR,
    STACK,
    Refused,
    factor_of,
    mean_of,
    probes,
    products_of,
    read_accumulator,
    read_stack,
    score_of,
    singular_values,
    symmetric,
)

ROWS = moderate(5, 300, 12)
# Options, the rows in units of this, and the shards.
CASES = {
    "gram": ({}, 1.0, (None,)),
    "gram, normalised": ({"normalize": True}, 1.0, (None,)),
    "gram, another seed": ({"seed": 2**64 - 3}, 1.0, (None,)),
    "gram, huge": ({}, 1e250, (None,)),
    "gram, tiny": ({}, 1e-250, (None,)),
    "gram, shards": ({}, 1.0, ("/data/part-0.npy", None, "é#emb")),
    "qr": ({"method": "qr"}, 1.0, (None,)),
    "qr, normalised": ({"method": "qr", "normalize": True}, 1.0, (None,)),
    "qr, shards": ({"method": "qr"}, 1.0, ("a", "b")),
}


def saved(case, path):
    options, unit, shards = CASES[case]
    acc = rankme.Accumulator(ROWS.shape[1], **options)
    for block, shard in zip(np.array_split(ROWS * unit, len(shards)), shards, strict=True):
        acc.update(block, shard=shard)
    acc.save(path)
    return acc, path.read_bytes()


def rows_as_taken(header, unit):
    rows = ROWS.copy() if header["normalize"] else ROWS * unit
    if header["normalize"]:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@pytest.mark.parametrize("case", CASES)
def test_the_header_says_what_was_accumulated(case, tmp_path):
    acc, data = saved(case, tmp_path / "a")
    header, _ = read_accumulator(data)
    assert struct.unpack_from("<I", data, 8) == (3,)
    assert (16 + struct.unpack_from("<I", data, 12)[0]) % 64 == 0
    for key in ("dim", "normalize", "n_rows", "shards"):
        assert header[key] == getattr(acc, key)
    assert header["kind"] == {"gram": "scatter", "qr": "qr"}[acc.method]
    assert "skipped" not in header


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("gram")])
def test_the_sums_of_gram_are_those_of_the_rows(case, tmp_path):
    _, data = saved(case, tmp_path / "a")
    header, sections = read_accumulator(data)
    z = rows_as_taken(header, 1.0)
    unit = 1.0 if header["normalize"] else CASES[case][1]
    # Both in units of 2**exponent: the squares of 1e250 have no float64.
    z = z * np.ldexp(unit, -header["exponent"])
    x = probes(header["dim"], header["seed"])
    mean, scatter = mean_of(header, sections)
    centred = z - z.mean(axis=0)
    np.testing.assert_allclose(sections["origin"], z[0], rtol=1e-15)
    np.testing.assert_allclose(mean, z.mean(axis=0), rtol=1e-11)
    near = {"rtol": 1e-10, "atol": 1e-12 * np.abs(scatter).max()}
    np.testing.assert_allclose(scatter, centred.T @ centred, **near)
    np.testing.assert_allclose(
        products_of(header, sections), centred.T @ (centred @ x), rtol=1e-10, atol=20 * near["atol"]
    )
    np.testing.assert_allclose(
        sections["mean_products"], ((z - sections["origin"]) @ x).sum(axis=0), rtol=1e-9
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("qr")])
def test_the_factor_of_qr_is_that_of_the_rows_with_ones(case, tmp_path):
    _, data = saved(case, tmp_path / "a")
    header, arrays = read_accumulator(data)
    z = rows_as_taken(header, CASES[case][1])
    z = np.column_stack([np.ones(len(z)), z])
    factor = factor_of(header, arrays)
    np.testing.assert_allclose(factor.T @ factor, z.T @ z, rtol=1e-11, atol=1e-11)
    assert factor[0, 0] ** 2 == pytest.approx(header["n_rows"])


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_score_is_that_of_the_package(case, center, tmp_path):
    acc, data = saved(case, tmp_path / "a")
    found = score_of(singular_values(*read_accumulator(data), center=center))
    assert found == pytest.approx(acc.score(center=center), rel=1e-10)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_accumulator_with_fewer_rows_than_columns(method, tmp_path):
    acc = rankme.Accumulator(12, method=method)
    acc.update(ROWS[:5])
    acc.save(tmp_path / "a")
    header, arrays = read_accumulator((tmp_path / "a").read_bytes())
    values = singular_values(header, arrays, center=False)
    assert len(values) == 5
    assert score_of(values) == pytest.approx(acc.score(), rel=1e-10)


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_empty_accumulator(method, tmp_path):
    rankme.Accumulator(12, method=method).save(tmp_path / "a")
    header, arrays = read_accumulator((tmp_path / "a").read_bytes())
    assert header["n_rows"] == 0
    assert header["shards"] == {}
    assert not any(numbers.any() for numbers in arrays.values())


def merged_as_the_page_says(one, two):
    """Two accumulators of the kind scatter, by the formulas of the page."""
    exponent = max(header["exponent"] for header, _ in (one, two))
    sides = []
    for header, sections in (one, two):
        shift = header["exponent"] - exponent
        times = {"origin": 1, "offset": 1, "offset_low": 1, "mean_products": 1}
        sides.append(
            {
                name: np.ldexp(numbers, times.get(name, 2) * shift)
                for name, numbers in sections.items()
            }
        )
    a, b = sides
    n, more = one[0]["n_rows"], two[0]["n_rows"]
    x = probes(one[0]["dim"], one[0]["seed"])
    weight = more / (n + more)
    d = (b["origin"] - a["origin"]) + (b["offset"] - a["offset"])
    r = np.sqrt(n * weight) * d
    return {
        "origin": a["origin"],
        "offset": a["offset"] + weight * d,
        "triangle": a["triangle"] + b["triangle"] + np.outer(r, r)[np.tril_indices(len(r))],
        "probe_products": a["probe_products"] + b["probe_products"] + np.outer(r, r @ x).ravel(),
        "mean_products": a["mean_products"]
        + b["mean_products"]
        + more * (b["origin"] - a["origin"]) @ x,
    }


@pytest.mark.parametrize("unit", [1.0, 2.0**400])
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_two_files_are_merged_as_the_page_says(unit, far, tmp_path):
    parts = []
    for name, rows in (("a", ROWS[:100] + far), ("b", (ROWS[100:] + far) * unit)):
        acc = rankme.Accumulator(12)
        acc.update(rows, shard=name)
        acc.save(tmp_path / name)
        parts.append((acc, *read_accumulator((tmp_path / name).read_bytes())))
    total = parts[0][0] + parts[1][0]
    total.save(tmp_path / "total")
    header, sections = read_accumulator((tmp_path / "total").read_bytes())
    one, two = parts[0][1], parts[1][1]
    assert (one["exponent"] == two["exponent"]) == (unit == 1.0)
    assert header == {
        **one,
        "exponent": max(one["exponent"], two["exponent"]),
        "n_rows": 300,
        "shards": {"a": 100, "b": 200},
        "blocks": one["blocks"] + two["blocks"] + 1,
        "longest_block": max(one["longest_block"], two["longest_block"]),
    }
    for name, numbers in merged_as_the_page_says(parts[0][1:], parts[1][1:]).items():
        near = 1e-12 * np.abs(numbers).max()
        np.testing.assert_allclose(sections[name], numbers, rtol=0, atol=near)


def test_two_factors_are_merged_as_the_page_says(tmp_path):
    parts = []
    for name, rows in (("a", ROWS[:100]), ("b", ROWS[100:])):
        acc = rankme.Accumulator(12, method="qr")
        acc.update(rows)
        acc.save(tmp_path / name)
        parts.append((acc, *read_accumulator((tmp_path / name).read_bytes())))
    merged = np.linalg.qr(np.vstack([factor_of(*part[1:]) for part in parts]), mode="r")
    (parts[0][0] + parts[1][0]).save(tmp_path / "total")
    factor = factor_of(*read_accumulator((tmp_path / "total").read_bytes()))
    np.testing.assert_allclose(np.abs(merged), np.abs(factor), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_rows", [300, 0])
@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"seed": 9}], ids=str)
def test_a_stack_of_layers(options, n_rows, tmp_path):
    acc = rankme.LayerAccumulator(3, 12, **options)
    if n_rows:
        acc.update([ROWS, ROWS**3, ROWS[::-1] + 1])
    acc.save(tmp_path / "a")
    layers = read_stack((tmp_path / "a").read_bytes())
    assert len(layers) == 3
    for header, arrays in layers:
        assert header["n_rows"] == n_rows
        assert header["shards"] == {}
        assert header["normalize"] == acc.normalize
        assert len(arrays["origin"]) == 12
    if n_rows:
        found = [score_of(singular_values(*layer, center=False)) for layer in layers]
        np.testing.assert_allclose(found, acc.score(), rtol=1e-10)


def rewritten(data, change, version=3):
    """The file with another header and a checksum that fits."""
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length])
    header.update(change)
    for key in [key for key, value in header.items() if value == "absent"]:
        del header[key]
    raw = json.dumps(header).encode("ascii")
    body = ACCUMULATOR + struct.pack("<II", version, len(raw)) + raw + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_older_versions_are_read_by_both(case, center, version, tmp_path):
    acc, _ = saved(case, tmp_path / "a")
    state = acc._state()
    old = old_bytes(uncentred(state) if state.kind == "scatter" else state, version)
    (tmp_path / "a").write_bytes(old)
    loaded = rankme.Accumulator.load(tmp_path / "a")
    assert (loaded.shards, loaded.n_rows) == (acc.shards if version == 2 else {}, acc.n_rows)
    header, sections = read_accumulator(old)
    assert header["shards"] == loaded.shards
    assert header["kind"] == acc.method
    found = score_of(singular_values(header, sections, center=center))
    assert found == pytest.approx(acc.score(center=center), rel=1e-10)
    assert loaded.score(center=center) == pytest.approx(found, rel=1e-10)


def test_a_matrix_that_is_not_about_the_mean_is_read_by_both(tmp_path):
    acc, _ = saved("gram", tmp_path / "a")
    data = state_file.encode(uncentred(acc._state()))
    header, sections = read_accumulator(data)
    assert header["kind"] == "gram"
    np.testing.assert_allclose(symmetric(sections["triangle"], 12), acc.gram(), rtol=1e-12)
    for center in (False, True):
        found = score_of(singular_values(header, sections, center=center))
        assert found == pytest.approx(acc.score(center=center), rel=1e-10)


def test_a_mean_that_is_far_from_zero_costs_nothing(tmp_path):
    """By the page's way to the values of the rows as they are."""
    rows = ROWS + 1e7
    acc = rankme.Accumulator(12)
    acc.update(rows)
    acc.save(tmp_path / "a")
    state = read_accumulator((tmp_path / "a").read_bytes())
    for center in (False, True):
        exact = extended.score(rows, center=center)
        assert score_of(singular_values(*state, center=center)) == pytest.approx(
            float(exact), rel=1e-12
        )


def with_sections(data, change):
    """The file with another list of sections."""
    (length,) = struct.unpack_from("<I", data, 12)
    return rewritten(data, {"sections": change(json.loads(data[16 : 16 + length])["sections"])})


REFUSED = {
    "another magic": lambda data: b"\x93NUMPY\x01\0" + data[8:],
    "version 0": lambda data: rewritten(data, {}, version=0),
    "version 4": lambda data: rewritten(data, {}, version=4),
    "a method for a kind": lambda data: rewritten(data, {"method": "gram"}, version=2),
    "no kind": lambda data: rewritten(data, {"kind": "absent"}),
    "rows left out that are no count": lambda data: rewritten(data, {"skipped": {"rows": -1}}),
    "no sections": lambda data: rewritten(data, {"sections": "absent"}),
    "a section missing": lambda data: with_sections(data, lambda known: known[1:]),
    "a section twice": lambda data: with_sections(data, lambda known: [*known, known[0]]),
    "another count": lambda data: with_sections(
        data, lambda known: [["origin", 11, True], *known[1:]]
    ),
    "a section of two": lambda data: with_sections(data, lambda known: [*known, ["a", 0]]),
    "a count of 0.0": lambda data: with_sections(data, lambda known: [*known, ["a", 0.0, False]]),
    "required is no bool": lambda data: with_sections(data, lambda known: [*known, ["a", 0, 0]]),
    "an unknown section that must be known": lambda data: with_sections(
        data, lambda known: [*known, ["a", 0, True]]
    ),
    "a byte short": lambda data: data[:-1],
    "a byte long": lambda data: data + b"\0",
    "a byte of the arrays": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
    "a key too few": lambda data: rewritten(data, {"seed": "absent"}),
    "true is no integer": lambda data: rewritten(data, {"blocks": True}),
    "5.0 is no integer": lambda data: rewritten(data, {"n_rows": 300.0}),
    "an exponent out of range": lambda data: rewritten(data, {"exponent": 1001}),
    "normalize is no bool": lambda data: rewritten(data, {"normalize": 1}),
    "an unknown kind": lambda data: rewritten(data, {"kind": "svd"}),
    "shards are no object": lambda data: rewritten(data, {"shards": []}),
    "a shard without rows": lambda data: rewritten(data, {"shards": {"a": 0}}),
    "more rows in shards": lambda data: rewritten(data, {"shards": {"a": 301}}),
    "another dim": lambda data: rewritten(data, {"dim": 11}),
}


@pytest.mark.parametrize("damage", REFUSED)
def test_both_readers_refuse_what_the_page_says(damage, tmp_path):
    _, data = saved("gram", tmp_path / "a")
    wrong = REFUSED[damage](data)
    with pytest.raises(Refused):
        read_accumulator(wrong)
    (tmp_path / "a").write_bytes(wrong)
    with pytest.raises(ValueError, match=str(tmp_path / "a")):
        rankme.Accumulator.load(tmp_path / "a")


def test_notes_are_passed_over(tmp_path):
    acc, data = saved("gram", tmp_path / "a")
    noted = rewritten(data, {"note": [1, 2]})
    (tmp_path / "a").write_bytes(noted)
    assert rankme.Accumulator.load(tmp_path / "a").score() == acc.score()
    assert read_accumulator(noted)[0]["note"] == [1, 2]


def test_sections_that_may_be_passed_over_are(tmp_path):
    acc, data = saved("gram", tmp_path / "a")
    more = with_sections(data, lambda known: [*known, ["groups", 4, False]])[:-32]
    more += np.array([1.0, 2.0, np.nan, np.inf]).tobytes()
    more += hashlib.sha256(more).digest()
    (tmp_path / "a").write_bytes(more)
    assert bits(rankme.Accumulator.load(tmp_path / "a")) == bits(acc)
    _, sections = read_accumulator(more)
    assert score_of(singular_values(*read_accumulator(more), center=False)) == pytest.approx(
        acc.score(), rel=1e-10
    )
    assert "groups" not in sections


def test_states_of_different_layers_are_refused(tmp_path):
    states = [saved(case, tmp_path / "a")[1] for case in ("gram", "gram, another seed")]
    head = STACK + struct.pack("<II", 1, 2) + struct.pack("<2Q", *map(len, states))
    digest = hashlib.sha256(head + b"".join(state[-32:] for state in states)).digest()
    data = head + b"".join(states) + digest
    with pytest.raises(Refused):
        read_stack(data)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="the layers differ"):
        rankme.LayerAccumulator.load(tmp_path / "a")
