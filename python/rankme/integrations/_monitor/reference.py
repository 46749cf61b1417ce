"""What windows are held against: rows, a source of them, or a sum of them; and its bands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.grouped import GroupedAccumulator
from rankme._accumulators.grouped_file import is_groups_file
from rankme._accumulators.state_file import is_state
from rankme.integrations._monitor.bands import Bands, limits_of
from rankme.integrations._monitor.norms import NormCounts, norms_of
from rankme.integrations._monitor.resampled import (
    Reader,
    Resampling,
    records_of_groups,
    records_of_rows,
)
from rankme.metrics._drift import Standard, components_of
from rankme.metrics._moments import Moments, axes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rankme.integrations._monitor.settings import Settings

__all__ = ["Learning", "Reference", "reference_of", "saved_sum", "standard_of"]

_FEWEST = 2


class Learning(NamedTuple):
    """How bands are learnt.

    Attributes
    ----------
    sizes : tuple of int
        Rows of the windows that they are for; empty where these are not known.
    false_alarms : float
    resamples, seed : int
    """

    sizes: tuple[int, ...]
    false_alarms: float
    resamples: int
    seed: int


class Reference(NamedTuple):
    """A reference as a monitor keeps it.

    Attributes
    ----------
    acc : Accumulator
        All its rows, without groups.
    norms : NormCounts or None
        Of its rows, where these were at hand.
    components : int
        How many principal axes are its subspace.
    bands : Bands or None
    note : str or None
        Why there are no bands.
    """

    acc: Accumulator
    norms: NormCounts | None
    components: int
    bands: Bands | None
    note: str | None


def standard_of(acc: Accumulator, components: int) -> Standard:
    """Return what the rows of windows are compared with."""
    return Standard(Moments.from_state(*acc._covariance_state()), components)  # noqa: SLF001


def saved_sum(path: str | os.PathLike[str]) -> Accumulator | GroupedAccumulator | None:
    """Return what was saved at a path, with groups or not; None where it is none of these."""
    if is_state(path):
        return Accumulator.load(path)
    return GroupedAccumulator.load(path) if is_groups_file(path) else None


def reference_of(
    reference: Any, settings: Settings, components: float, learning: Learning
) -> Reference:
    """Take in a reference and learn its bands; errors as of `rankme.Monitor`."""
    if isinstance(reference, str | os.PathLike):
        saved = saved_sum(reference)
        reference = reference if saved is None else saved
    if isinstance(reference, Accumulator | GroupedAccumulator):
        return _of_sum(reference, settings, components, learning)
    return _of_rows(Reader(reference, settings), settings, components, learning)


def _of_rows(
    reader: Reader, settings: Settings, components: float, learning: Learning
) -> Reference:
    """Read all rows once for their sum, and then as often as the bands want it."""
    acc, norms = Accumulator(settings.dim, normalize=settings.normalize), NormCounts()
    for rows in reader():
        acc.update(rows)
        norms.add(norms_of(rows))
    k = _components(acc, components)
    if not learning.sizes:
        return Reference(acc, norms, k, None, _NO_SIZES)
    for size in learning.sizes:
        if acc.n_rows < 2 * size:
            raise ValueError(
                f"bands of windows of {size} rows need a reference of {2 * size} rows or more, and "
                f"this one has {acc.n_rows}; a rankme.Accumulator of it as the reference gives "
                f"drift without bands"
            )
    standard = standard_of(acc, k)
    how = Resampling(settings, standard, learning.resamples, learning.seed)

    def records(size: int) -> Sequence[dict[str, Any]]:
        return records_of_rows(reader, acc.n_rows, size, how)

    bands = _learn(records, standard, learning, None)
    return Reference(acc, norms, k, bands, None)


_NO_SIZES = (
    "windows by time have no number of rows that is known: with expected_rows=(fewest, most) the "
    "monitor learns bands, and can raise alarms"
)
_NO_GROUPS = (
    "the reference is a sum of rows without groups: drift is told, but no bands can be learnt, and "
    "no alarm is raised. Rows, or an accumulator made with groups, have them"
)


def _of_sum(
    given: Accumulator | GroupedAccumulator,
    settings: Settings,
    components: float,
    learning: Learning,
) -> Reference:
    """Take a sum of rows, in groups or not."""
    if given.dim != settings.dim or given.normalize != settings.normalize:
        raise ValueError(
            f"the reference has dim {given.dim} and normalize={given.normalize}, the monitor "
            f"{settings.dim} and {settings.normalize}: make both alike"
        )
    if isinstance(given, Accumulator) and given.method != "gram":
        raise ValueError(
            f"the reference has method {given.method!r}, which keeps no covariance: make it with "
            f"method='gram'"
        )
    parts = _parts_of(given)
    acc = _whole_of(given)
    k = _components(acc, components)
    if not parts:
        return Reference(acc, None, k, None, _NO_GROUPS)
    if not learning.sizes:
        return Reference(acc, None, k, None, _NO_SIZES)
    standard = standard_of(acc, k)
    how = Resampling(settings, standard, learning.resamples, learning.seed)
    rows = acc.n_rows / len(parts)
    sizes = tuple(size for size in learning.sizes if _fits(size, rows, len(parts)))
    if sizes != learning.sizes:
        missing = next(size for size in learning.sizes if size not in sizes)
        note = (
            f"the reference has {len(parts)} groups of {rows:.0f} rows, of which no window of "
            f"{missing} rows can be made within a tenth, from half of them at most: drift is told, "
            f"but no bands are learnt, and no alarm is raised"
        )
        return Reference(acc, None, k, None, note)

    def records(size: int) -> Sequence[dict[str, Any]]:
        return records_of_groups(parts, round(size / rows), how)

    bands = _learn(records, standard, learning, len(parts))
    return Reference(acc, None, k, bands, None)


def _parts_of(given: Accumulator | GroupedAccumulator) -> list[Accumulator]:
    """Return the groups that have rows, each as a sum; none of a sum without groups."""
    if isinstance(given, GroupedAccumulator):
        return [
            given.accumulator(i)
            for i in range(given.n_groups)
            if given._core.group_state(i)[0]  # noqa: SLF001
        ]
    if given.groups is None:
        return []
    return [
        Accumulator._from_state(part, "cpu", "float64")  # noqa: SLF001
        for part in given._state().parts  # noqa: SLF001
        if part.n_rows
    ]


def _whole_of(given: Accumulator | GroupedAccumulator) -> Accumulator:
    """Return all rows as a sum without groups, in host memory: a copy."""
    if isinstance(given, GroupedAccumulator):
        return given.total()
    if given.groups is None:
        return given.copy(device="cpu")
    total = Accumulator(given.dim, normalize=given.normalize)
    for part in _parts_of(given):
        total.merge(part)
    return total


def _fits(size: int, rows: float, groups: int) -> bool:
    """Whether some groups, half of them at most, make a window of about so many rows."""
    wanted = round(size / rows)
    return 1 <= wanted <= groups // 2 and abs(wanted * rows - size) <= size / 10


def _components(acc: Accumulator, components: float) -> int:
    """Return how many axes are the subspace: a number, or those with a share of the variance."""
    if acc.n_rows < _FEWEST:
        raise ValueError(f"a reference needs {_FEWEST} rows or more, and has {acc.n_rows}")
    if not isinstance(components, int):
        moments = Moments.from_state(*acc._covariance_state())  # noqa: SLF001
        return components_of(axes_of(moments.scatter), components)
    most = min(acc.n_rows - 1, acc.dim)
    if components > most:
        raise ValueError(f"components is {components}, and the reference has {most} principal axes")
    return components


def _learn(
    records: Callable[[int], Sequence[dict[str, Any]]],
    standard: Standard,
    learning: Learning,
    groups: int | None,
) -> Bands:
    """Return the bands of windows of each size."""
    found = {size: records(size) for size in learning.sizes}
    limits = {
        size: limits_of(
            some,
            variance=standard.variance,
            share=min(0.5, size / standard.moments.n_rows),
            false_alarms=learning.false_alarms,
            groups=groups,
        )
        for size, some in found.items()
    }
    learnt_from = "rows" if groups is None else "groups"
    return Bands(limits, learnt_from, len(found[learning.sizes[0]]), learning.false_alarms)
