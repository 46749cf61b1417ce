"""Short names of paths: the parts in which they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["differing_parts"]


def differing_parts(paths: Sequence[str]) -> list[str]:
    """Return what is left of different paths without the parts that all share at both ends.

    Of ``runs/a/z.npy`` and ``runs/b/z.npy`` the names are ``a`` and ``b``; of ``a.npy`` and
    ``b.npy`` too: a suffix that all share goes as well, and so do those of known formats, where
    what is left still differs. Suffixes of files in folders that differ say nothing:
    ``runs/a/z.npy`` and ``runs/b/z.npz`` are ``a`` and ``b`` too. Paths that differ in nothing but
    slashes, as ``/a.npy`` and ``a.npy``, stay whole.
    """
    parts = [[part for part in path.split("/") if part not in ("", ".")] for path in paths]
    stems = [[*folders, last.rpartition(".")[0] or last] for *folders, last in parts]
    if len({last for *_, last in stems}) == 1 and len(set(map(tuple, stems))) == len(stems):
        parts = stems
    shortest = min(map(len, parts))
    front = _shared(parts, shortest - 1)
    back = _shared([each[::-1] for each in parts], shortest - 1 - front)
    names = ["/".join(each[front : len(each) - back]) for each in parts]
    bare, dots, suffixes = zip(*(name.rpartition(".") for name in names), strict=True)
    one_suffix = len(set(suffixes)) == 1 and all(dots)
    short = list(bare) if back == 0 and one_suffix and all(bare) else names
    if back == 0 and not one_suffix:
        plain = [_without_format(name) for name in names]
        short = plain if len(set(plain)) == len(plain) else names
    return short if len(set(short)) == len(short) else list(paths)


def _without_format(name: str) -> str:
    """Leave out the suffix of a format, or of a saved state, if something is before it."""
    from rankme.sources._format_table import KNOWN_SUFFIXES  # noqa: PLC0415
    from rankme.sources._formats import suffix_of  # noqa: PLC0415

    suffix = suffix_of(name)
    known = suffix in KNOWN_SUFFIXES or suffix == ".rankme"
    return (name[: -len(suffix)] or name) if known else name


def _shared(parts: Sequence[Sequence[str]], most: int) -> int:
    """Count the parts at the front that all share, at most so many."""
    for i in range(most):
        if len({each[i] for each in parts}) > 1:
            return i
    return most
