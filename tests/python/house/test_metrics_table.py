"""The table of docs/reference/metrics.md names every metric, and each of its cells is true."""

import inspect
import math

import numpy as np
import pytest

import rankme
from pages import codes, tables, text_of
from rankme import metrics

PAGE = "reference/metrics.md"
METRICS, OTHERS = tables(PAGE)
ROWS = {codes(row["name"])[0]: row for row in METRICS}
PREPARED = {"as they are": {}, "centred": {"center": True}, "unit": {"normalize": True}}
# What a method or function needs beside the singular values, and the same for its formula.
ARGUMENTS = {"renyi_rank": {"order": 3.0}}
OF_MEAN = ("mean_share", "anisotropy")
OF_SPECTRUM = [name for name, row in ROWS.items() if row["where"] == "method, function"]
# eps = 1e-7 moves the score by up to m eps log m, of the 120 directions here.
FUNCTIONS = ("exp", "sum", "cumsum", "mean", "sqrt", "std", "polyfit", "arange")
WITH_EPS = {"rankme": 1e-4, "lidar": 1e-4}


def public(kind):
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_every_metric_is_in_the_table_and_nothing_else():
    others = {name for row in OTHERS for name in codes(row["name"])}
    fields = set(rankme.Spectrum.__dataclass_fields__)
    methods = public(rankme.Spectrum) | {name for name in fields if not name.startswith("_")}
    assert len(METRICS) == len(ROWS)
    assert set(ROWS) == (methods - others) | set(metrics.__all__)
    assert others <= methods
    for name, row in ROWS.items():
        assert hasattr(rankme.Spectrum, name) == (row["where"] == "method, function"), name
        assert name in metrics.__all__


def test_the_keys_of_the_dict_are_named():
    (line,) = (line for line in text_of(PAGE).splitlines() if "these keys always" in line)
    keys = list(rankme.spectrum(np.eye(3)).metrics())
    assert codes(line.partition("not defined:")[2]) == keys


def matrices():
    """Random matrices of several shapes, whose rows have a mean and unlike norms."""
    for seed, (n, k) in enumerate([(300, 120), (120, 120), (60, 200), (12, 40), (2, 5), (40, 2)]):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((n, k)) * np.arange(1, k + 1) ** -0.4
        yield (z + 0.2 * rng.standard_normal(k)) * rng.uniform(0.2, 3, (n, 1))


MATRICES = list(matrices())


def prepare(z, rows):
    if rows == "centred":
        return z - z.mean(axis=0)
    return z / np.linalg.norm(z, axis=1, keepdims=True) if rows == "unit" else z


def log(x):
    """0 log 0 = 0: whatever is multiplied by it is 0 then as well."""
    return np.log(x, out=np.zeros_like(x), where=x > 0) if isinstance(x, np.ndarray) else np.log(x)


def space_of(z):
    """What the formulas and ranges of the table speak of."""
    n, k = z.shape
    u, sigma, _ = np.linalg.svd(z, full_matrices=False)
    sigma = np.where(sigma > 1e-14 * sigma[0], sigma, 0.0)
    kept = sigma > math.sqrt(max(n, k) * 2**-52) * sigma[0]
    names = {
        "sigma": sigma, "p": sigma / sigma.sum(), "lam": sigma**2, "U": u[:, kept],
        "r": int(kept.sum()), "N": n, "K": k, "log": log, "inf": math.inf,
        "lam_c": np.linalg.svd(z - z.mean(axis=0), compute_uv=False) ** 2,
    }  # fmt: skip
    return names | {name: getattr(np, name) for name in FUNCTIONS}


def evaluated(cell, names):
    """The first code of a cell; the others set what it speaks of."""
    formula, *settings = codes(cell)
    names = dict(names)
    if "(y - f)" in formula:
        return r2(formula, names)
    for setting in settings:
        name, value = setting.split(" = ")
        names[name] = eval(value, names)  # noqa: S307
    if "k" in names:  # the range of k ends with the spectrum
        names["k"] = names["k"][names["k"] <= np.count_nonzero(names["sigma"])].astype(float)
        formula = formula.replace("k - 1", "k.astype(int) - 1")
    return eval(formula, names)  # noqa: S307


def r2(formula, names):
    """What the notes say of y and f, the line of `alpha_req`."""
    k = np.arange(11.0, min(100, np.count_nonzero(names["sigma"])) + 1)
    y = np.log(names["lam"][10 : 10 + len(k)])
    f = np.polyval(np.polyfit(np.log(k), y, 1, w=k**-0.5), np.log(k))
    return eval(formula, names | {"y": y, "f": f})  # noqa: S307


