"""The values of a spectrum as its metrics want them: centred or not."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankme.metrics._values import OtherAnswer, Values, default_rtol

__all__ = ["SpectrumValues"]


class SpectrumValues:
    """What `Spectrum` holds, and what its metrics go by."""

    n_rows: int
    n_cols: int
    center: bool
    normalize: bool
    _scaled: NDArray[np.float64]
    _low: NDArray[np.float64]
    _high: NDArray[np.float64]
    _exponent: int
    _other: OtherAnswer | None

    @property
    def _most(self) -> int:
        """The number of directions that there can be: min(N, K), less one row once centred."""
        return min(self.n_rows - self.center, self.n_cols)

    @property
    def _decided(self) -> NDArray[np.float64]:
        """The values that metrics go by: zeros where none of them can be told from zero."""
        return self._own().decided

    def _own(self) -> Values:
        """Return the values that the spectrum was made for."""
        return Values(self._scaled, self._low, self._high, self._exponent)

    @cached_property
    def _others(self) -> Values:
        """The values of the other choice of ``center``, found when they are asked for first."""
        answer = self._other
        assert answer is not None  # noqa: S101
        return Values(*(answer() if callable(answer) else answer))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: numbers, and no function."""
        state = self.__dict__.copy()
        state.pop("_others", None)
        if callable(self._other):
            state["_other"] = tuple(self._others)
        return state

    def _values(self, metric: str, center: bool | None) -> Values:
        """Return the values of centred rows, or as chosen, or say how to have them."""
        wanted = True if center is None else bool(center)
        if wanted == self.center:
            return self._own()
        if self._other is not None:
            return self._others
        if self.center:
            raise ValueError(
                f"this spectrum is of centred rows only: make it with center=False for "
                f"{metric}(center=False)"
            )
        raise ValueError(
            f"{metric} is defined on centred rows, and this spectrum has none: make it with "
            f"center=True, or ask for {metric}(center=False), the formula on rows as they are"
        )

    def _with_and_without_mean(
        self, metric: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the values of rows as they are and of centred rows, in one unit."""
        own = self._own()
        if own.scaled[0] == 0 and not self.center:  # zeros have no mean to take off
            return own.scaled, own.scaled
        if self._other is None:
            kind = "centred rows" if self.center else "rows as they are"
            raise ValueError(
                f"{metric} needs the values with and without the mean, and this spectrum has those "
                f"of {kind} only. One of an accumulator has both: "
                f"acc = rankme.Accumulator({self.n_cols}, normalize={self.normalize}); "
                f"acc.update(Z); acc.spectrum().{metric}()"
            )
        other = self._others
        plain, centred = (other, own) if self.center else (own, other)
        return plain.decided, np.ldexp(centred.decided, centred.exponent - plain.exponent)

    def _floor(self, values: Values) -> float:
        """Return which part of the largest singular value may be zero for all that is known."""
        doubtful = values.scaled[values.low <= 0]
        share = doubtful[0] / values.scaled[0] if doubtful.any() else 0.0
        return max(default_rtol(self.n_rows, self.n_cols), float(share))
