"""RankMe of what a compiled function of JAX computes, batch by batch.

Inside ``jax.jit``::

    from rankme.integrations.jax import RankMe

    seen = RankMe(dim=768)

    @jax.jit
    def step(params, batch):
        z = encode(params, batch["x"])
        seen.update(z, mask=batch["is_real"])
        ...

    seen.compute()
"""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme._base.shapes import shape_advice
from rankme.integrations._reading import score_of_epoch

_WHAT = "rankme.integrations.jax"
jax = require("jax", extra="jax", what=_WHAT)
_io_callback = require("jax.experimental", extra="jax", what=_WHAT).io_callback

__all__ = ["RankMe"]

_DTYPES = ("float16", "bfloat16", "float32", "float64")


class RankMe:
    """RankMe of all rows that go by in compiled functions, added up on the host.

    The sums are a `rankme.Accumulator`, in float64 whatever ``jax_enable_x64`` is. `update` may be
    called inside ``jax.jit``, ``jax.grad``, ``jax.lax.scan``, ``jax.vmap`` and ``jax.shard_map``:
    each run of the compiled function sends its rows to the host.

    Make one before the function is compiled, and `reset` it for each epoch: a compiled function
    keeps the one that it was traced with.

    Parameters
    ----------
    dim : int
        K, the length of a row; 1 or more.
    eps, center, normalize
        As in `rankme.score`.
    skip_nonfinite : bool
        Rows that hold NaN or infinity are left out, and counted in ``accumulator().n_skipped``. By
        default the score is NaN then, and the run goes on; with True it is that of the other rows.

    Raises
    ------
    TypeError, ValueError
        As `rankme.Accumulator` does for `dim`, and `rankme.score` for `eps`.

    Notes
    -----
    - In ``jax.shard_map``, each device sends its own rows. Rows that several devices have alike
      count once for each: mask them, as ``mask & (jax.lax.axis_index("model") == 0)``.
    - In ``jax.jit`` without it, sharded rows are gathered on one device first.
    - JAX takes no effects in what ``jax.checkpoint`` recomputes, and says so: return the rows from
      there, and call `update` outside.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from rankme.integrations.jax import RankMe
    >>> seen = RankMe(dim=4, eps=0)
    >>> step = jax.jit(lambda z, mask: seen.update(z, mask=mask))
    >>> step(jnp.eye(4), jnp.array([True, True, False, True]))
    >>> round(seen.compute(), 6), seen.accumulator().n_rows
    (3.0, 3)
    """

    def __init__(
        self,
        dim: SupportsIndex,
        *,
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        skip_nonfinite: bool = False,
    ) -> None:
        self._eps = as_eps(eps)
        self._center = bool(center)
        self._skip_nonfinite = bool(skip_nonfinite)
        self._sums = Accumulator(dim, normalize=normalize, skip_nonfinite=True)

    def update(self, Z: Any, *, mask: Any = None) -> None:  # noqa: N803
        """Take in rows, when the function that is being compiled runs.

        Parameters
        ----------
        Z : jax.Array
            Shape (n, dim); float16, bfloat16, float32 or float64. No gradient flows through it.
        mask : jax.Array, optional
            Shape (n,), bool: the rows that count, such as those that are no padding.

        Raises
        ------
        TypeError
            While the function is traced: if `Z` is no array of JAX or has another dtype, or if
            `mask` is not of bool.
        ValueError
            While the function is traced: if `Z` is not 2-D or has another width, or if `mask` has
            another shape.
        """
        self._check(Z, mask)
        rows = jax.lax.stop_gradient(Z)
        # Not jax.debug.callback, which may be left out, and which jax.checkpoint runs twice.
        _io_callback(self._take, None, *((rows,) if mask is None else (rows, mask)), ordered=False)

    def compute(self) -> float:
        """RankMe of all rows since the last `reset`; waits until they have come.

        Returns
        -------
        float
            NaN if a row was left out, or with `skip_nonfinite` every row.

        Warns
        -----
        PrecisionWarning
            As `rankme.score`.

        Raises
        ------
        ValueError
            If there are no rows.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`. What JAX raises of a run that has failed.
        """
        jax.effects_barrier()
        return score_of_epoch(
            self._sums, eps=self._eps, center=self._center, skip_nonfinite=self._skip_nonfinite
        )

    def accumulator(self) -> Accumulator:
        """Return a copy of the sums, to be looked at, or saved and merged; waits for all rows.

        Returns
        -------
        rankme.Accumulator
            The rows of this process. Those of several are merged.

        Raises
        ------
        RuntimeError
            What JAX raises of a run that has failed.
        """
        jax.effects_barrier()
        return self._sums.copy()

    def reset(self) -> None:
        """Forget all rows; waits for those that are on their way.

        Raises
        ------
        RuntimeError
            What JAX raises of a run that has failed.
        """
        jax.effects_barrier()
        self._sums.reset()

    def _check(self, Z: Any, mask: Any) -> None:  # noqa: N803
        """Refuse what does not fit; shapes and dtypes are known while a function is traced."""
        for name, array in (("Z", Z), ("mask", mask)):
            if not isinstance(array, jax.Array) and array is not None:
                raise TypeError(f"{name} must be a jax.Array, not {type_name(array)}")
        if Z is None:
            raise TypeError("Z must be a jax.Array, not None")
        if str(Z.dtype) not in _DTYPES:
            raise TypeError(f"Z has dtype {Z.dtype}; accepted are {', '.join(_DTYPES)}")
        if Z.ndim != 2:  # noqa: PLR2004
            raise ValueError(
                f"Z must be 2-D, a row per embedding; it is {Z.ndim}-D with shape {Z.shape}"
                f"{shape_advice(Z.shape, 'Z')}"
            )
        if Z.shape[1] != self._sums.dim:
            raise ValueError(f"Z has {Z.shape[1]} columns, and dim is {self._sums.dim}")
        if mask is None:
            return
        if mask.dtype != np.bool_:
            raise TypeError(f"mask must be of bool, not {mask.dtype}: mask.astype(bool)")
        if mask.shape != Z.shape[:1]:
            raise ValueError(
                f"mask must have a value for each row of Z, shape {Z.shape[:1]}, and not "
                f"{mask.shape}: where Z was reshaped, so is mask, as mask.reshape(-1)"
            )

    def _take(self, rows: Any, mask: Any = None) -> None:
        """Add rows up; called by JAX on a thread of its own."""
        self._sums.update(np.asarray(rows), mask=None if mask is None else np.asarray(mask))