def ends(cell, names):
    low, high = codes(cell)
    scope = {**names, "min": min, "max": max}
    return eval(low, scope), eval(high, scope)  # noqa: S307


def computed(name, z):
    """The metric by its method, of rows that are prepared as the table says."""
    return float(getattr(spectrum_for(name, z), name)(**ARGUMENTS.get(name, {})))


def spectrum_for(name, z):
    """Of rows as the metric is defined on; those of the mean need a sum that holds it."""
    options = dict(PREPARED[ROWS[name]["rows"]])
    if name not in OF_MEAN:
        return rankme.spectrum(z, method="qr", **options)
    acc = rankme.Accumulator(z.shape[1], **options)
    acc.update(z)
    return acc.spectrum()


def is_defined(name, z):
    return not name.startswith("alpha_req") or min(z.shape) > 14


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_the_formula_is_that_of_the_rows_it_is_defined_on(name):
    row = ROWS[name]
    for z in filter(lambda z: is_defined(name, z), MATRICES):
        names = space_of(prepare(z, row["rows"])) | ARGUMENTS.get(name, {})
        # The least singular value of centred rows is zero or rounding, and so is what ends at it.
        assert computed(name, z) == pytest.approx(float(evaluated(row["formula"], names)), rel=1e-7)


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_the_function_gives_what_the_method_gives(name):
    z = MATRICES[0]
    spectrum = spectrum_for(name, z)
    shape = {"n_rows": spectrum.n_rows, "n_cols": spectrum.n_cols}
    needs = inspect.signature(getattr(metrics, name)).parameters.keys() & shape.keys()
    arguments = ARGUMENTS.get(name, {}) | {key: shape[key] for key in needs}
    if name in OF_MEAN:
        arguments["centred_values"] = np.ldexp(spectrum._others.scaled, spectrum._others.exponent)
    found = getattr(metrics, name)(spectrum.singular_values, **arguments)
    assert found == pytest.approx(computed(name, z), rel=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "participation_ratio",
        "nesum",
        "alpha_req",
        "alpha_req_r2",
        "isoscore",
        "self_clustering",
        "anisotropy",
    ],
)
def test_other_rows_give_another_number(name):
    z = MATRICES[0]
    row = ROWS[name]
    defined = evaluated(row["formula"], space_of(prepare(z, row["rows"])))
    as_it_is = evaluated(row["formula"], space_of(z))
    assert abs(defined / as_it_is - 1) > 1e-5


def test_what_the_spectrum_itself_knows_of_its_rows():
    z = MATRICES[0]
    plain, centred = rankme.spectrum(z), rankme.spectrum(z, center=True)
    assert centred.metrics()["nesum"] == centred.nesum()
    assert plain.metrics()["nesum"] == pytest.approx(centred.nesum(), rel=1e-12)
    assert rankme.spectrum(z, method="qr").metrics()["nesum"] is None
    for wrong in (plain, centred, rankme.spectrum(z, center=True, normalize=True)):
        with pytest.raises(ValueError, match="normalize=True and center=False"):
            wrong.self_clustering()


def extremes(name):
    """Rows that attain both ends of the range, where matrices of 40 x 16 can."""
    direction = np.outer(np.ones(40), np.arange(1.0, 17))
    signs = np.outer(np.resize([1.0, -1.0], 40), np.arange(1.0, 17))
    # Every axis with both signs, and as often as every other: centred, unit, and of a flat
    # spectrum.
    spread = np.vstack([np.eye(16), -np.eye(16)])
    least, most = (signs if ROWS[name]["rows"] == "centred" else direction), spread
    if name in OF_MEAN:  # no mean, and nothing else
        return (spread, np.outer(np.ones(40), direction[0]))
    return (most, least) if name in ("self_clustering", "pl_score") else (least, most)


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_the_range_holds(name):
    slack = WITH_EPS.get(name, 1e-9)
    for z in filter(lambda z: is_defined(name, z), MATRICES):
        low, high = ends(ROWS[name]["range"], space_of(z))
        assert low * (1 - slack) - slack <= computed(name, z) <= high * (1 + slack)


@pytest.mark.parametrize("name", [name for name in OF_SPECTRUM if not name.startswith("alpha_req")])
def test_the_range_is_no_wider_than_it_must_be(name):
    for z, end in zip(extremes(name), (0, 1), strict=True):
        wanted = ends(ROWS[name]["range"], space_of(z))[end]
        if name == "condition_number":
            wanted = (math.inf, 1.0)[end]
        tolerance = WITH_EPS.get(name, 1e-9)
        found = computed(name, z)
        if math.isinf(wanted):
            assert found > 1e14
        else:
            assert found == pytest.approx(wanted, rel=tolerance, abs=1e-9)


