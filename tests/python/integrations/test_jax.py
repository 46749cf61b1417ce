"""RankMe of rows that go by inside compiled functions of JAX."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rankme
from helpers import run_python
from rankme.integrations.jax import RankMe

DIM = 12


def embeddings(n_rows=120, dtype=jnp.float32):
    z = jax.random.normal(jax.random.key(0), (n_rows, DIM)) * jnp.arange(1, DIM + 1) ** -0.7 + 1
    return z.astype(dtype)


def masks(n_rows=120):
    return jnp.arange(n_rows) % 7 != 3


def kept(z, mask):
    return np.asarray(z)[np.asarray(mask)]


def same(value, truth):
    return value == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("settings", [{}, {"center": True}, {"normalize": True, "eps": 1e-3}])
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_the_value_is_that_of_all_rows_that_count(settings, dtype):
    z, mask = embeddings(dtype=dtype), masks()
    seen = RankMe(DIM, **settings)
    step = jax.jit(lambda z, mask: seen.update(z, mask=mask))
    for part, own in zip(jnp.split(z, 5), jnp.split(mask, 5), strict=True):
        step(part, own)
    assert same(seen.compute(), rankme.score(kept(z, mask), **settings))
    assert seen.accumulator().n_rows == int(mask.sum())
    seen.reset()
    jax.jit(seen.update)(z)
    assert same(seen.compute(), rankme.score(np.asarray(z), **settings))


def under_grad(seen, z, mask):
    def loss(scale, z, mask):
        seen.update(scale * z, mask=mask)
        return (scale * z).sum()

    slope = jax.jit(jax.grad(loss))(1.0, z, mask)
    assert float(slope) == pytest.approx(float(z.sum()), rel=1e-4)


def under_scan(seen, z, mask):
    def body(carry, batch):
        seen.update(batch[0], mask=batch[1])
        return carry, None

    batches = (z.reshape(5, -1, DIM), mask.reshape(5, -1))
    jax.jit(lambda batches: jax.lax.scan(body, 0, batches))(batches)


def under_vmap(seen, z, mask):
    jax.vmap(lambda z, mask: seen.update(z, mask=mask))(z.reshape(5, -1, DIM), mask.reshape(5, -1))


def under_nothing(seen, z, mask):
    seen.update(z, mask=mask)


def of_tokens(seen, z, mask):
    @jax.jit
    def step(states, mask):  # (B, T, K) and (B, T)
        seen.update(states.reshape(-1, DIM), mask=mask.reshape(-1))

    step(z.reshape(6, -1, DIM), mask.reshape(6, -1))


def beside_checkpoint(seen, z, mask):
    def loss(scale, z, mask):
        rows = jax.checkpoint(lambda scale, z: jnp.sin(scale) * z / jnp.sin(1.0))(scale, z)
        seen.update(z, mask=mask)
        return rows.sum()

    jax.jit(jax.grad(loss))(1.0, z, mask)


@pytest.mark.parametrize(
    "transformed",
    [under_grad, under_scan, under_vmap, under_nothing, of_tokens, beside_checkpoint],
)
def test_each_row_counts_once(transformed):
    z, mask = embeddings(), masks()
    seen = RankMe(DIM)
    transformed(seen, z, mask)
    assert seen.accumulator().n_rows == int(mask.sum())
    assert same(seen.compute(), rankme.score(kept(z, mask)))


def test_in_what_is_recomputed_jax_refuses():
    seen = RankMe(DIM)

    def loss(scale, z):
        seen.update(scale * z)
        return jnp.sin(scale * z).sum()

    with pytest.raises(NotImplementedError, match="Effects not supported"):
        jax.grad(jax.checkpoint(loss))(1.0, embeddings())


def test_what_does_not_fit_is_told_while_the_function_is_traced():
    seen = RankMe(DIM)
    z = embeddings()
    step = jax.jit(lambda z, mask: seen.update(z, mask=mask))
    with pytest.raises(ValueError, match="Z has 5 columns, and dim is 12"):
        step(z[:, :5], masks())
    with pytest.raises(ValueError, match=r"it is 3-D .*Z.reshape\(-1, 12\)"):
        step(z.reshape(6, -1, DIM), masks())
    with pytest.raises(ValueError, match=r"shape \(120,\), and not \(6, 20\)"):
        step(z, masks().reshape(6, -1))
    with pytest.raises(TypeError, match=r"not int32: mask.astype\(bool\)"):
        step(z, masks().astype(int))
    with pytest.raises(TypeError, match="Z has dtype int32; accepted"):
        step(z.astype(int), masks())
    with pytest.raises(TypeError, match=r"Z must be a jax.Array, not numpy.ndarray"):
        seen.update(np.asarray(z))
    with pytest.raises(TypeError, match=r"mask must be a jax\.Array, not list"):
        seen.update(z, mask=[True] * 120)
    with pytest.raises(ValueError, match="no rows"):
        seen.compute()


@pytest.mark.parametrize("masked", [False, True])
def test_rows_that_are_not_finite_are_counted_and_the_value_is_nan(masked):
    z = embeddings().at[8, 4].set(jnp.nan)
    mask = masks() if masked else jnp.ones(120, bool)
    seen, lenient = RankMe(DIM), RankMe(DIM, skip_nonfinite=True)
    for one in (seen, lenient):
        step = jax.jit(lambda z, mask, to=one: to.update(z, mask=mask if masked else None))
        step(z, mask)
        assert one.accumulator().n_skipped == 1
    assert math.isnan(seen.compute())
    assert same(lenient.compute(), rankme.score(kept(z, mask), skip_nonfinite=True))
    lenient.reset()
    jax.jit(lenient.update)(jnp.full_like(z, jnp.nan))
    assert math.isnan(lenient.compute())
    # Of a row that does not count nothing is asked, and the next epoch is as good as any.
    seen.reset()
    seen.update(z, mask=jnp.arange(120) != 8)
    assert same(seen.compute(), rankme.score(np.delete(np.asarray(z), 8, axis=0)))


DEVICES = """
import json, os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
import jax, jax.numpy as jnp, numpy as np, rankme
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from rankme.integrations.jax import RankMe
try:
    from jax import shard_map
