"""RankMe at every evaluation of a Transformers Trainer, by hooks on modules."""
# ruff: noqa: ARG002  (the Trainer says what its hooks are called with)

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.integrations._collapse import (
    MIN_OF_BEST,
    MIN_SHARE,
    MIN_SPREAD,
    PATIENCE,
    Collapse,
    Guard,
)
from rankme.integrations._hidden_states import Pooling, Rows, flat_values, n_fresh, pass_over
from rankme.integrations._modules import Hook, chosen_modules, names_of
from rankme.integrations._observer import MAX_ROWS, Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WHAT = {"extra": "transformers", "what": "rankme.integrations.transformers"}
torch = require("torch", **_WHAT)
trainer_callback = require("transformers.trainer_callback", **_WHAT)
_Base: Any = trainer_callback.TrainerCallback

__all__ = ["RankMeCallback"]

_RUNTIME = "_runtime"


class _Inputs(NamedTuple):
    """What a hook must know of the inputs of a batch."""

    n_inputs: int | None
    mask: Any


class RankMeCallback(_Base):  # type: ignore[misc]
    """RankMe of the hidden states of some layers, at every evaluation of a Trainer.

    ::

        watch = RankMeCallback("encoder.layer.*", pool="token_mean")
        Trainer(model, args, ..., callbacks=[watch])

    The numbers are among the metrics of the evaluation, so that `metric_for_best_model`,
    `EarlyStoppingCallback`, the log and all that `report_to` names have them. The evaluation's own
    forward passes are watched: there is no other.

    Parameters
    ----------
    layers : str, torch.nn.Module or list of these
        Modules by name, by pattern, or themselves: blocks, or a pooler, which has a row an input.
        What they return may be a tensor, a tuple that begins with one, or have a
        ``last_hidden_state``.
    pool : {"token_mean", "last_token", "first_token", "tokens"} or callable
        How the tokens of an input become a row: their mean, one of them, or a row for each. A
        function is called with hidden states (n, T, K) and mask, (n, T) or None, and returns
        (n, K).
    mask : str or None
        The input of the model that is 1 where a token counts and 0 where it is padding, on either
        side. All tokens count where the model is called without it, or with None here.
    max_rows : int or None
        Rows of each layer, over all processes: the first that come. None takes all.
    name : str
        First part of the keys, behind the Trainer's own ``eval_``.
    metrics : sequence of str
        Further keys of ``Spectrum.metrics()``.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for ``_std_error``: `groups` + 1 eigenproblems and not one.
    device : str, optional
        Where the sums lie; by default where the rows lie. Rows on a GPU need the CUDA module there,
        or ``"cpu"``, which copies them.
    on_collapse, min_spread, min_share, min_of_best, patience
        As in `rankme.integrations.lightning.RankMeCallback`; ``"stop"`` ends training after the
        evaluation. By default nothing is done: states of a language model may lie close to their
        mean while all is well. A run that resumes from a checkpoint begins to look anew.

    Raises
    ------
    TypeError, ValueError
        If an argument is of no use; and, when the Trainer is made, if the model has no such layer,
        with the names that it has.

    Notes
    -----
    Keys are ``eval_rankme`` of one layer and ``eval_rankme/<layer>`` of several, each with
    ``_low``, ``_high``, ``_n_rows``, ``_n_skipped``, ``_std_error``, ``_<metric>`` behind it. Rows
    with NaN or infinity are left out and counted, and the numbers are NaN then.

    What a layer last returned before the Trainer had done with a batch is what counts, so that one
    that runs again for the same batch counts once, and inputs that are repeated to fill the last
    batch of several processes do not count. `trainer.predict` gets the numbers too, under its own
    prefix.
    """

    def __init__(
        self,
        layers: str | Any | Iterable[str | Any],
        *,
        pool: str | Callable[[Any, Any], Any] = "token_mean",
        mask: str | None = "attention_mask",
        max_rows: int | None = MAX_ROWS,
        name: str = "rankme",
        metrics: Sequence[str] = (),
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: int | None = None,
        run_length: int = RUN_LENGTH,
        device: str | None = None,
        on_collapse: str | Callable[[Collapse], object] | None = None,
        min_spread: float = MIN_SPREAD,
        min_share: float = MIN_SHARE,
        min_of_best: float = MIN_OF_BEST,
        patience: int = PATIENCE,
    ) -> None:
        alone = isinstance(layers, (str, torch.nn.Module))
        self._layers = [layers] if alone else list(layers)
        self._pooling = Pooling(pool, mask)
        self._name = name
        self._options: dict[str, Any] = {
            "max_rows": max_rows,
            "metrics": metrics,
            "eps": eps,
            "center": center,
            "normalize": normalize,
            "groups": groups,
            "run_length": run_length,
            "device": device,
        }
        self._guard = Guard(
            on_collapse,
            min_spread=min_spread,
            min_share=min_share,
            min_of_best=min_of_best,
            patience=patience,
        )
        self._trains = False
        self._model: Any = None
        self._hooks: list[Any] = []
        self._keys: dict[str, str] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._values: dict[str, float] = {}
        self._begin(None)

    def _begin(self, this_pass: tuple[Any, int] | None) -> None:
        """Begin a pass over a loader; None where there is no pass."""
        self._pass = this_pass
        self._observer = Observer(self._keys, **self._options)
        self._inputs: _Inputs | None = None
        self._pending: dict[str, Rows | Exception] = {}

    # What the Trainer calls, in the order in which it does.

    def on_init_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put hooks on the model, and stand before what reports."""
        self._stand_first()
        self._watch(args, kwargs["model"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Do so for a callback that was added later, or a model that was made since."""
        self.on_init_end(args, state, control, **kwargs)
        self._guard.alarm.reset()
        self._trains = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Let the evaluations that follow tell nothing of a collapse."""
        self._trains = False

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take in what the layers returned for a batch."""
        if self._model is None:
            raise RuntimeError(
                "RankMeCallback was added when the Trainer was made already, and knows no model "
                "before training; Trainer(callbacks=[...]) tells it"
            )
        # An evaluation that was broken off leaves rows behind.
        pending = self._pending
        this_pass = pass_over(kwargs["eval_dataloader"])
        if this_pass != self._pass:
            self._begin(this_pass)
        self._pending = {}
        for name, rows in pending.items():
            if isinstance(rows, Exception):
                self._observer.fail(rows)
            else:
                keep = n_fresh(rows.values.shape[0])
                self._observer.take(name, rows.values, mask=rows.counted, keep=keep)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Add the numbers to what an evaluation logs, before anybody reports it."""
        if self._pass is not None and logs and any(key.endswith(_RUNTIME) for key in logs):
            self._end(logs, "eval", state, control)
            logs.update(self._values)
            # The Trainer keeps a copy, made before.
            state.log_history[-1].update(self._values)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Add the numbers to the metrics, for a Trainer that logs something else."""
        if self._pass is not None:
            self._end(metrics, "eval", state, control)
        metrics.update(self._values)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Add the numbers to the metrics of a prediction."""
        if self._pass is not None:
            self._end(metrics, "test", state, control)
            metrics.update(self._values)

    def _end(self, metrics: Any, otherwise: str, state: Any, control: Any) -> None:
        """Compute the numbers of the pass; its prefix is that of the metrics, else another."""
        *_, prefix = [otherwise, *(key for key in metrics if key.endswith(_RUNTIME))]
        prefix = prefix.removesuffix(_RUNTIME)
        observer = self._observer
        self._begin(None)
        reading = observer.result(before=self._counts.get(prefix))
        self._counts[prefix] = reading.counts
        keys = {target: f"{prefix}_{key}" for target, key in self._keys.items()}
        self._values = flat_values(reading.metrics(), keys.__getitem__)
        if self._trains:
            sights = {keys[target]: sight for target, sight in reading.sights.items()}
            if self._guard.must_stop(sights, tells=state.is_world_process_zero):
                control.should_training_stop = True

    # The hooks.

    def _watch(self, args: Any, model: Any) -> None:
        """Put hooks on a model, unless they are."""
        if model is self._model:
            return
        if args.n_gpu > 1:
            raise ValueError(
                f"the Trainer spreads a batch over {args.n_gpu} GPUs in threads of one process, "
                f"and hooks see only parts of it; start a process a GPU: torchrun "
                f"--nproc-per-node {args.n_gpu} train.py"
            )
        modules = chosen_modules(model, self._layers)
        several = len(modules) > 1
        self._keys = {
            name: f"{self._name}/{name or type_name(modules[name])}" if several else self._name
            for name in modules
        }
        for hook in self._hooks:
            hook.remove()
        # A compiled model has to leave its graph for them.
        before = Hook(torch.compiler.disable(self._note_inputs))
        after = torch.compiler.disable(self._note_output)
        whole = names_of(model)[""]
        self._hooks = [
            whole.register_forward_pre_hook(before, with_kwargs=True),
            *(
                one.register_forward_hook(Hook(partial(after, name)))
                for name, one in modules.items()
            ),
            whole.register_forward_hook(Hook(torch.compiler.disable(self._forget_inputs))),
        ]
        self._model = model
        self._begin(None)

    def _note_inputs(self, module: Any, args: Any, kwargs: Any) -> None:
        """Note mask and number of inputs; a forward pre-hook of the model."""
        self._pending = {}
        if module.training or self._observer.is_full:
            return
        given = dict(zip(inspect.signature(module.forward).parameters, args, strict=False)) | kwargs
        sizes = (len(one) for one in given.values() if isinstance(one, torch.Tensor) and one.ndim)
        mask = given.get(self._pooling.mask)
        self._inputs = _Inputs(next(sizes, None), mask)

    def _forget_inputs(self, *_: Any) -> None:
        """Take nothing of a layer that runs by itself; a forward hook of the model."""
        self._inputs = None

    def _note_output(self, name: str, _module: Any, _inputs: Any, output: Any) -> None:
        """Note the rows of a layer; a forward hook."""
        if self._inputs is None:
            return
        try:
            self._pending[name] = self._rows(f"layer {name!r}", output, self._inputs)
        except Exception as error:  # noqa: BLE001
            # It is none of ours if the Trainer does not evaluate.
            self._pending[name] = error

    def _rows(self, what: str, output: Any, inputs: _Inputs) -> Rows:
        """Return the rows of an output, which is not kept."""
        states = getattr(output, "last_hidden_state", None)
        if states is None:
            states = output[0] if isinstance(output, (tuple, list)) else output
        if not isinstance(states, torch.Tensor):
            raise TypeError(
                f"{what} returns {type_name(output)} without a last_hidden_state; name a block of "
                f"the model, or its part without a head"
            )
        if inputs.n_inputs is not None and len(states) != inputs.n_inputs:
            raise ValueError(
                f"{what} gives shape {tuple(states.shape)} for {inputs.n_inputs} inputs; wanted "
                f"are hidden states, (n, T, K) or (n, K)"
            )
        with torch.no_grad():
            rows = self._pooling.rows(states.detach(), inputs.mask, what)
        return Rows(rows.values.clone(), rows.counted)

    def _stand_first(self) -> None:
        """Stand before the callbacks that report, which the Trainer puts before its user's."""
        handler = _calling_handler()
        handler.callbacks = [self, *(one for one in handler.callbacks if one is not self)]


def _calling_handler() -> Any:
    """Return the list of callbacks that called, of which a callback is told nothing."""
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, trainer_callback.CallbackHandler):
            return caller
        frame = frame.f_back
    raise RuntimeError("a RankMeCallback is called by a Trainer alone: Trainer(callbacks=[...])")
