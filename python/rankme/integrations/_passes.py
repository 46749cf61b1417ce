"""Passes over batches in frameworks that call before and after each: what is asked, and when."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme.integrations._batches import fresh_inputs, picked
from rankme.integrations._modules import Hook, chosen_modules, names_of
from rankme.integrations._observer import Observer
from rankme.integrations._ranks import Ranks
from rankme.integrations._reading import key_of
from rankme.integrations._views import ViewSums, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.integrations._reading import Reading, Sight

torch = require("torch", extra="torch", what="rankme.integrations")

__all__ = ["Passes"]

_NO_TARGET = (
    "there is no target; name a module, a key of what the step returns or of the batch, or give a "
    "function: target='backbone', target=lambda outputs, batch: outputs['z']"
)


class Passes:
    """An observer for each stage and dataloader, and the hooks of the batch that runs now.

    `begin` a pass; around each of its batches `open` and `close`; then its `result`.

    Parameters
    ----------
    names
        The first part of the keys in logs, by stage.
    target
        A target, a list of them, or a mapping from names of one's own to them: modules, names or
        patterns of modules, keys of outputs or batch, functions of both.
    lidar
        None, or what gives views: keys or functions.
    mask
        None, a key of the batch, or a function of it.
    width
        What all rows must have, or None.
    max_rows, delta, options
        Of a pass; of LiDAR; further options of `Observer`.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        target: Any,
        *,
        lidar: Any,
        mask: Any,
        width: int | None,
        max_rows: int | None,
        delta: float,
        options: Mapping[str, Any],
    ) -> None:
        self._names = dict(names)
        self._given = _named(target)
        self._lidar = [] if lidar is None else _named(lidar)
        self._mask = mask
        self._width = width
        self._options = {"max_rows": max_rows, **options}
        self._eps = as_eps(options["eps"])
        self._delta = delta
        self._within: contextlib.ExitStack | None = None
        Observer(["any"], **self._options)  # refuses what cannot be
        self._new_views()
        self.bind(None)

    @property
    def described(self) -> list[str]:
        """What the targets are called, as far as they tell."""
        return [name or type_name(target) for name, target in self._given]

    def bind(self, model: Any) -> None:
        """Take the modules of a model for those that targets name, and forget all passes."""
        self.drop()
        self._model = model
        self._modules: dict[str, Any] = {}
        self._others: dict[str, Any] = {}
        self._observers: dict[tuple[str, int], Observer] = {}
        self._views: dict[tuple[str, int], ViewSums] = {}
        self._loaders: dict[str, list[Any]] = {}

    def _resolve(self) -> None:
        """Find out which targets are modules; those that are none are asked of each batch."""
        for name, target in self._given:
            found = self._modules_of(target)
            if found is None:
                self._others[name or type_name(target)] = target
            elif name is None or name == target:
                self._modules |= found
            elif len(found) == 1:
                self._modules[name] = next(iter(found.values()))
            else:
                raise ValueError(
                    f"target {name!r} is the pattern {target!r}, and there are {len(found)} such "
                    f"modules: {', '.join(found)}; leave out the name, and each has its own"
                )

    def _modules_of(self, target: Any) -> dict[str, Any] | None:
        """Return the modules that a target names, or None."""
        if isinstance(target, str):
            try:
                return chosen_modules(self._model, [target])
            except ValueError:
                return None  # a key
        return chosen_modules(self._model, [target]) if _is_module(target) else None

    def _new_views(self) -> ViewSums:
        """Return sums for views."""
        most = self._options["max_rows"]
        return ViewSums(Ranks(None), sys.maxsize if most is None else most, self._delta)

    def begin(self, stage: str, loaders: Sequence[Any]) -> None:
        """Begin a pass over dataloaders; None stands for one of which nothing is known."""
        if not self._modules and not self._others:
            self._resolve()
        self._loaders[stage] = list(loaders)
        for key, observer in self._observers.items():
            if key[0] == stage:
                observer.reset()
                self._views[key].reset()

    def _of(self, stage: str, loader: int) -> Observer:
        """Return the observer of a dataloader, made when it is first wanted."""
        key = (stage, loader)
        if key not in self._observers:
            targets = [*self._modules, *self._others]
            self._observers[key] = Observer(targets, name=self._names[stage], **self._options)
            self._views[key] = self._new_views()
        return self._observers[key]

    def open(self, stage: str, batch: Any, batch_idx: int, loader: int) -> None:
        """Let the modules tell what they return for a batch, which runs next."""
        if stage not in self._loaders:  # a run that was resumed within a pass
            return
        observer = self._of(stage, loader)
        known = self._loaders[stage]
        keep = fresh_inputs(known[loader], batch_idx) if loader < len(known) else None
        with contextlib.ExitStack() as stack:
            if self._modules:
                mask = self._mask_of(observer, batch)
                stack.enter_context(torch.compiler.set_stance("force_eager"))
                for name, module in self._modules.items():
                    hook = _hook(observer, name, mask, keep)
                    stack.callback(module.register_forward_hook(Hook(hook)).remove)
            self._within = stack.pop_all()
        self._now = (observer, self._views[stage, loader], keep)

    def _mask_of(self, observer: Observer, batch: Any) -> Any:
        """Return which tokens of a batch count, if that is told."""
        if self._mask is None:
            return None
        try:
            if callable(self._mask):
                return self._mask(batch)
            return picked("mask", self._mask, None, batch, self._modules)
        except Exception as error:  # noqa: BLE001
            return observer.fail(error)

    def close(self, outputs: Any, batch: Any) -> None:
        """Take what a step returned, or its batch has; nothing if no batch is open."""
        if self._within is None:
            return
        self.drop()
        observer, views, keep = self._now
        mask = self._mask_of(observer, batch) if self._others else None
        known = names_of(self._model)
        try:
            for name, target in self._others.items():
                rows = picked(name, target, outputs, batch, known)
                observer.take(name, rows, mask=mask, keep=keep)
            if self._lidar:
                names = [name or "views" for name, _ in self._lidar]
                given = [
                    picked(name, target, outputs, batch, known)
                    for name, (_, target) in zip(names, self._lidar, strict=True)
                ]
                views.take(side_by_side(names, given), keep)
        except Exception as error:  # noqa: BLE001
            observer.fail(error)

    def drop(self) -> None:
        """Remove the hooks of a batch."""
        if self._within is not None:
            self._within.close()
        self._within = None

    def loaders(self, stage: str) -> range:
        """Return the places of the dataloaders of a pass that was begun."""
        return range(len(self._loaders.get(stage, ())))

    def result(self, stage: str, loader: int, separator: str) -> tuple[Reading, dict[str, float]]:
        """Return what was read of a pass, and its values under the keys of logs; collective."""
        reading = self._of(stage, loader).result()
        for target, acc in reading.sums.items():
            if self._width not in (None, acc.dim):
                raise ValueError(
                    f"target {target!r} gives rows of width {acc.dim}, and target_shape is "
                    f"{self._width}; leave it out, or name another target"
                )
        values = reading.values(separator)
        if self._lidar:
            lidar = self._views[stage, loader].result(self._eps)
            values[f"{self._names[stage]}{separator}lidar"] = lidar
        return reading, values

    def sights(self, reading: Reading, stage: str) -> dict[str, Sight]:
        """Return what tells of a collapse, by the key of the score in logs."""
        only = len(reading.sights) == 1
        return {
            key_of(self._names[stage], target, only=only): sight
            for target, sight in reading.sights.items()
        }


