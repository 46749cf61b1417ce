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
        )["backbone"]
    print(rankme.compare(sets))

What comes back are accumulators: sums in groups and no rows. ``acc.save("step-1000.rankme")`` keeps
one, and ``rankme compare *.rankme`` reads such files.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_index, type_name
from rankme._base.optional import require
from rankme.integrations._pooling import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

torch = require("torch", extra="torch", what="rankme.integrations.torch")
# Behind the line that says what is missing, and for which module.
from rankme.integrations._watch import watch  # noqa: E402

__all__ = ["collect", "watch"]


def collect(
    model: Any,
    loader: Iterable[Any],
    modules: str | Sequence[str],
    *,
    max_rows: int | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    pool: str | Callable[[Any], Any] | Mapping[str, Any] | None = None,
    ids: Callable[[Any], Any] | None = None,
    tags: Mapping[str, str | int | float | bool] | None = None,
    groups: int = 16,
    normalize: bool = False,
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
    modules : str or list of str
        Names as of ``model.named_modules()``; ``""`` is the model itself. Each runs once a batch.
    max_rows : int, optional
        Stop after this many rows of each module; by default at the end of the loader. Sums of
        unequal numbers of rows cannot be compared.
    forward : callable, optional
        Runs the model, as ``lambda model, batch: model(**batch)``. By default batches are tensors,
        which are moved to where the model lies.
    pool : str, callable or mapping, optional
        How an output becomes rows where it is not of shape (n, K). Of (n, T, K): ``"token_mean"``,
        ``"first_token"``, or ``"tokens"``, a row each, padding included. Of (n, C, H, W):
        ``"map_mean"``, or ``"positions"``, a row each. A function to (n, K). Or a mapping from the
        names of modules to these.
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
        of another shape than `pool` takes, or holds NaN or infinity; if the loader is empty.
    """
    names = [modules] if isinstance(modules, str) else list(modules)
    known = dict(model.named_modules())
    for name in names:
        if name not in known:
            raise ValueError(
                f"the model has no module {name!r}; [name for name, _ in model.named_modules()] "
                f"lists them"
            )
    most = None if max_rows is None else as_index(max_rows, "max_rows", 1)
    options = {"groups": groups, "normalize": normalize}
    taps = [
        _Tap(
            name,
            pool.get(name) if isinstance(pool, Mapping) else pool,
            most,
            {**options, "tags": {"layer": name, **(tags or {})}},
        )
        for name in names
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
    return {tap.name: tap.result() for tap in taps}


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
