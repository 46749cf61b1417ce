"""RankMe of modules of a PyTorch model, while it runs as ever."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.optional import require
from rankme.integrations._modules import Hook, chosen_modules
from rankme.integrations._observer import MAX_ROWS, Observer
from rankme.integrations._pooling import require_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from typing_extensions import Self

    from rankme.integrations._reading import Reading

torch = require("torch", extra="torch", what="rankme.integrations.torch")

__all__ = ["watch"]


class watch:  # noqa: N801
    """Take in what modules of a model return, while the model runs as ever.

    A context manager::

        model.eval()
        with watch(model, ["backbone", "projector"]) as w, torch.no_grad():
            for batch in loader:
                model(batch)
        w.scores()       # {"backbone": 231.6, "projector": 48.2}

    There are forward hooks, and no other; they are gone after the `with`, whatever happens in it.
    The inputs are those that your loop gives: a held-out set without augmentation, the same each
    time, makes scores that can be compared. Under ``torch.distributed`` the numbers are those of
    the rows of all ranks, the same on each.

    Parameters
    ----------
    model : torch.nn.Module
        On any device, compiled, wrapped in DDP, sharded by FSDP, under autocast.
    targets : str, torch.nn.Module or list of these
        Modules by name (``""`` is the model itself), by pattern (``"blocks.*.norm"``: a star
        stands for one part of a name, and matches no dot), or themselves. Names are those of the
        model as it was written, without what wrappers add.
    max_rows : int or None
        Rows of each target, over all ranks: the first that come. None takes all.
    pool : str, callable or mapping, optional
        How an output becomes rows where it is not of shape (n, K), as in `collect`; also
        ``"last_token"``. Of (n, T, K), tokens that are padding are left out where `mask` is set.
    only_eval : bool
        Pass by what a module returns in training mode, where its outputs depend on the rest of the
        batch, on dropout and mostly on augmentation. A whole run can be watched so.
    name : str
        The first part of the keys of `values`.
    metrics : sequence of str
        Further keys of ``Spectrum.metrics()``, as ``["participation_ratio", "alpha_req"]``.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for standard errors: `groups` + 1 eigenproblems and not one.
    device : {"cpu", "cuda", "cuda:1", ...}, optional
        Where the sums lie and the work is done; by default where the rows lie. Rows on a GPU need
        the CUDA module there, or ``"cpu"``, which copies them.
    n_total : int, optional
        ``len(dataset)`` where ``DistributedSampler`` deals it out, so that what it repeats at the
        end is not counted twice.
    group : torch.distributed.ProcessGroup, optional
        The ranks that see different inputs; by default all.

    Attributes
    ----------
    mask : torch.Tensor or None
        (n, T) of the batch that runs next, such as ``batch["attention_mask"]``; or (n), of inputs.
    active : bool
        False makes hooks cost next to nothing, for steps that are not due.

    Raises
    ------
    TypeError, ValueError
        If there is no such module, with the names that there are; if an output has no rows, has
        another width than before or another shape than `pool` takes: it names the module.

    Notes
    -----
    Rows are summed where they lie; what is kept is K x K numbers a module. What is compiled by
    ``torch.compile`` runs as it was written within the `with`, since a graph that is compiled
    passes hooks by: put the `with` around the evaluation, not around the training. A module that
    runs twice for a batch gives rows twice; one that runs again in the backward pass, under
    activation checkpointing, does not.

    Each `with` of one `watch` is a pass of its own, and the sums go on only after
    `load_state_dict`.

    With several ranks the end of the `with` is a collective call, as are `scores`, `metrics` and
    `values` within it; after it they are not.
    """

    def __init__(
        self,
        model: Any,
        targets: str | Any | Iterable[str | Any],
        *,
        max_rows: int | None = MAX_ROWS,
        pool: str | Callable[..., Any] | Mapping[str, Any] | None = None,
        only_eval: bool = True,
        name: str = "rankme",
        metrics: Sequence[str] = (),
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: int | None = None,
        run_length: int = RUN_LENGTH,
        device: str | None = None,
        n_total: int | None = None,
        group: Any = None,
    ) -> None:
        alone = isinstance(targets, (str, torch.nn.Module))
        self._modules = chosen_modules(model, [targets] if alone else targets)
        require_pool(pool, self._modules)
        self._only_eval = only_eval
        self._observer = Observer(
            self._modules,
            name=name,
            max_rows=max_rows,
            pool=pool,
            metrics=metrics,
            eps=eps,
            center=center,
            normalize=normalize,
            groups=groups,
            run_length=run_length,
            device=device,
            n_total=n_total,
            group=group,
        )
        self.mask: Any = None
        self._within: contextlib.ExitStack | None = None
        self._has_ended = False
        self._reading: Reading | None = None

    @property
    def active(self) -> bool:
        """Whether hooks take rows."""
        return self._observer.active

    @active.setter
    def active(self, value: bool) -> None:
        """Let hooks take rows, or not."""
        self._observer.active = value

    @property
    def is_full(self) -> bool:
        """Whether this rank has its share of rows of every module."""
        return self._observer.is_full

    def __enter__(self) -> Self:
        if self._within is not None:
            raise RuntimeError("this watch is entered already; watch(model, ...) makes another")
        if self._has_ended:
            self.reset()
            self._reading = None
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            for name, module in self._modules.items():
                stack.callback(module.register_forward_hook(self._hook(name)).remove)
            self._within = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        within, self._within = self._within, None
        assert within is not None  # noqa: S101
        within.close()
        self._has_ended = True
        if kind is None:
            self._reading = self._observer.result(default=self._reading)

    def _hook(self, name: str) -> Hook:
        """Return the hook of a module."""

        def take(module: Any, _inputs: Any, output: Any) -> None:
            if not (module.training and self._only_eval):
                self._observer.take(name, output, mask=self.mask)

        return Hook(take)

    def reset(self) -> None:
        """Begin a pass: forget the rows. A further `with` does so by itself."""
        self._observer.reset()

    def result(self) -> Reading:
        """Return all that was read, of the rows so far; after the `with`, of the last pass in it.

        Returns
        -------
        Reading
            Has `scores`, `metrics` and `values`, and as ``sums`` the accumulators of all ranks by
            module. It stays as it is when further rows come.
        """
        if self._within is not None or self._reading is None:
            self._reading = self._observer.result()
        return self._reading

    def scores(self) -> dict[str, float]:
        """Return RankMe by module; NaN where a row held NaN or infinity.

        Returns
        -------
        dict of str to float
        """
        return self.result().scores()

    def metrics(self) -> dict[str, dict[str, float]]:
        """Return all numbers by module.

        Returns
        -------
        dict of str to dict of str to float
            ``rankme``, the interval ``low`` and ``high``, ``n_rows``, ``n_skipped``, ``std_error``
            with `groups`, and what `metrics` named.
        """
        return self.result().metrics()

    def values(self, separator: str = "/") -> dict[str, float]:
        """Return all numbers as a flat dict for loggers.

        Parameters
        ----------
        separator : str
            What stands before ``low``, ``n_rows`` and so on. A store that keeps a file a key, as
            MLflow's of plain files, cannot have both ``rankme`` and ``rankme/low``: ``"_"`` there.

        Returns
        -------
        dict of str to float
            ``rankme``, ``rankme/low``, ...; of several modules ``rankme/backbone``,
            ``rankme/backbone/low``, ...
        """
        return self.result().values(separator)

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far as tensors of bytes and numbers, which a checkpoint can hold.

        ``torch.load(weights_only=True)`` reads it. Of this rank alone: each rank saves its own.

        Returns
        -------
        dict
        """
        return self._observer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If it is of other modules or options or of another rank, or was changed.
        """
        self._observer.load_state_dict(state)
        self._reading = None
        self._has_ended = False