def _named(targets: Any) -> list[tuple[str | None, Any]]:
    """Return targets with their names; None of a module, whose name the model knows."""
    named: list[tuple[str | None, Any]]
    if isinstance(targets, Mapping):
        named = [(str(name), target) for name, target in targets.items()]
    elif isinstance(targets, str) or not isinstance(targets, Sequence):
        named = [(_own_name(targets), targets)]
    else:
        named = [(_own_name(target), target) for target in targets]
    for name, target in named:
        if not (isinstance(target, str) or callable(target)):
            what = "None" if target is None else type_name(target)
            raise TypeError(f"a target is {what}; {_NO_TARGET}")
        if len(named) > 1 and name == "<lambda>":
            raise ValueError(
                "of several targets a function needs a name, for the logs: "
                "target={'views': lambda outputs, batch: outputs[0]}"
            )
    if not named:
        raise ValueError(_NO_TARGET)
    names = [name for name, _ in named if name is not None]
    if len(set(names)) != len(names):
        raise ValueError(f"two targets have one name: {', '.join(names)}")
    return named


def _own_name(target: Any) -> str | None:
    """Return what a target is called without a name that the user gave."""
    if isinstance(target, str):
        return target
    return None if _is_module(target) else str(getattr(target, "__name__", type_name(target)))


def _is_module(target: Any) -> bool:
    """Tell a module from a function."""
    return callable(getattr(target, "register_forward_hook", None))


def _hook(observer: Observer, name: str, mask: Any, keep: Any) -> Callable[..., None]:
    """Return the hook of a module for one batch."""

    def take(_module: Any, _inputs: Any, output: Any) -> None:
        observer.take(name, output, mask=mask, keep=keep)

    return take
