"""RankMe as the `compute_metrics` of a Transformers Trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.integrations._hidden_states import (
    Pooling,
    Rows,
    accelerate_state,
    flat_values,
    pass_over,
    this_process,
)
from rankme.integrations._observer import MAX_ROWS, Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

torch = require("torch", extra="transformers", what="rankme.integrations.transformers")

__all__ = ["ComputeRankMe"]

_STATES = 3  # dimensions
_NAME = "rankme"


class ComputeRankMe:
    """RankMe of the hidden states that a Trainer's evaluation gives, as its `compute_metrics`.

    ::

        model.config.output_hidden_states = True
        rankme = ComputeRankMe(pool="token_mean")
        args = TrainingArguments(
            ...,
            batch_eval_metrics=True,
            include_for_metrics=["inputs"],
            metric_for_best_model="rankme",
        )
        Trainer(
            model, args, compute_metrics=rankme, preprocess_logits_for_metrics=rankme.hidden_states
        )

    Batch by batch the states of one layer become rows and rows a sum; neither is kept. There are
    no hooks: what the Trainer gives is all that is used.

    Parameters
    ----------
    pool : {"token_mean", "last_token", "first_token", "tokens"} or callable
        How the tokens of an input become a row: their mean, one of them, or a row for each. A
        function is called with hidden states (n, T, K) and mask, (n, T) or None, and returns
        (n, K).
    layer : int or callable
        Which of the hidden states, -1 is the last; or a function of all that the model returned
        beside its loss, a tuple, to (n, T, K) or (n, K).
    mask : str or None
        The input that is 1 where a token counts and 0 where it is padding, on either side. It
        reaches this by ``include_for_metrics=["inputs"]``. None if all tokens count, as of images.
    max_rows : int or None
        The first that come, over all processes. None takes all.
    metrics : sequence of str
        Further keys of ``Spectrum.metrics()``.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for ``rankme_std_error``.
    device : str, optional
        Where the sums lie; by default where the rows lie. Rows on a GPU need the CUDA module there,
        or ``"cpu"``, which copies them.

    Raises
    ------
    ValueError
        If `pool` is no such name, or `metrics` has an unknown one.

    Notes
    -----
    The Trainer calls `compute_metrics` for batches that have labels. What it repeats at the end
    of a data set, so that each process has as many batches, it cuts away itself.
    """

    def __init__(
        self,
        *,
        pool: str | Callable[[Any, Any], Any] = "token_mean",
        layer: int | Callable[[Any], Any] = -1,
        mask: str | None = "attention_mask",
        max_rows: int | None = MAX_ROWS,
        metrics: Sequence[str] = (),
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: int | None = None,
        run_length: int = RUN_LENGTH,
        device: str | None = None,
    ) -> None:
        self._pooling = Pooling(pool, mask)
        self._layer = layer
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
        self._begin(None)

    def _begin(self, this_pass: tuple[Any, int] | None) -> None:
        """Begin a pass over a loader."""
        self._pass = this_pass
        self._observer = Observer([_NAME], **self._options)

    def hidden_states(self, outputs: Any, labels: Any = None) -> Any:  # noqa: ARG002
        """Reduce what a model returned to one layer; for `preprocess_logits_for_metrics`.

        Parameters
        ----------
        outputs : tuple of torch.Tensor
            All that the model returned beside its loss.
        labels
            Not used.

        Returns
        -------
        torch.Tensor
            (n, T, K), or (n, K) where no mask is wanted: pooled.

        Raises
        ------
        ValueError
            If there are no hidden states in it, or more than one tuple of them.
        """
        layer = self._layer
        states = layer(outputs) if callable(layer) else _states_of(outputs)[layer]
        return states if self._pooling.mask else self._pooling.rows(states, None, "layer").values

    def __call__(self, eval_pred: Any, compute_result: bool = True) -> dict[str, float]:
        """Take in a batch, and return the numbers of all batches when asked.

        Parameters
        ----------
        eval_pred : transformers.EvalPrediction
            `predictions` are what `hidden_states` returned, (n, T, K), with `inputs` beside them;
            or rows (n, K).
        compute_result : bool
            Whether it is the last batch. It is a collective call of all processes then.

        Returns
        -------
        dict of str to float
            Nothing before the last batch. With it ``rankme``; ``rankme_low`` and ``rankme_high``,
            between which the exact value lies; ``rankme_n_rows`` and ``rankme_n_skipped``;
            ``rankme_<metric>``. Rows with NaN or infinity are left out and counted, and the
            numbers are NaN then. The next batch begins anew.

        Raises
        ------
        TypeError
            If `predictions` is no single array.
        ValueError
            If there are tokens, and the mask is not in the inputs.
        """
        this_pass = pass_over(accelerate_state.GradientState().active_dataloader)
        # An evaluation that was broken off leaves rows behind.
        if this_pass != self._pass:
            self._begin(this_pass)
        rows = self._own_rows(eval_pred)
        if rows.values.shape[0]:
            self._observer.take(_NAME, rows.values, mask=rows.counted)
        if not compute_result:
            return {}
        reading = self._observer.result()
        self._begin(None)
        return flat_values(reading.metrics(), lambda target: target)

    def _own_rows(self, eval_pred: Any) -> Rows:
        """Return what this process counts of predictions that all processes have."""
        predictions = eval_pred.predictions
        if not hasattr(predictions, "shape"):
            raise TypeError(
                f"predictions is {type_name(predictions)}, and one array is wanted: "
                f"Trainer(preprocess_logits_for_metrics=compute.hidden_states) picks a layer"
            )
        states = torch.as_tensor(predictions)
        own, world = this_process()
        if states.ndim != _STATES or self._pooling.mask is None:
            return self._pooling.rows(states[own::world], None, "predictions")
        mask = self._mask(eval_pred.inputs)
        # The mask is of this process's inputs, and predictions are of all, one after the other;
        # shorter texts than the longest of all were filled up at the end.
        n_inputs, n_tokens = mask.shape
        states = states[own * n_inputs : (own + 1) * n_inputs, :n_tokens]
        return self._pooling.rows(states, mask[: len(states)], "predictions")

    def _mask(self, inputs: Any) -> Any:
        """Return the mask among the inputs of a batch."""
        name = self._pooling.mask
        try:
            return inputs[name]
        except (TypeError, KeyError, IndexError) as error:
            raise ValueError(
                f"predictions has tokens, and {name} is not there to tell them from padding: "
                f"TrainingArguments(batch_eval_metrics=True, include_for_metrics=['inputs']) gives "
                f"it; mask=None says that all tokens count"
            ) from error


def _states_of(outputs: Any) -> Any:
    """Return the hidden states of all layers, of all that a model returned."""
    found = [
        part
        for part in (outputs if isinstance(outputs, (tuple, list)) else ())
        if isinstance(part, (tuple, list)) and all(one.ndim == _STATES for one in part)
    ]
    if len(found) != 1:
        raise ValueError(
            f"the model returned {len(found) or 'no'} tuples of hidden states; wanted is one: "
            f"model.config.output_hidden_states = True, or layer=lambda outputs: outputs[0] to "
            f"say which part is meant"
        )
    return found[0]
