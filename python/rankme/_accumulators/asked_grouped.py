"""What is asked of groups one by one, and of all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.held_grouped import HeldGroups
from rankme._accumulators.shards import decoded
from rankme._base.arguments import as_eps, as_index
from rankme.metrics._certainty import score_of, scores_of
from rankme.metrics._spectrum import Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AskedGroups"]


class AskedGroups(HeldGroups):
    """All rows, and each group by itself."""

    __slots__ = ()

    def accumulator(self, group: SupportsIndex) -> Accumulator:
        """Return a group's rows as an accumulator of its own.

        Parameters
        ----------
        group : int
            From 0 to n_groups - 1.

        Returns
        -------
        Accumulator
            A copy: what it takes in later does not reach the group, nor the other way round. It
            has no shards, which are known of all groups together.

        Raises
        ------
        TypeError
            If `group` is no integer.
        ValueError
            If there is no such group.
        """
        number = as_index(group, "group", 0, self.n_groups - 1)
        state = self._state_of(self._core.group_state(number))
        return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001

    def total(self) -> Accumulator:
        """Return all rows as an accumulator of their own.

        Returns
        -------
        Accumulator
            A copy, with the shards and the count of rows left out.
        """
        with self._skipped.lock:
            n_rows, numbers, arrays, shards = self._core.total_state()
            skipped = self._skipped.snapshot()
        state = self._state_of((n_rows, numbers, arrays))
        state = state._replace(shards=decoded(shards), skipped=skipped)
        return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001

    def score(self, *, eps: float = 1e-7, center: bool = False) -> float:
        """RankMe of all rows so far, whatever their groups; the stream may go on.

        Parameters
        ----------
        eps, center
            As in `rankme.Accumulator.score`.

        Returns
        -------
        float

        Warns
        -----
        PrecisionWarning
            As `rankme.score`.

        Raises
        ------
        TypeError, ValueError, IntegrityError, RuntimeError
            As `rankme.Accumulator.score`.
        """
        checked_eps = as_eps(eps)  # before the work, not after it
        return score_of(self.total().spectrum(center=center), checked_eps, stacklevel=2)

    def spectrum(self, group: SupportsIndex, *, center: bool = False) -> Spectrum:
        """Singular values of one group's rows so far; the stream may go on.

        Parameters
        ----------
        group : int
            From 0 to n_groups - 1.
        center : bool
            Subtract the column means of the group.

        Returns
        -------
        Spectrum

        Raises
        ------
        TypeError
            If `group` is no integer.
        ValueError
            If there is no such group, or if it has no rows yet.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`.
        """
        number = as_index(group, "group", 0, self.n_groups - 1)
        acc = self.accumulator(number)
        if acc.n_rows == 0:
            raise ValueError(f"group {number} has no rows yet")
        return acc.spectrum(center=center)

    def spectra(self, *, center: bool = False) -> list[Spectrum | None]:
        """Singular values of each group, of one instant; threads share out the groups.

        Parameters
        ----------
        center : bool
            Subtract the column means of each group.

        Returns
        -------
        list of Spectrum or None
            One a group; None where it has no rows.

        Raises
        ------
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`.
        """
        rows, filled = self._core.group_spectra(bool(center))
        values = iter(filled)
        return [
            Spectrum(int(n), self.dim, bool(center), self.normalize, "gram", *next(values))
            if n
            else None
            for n in rows
        ]

    def scores(self, *, eps: float = 1e-7, center: bool = False) -> NDArray[np.float64]:
        """RankMe of each group; the stream may go on.

        RankMe grows with the number of rows until there are many times more of them than columns:
        compare groups that have about as many, or see `worst`.

        Parameters
        ----------
        eps : float
            As in `rankme.score`.
        center : bool
            Subtract the column means of each group.

        Returns
        -------
        numpy.ndarray
            Shape (n_groups,), float64; NaN where a group has no rows. Equal rows have RankMe 1,
            and 0 once centred.

        Warns
        -----
        PrecisionWarning
            Once, naming the groups, if an interval that holds the exact value is wider than a
            thousandth of the score.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If `eps` is outside 0 to 1.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`.
        """
        checked_eps = as_eps(eps)  # before the work, not after it
        scores, _ = self._scored(checked_eps, center=bool(center), stacklevel=3)
        return scores

    def _scored(
        self, eps: float, *, center: bool, stacklevel: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the scores and rows of all groups, of one instant."""
        spectra = self.spectra(center=center)
        rows = np.array([0 if one is None else one.n_rows for one in spectra], dtype=np.int64)
        scores = np.full(self.n_groups, np.nan)
        filled = {i: one for i, one in enumerate(spectra) if one is not None}
        if filled:
            scores[list(filled)] = scores_of(
                list(filled.values()), eps, stacklevel=stacklevel, of="group", numbers=list(filled)
            )
        return scores, rows
