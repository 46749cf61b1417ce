"""The observer of all hosts: rows in any shape, a cap, passes, and bad input, in one process."""

import math
import re
import warnings

import numpy as np
import pytest
import torch

import rankme
from engines import assert_same, one_process
from rankme.integrations._observer import Observer

K = 6


def rows(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, K)))


def observed(*batches, **options):
    observer = Observer(["x"], **options)
    for batch, given in batches:
        observer.take("x", batch, **given)
    return observer


def sums_of(*batches, **options):
    return observed(*batches, **options).result().sums["x"]


TOKENS = torch.from_numpy(np.random.default_rng(1).standard_normal((9, 5, K)))
MASK = torch.from_numpy(np.random.default_rng(2).integers(0, 2, (9, 5)))
MASK[3] = 0
MASK[4] = 1
INPUTS = torch.arange(7) % 3 > 0
MAPS = torch.from_numpy(np.random.default_rng(3).standard_normal((7, K, 2, 4)))


def of_each(pick):
    """One row of each input that has a token."""
    return torch.stack([pick(z, m.bool()) for z, m in zip(TOKENS, MASK, strict=True) if m.any()])


@pytest.mark.parametrize(
    ("output", "given", "pool", "expected"),
    [
        (rows(50), {}, None, rows(50)),
        (rows(50), {"mask": torch.arange(50) % 3}, None, rows(50)[torch.arange(50) % 3 > 0]),
        (TOKENS, {"mask": MASK}, None, TOKENS[MASK.bool()]),
        (TOKENS, {"mask": MASK.bool()}, "tokens", TOKENS[MASK.bool()]),
        (TOKENS, {"mask": MASK}, "token_mean", of_each(lambda z, m: z[m].mean(dim=0))),
        (TOKENS, {"mask": MASK}, "first_token", of_each(lambda z, m: z[m][0])),
        (TOKENS, {"mask": MASK}, "last_token", of_each(lambda z, m: z[m][-1])),
        (TOKENS, {}, "tokens", TOKENS.reshape(-1, K)),
        (TOKENS, {}, "token_mean", TOKENS.mean(dim=1)),
        (TOKENS, {}, "last_token", TOKENS[:, -1]),
        (MAPS, {}, "map_mean", MAPS.mean(dim=(2, 3))),
        (MAPS, {}, "positions", MAPS.permute(0, 2, 3, 1).reshape(-1, K)),
        (TOKENS, {"mask": MASK}, lambda z: 2 * z, 2 * TOKENS[MASK.bool()]),
        (TOKENS, {"mask": MASK}, lambda z: z[:, 0], TOKENS[:, 0]),
        (MAPS, {"mask": MASK}, "map_mean", MAPS.mean(dim=(2, 3))),
        (MAPS, {"mask": torch.arange(7) % 3}, "map_mean", MAPS.mean(dim=(2, 3))[INPUTS]),
        (MAPS, {"mask": INPUTS}, "positions", MAPS[INPUTS].permute(0, 2, 3, 1).reshape(-1, K)),
        (TOKENS[:7], {"mask": INPUTS.numpy()}, "last_token", TOKENS[:7, -1][INPUTS]),
        (TOKENS, {"mask": MASK, "keep": 6}, None, TOKENS[:6][MASK[:6].bool()]),
        (TOKENS, {"keep": torch.arange(9) > 2}, "tokens", TOKENS[3:].reshape(-1, K)),
        (TOKENS, {"mask": MASK, "keep": torch.arange(9) > 2}, None, TOKENS[3:][MASK[3:].bool()]),
    ],
)
def test_rows_of_every_shape(output, given, pool, expected):
    assert_rows(sums_of((output, given), pool=pool), expected)


def assert_rows(acc, z):
    assert_same(acc, one_process(np.asarray(z)))


def test_masked_tokens_may_be_anything():
    z = TOKENS.clone()
    z[MASK == 0] = math.nan
    for pool in (None, "token_mean", "first_token", "last_token"):
        found = sums_of((z, {"mask": MASK}), pool=pool)
        assert found.score() == sums_of((TOKENS, {"mask": MASK}), pool=pool).score()
        assert found.n_skipped == 0


def test_the_mean_of_half_precision_is_taken_in_single():
    z = TOKENS.bfloat16()
    acc = sums_of((z, {"mask": MASK}), pool="token_mean")
    wide = sums_of((z.double(), {"mask": MASK}), pool="token_mean")
    assert acc.score() == pytest.approx(wide.score(), rel=1e-6)


