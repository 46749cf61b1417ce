"""The bands of a reference's own windows: limits that a new one leaves at a promised rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rankme.integrations._monitor.norms import RESOLUTION
from rankme.integrations._monitor.windows import statistics_of
from rankme.selection._student import upper_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Bands", "Limits", "limits_of"]

# What comes from a comparison with the rest of the reference, and is bad only where it is large.
_DISTANCES = ("frechet", "mean_angle", "mean_shift")
# Below this part of a statistic a difference is rounding.
_ROUNDING = 1e-9
# Of the variance; in degrees; in standard deviations.
_LEAST = {"frechet": 1e-7, "mean_angle": 1e-5, "mean_shift": 1e-7}
# How many more rows than its band is of a window may have where steps were merged.
_SLACK = 1.1

Limits = dict[str, tuple[float | None, float | None]]


class Bands(NamedTuple):
    """Limits of windows of some numbers of rows.

    Attributes
    ----------
    sizes : dict of int to dict
        By number of rows: the lowest and the highest value of each statistic, None for no end.
    learnt_from : str
        ``"rows"`` or ``"groups"``.
    windows : int
        Of how many windows of each size.
    false_alarms : float
    """

    sizes: dict[int, Limits]
    learnt_from: str
    windows: int
    false_alarms: float

    def limits(self, n_rows: int) -> Limits | None:
        """Return the limits of a window of so many rows; None where they are not known.

        Between two sizes both limits hold: a statistic goes from one to the other.
        """
        sizes = sorted(self.sizes)
        above = [size for size in sizes if size >= n_rows]
        below = [size for size in sizes if size <= n_rows]
        if not below or (not above and n_rows > _SLACK * below[-1]):
            return None
        low = self.sizes[below[-1]]
        high = self.sizes[above[0]] if above else low
        return {name: _union(low[name], high[name]) for name in low if name in high}

    def outside(self, record: Mapping[str, Any]) -> list[str] | None:
        """Name the statistics of a window that are outside; None where it cannot be judged."""
        limits = self.limits(record["n_rows"])
        if limits is None:
            return None
        found = statistics_of(record)
        return [name for name, ends in limits.items() if not _within(found.get(name), ends)]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return {
            "false_alarms": self.false_alarms,
            "learnt_from": self.learnt_from,
            "windows": self.windows,
            "sizes": [
                {"n_rows": size, "limits": {name: list(ends) for name, ends in limits.items()}}
                for size, limits in sorted(self.sizes.items())
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Bands:
        """Return what `to_dict` gave."""
        sizes = {
            int(one["n_rows"]): {name: (ends[0], ends[1]) for name, ends in one["limits"].items()}
            for one in values["sizes"]
        }
        return cls(sizes, values["learnt_from"], values["windows"], values["false_alarms"])


def _union(
    a: tuple[float | None, float | None], b: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    """Return the range that holds both."""
    low = None if a[0] is None or b[0] is None else min(a[0], b[0])
    high = None if a[1] is None or b[1] is None else max(a[1], b[1])
    return low, high


def _within(value: float | None, ends: tuple[float | None, float | None]) -> bool:
    """Whether a value is inside; what is not defined, where it was for the reference, is not."""
    if value is None:
        return False
    low, high = ends
    return (low is None or value >= low) and (high is None or value <= high)


class _Range(NamedTuple):
    """What a statistic has been over windows: its middle, its spread, and what is rounding."""

    values: NDArray[np.float64]
    centre: float
    spread: float
    floor: float
    is_distance: bool

    def deviations(self) -> NDArray[np.float64]:
        """Return how many spreads each window is beyond rounding from the middle."""
        far = self.values - self.centre if self.is_distance else np.abs(self.values - self.centre)
        beyond = np.maximum(far - self.floor, 0.0)
        return beyond / self.spread if self.spread > 0 else np.zeros_like(beyond)

    def limits(self, cut: float, widening: float) -> tuple[float | None, float | None]:
        """Return the ends at so many spreads."""
        if self.is_distance:
            return None, math.exp(self.centre + cut * self.spread + self.floor)
        half = cut * self.spread * widening + self.floor
        return self.centre - half, self.centre + half


def limits_of(
    records: Sequence[Mapping[str, Any]],
    *,
    variance: float,
    share: float,
    false_alarms: float,
    groups: int | None = None,
) -> Limits:
    """Return limits that a new window leaves, in any statistic, with a given probability.

    Parameters
    ----------
    records
        Of windows of the reference. Their distances are those to the rest of the reference.
    variance
        The trace of the reference's covariance.
    share
        n / N: which share of the reference a window is, at most a half.
    false_alarms
        Of a window, over all statistics together.
    groups
        Of how many groups of rows the windows are; by default they are of single rows.

    Notes
    -----
    A window drawn without replacement varies by ``sqrt(1 - n/N)`` of what a new one does, and the
    reference's own value, which is the middle, by ``sqrt(n/N)`` of it: spreads are widened by
    ``sqrt((1 + n/N) / (1 - n/N))``. A distance to the rest of the reference needs no widening, for
    the rest is smaller than the reference. Distances are taken as logarithms, which are more even.

    With windows of rows the cut is a quantile of the largest deviation of each window, so that all
    statistics together keep the rate whatever their correlations are. A few groups do not show so
    rare a quantile: there it is Student's t, the rate shared out among the statistics (Bonferroni).
    """
    columns = [statistics_of(record) for record in records]
    ranges = {
        name: _range_of(name, np.array([column[name] for column in columns], float), variance)
        for name in columns[0]
        if all(column[name] is not None for column in columns)
    }
    if groups is None:
        largest = np.sort(np.max([one.deviations() for one in ranges.values()], axis=0))
        rank = math.ceil((len(largest) + 1) * (1 - false_alarms))
        cut = float(largest[rank - 1])
    else:
        cut = upper_quantile(false_alarms / (2 * len(ranges)), groups - 1)
    widening = math.sqrt((1 + share) / (1 - share))
    return {name: one.limits(cut, widening) for name, one in ranges.items()}


def _range_of(name: str, values: NDArray[np.float64], variance: float) -> _Range:
    """Return the middle and the spread of a statistic."""
    is_distance = name in _DISTANCES
    if is_distance:
        least = _LEAST[name] * (variance if name == "frechet" else 1.0)
        values = np.log(np.maximum(values, least or np.finfo(float).tiny))
        floor = math.log1p(_ROUNDING)
    elif name.startswith("norm_quantiles"):
        floor = RESOLUTION * abs(float(values.mean()))
    else:
        floor = _ROUNDING * abs(float(values.mean()))
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return _Range(values, float(values.mean()), spread, floor, is_distance)