def test_alpha_req_attains_what_its_range_says():
    for alpha in (0.0, 1.0, 30.0):
        sigma = np.arange(1.0, 121) ** (-alpha / 2)
        assert metrics.alpha_req(sigma) == pytest.approx(alpha, abs=1e-12)


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_the_value_of_the_zero_matrix(name):
    z = np.zeros((30, 20))
    if ROWS[name]["zero matrix"] == "error":
        with pytest.raises(ValueError, match="at least 3 positive"):
            computed(name, z)
        return
    (value,) = codes(ROWS[name]["zero matrix"])
    names = {"N": 30, "K": 20, "E": 30 + 30 * 29 / 20, "inf": math.inf}
    assert computed(name, z) == pytest.approx(eval(value, names))  # noqa: S307


def test_coherence():
    row = ROWS["coherence"]
    low_rank = MATRICES[0][:, :3] @ np.random.default_rng(9).standard_normal((3, 50))
    alone = np.vstack([MATRICES[5], [[1e3, 0.0]]])
    for z in (*MATRICES, low_rank, alone, np.eye(4)):
        names = space_of(z)
        found = metrics.coherence(z)
        assert found == pytest.approx(evaluated(row["formula"], names), rel=1e-7)
        low, high = ends(row["range"], names)
        assert low * (1 - 1e-9) <= found <= high * (1 + 1e-9)
    assert metrics.coherence(np.tile(np.eye(4), (5, 1))) == pytest.approx(1.0)  # r / K
    assert metrics.coherence(MATRICES[3]) == pytest.approx(12 / 40 * 1.0)  # N / K, as N < K
    assert metrics.coherence(np.zeros((5, 3))) == 0


def test_unit_std():
    row = ROWS["unit_std"]
    for z in MATRICES:
        w = z / np.linalg.norm(z, axis=1, keepdims=True)
        names = space_of(z) | {"W": w}
        found = metrics.unit_std(z)
        assert found == pytest.approx(evaluated(row["formula"], names), rel=1e-9)
        low, high = ends(row["range"], names)
        assert low <= found <= high * (1 + 1e-9)
    for z, end in ((np.ones((9, 4)), 0), (np.vstack([np.eye(4), -np.eye(4)]), 1)):
        assert metrics.unit_std(z) == pytest.approx(ends(row["range"], space_of(z))[end], abs=1e-12)
    assert metrics.unit_std(np.zeros((5, 3))) == 0


def test_participation_ratio_corrected():
    row = ROWS["participation_ratio_corrected"]
    for z in MATRICES[:4]:
        n = len(z)
        y = z - z.mean(axis=0)
        names = space_of(y)
        lam = names["lam"]
        q = n * (n - 1) * ((y**2).sum(axis=1) ** 2).sum()
        names |= {"T": lam.sum(), "F": (lam**2).sum(), "q": q}
        found = metrics.participation_ratio_corrected(z)
        assert found == pytest.approx(evaluated(row["formula"], names), rel=1e-9)
        assert found > 1
    line = np.outer(MATRICES[0][:, 0], np.ones(3))
    assert metrics.participation_ratio_corrected(line) == pytest.approx(1)
    assert metrics.participation_ratio_corrected(np.zeros((5, 3))) == 0


@pytest.mark.parametrize("shape", [(30, 4, 12), (5, 3, 40), (2, 2, 3)])
def test_lidar(shape):
    n, q, k = shape
    rng = np.random.default_rng(1)
    groups = rng.standard_normal((n, 1, k)) + 0.5 * rng.standard_normal(shape)
    means = groups.mean(axis=1)
    between = np.cov(means.T)
    inner = (groups - means[:, None]).reshape(-1, k)
    within = inner.T @ inner / (n * (q - 1)) + 1e-4 * np.eye(k)
    scales, vectors = np.linalg.eigh(within)
    root = vectors / np.sqrt(scales) @ vectors.T
    mu = np.maximum(np.linalg.eigvalsh(root @ between @ root), 0)
    names = space_of(groups[:, 0]) | {"w": mu / mu.sum(), "n": n}
    row = ROWS["lidar"]
    found = metrics.lidar(groups)
    assert found == pytest.approx(evaluated(row["formula"], names), rel=1e-7)
    low, high = ends(row["range"], names)
    assert low - WITH_EPS["lidar"] <= found <= high * (1 + WITH_EPS["lidar"])
    assert metrics.lidar(np.zeros(shape)) == 0