except ImportError:
    from jax.experimental.shard_map import shard_map

mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("data", "model"))
z = jax.random.normal(jax.random.key(0), (96, 8)) * jnp.arange(1, 9) ** -0.7 + 1
mask = jnp.arange(96) % 5 != 2
seen = RankMe(8)

def each(spec, update):
    def step(z, mask):
        update(z, mask)
        return z.sum(keepdims=True)
    return jax.jit(shard_map(step, mesh=mesh, in_specs=(spec, spec), out_specs=P(*mesh.axis_names)))

def first_alone(z, mask):
    seen.update(z, mask=mask & (jax.lax.axis_index("model") == 0))

def plain(z, mask):
    seen.update(z, mask=mask)

spec = P(("data", "model"))
sharded = [jax.device_put(x, NamedSharding(mesh, spec)) for x in (z, mask)]
ways = {
    "shards": each(spec, plain),
    "copies masked": each(P("data"), first_alone),
    "copies": each(P("data"), plain),
    "jit": jax.jit(lambda z, mask: seen.update(z, mask=mask)),
}
found = {}
for name, step in ways.items():
    seen.reset()
    step(*sharded)
    found[name] = [seen.accumulator().n_rows, seen.compute()]
print(json.dumps([len(jax.devices()), rankme.score(np.asarray(z)[np.asarray(mask)]), found]))
"""


def test_the_rows_of_several_devices_come_together():
    done = run_python(DEVICES)
    assert done.returncode == 0, done.stderr
    n_devices, truth, found = json.loads(done.stdout)
    assert n_devices == 4
    n_rows = sum(i % 5 != 2 for i in range(96))
    for name in ("shards", "copies masked", "jit"):
        assert found[name][0] == n_rows, name
        assert same(found[name][1], truth), name
    # As the documentation says: what two devices have alike counts twice.
    assert found["copies"][0] == 2 * n_rows
