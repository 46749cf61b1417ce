"""The names that users see: where a class or a function says that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["name_after_face"]


def name_after_face(face: str, names: Sequence[str], namespace: Mapping[str, Any]) -> None:
    """Let classes and functions name the module that hands them on as their own.

    Pickles then hold the public name alone and survive every move of the code behind it, and
    tracebacks read ``rankme.NonFiniteError``.

    Parameters
    ----------
    face : str
        The public module.
    names : sequence of str
        Its ``__all__``; modules and texts among them are left alone.
    namespace : mapping
        Its globals.
    """
    for name in names:
        thing = namespace[name]
        if isinstance(thing, type) or callable(thing):
            thing.__module__ = face
