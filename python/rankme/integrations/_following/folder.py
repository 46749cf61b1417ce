"""A folder that grows: each file is read once, when it is whole."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme.integrations._following.pieces import Block, Follower, Piece
from rankme.integrations._following.settled import (
    Settling,
    Stamp,
    blocks_of,
    opened,
    require_expected,
    stamp_of,
)
from rankme.sources import huggingface, lakehouse, zarr
from rankme.sources._errors import AmbiguousDataError, BadDataError, NoRowsError
from rankme.sources._folders import is_data, local_table_around
from rankme.sources._format_table import KNOWN_SUFFIXES
from rankme.sources._formats import is_beside, suffix_of
from rankme.sources._listing import is_packed
from rankme.sources._sharded import natural_order, require_dimensions
from rankme.sources._time_column import times_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rankme.sources import RowSource
    from rankme.sources._reading import StreamReading

__all__ = ["FolderFollower"]


_LOOKS = 5  # at which a file has to be away to be forgotten


class _Columns(NamedTuple):
    """Where in a file of the folder the vectors are: in which column, or which one a dimension."""

    file: str
    column: str | None
    dimensions: tuple[str, ...]


class FolderFollower(Follower):
    """A folder into which files are put: each is read once, when it is whole.

    Parameters
    ----------
    path
        The folder; files in its sub-folders count too.
    reading
        How.
    settle
        For how many seconds a file must not have changed.
    warn
        Told in a text of a file that is passed over.
    """

    def __init__(
        self, path: str, reading: StreamReading, settle: float, warn: Callable[[str], None]
    ) -> None:
        self.name = path
        self._reading, self._warn = reading, warn
        self._settling = Settling(settle)
        self._taken: dict[str, tuple[Stamp, int]] = {}
        self._by_stamp: dict[Stamp, str] = {}
        self._ready: list[tuple[str, Stamp]] = []
        self._unsettled = 0
        self._first: _Columns | None = None
        self._away: dict[str, int] = {}  # what was taken and is not seen, and at how many looks
        self._warned: set[str] = set()
        self._latest = 0.0
        _refuse_others(self.name, os.listdir(self.name))  # noqa: PTH208
        around = local_table_around(self.name)
        if around is not None:
            raise _a_table(*around)

    def look(self, wait: float) -> Piece | None:
        """Return the next file that is whole."""
        # What has changed since it was found is not whole.
        self._ready = [one for one in self._ready if self._is_still(*one)]
        if not self._ready:
            self._scan()
        if not self._ready:
            time.sleep(wait)
            return None
        return self._piece(*self._ready[0])

    def _is_still(self, name: str, stamp: Stamp) -> bool:
        """Whether a file is what it was."""
        try:
            return stamp_of(os.path.join(self.name, name)) == stamp  # noqa: PTH118
        except FileNotFoundError:
            return False

    def _scan(self) -> None:
        """Find the files that are new, and of these the ones that are whole."""
        found: dict[str, Stamp] = {}
        for name in self._counting(list(self._names())):
            with suppress(FileNotFoundError):  # it went away in between
                found[name] = stamp_of(os.path.join(self.name, name))  # noqa: PTH118
        gone = self._taken.keys() - found.keys()
        self._unsettled = 0
        ready: dict[Stamp, str] = {}
        for name, stamp in found.items():
            before = self._taken.get(name)
            if before is not None and name in self._away and before[0] != stamp:
                self._forget(name)
                before = None
            # What was passed over, or was empty, may have been mended.
            if before is not None and (before[1] or before[0] == stamp):
                self._require_same(name, stamp, *before)
            elif (twin := self._by_stamp.get(stamp, ready.get(stamp))) is not None:
                self._rename(twin, name, moved=twin in gone)
            elif self._settling.is_settled(name, stamp):
                ready[stamp] = name
            else:
                self._unsettled += 1
        self._ready += [(name, stamp) for stamp, name in ready.items()]
        self._ready.sort(key=lambda one: self._order(*one))
        self._forget_old(gone & self._taken.keys())

    def _forget_old(self, gone: set[str]) -> None:
        """Forget files that were away at several looks."""
        # A file that is moved while its folder is looked through may be seen in neither place. If
        # it were forgotten then, it would be new at the next look.
        self._away = {name: self._away.get(name, 0) + 1 for name in gone}
        for name in [name for name, looks in self._away.items() if looks >= _LOOKS]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        """Know a file no more."""
        stamp, _ = self._taken.pop(name)
        self._away.pop(name, None)
        if self._by_stamp.get(stamp) == name:
            del self._by_stamp[stamp]

    def _names(self) -> Iterator[str]:
        """Yield the names of files of embeddings, relative to the folder."""
        for place, folders, names in os.walk(self.name, onerror=_raise):
            _refuse_others(place, [*folders, *names])
            folders[:] = [name for name in folders if is_data([name])]
            below = os.path.relpath(place, self.name)
            for name in names:
                path = Path(below, name).as_posix()
                if is_data([name]) and suffix_of(name) in KNOWN_SUFFIXES:
                    yield path
                elif is_data([name]) and is_packed(name):
                    self._warn_once(path, "is compressed, and is not read: decompress it first")

    def _counting(self, names: Sequence[str]) -> Iterator[str]:
        """Yield the files whose rows count: text or an index tells of the files beside it."""
        # Those that were taken in may be away by now; what lay beside them still has no rows.
        shards = names if self._first is None else [*names, self._first.file]
        others = any(not is_beside(name) for name in shards)
        for name in names:
            if others and is_beside(name) and name not in self._taken:
                self._warn_once(
                    name, "is text or an index beside files of another format, and is not read"
                )
            else:
                yield name

    def _warn_once(self, name: str, what: str) -> None:
        """Say of a file, the first time that it is seen, that it is passed over."""
        if name not in self._warned:
            self._warned.add(name)
            self._warn(f"{name} {what}")

    def _order(self, name: str, stamp: Stamp) -> tuple[Any, ...]:
        """Return the key of files that are whole at the same time: by name, as in a folder."""
        return (stamp.mtime_ns // 10**9, natural_order(name))

    def _require_same(self, name: str, stamp: Stamp, then: Stamp, rows: int) -> None:
        """Refuse a file that changed after it was read."""
        if stamp != then:
            raise BadDataError(
                os.path.join(self.name, name),  # noqa: PTH118
                f"changed after its {rows} rows were taken in: {_what_changed(then, stamp)}; put "
                f"new rows into new files, or pipe a log into rankme watch -",
            )

    def _rename(self, twin: str, name: str, *, moved: bool) -> None:
        """Know a file again that has another name, or a second one."""
        if moved:
            self._taken[name] = self._taken.pop(twin)
            self._by_stamp[self._taken[name][0]] = name
        else:
            self._warn_once(name, f"is the same file as {twin}, and is not counted again")

    def _piece(self, name: str, stamp: Stamp) -> Piece:
        """Return a file as a piece."""
        path = os.path.join(self.name, name)  # noqa: PTH118
        source: RowSource | None = None
        columns: _Columns | None = None

        def blocks() -> Iterator[Block]:
            nonlocal source, columns
            if stamp_of(path) != stamp:
                raise BadDataError(path, "changed while it was read")
            try:
                source = opened(path, self._reading)
            except NoRowsError:
                return
            columns = self._columns_of(source, name)
            column = self._reading.time_column
            yield from blocks_of(source, None if column is None else times_of(source, column))
            if stamp_of(path) != stamp:
                raise BadDataError(path, "changed while it was read")

        def where(row: int) -> str:
            assert source is not None  # noqa: S101 - a row of it was read
            return source.where(row)

        def bad_entry(row: int, column: int, value: float) -> ValueError:
            assert source is not None  # noqa: S101 - a row of it was read
            return source.bad_entry(row, column, value)

        def taken(rows: int) -> None:
            if rows and self._first is None:
                self._first = columns
            self._taken[name] = stamp, rows
            self._by_stamp[stamp] = name
            self._settling.forget(name)
            self._ready = [one for one in self._ready if one[0] != name]

        # No earlier than what was read before: a file may settle late.
        self._latest = max(self._latest, min(stamp.mtime_ns / 1e9, time.time()))
        return Piece(path, blocks, where, bad_entry, self._latest, taken)

    def _columns_of(self, source: RowSource, name: str) -> _Columns:
        """Tell where a file has its vectors; a BadDataError where they were elsewhere before."""
        # Each may be the only one of its file that could be meant, and so be found by itself.
        require_expected(source, self.expected)
        found = _Columns(name, source.identity.column, source.dimensions)
        first = self._first
        if first is None:
            return found
        if is_beside(first.file) and not is_beside(name):
            raise BadDataError(
                source.name,
                f"is of another format than {first.file}, whose rows were taken in: text or an "
                f"index counts only where no file of another format is",
            )
        if first.column and found.column and first.column != found.column:
            raise BadDataError(
                source.name,
                f"has its vectors in {found.column!r}, and {first.file} has them in "
                f"{first.column!r}; --column says which are meant",
            )
        if first.dimensions and found.dimensions:
            require_dimensions(source, first.dimensions, first.file)
        return found

    def has_changed(self) -> bool:
        """Whether the file that was to be read is another one now, or away."""
        return bool(self._ready) and not self._is_still(*self._ready[0])

    def pass_over(self, piece: Piece) -> None:
        """Leave out a file that cannot be read, unless it is written anew."""
        piece.taken(0)

    @property
    def ended(self) -> bool:
        """Whether all files that are there were read."""
        if not self._ready:
            self._scan()
        return not self._ready and not self._unsettled

    def position(self) -> dict[str, Any]:
        """Return the files that were read."""
        files = {name: [*stamp, rows] for name, (stamp, rows) in self._taken.items()}
        found = {"files": files, "latest": self._latest, "away": self._away}
        found |= {} if self.expected is None else {"expected": self.expected}
        return found if self._first is None else {**found, "columns": list(self._first)}

    def go_to(self, position: dict[str, Any]) -> None:
        """Know the files that were read."""
        self._taken = {
            name: (Stamp(*map(int, values[:4])), int(values[4]))
            for name, values in position["files"].items()
        }
        self._by_stamp = {stamp: name for name, (stamp, _) in self._taken.items()}
        self._latest = float(position["latest"])
        # A run that rankme began earlier has neither of these.
        self._away = {name: int(looks) for name, looks in position.get("away", {}).items()}
        if "expected" in position:
            self.expected = str(position["expected"])
        if "columns" in position:
            file, column, dimensions = position["columns"]
            self._first = _Columns(str(file), column and str(column), tuple(map(str, dimensions)))


def _refuse_others(place: str, names: Sequence[str]) -> None:
    """Refuse a folder, watched or within, whose files are no shards that are simply added."""
    below = os.path.join(place, "metadata")  # noqa: PTH118 - where Iceberg has what it is
    with suppress(OSError):
        names = [*names, *(f"metadata/{name}" for name in os.listdir(below))]  # noqa: PTH208
    kind = lakehouse.find_tables(sorted(names)).get("")
    if kind is not None:
        raise _a_table(place, kind)
    if zarr.is_store(set(names)) or huggingface.is_dataset(set(names)):
        raise BadDataError(
            place,
            "a store or a saved dataset, which is one set: a folder that is watched has files of "
            "rows that are added",
        )


def _a_table(place: str, kind: str) -> AmbiguousDataError:
    """Return the error of a table with a log."""
    return AmbiguousDataError(
        place,
        f"a table of {kind}, whose rows are deleted and rewritten: a folder that is watched has "
        f"files that are added only",
    )


def _what_changed(then: Stamp, now: Stamp) -> str:
    """Say by what a file is known to be another one."""
    if now.size != then.size:
        return f"it had {then.size} bytes, and has {now.size}"
    if now[:2] != then[:2]:
        return f"another file of {now.size} bytes has its name now"
    return f"the time of its last change is another one, with {now.size} bytes as before"


def _raise(error: OSError) -> None:
    """Raise the error that `os.walk` would pass over."""
    raise error
