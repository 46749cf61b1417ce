"""What an accumulator is asked: its Gram matrix, its spectrum, its score, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme import _core
from rankme._accumulators.dealt import DealtRows
from rankme._accumulators.held import HeldSum
from rankme._base.arguments import as_eps, as_index
from rankme.metrics._certainty import score_of
from rankme.metrics._estimate import Parts, estimate_of, require_filled
from rankme.metrics._spectrum import Spectrum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rankme.metrics._estimate import Estimate

__all__ = ["AskedSum"]


class AskedSum(HeldSum):
    """The answers of a sum; the rows may go on coming."""

    __slots__ = ()

    def gram(self) -> NDArray[np.float64]:
        """Gram matrix of all rows, ``Z.T @ Z``, uncentred.

        Returns
        -------
        numpy.ndarray
            Shape (dim, dim), float64, symmetric, read-only, in the unit of the entries squared.
            A snapshot: later updates do not change it.

        Raises
        ------
        OverflowError
            If an entry is beyond float64. The score is still defined.
        ValueError
            If `method` is not ``"gram"``.
        """
        if self.method != "gram":
            raise ValueError(f"an accumulator of method {self.method!r} keeps no Gram matrix")
        gram: NDArray[np.float64] = self._core.gram()
        gram.flags.writeable = False
        return gram

    def spectrum(
        self, *, center: bool = False, truncate_dim: SupportsIndex | None = None
    ) -> Spectrum:
        """Singular values of all rows so far; the stream may go on.

        Parameters
        ----------
        center : bool
            Subtract the column means, which the column sums give without a second pass.
        truncate_dim : int, optional
            Of the first columns of the rows alone, as embeddings of Matryoshka models are cut
            (Kusupati et al., NeurIPS 2022). The Gram matrix holds that of every such width, so that
            one pass over the rows serves all. It is computed on the CPU.

        Returns
        -------
        Spectrum
            With min(n_rows, dim) singular values, or min(n_rows, truncate_dim).

        Raises
        ------
        TypeError
            If `truncate_dim` is no integer.
        ValueError
            If there are no rows yet, or all were left out; if `truncate_dim` is not from 1 to
            `dim`, or is given with ``method="qr"`` or ``normalize=True``.
        IntegrityError
            If the Gram matrix disagrees with its probes.
        RuntimeError
            If LAPACK fails; the text names the routine.
        """
        center = bool(center)
        if self.n_skipped and not self.n_rows:
            raise ValueError(
                f"there are no rows yet: all {self.n_skipped} were left out, for each holds NaN or "
                f"infinity"
            )
        if truncate_dim is not None:
            columns = self._as_columns(truncate_dim)
            values, n_rows = self._leading_spectrum(columns, center=center)
            return self._spectrum_of(values, n_rows, center=center, dim=columns)
        # The number of rows comes with the values: another thread may be adding some right now.
        values, n_rows = self._core.spectrum(center)
        return self._spectrum_of(values, n_rows, center=center)

    def _as_columns(self, truncate_dim: SupportsIndex) -> int:
        """Return a number of leading columns whose sum is known."""
        columns = as_index(truncate_dim, "truncate_dim", 1, self.dim)
        if self.method != "gram":
            raise ValueError(
                f"truncate_dim needs the Gram matrix, which method {self.method!r} does not keep: "
                f"make the accumulator with method='gram', or take in Z[:, :{columns}]"
            )
        if self.normalize:
            raise ValueError(
                f"truncate_dim is of rows as they came, and normalize=True has divided each by its "
                f"whole norm: make an accumulator of dim={columns}, and take in Z[:, :{columns}]"
            )
        return columns

    def _leading_spectrum(self, columns: int, *, center: bool) -> tuple[Any, int]:
        """Return what the core finds of the first columns, and the rows behind it."""
        core = self._core
        state = core.sums.total_state() if isinstance(core, DealtRows) else core.state()
        n_rows, numbers, arrays, _ = state
        return _core.leading_spectrum(self.dim, n_rows, numbers, arrays, columns, center)

    def score(self, *, eps: float = 1e-7, center: bool = False) -> float:
        """RankMe of all rows so far; the stream may go on.

        Parameters
        ----------
        eps : float
            As in `rankme.score`.
        center : bool
            Subtract the column means, which the column sums give without a second pass.

        Returns
        -------
        float

        Warns
        -----
        PrecisionWarning
            As `rankme.score`.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If there are no rows yet, or if `eps` is outside 0 to 1.
        IntegrityError, RuntimeError
            As `spectrum`.
        """
        checked_eps = as_eps(eps)  # before the work, not after it
        return score_of(self.spectrum(center=center), checked_eps, stacklevel=2)

    def estimate(self, *, eps: float = 1e-7, center: bool = False) -> Estimate:
        """RankMe of all rows so far with its sampling error; the stream may go on.

        By the delete-a-group jackknife, as `rankme.estimate`.

        Parameters
        ----------
        eps, center
            As in `score`.

        Returns
        -------
        Estimate
            Its `score`, `low` and `high` are those of `score` and `spectrum`.

        Warns
        -----
        PrecisionWarning
            As `rankme.estimate`.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If the accumulator was made without `groups`, if fewer than 8 of them have rows yet, or
            if `eps` is outside 0 to 1.
        IntegrityError, RuntimeError
            As `spectrum`.
        """
        if self.groups is None:
            raise ValueError(
                "the accumulator keeps no groups of rows to leave out; make it with groups, as "
                "rankme.Accumulator(dim, groups=16), before it takes in rows"
            )
        checked_eps = as_eps(eps)  # before the work, not after it
        return estimate_of(*self._parts(center=bool(center)), checked_eps, stacklevel=2)

    def _parts(self, *, center: bool) -> Parts:
        """Return the spectra with and without each group."""
        require_filled(self._core.group_rows, self.run_length)
        values, rows, left_out = self._core.leave_out_spectra(center)
        whole = self._spectrum_of(values, int(rows.sum()), center=center)
        return Parts(whole, rows, left_out, self._dealt(self.fingerprint))

    def _precision_of_sums(self) -> str:
        """Say how the rows so far were multiplied, if some of them were not in float64."""
        if self._device != "cpu":
            return self._precision
        return "fast" if self.fast_rows else "float64"

    def _spectrum_of(
        self, values: Any, n_rows: int, *, center: bool, dim: int | None = None
    ) -> Spectrum:
        """Return the spectrum that the core has found."""
        return Spectrum(
            n_rows,
            self.dim if dim is None else dim,
            center,
            self.normalize,
            self.method,
            *values,
            precision=self._precision_of_sums(),
            n_skipped=self.n_skipped,
        )
