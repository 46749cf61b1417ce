"""LiDAR of views that are known to belong together: their rows come side by side, or not at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.state_header import KINDS
from rankme._base.optional import require
from rankme.metrics._lidar import as_delta, rank_of_scatters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rankme.integrations._ranks import Ranks

torch = require("torch", extra="torch", what="rankme.integrations")

__all__ = ["ViewSums", "side_by_side"]

_SEVERAL = 3  # dimensions: inputs, views, columns


def side_by_side(names: Sequence[str], views: Sequence[Any]) -> Any:
    """Return (n, q, K): of one target as it is, of several a view each."""
    shapes = [tuple(getattr(view, "shape", ())) for view in views]
    if len(views) == 1:
        if len(shapes[0]) != _SEVERAL or shapes[0][1] < 2:  # noqa: PLR2004
            raise ValueError(
                f"lidar: target {names[0]!r} has shape {shapes[0]}; wanted is (n, q, K), the q "
                f"views of each input side by side, q >= 2; or name a target for each view"
            )
        return views[0]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2:  # noqa: PLR2004
        raise ValueError(
            f"lidar: targets {', '.join(map(repr, names))} have the shapes "
            f"{', '.join(map(str, shapes))}; wanted is one shape (n, K), row i of each of one input"
        )
    return torch.stack(list(views), dim=1)


class ViewSums:
    """The two scatters that LiDAR is made of, pass by pass, over all ranks.

    Sums of an input's rows less their mean and sums of the means: both merge as those of any rows.
    """

    def __init__(self, ranks: Ranks, most: int, delta: float) -> None:
        self._ranks = ranks
        self._most = most  # rows, over all ranks
        self._delta = as_delta(delta)
        self.reset()

    def reset(self) -> None:
        """Begin a pass."""
        self._within: Accumulator | None = None
        self._means: Accumulator | None = None

    def take(self, rows: Any, keep: Any) -> None:
        """Take in (n, q, K), the q views of each of n inputs."""
        rows = rows.detach().to(device="cpu", dtype=torch.float64)
        rows = rows if keep is None else rows[keep]
        _, q, dim = rows.shape
        if self._within is None or self._means is None:
            self._within = Accumulator(dim, skip_nonfinite=True)
            self._means = Accumulator(dim, skip_nonfinite=True)
        seen = self._means.n_rows + self._means.n_skipped
        rows = rows[: max(0, self._ranks.share(self._most // q) - seen)]
        if len(rows):
            means = rows.mean(dim=1, keepdim=True)
            self._within.update((rows - means).reshape(-1, dim))
            self._means.update(means[:, 0])

    def result(self, eps: float) -> float:
        """Return LiDAR of all ranks; NaN where a row was not finite; a collective call."""
        sums = self._ranks.reduced({"within": self._within, "means": self._means})
        within, means = sums["within"], sums["means"]
        if within is None or means is None:
            raise ValueError("lidar: no views came in this pass")
        if within.n_skipped or means.n_skipped:
            return math.nan
        if means.n_rows < 2:  # noqa: PLR2004
            raise ValueError("lidar: 2 or more inputs are wanted in a pass, and there was 1")
        scatters = (within.n_rows, means.n_rows, _scatter(within), _scatter(means))
        return float(self._ranks.from_first(lambda: rank_of_scatters(scatters, self._delta, eps)))


def _scatter(acc: Accumulator) -> tuple[NDArray[np.float64], int]:
    """Return the scatter of rows about their mean, (K, K), and its exponent."""
    state = acc._state()  # noqa: SLF001
    kind = KINDS[state.kind]
    triangle = dict(zip(kind.arrays, state.arrays, strict=True))["triangle"]
    exponent = dict(zip(kind.numbers, state.numbers, strict=True))["exponent"]
    square = np.zeros((acc.dim, acc.dim))
    square[np.tril_indices(acc.dim)] = triangle
    return square + np.tril(square, -1).T, -exponent
