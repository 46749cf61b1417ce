"""Embeddings of PyTorch models, from checkpoints to what `rankme.compare` reads.

A checkpoint is what people have after a run::

    from rankme.integrations.torch import collect

    sets = {}
    for step in (1000, 2000, 3000):
        model.load_state_dict(torch.load(f"step-{step}.pt"))
        sets[f"step {step}"] = collect(
            model, loader, "backbone", max_rows=25_600,
            forward=lambda model, batch: model(batch[0]),
            tags={"step": step, "data": "imagenet-val"},
            save=f"runs/step-{step}",
        )["backbone"]
    print(rankme.compare(sets))

What comes back are accumulators: sums in groups and no rows. ``save`` writes them to files too, and
``rankme compare runs/*/backbone.rankme`` reads these.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_index, type_name
from rankme._base.optional import require
from rankme.integrations._modules import chosen_modules
from rankme.integrations._pooling import require_pool, rows_of
from rankme.integrations._saving import files_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

torch = require("torch", extra="torch", what="rankme.integrations.torch")
# Behind the line that says what is missing, and for which module.
from rankme.integrations._watch import watch  # noqa: E402

__all__ = ["collect", "watch"]


def collect(
    model: Any,
    loader: Iterable[Any],
    modules: str | Any | Iterable[str | Any],
    *,
    max_rows: int | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    pool: str | Callable[[Any], Any] | Mapping[str, Any] | None = None,
    ids: Callable[[Any], Any] | None = None,
    tags: Mapping[str, str | int | float | bool] | None = None,
    groups: int = 16,
    normalize: bool = False,
    save: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> dict[str, Accumulator]:
    """Run a model over a loader, and take in what some of its modules return.

    The model runs in evaluation mode and without gradients. Whatever happens, each of its modules
    is in the mode it was in before, and no hook is left.

    Parameters
    ----------
    model : torch.nn.Module
        On any device.
    loader : iterable
        Batches. Without shuffling and augmentation: the same inputs in the same order for each
        checkpoint let `rankme.compare` take differences of pairs.
    modules : str, torch.nn.Module or list of these
        As the targets of `watch`: names, patterns or modules; ``""`` is the model itself. Each runs
        once a batch.
    max_rows : int, optional
        Stop after this many rows of each module; by default at the end of the loader. Sums of
        unequal numbers of rows cannot be compared.
    forward : callable, optional
        Runs the model, as ``lambda model, batch: model(**batch)``. By default batches are tensors,
        which are moved to where the model lies.
    pool : str, callable or mapping, optional
        How an output becomes rows where it is not of shape (n, K). Of (n, T, K): ``"token_mean"``,
        ``"first_token"``, ``"last_token"``, or ``"tokens"``, a row each, padding included. Of
        (n, C, H, W): ``"map_mean"``, or ``"positions"``, a row each. A function to (n, K). Or a
        mapping from the names of modules to these.
    ids : callable, optional
        Returns the ids of a batch, a text or integer for each input, as
        ``lambda batch: batch["index"]``. They prove that checkpoints saw the same inputs:
        `rankme.Accumulator.fingerprint`.
    tags : mapping, optional
        Where the rows come from; as `rankme.Accumulator.tags`. ``layer`` is the name of the module
        unless it is told.
    groups : int
        As in `rankme.Accumulator`.
    normalize : bool
        As in `rankme.Accumulator`.
    save : str or os.PathLike, optional
        A folder for ``backbone.rankme`` and so on, a file for each module, which `rankme.compare`
        reads. It is made if need be. Each file is whole or not there; what no file name should have
        is quoted as in URLs, and the model itself is ``@model.rankme``.
    overwrite : bool
        Replace files that are there; by default they are an error before the model runs.

    Returns
    -------
    dict of str to Accumulator
        By the name of the module, on the CPU.

    Raises
    ------
    TypeError
        If a batch is no tensor and there is no `forward`, or if a module returns no tensor.
    ValueError
        If there is no such module; if one does not run, or runs twice for a batch; if its output is
        of another shape than `pool` takes, or holds NaN or infinity; if the loader is empty; if
        there are no modules, or `pool` names others.
    OSError
        If `save` cannot be written to, or has one of the files.
    """
    alone = isinstance(modules, (str, torch.nn.Module))
    known = chosen_modules(model, [modules] if alone else modules)
    require_pool(pool, known)
    files = {} if save is None else files_of(save, list(known), overwrite=overwrite)
    most = None if max_rows is None else as_index(max_rows, "max_rows", 1)
    options = {"groups": groups, "normalize": normalize}
    taps = [
        _Tap(
            name,
            pool.get(name) if isinstance(pool, Mapping) else pool,
            most,
            {**options, "tags": {"layer": name, **(tags or {})}},
        )
        for name in known
    ]
    with _observed(model, [(known[tap.name], tap) for tap in taps]):
        for batch in loader:
            own = None if ids is None else ids(batch)
            for tap in taps:
                tap.begin(own)
            _moved_forward(model, batch) if forward is None else forward(model, batch)
            for tap in taps:
                tap.require_run()
            if all(tap.is_full for tap in taps):
                break
    sums = {tap.name: tap.result() for tap in taps}
    for name, file in files.items():
        sums[name].save(file)
    return sums


def _moved_forward(model: Any, batch: Any) -> None:
    """Run the model on a batch that is a tensor."""
    if not isinstance(batch, torch.Tensor):
        raise TypeError(
            f"a batch is {type_name(batch)} and no tensor; forward= runs the model on it: "
            f"forward=lambda model, batch: model(batch[0]), for example"
        )
    place = next(iter(model.parameters()), batch).device
    model(batch.to(place))


@contextmanager
def _observed(model: Any, taps: Sequence[tuple[Any, _Tap]]) -> Iterator[None]:
    """Put the model into evaluation mode, with hooks, and leave it as it was."""
    modes = [(module, module.training) for module in model.modules()]
    hooks: list[Any] = []
    try:
        model.eval()
        hooks += [module.register_forward_hook(tap.take) for module, tap in taps]
        with torch.no_grad():
            yield
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode


class _Tap:
    """What one module returns, as the rows of an accumulator."""

    def __init__(self, name: str, pool: Any, most: int | None, options: dict[str, Any]) -> None:
        self.name = name
        self._pool = pool
        self._most = most
        self._options = options
        self._ids: Any = None
        self._runs = 0
        self._total: Accumulator | None = None

    @property
    def is_full(self) -> bool:
        """Whether there are as many rows as were wanted."""
        return self._most is not None and self._n_rows >= self._most

    @property
    def _n_rows(self) -> int:
        """How many rows were taken in."""
        return 0 if self._total is None else self._total.n_rows

    def begin(self, ids: Any) -> None:
        """Expect a batch."""
        self._ids = ids
        self._runs = 0

    # In the hook and not after the pass: a later module may change the output in place.
    def take(self, _module: Any, _inputs: Any, output: Any) -> None:
        """Take in an output; a forward hook."""
        self._runs += 1
        if self._runs > 1:
            raise ValueError(
                f"module {self.name!r} runs more than once for a batch, and its rows would be "
                f"mixed; name one that runs once"
            )
        if self.is_full:
            return
        rows, each = rows_of(output, self._pool, self.name)
        if self._total is None:
            self._total = Accumulator(rows.shape[1], **self._options)
        left = None if self._most is None else self._most - self._n_rows
        known = None if self._ids is None else np.repeat(np.asarray(self._ids), each)[:left]
        try:
            self._total.update(rows[:left].detach().cpu(), ids=known)
        except ValueError as error:
            raise ValueError(f"module {self.name!r}: {error}") from error

    def require_run(self) -> None:
        """Refuse a module that the pass left out."""
        if not self._runs:
            raise ValueError(f"module {self.name!r} did not run for a batch; name one that does")

    def result(self) -> Accumulator:
        """Return the sums."""
        if self._total is None:
            raise ValueError("the loader gave no batch")
        return self._total
