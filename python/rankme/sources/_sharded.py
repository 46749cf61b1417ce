"""Several sources as one, and the order in which the files of a folder come."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._base.tags import DIMENSIONS, tag_of_dimensions
from rankme.sources._errors import AmbiguousDataError, BadDataError
from rankme.sources._source import Identity, RowSource, check_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rankme._base.tags import Tags

__all__ = [
    "ShardedSource",
    "check_dimensions",
    "check_widths",
    "natural_order",
    "require_dimensions",
    "require_one_column",
    "same_file",
    "tags_of",
]

# Files that are read side by side, by columns; a process may have a thousand. The rows of more are
# held, which are few rows: there are fewer of them than columns.
MOST_OPEN = 64


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return the key that sorts names with their numbers as numbers: part-2 before part-10."""
    # Numbers sort before text, so that any two tokens can be compared.
    return tuple(
        (0, int(token), token) if token.isascii() and token.isdigit() else (1, 0, token)
        for token in re.split(r"([0-9]+)", name)
    )


@dataclass(frozen=True)
class ShardedSource(RowSource):
    """The rows of several sources, one after the other.

    Parameters
    ----------
    name
        What the whole is called: a folder, a pattern.
    parts
        At least one, all of the same width.

    Raises
    ------
    BadDataError
        A width, or the names of the dimensions, differ from the first one's.
    """

    name: str
    parts: tuple[RowSource, ...]

    def __post_init__(self) -> None:
        check_widths(self.parts)
        check_dimensions(self.shards)

    @property
    def shards(self) -> tuple[RowSource, ...]:
        """The files, in the order of their rows."""
        return tuple(shard for part in self.parts for shard in part.shards)

    @property
    def tags(self) -> Tags:  # type: ignore[override]
        """Those that all parts have alike."""
        first, *others = (part.tags.items() for part in self.parts)
        return dict(entry for entry in first if all(entry in other for other in others))

    def tagged(self, tags: Tags) -> ShardedSource:
        """Return the source whose parts have these tags over their own.

        Parameters
        ----------
        tags
            As in :meth:`RowSource.tagged`.

        Returns
        -------
        ShardedSource
        """
        return replace(self, parts=tuple(part.tagged(tags) for part in self.parts))

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Rows of all parts."""
        return sum(part.n_rows for part in self.parts)

    @property
    def n_cols(self) -> int:  # type: ignore[override]
        """Columns of each part."""
        return self.parts[0].n_cols

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The smallest type that holds the entries of all parts exactly."""
        kinds = {part.dtype for part in self.parts}
        if len(kinds) > 1:  # NumPy knows no type for float16 and bfloat16, which float32 holds both
            kinds = {np.promote_types(kind, np.float32) for kind in kinds}
        return np.result_type(*kinds)

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """The name, the size of all, and a digest of the identities of the parts."""
        identities = [part.identity for part in self.parts]
        digest = hashlib.sha256(repr(identities).encode("utf-8", "surrogateescape")).hexdigest()
        return Identity(self.name, sum(part.size for part in identities), f"sha256:{digest}")

    def blocks(self, start: int = 0, *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start`` on, in order, each exactly once.

        Parameters
        ----------
        start, hold
            As in :meth:`RowSource.blocks`.

        Yields
        ------
        numpy.ndarray
            Shape (rows, K), with the dtype of its own part.
        """
        check_start(start, self.n_rows)
        return self._blocks(start, hold)

    def _blocks(self, start: int, hold: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of all parts from one on."""
        for part in self.parts:
            if start < part.n_rows:
                yield from part.blocks(start, hold=hold)
            start = max(0, start - part.n_rows)

    def take(self, rows: NDArray[np.int64], *, hold: int = 0) -> Iterator[NDArray[Any]]:
        """Yield chosen rows; parts without any are not opened.

        Parameters
        ----------
        rows, hold
            As in :meth:`RowSource.take`.

        Yields
        ------
        numpy.ndarray
            Shape (some rows, K), with the dtype of its own part.
        """
        first = 0
        for part in self.parts:
            begin, end = np.searchsorted(rows, [first, first + part.n_rows])
            if begin < end:
                yield from part.take(rows[begin:end] - first, hold=hold)
            first += part.n_rows

    def with_nulls_as_nan(self) -> ShardedSource:
        """Return the source with each part so.

        Returns
        -------
        ShardedSource
        """
        return ShardedSource(self.name, tuple(part.with_nulls_as_nan() for part in self.parts))

    def check_ordered(self) -> None:
        """Ask each part."""
        for part in self.parts:
            part.check_ordered()

    def check_unchanged(self) -> None:
        """Ask each part."""
        for part in self.parts:
            part.check_unchanged()

    def where(self, row: int) -> str:
        """Say in words where a row stands, file first.

        Parameters
        ----------
        row
            Counted from 0, over all parts.

        Returns
        -------
        str
        """
        for part in self.parts:
            if row < part.n_rows:
                return f"{part.name}: {part.where(row)}"
            row -= part.n_rows
        raise ValueError(f"row is {row} beyond the last; wanted one of {self.n_rows}")

    def panels(self, width: int) -> Iterator[NDArray[Any]]:
        """Yield the columns of all parts, ``width`` at a time and in order.

        Parameters
        ----------
        width
            Columns of a panel, at least 1; the last one may have fewer.

        Yields
        ------
        numpy.ndarray
            Shape (N, columns), of the source's dtype. The next step may overwrite it.
        """
        dtype = self.dtype
        if len(self.parts) > MOST_OPEN:
            yield from super().panels(width)
            return
        for panels in zip(*(part.panels(width) for part in self.parts), strict=True):
            yield panels[0] if len(panels) == 1 else np.concatenate(panels, dtype=dtype)


def same_file(sources: Iterable[RowSource]) -> tuple[RowSource, RowSource] | None:
    """Find two sources that are the same file and column, by a link or another spelling."""
    seen: dict[object, RowSource] = {}
    for source in sources:
        identity = source.identity
        stamp = getattr(getattr(source, "file", None), "stamp", (None, None))[:2]
        # Of a file that another process looked at only the name is known.
        keys: list[tuple[object, str | None]] = [(identity.name, identity.column)]
        if None not in stamp:
            keys.append((stamp, identity.column))
        for key in keys:
            if key in seen:
                return seen[key], source
        seen.update(dict.fromkeys(keys, source))
    return None


def check_widths(sources: Sequence[RowSource]) -> None:
    """Raise a BadDataError unless all have as many columns as the first."""
    first = sources[0]
    for source in sources:
        if source.n_cols != first.n_cols:
            raise BadDataError(
                source.name,
                f"has {source.n_cols} columns; wanted {first.n_cols}, as in {first.name}",
            )


def check_dimensions(shards: Sequence[RowSource]) -> None:
    """Raise a BadDataError where the columns of dimensions have other names, or another order."""
    named = [shard for shard in shards if shard.dimensions]
    for shard in named:
        if shard.dimensions != named[0].dimensions:
            require_dimensions(shard, named[0].dimensions, named[0].name)


def require_dimensions(shard: RowSource, wanted: tuple[str, ...], where: str) -> None:
    """Raise a BadDataError that says how the columns of dimensions differ from those elsewhere."""
    place = next(
        (
            i
            for i, pair in enumerate(zip(shard.dimensions, wanted, strict=False))
            if len({*pair}) > 1
        ),
        None,
    )
    if place is None:
        return
    way = "rows would be put together by the place of their columns, not by name"
    if set(shard.dimensions) == set(wanted):
        way += "; a pattern puts them in order: --column 'x_*', open_source(..., column='x_*')"
    raise BadDataError(
        shard.name,
        f"has column {shard.dimensions[place]!r} for dimension {place}, where {where} has "
        f"{wanted[place]!r}: {way}",
    )


def tags_of(source: RowSource) -> Tags:
    """Return the tags of a source, and one for the columns that its dimensions are.

    Sums of rows know nothing of the names of columns. So that parts which were summed apart are
    not put together by the place of their columns, what was saved tells these by a tag, and tags
    that contradict each other do not merge.
    """
    names = next((one.dimensions for one in source.shards if one.dimensions), ())
    if not names:
        return source.tags
    return {**source.tags, DIMENSIONS: tag_of_dimensions(names)}


def require_one_column(name: str, shards: Iterable[RowSource]) -> None:
    """Raise an AmbiguousDataError where files of a folder hold columns of different names.

    Each may be the only one of its file that could be meant, and so be found by itself.
    """
    found: dict[str, str] = {}
    for shard in shards:
        if shard.identity.column:
            found.setdefault(shard.identity.column, shard.name)
    if len(found) > 1:
        some = [f"{column!r} in {file}" for column, file in found.items()]
        shown = ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")  # noqa: PLR2004
        raise AmbiguousDataError(
            name,
            f"its files hold columns of different names, which may be different sets: {shown}; "
            f"whoever means them as one set names the files: rankme score --pool FILE FILE, "
            f"open_source([FILE, FILE])",
        )
