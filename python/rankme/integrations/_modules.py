"""Modules of a model by the names that its author wrote, whatever it was wrapped in since."""

from __future__ import annotations

import contextlib
import difflib
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Hook", "chosen_modules", "names_of"]

# torch.compile, FSDP and checkpoint_wrapper put a level between a module and its parts.
_LEVELS = re.compile(
    r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
_MOST_LISTED = 30


class Hook:
    """A hook of a module that copies of the module, and saved ones, do not have.

    The rows of a teacher that is a copy of its student are not the student's.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> None:
        """Call what was given."""
        self._call(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        # What takes anything and does nothing, and needs no rankme where it is loaded.
        return getattr, (contextlib.nullcontext(), "__exit__")


def names_of(model: Any) -> dict[str, Any]:
    """Return the modules of a model by name, without the levels that wrappers add.

    A wrapped module is the wrapper's inner one: hooks of both see the same output.
    """
    inner = _inner(model)
    named = {}
    for name, module in inner.named_modules(remove_duplicate=False):
        named[_LEVELS.sub("", f"{name}.").removesuffix(".")] = module
    return named


def _inner(model: Any) -> Any:
    """Return the model that wrappers of the whole of it hold."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod  # noqa: SLF001
        elif type(model).__name__ in {"DistributedDataParallel", "FullyShardedDataParallel"}:
            model = model.module
        else:
            return model


def chosen_modules(model: Any, targets: Iterable[Any]) -> dict[str, Any]:
    """Return the modules that are meant, by name: of names, patterns and modules themselves."""
    named = names_of(model)
    chosen: dict[str, Any] = {}
    for target in targets:
        if not isinstance(target, str):
            chosen[_name_of(target, named)] = target
        elif target in named:
            chosen[target] = named[target]
        else:
            found = {name: one for name, one in named.items() if name and _matches(name, target)}
            if not found:
                raise ValueError(_unknown(target, list(named)))
            chosen |= found
    if not chosen:
        raise ValueError("there is no target; name a module, such as '' for the model itself")
    return chosen


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a module: part by part, so that a star is not a path."""
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _name_of(module: Any, named: dict[str, Any]) -> str:
    """Return the name of a module that was given itself."""
    if not callable(getattr(module, "register_forward_hook", None)):
        raise TypeError(
            f"a target is the name of a module, a pattern or a module, not {type_name(module)}"
        )
    inner = _inner(module)
    for name, one in named.items():
        if one is module or one is inner:
            return name
    raise ValueError(
        f"the {type_name(module)} that is a target is no part of the model; watch the model that "
        f"runs it"
    )


def _unknown(target: str, names: list[str]) -> str:
    """Say what there is instead of a name."""
    near = difflib.get_close_matches(target, names, n=3, cutoff=0.5)
    listed = [repr(name) for name in names if name][:_MOST_LISTED]
    more = len(names) - 1 - len(listed)
    return (
        f"the model has no module {target!r}"
        + (f"; near it are {', '.join(map(repr, near))}" if near else "")
        + f"; it has {', '.join(listed)}"
        + (f" and {more} more, as of model.named_modules()" if more > 0 else "")
    )