def test_the_first_rows_are_taken_and_no_more():
    observer = observed((rows(40), {}), max_rows=70)
    assert not observer.is_full
    observer.take("x", rows(40, seed=1))
    assert observer.is_full
    observer.take("x", rows(40, seed=2))
    expected = torch.cat([rows(40), rows(40, seed=1)])[:70]
    assert_rows(observer.result().sums["x"], expected)


def test_nothing_is_taken_while_it_is_not_active():
    observer = Observer(["x"])
    observer.active = False
    observer.take("x", rows(40))
    observer.active = True
    observer.take("x", rows(40, seed=1))
    assert_rows(observer.result().sums["x"], rows(40, seed=1))


def test_a_result_stays_when_the_observer_goes_on():
    observer = observed((rows(40), {}))
    first = observer.result()
    expected = rankme.score(rows(40).numpy())
    observer.take("x", rows(40, seed=1))
    second = observer.result()
    observer.reset()
    observer.take("x", rows(80, seed=2))
    observer.result()
    assert first.scores() == {"x": pytest.approx(expected, rel=1e-12)}
    assert first.sums["x"].n_rows == 40
    assert second.sums["x"].n_rows == 80


def test_the_keys_of_logs():
    observer = observed((rows(300), {}), name="val/rank", metrics=["stable_rank", "rankme"])
    found = observer.result()
    keys = {"val/rank", *(f"val/rank/{w}" for w in ("low", "high", "n_rows", "n_skipped"))}
    assert found.values().keys() == keys | {"val/rank/stable_rank"}
    assert found.metrics()["x"].keys() == {
        "rankme", "low", "high", "n_rows", "n_skipped", "stable_rank",
    }  # fmt: skip
    row = found.metrics()["x"]
    assert row["low"] <= row["rankme"] <= row["high"]
    spectrum = rankme.spectrum(rows(300).numpy())
    assert row["stable_rank"] == pytest.approx(spectrum.stable_rank(), rel=1e-12)
    assert all(type(value) is float for value in found.values().values())


def test_several_targets_and_standard_errors():
    observer = Observer(["a", "b/c"], groups=8, center=True, normalize=True)
    for target, seed in (("a", 0), ("b/c", 1)):
        observer.take(target, rows(400, seed))
    values = observer.result().values()
    assert {"rankme/a", "rankme/a/std_error", "rankme/b/c", "rankme/b/c/high"} <= values.keys()
    expected = one_process(rows(400).numpy(), groups=8, normalize=True).estimate(center=True)
    assert values["rankme/a"] == pytest.approx(expected.score, rel=1e-12)
    assert values["rankme/a/std_error"] == pytest.approx(expected.std_error, rel=1e-9)


@pytest.mark.parametrize("bad", [1, 40])
def test_rows_that_are_not_finite_make_nan_of_the_pass_and_no_error(bad):
    z = rows(40)
    z[:bad, 2] = math.inf
    observer = observed((z, {}), metrics=["isoscore"])
    found = observer.result().values()
    assert all(math.isnan(found[key]) for key in ("rankme", "rankme/low", "rankme/isoscore"))
    assert (found["rankme/n_rows"], found["rankme/n_skipped"]) == (40 - bad, bad)
    observer.reset()
    observer.take("x", rows(40))
    assert observer.result().values()["rankme"] > 5


def test_scores_that_are_not_certain_do_not_end_a_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = observed((torch.zeros(10, K), {}), metrics=["condition_number"]).result().values()
    assert found["rankme"] == 0
    assert math.isnan(found["rankme/condition_number"])


def test_another_number_of_rows_than_before_is_a_warning():
    observer = Observer(["x"])
    for n, expected in ((50, None), (50, None), (40, "has 40 rows in this pass and had 50")):
        observer.reset()
        observer.take("x", rows(n))
        if expected is None:
            observer.result()
        else:
            with pytest.warns(UserWarning, match=expected):
                observer.result()


def test_rows_that_are_too_few_for_a_standard_error_do_not_end_a_run():
    observer = observed((rows(40), {}), groups=8)
    with pytest.warns(UserWarning, match="there is no standard error: 40 rows fill 2 of 8 groups"):
        values = observer.result().values()
    assert math.isnan(values["rankme/std_error"])
    assert values["rankme"] == pytest.approx(rankme.score(rows(40).numpy()), rel=1e-12)


