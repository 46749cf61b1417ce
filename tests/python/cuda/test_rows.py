"""On a GPU the rows are chosen there: the same as on the CPU, and no others."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, framework, needs_gpu, on_gpu
from oracles import moderate
from rankme.sources import choose_rows

pytestmark = needs_gpu

Z = moderate(3, 900, 32, np.float32)


@pytest.mark.parametrize("seed", [0, 5, None])
@pytest.mark.parametrize("library", ["torch", "cupy", "jax"])
def test_the_rows_are_those_of_the_cpu(library, seed):
    expected = rankme.score(Z[choose_rows(900, 200, seed=seed)])
    z = on_gpu(Z)
    if library == "cupy":
        pytest.importorskip("cupy", reason="CuPy is not installed")
        z = framework("cupy").asarray(Z)
        if not hasattr(z, "__array_namespace__"):
            pytest.skip("CuPy before 14 has no array API")
    elif library == "jax":
        pytest.importorskip("jax", reason="JAX is not installed")
        jax = framework("jax")
        if jax.default_backend() != "gpu":
            pytest.skip("JAX here has no GPU")
        z = jax.numpy.asarray(Z)
    assert rankme.score(z, rows=200, seed=seed) == pytest.approx(expected, rel=AGAINST_CPU)


def test_rows_of_the_host_are_streamed_to_the_gpu():
    expected = rankme.score(Z[choose_rows(900, 200)])
    found = rankme.score(Z, rows=200, device=DEVICE)
    assert found == pytest.approx(expected, rel=AGAINST_CPU)


def test_a_bad_row_is_named_as_in_the_whole():
    z = Z.copy()
    bad = int(choose_rows(900, 200)[60])
    z[bad, 4] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=rf"Z\[{bad}, 4\] is nan"):
        rankme.score(on_gpu(z), rows=200)
    s = rankme.spectrum(on_gpu(z), rows=200, skip_nonfinite=True)
    assert (s.n_rows, s.n_skipped) == (199, 1)
