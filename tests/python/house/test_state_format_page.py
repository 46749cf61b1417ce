"""The reader that is written from docs/reference/state-format.md alone reads what was saved."""

import math
import struct

import numpy as np
import pytest

import extended
import rankme
from page_states import CASES, ROWS, saved
from rankme._accumulators import state_file
from saved_states import old_bytes, uncentred
from state_reader import (
    factor_of,
    mean_of,
    probes,
    products_of,
    read_accumulator,
    read_groups,
    read_stack,
    score_of,
    singular_values,
    symmetric,
)


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


@pytest.mark.parametrize("dim", [30, 800])
def test_a_sum_in_float32_is_read_as_a_scatter(dim, tmp_path):
    z = np.random.default_rng(3).standard_normal((900, dim)).astype("f4")
    acc = rankme.Accumulator(dim, precision="fast")
    acc.update(z)
    acc.save(tmp_path / "a")
    header, sections = read_accumulator((tmp_path / "a").read_bytes())
    assert (header["kind"], header["fast_rows"]) == ("fast", 900)
    mean, scatter = mean_of(header, sections)
    centred = z - z.astype(float).mean(axis=0)
    np.testing.assert_allclose(mean, z.astype(float).mean(axis=0), atol=1e-12)
    off = np.linalg.norm(scatter - centred.T @ centred)
    products = scatter @ probes(dim, header["seed"])
    seen = 8 * np.linalg.norm(products_of(header, sections) - products) / np.sqrt(8)
    unseen = sections["errors"][1]
    assert (unseen > 0.9 * off) == (dim >= 768)
    assert 0 < off <= seen + unseen < 1e-6 * scatter.trace()
    values = singular_values(header, sections, center=False)
    low, high = acc.spectrum().rankme_bounds()
    assert low <= score_of(values) <= high


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


@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"seed": 9}], ids=str)
def test_groups_of_rows(options, tmp_path):
    acc = rankme.GroupedAccumulator(12, 9, **options)
    acc.update(ROWS, groups=np.arange(len(ROWS)) % 2 * 7, shard="a")
    acc.save(tmp_path / "a")
    header, groups = read_groups((tmp_path / "a").read_bytes())
    assert header["n_groups"] == 9
    assert header["shards"] == {"a": len(ROWS)}
    found = [score_of(singular_values(*groups[number], center=False)) for number in (0, 7)]
    np.testing.assert_allclose(found, acc.scores()[[0, 7]], rtol=1e-10)
    assert list(groups) == [0, 7]
    rankme.GroupedAccumulator(12, 9).save(tmp_path / "empty")
    assert read_groups((tmp_path / "empty").read_bytes())[1] == {}


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


def test_the_groups_give_the_estimate(tmp_path):
    acc = rankme.Accumulator(ROWS.shape[1], groups=8, run_length=3)
    acc.update(ROWS)
    acc.save(tmp_path / "a")
    header, sections = read_accumulator((tmp_path / "a").read_bytes())
    dealt, k = header["groups"], header["dim"]
    labels = np.arange(len(ROWS)) // dealt["run_length"] % 8
    assert dealt["n_rows"] == np.bincount(labels, minlength=8).tolist()
    assert dealt["position"] == len(ROWS) % 24
    parts = []
    for group, n_rows in enumerate(dealt["n_rows"]):
        own = {name: sections[f"{name}[{group}]"] for name in ("origin", "offset", "offset_low")}
        scale = 2.0 ** dealt["exponent"][group]
        mean = (own["origin"] + (own["offset"] + own["offset_low"])) * scale
        parts.append((n_rows, mean, symmetric(sections[f"triangle[{group}]"], k) * scale**2))

    def without(left):
        kept = [part for group, part in enumerate(parts) if group != left and part[0]]
        mean = sum(n * m for n, m, _ in kept) / sum(n for n, _, _ in kept)
        scatter = sum(s + n * np.outer(m - mean, m - mean) for n, m, s in kept)
        values = np.sqrt(np.maximum(np.linalg.eigvalsh(scatter)[::-1], 0))
        return score_of(values[: min(k, sum(n for n, _, _ in kept))])

    filled = [group for group, part in enumerate(parts) if part[0]]
    score, left_out = without(None), [without(group) for group in filled]
    h = len(ROWS) / np.array([parts[group][0] for group in filled])
    corrected = len(filled) * score - sum((1 - 1 / h) * left_out)
    squares = (h * score - (h - 1) * left_out - corrected) ** 2 / (h - 1)
    e = acc.estimate(center=True)
    assert score == pytest.approx(e.score, rel=1e-9)
    assert corrected == pytest.approx(e.bias_corrected, rel=1e-7)
    assert math.sqrt(squares.sum() / len(filled)) == pytest.approx(e.std_error, rel=1e-6)