@pytest.mark.parametrize("n_total", [4, 7, 9])
def test_repeats_of_a_sampler_are_left_out(n_total):
    z = TOKENS[:, 0]
    observer = Observer(["x"], n_total=n_total)
    for batch in z[:n_total].split(4):
        observer.take("x", batch)
    assert_rows(observer.result().sums["x"], z[:n_total])
    with pytest.raises(ValueError, match=f"deals out {n_total} of n_total={n_total}"):
        observer.take("x", z)


def test_what_needs_a_gradient_is_taken_as_it_is():
    z = rows(30).requires_grad_()
    assert_rows(sums_of((z * 2, {})), 2 * z.detach())


@pytest.mark.parametrize(
    ("output", "given", "pool", "error", "text"),
    [
        (TOKENS, {}, None, ValueError, "target 'x' returns shape (9, 5, 6), and a row is wanted"),
        (rows(3), {}, "tokens", ValueError, "of shape (n, T, K), and target 'x' returns (3, 6)"),
        (TOKENS, {"mask": MASK[..., None]}, None, ValueError, "mask has shape (9, 5, 1); wanted"),
        (TOKENS, {"mask": MASK.float()}, None, TypeError, "target 'x': mask is of torch.float32"),
        (TOKENS, {"mask": -1000 * MASK}, None, TypeError, "target 'x': mask is of torch.int64"),
        (
            MAPS,
            {"mask": INPUTS[1:]},
            "positions",
            ValueError,
            "mask has shape (6,); wanted is (7,)",
        ),
        ((rows(3),), {}, None, TypeError, "target 'x' returns tuple and no tensor; pool="),
        (rows(0), {}, None, ValueError, "target 'x' gives shape (0, 6), and there is no row"),
        (
            TOKENS,
            {"mask": MASK[:, 1:]},
            None,
            ValueError,
            "mask has shape (9, 4); wanted is (9",
        ),
        (rows(3), {"keep": torch.ones(4)}, None, ValueError, "'x' gives 3 inputs, and keep has"),
        (rows(3).int(), {}, None, TypeError, "target 'x': "),
        (rows(3)[:, :4], {}, None, ValueError, "target 'x': rows have width 4, and had 6 before"),
    ],
)
def test_bad_input_names_the_target(output, given, pool, error, text):
    observer = Observer(["x"], pool={"x": pool})
    if pool is None:
        observer.take("x", rows(4))
    with pytest.raises(error, match=re.escape(text)):
        observer.take("x", output, **given)


def test_targets_that_are_not_there():
    observer = Observer(["x", "y"])
    with pytest.raises(ValueError, match="no target 'z'; the targets are 'x', 'y'"):
        observer.take("z", rows(3))
    observer.take("x", rows(30))
    with pytest.raises(ValueError, match="target 'y' gave no rows in this pass"):
        observer.result()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"max_rows": 0}, ValueError, "max_rows must be 1 or more"),
        ({"metrics": ["srnk"]}, ValueError, "no metric 'srnk'; metrics= takes rankme, effective"),
        ({"eps": 2}, ValueError, "eps"),
        ({"device": "gpu"}, ValueError, "device must be 'cpu', 'cuda'"),
        ({"groups": 3}, ValueError, "groups must be from 8 to"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        Observer(["x"], **options)


def test_a_state_goes_on():
    whole = observed((rows(40), {}), (rows(40, 1), {}), max_rows=70)
    half = observed((rows(40), {}), max_rows=70)
    other = Observer(["x"], max_rows=70)
    other.load_state_dict(half.state_dict())
    other.take("x", rows(40, 1))
    assert other.is_full
    assert other.result().values() == pytest.approx(whole.result().values(), rel=1e-12)
    with pytest.raises(ValueError, match=r"the state has the targets \['x'\], and this observer"):
        Observer(["y"]).load_state_dict(half.state_dict())
    with pytest.raises(ValueError, match=r"target 'x': the state is of other options: .*normalize"):
        Observer(["x"], normalize=True).load_state_dict(half.state_dict())
    with pytest.raises(ValueError, match=r"target 'x': the state is of other options: .*groups"):
        Observer(["x"], groups=8).load_state_dict(half.state_dict())
    strange = half.state_dict() | {"rank": [1, 2]}
    with pytest.raises(ValueError, match="of rank 1 of 2, and this is rank 0 of 1"):
        other.load_state_dict(strange)
