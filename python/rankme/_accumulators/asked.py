"""What an accumulator is asked: its Gram matrix, its spectrum, its score, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme import _core
from rankme._accumulators.dealt import DealtRows
from rankme._accumulators.held import HeldSum
from rankme._base.arguments import as_eps, as_index
from rankme.metrics._certainty import score_of
from rankme.metrics._estimate import Parts, estimate_of, require_filled
from rankme.metrics._moments import Moments, principal_axes, sines_of
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
        return _core.leading_spectrum(self.dim, *self._covariance_state(), columns, center)

    def principal_axes(self, k: SupportsIndex) -> NDArray[np.float64]:
        """Eigenvectors of the covariance of all rows so far, the largest variance first.

        Of each axis the entry of largest magnitude is positive, the first of several: the sign is
        then the same on every machine, as far as that entry is the largest.

        Parameters
        ----------
        k : int
            How many, from 1 to min(n_rows - 1, dim).

        Returns
        -------
        numpy.ndarray
            Shape (k, dim), float64, read-only, the rows orthonormal to rounding.

        Raises
        ------
        TypeError
            If `k` is no integer.
        ValueError
            If `k` is out of range, if there are fewer than 2 rows, or if `method` is ``"qr"``,
            which keeps no covariance.
        """
        count = self._as_axes(k)
        return principal_axes(Moments.from_state(*self._covariance_state()), count)

    def principal_axes_bounds(self, k: SupportsIndex) -> NDArray[np.float64]:
        """Bound how far rounding may have turned the `principal_axes`.

        Entry j - 1 bounds the sine of the largest angle between the span of the first j axes and
        that of the exact covariance: ``delta / (lambda_j - lambda_(j + 1) - delta)`` [1]_, where
        delta bounds the error of the matrix and of the solver, as in
        `rankme.Spectrum.singular_value_bounds`. Where the next eigenvalue is too close it is 1: the
        axes on both sides may then be any mixture of each other. How far the axes of other rows
        would be is another matter.

        Parameters
        ----------
        k : int
            As in `principal_axes`.

        Returns
        -------
        numpy.ndarray
            Shape (k,), float64, from 0 to 1.

        Raises
        ------
        TypeError, ValueError
            As `principal_axes`.
        IntegrityError, RuntimeError
            As `spectrum`.

        References
        ----------
        .. [1] C. Davis, W. M. Kahan, "The rotation of eigenvectors by a perturbation. III", SIAM
           Journal on Numerical Analysis 7 (1970), 1-46.
        """
        count = self._as_axes(k)
        state = self._covariance_state()
        values, n_rows = _core.leading_spectrum(self.dim, *state, self.dim, True)
        return sines_of(self._spectrum_of(values, n_rows, center=True), count)

    def explained_variance(self, *, ratio: bool = False) -> NDArray[np.float64]:
        """Variance along each principal axis: the eigenvalues of the covariance of the rows so far.

        That of `spectrum`, whose `rankme.Spectrum.explained_variance_bounds` has the intervals.

        Parameters
        ----------
        ratio : bool
            Divide by the sum of all of them: the shares of the variance.

        Returns
        -------
        numpy.ndarray
            Shape (min(n_rows, dim),), float64, descending.

        Raises
        ------
        ValueError
            If there are fewer than 2 rows.
        OverflowError, IntegrityError, RuntimeError
            As `spectrum`.
        """
        return self.spectrum(center=True).explained_variance(ratio=ratio)

    def _as_axes(self, k: SupportsIndex) -> int:
        """Return a number of axes that the rows so far have."""
        if self.method != "gram":
            raise ValueError(
                f"an accumulator of method {self.method!r} keeps no covariance: make it with "
                f"method='gram' for principal_axes"
            )
        n_rows = self.n_rows
        if n_rows < 2:  # noqa: PLR2004
            raise ValueError(f"principal axes need 2 or more rows; the number so far is {n_rows}")
        return as_index(k, "k", 1, min(n_rows - 1, self.dim))

    def _covariance_state(self) -> tuple[int, tuple[int, ...], tuple[NDArray[np.float64], ...]]:
        """Return the sum of all rows as a scatter in host memory: rows, numbers, arrays."""
        if self._device != "cpu":
            return self.copy(device="cpu")._covariance_state()  # noqa: SLF001
        core = self._core
        state = core.sums.total_state() if isinstance(core, DealtRows) else core.state()
        n_rows, numbers, arrays, _ = state
        return n_rows, numbers, arrays

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
