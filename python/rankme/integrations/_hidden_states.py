"""From the hidden states of a Transformers model to rows, padding left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._base.arguments import type_name
from rankme._base.optional import require
from rankme.integrations._pooling import pooled
from rankme.integrations._ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

torch = require("torch", extra="transformers", what="rankme.integrations.transformers")
accelerate_state = require(
    "accelerate.state", extra="transformers", what="rankme.integrations.transformers"
)

__all__ = ["Pooling", "Rows", "flat_values", "n_fresh", "pass_over", "this_process"]

_KINDS = ("token_mean", "last_token", "first_token", "tokens")
_ROWS, _STATES = 2, 3  # dimensions


class Rows(NamedTuple):
    """Rows (n, K) or (n, T, K), and which of them count: (n) or (n, T), or None for all."""

    values: Any
    counted: Any


class Pooling:
    """How hidden states become rows, and which input tells tokens from padding."""

    def __init__(self, kind: str | Callable[[Any, Any], Any], mask: str | None) -> None:
        if not callable(kind) and kind not in _KINDS:
            raise ValueError(
                f"pool must be {', '.join(map(repr, _KINDS))} or a function of hidden states "
                f"and mask, not {kind!r}"
            )
        self._kind = kind
        self.mask = mask

    def rows(self, states: Any, mask: Any, what: str) -> Rows:
        """Return the rows of states (n, T, K), given (n, T) or None; of (n, K) they are its own."""
        if getattr(states, "ndim", 0) not in (_ROWS, _STATES):
            shape = getattr(states, "shape", None)
            came = type_name(states) if shape is None else f"shape {tuple(shape)}"
            raise ValueError(f"{what} gives {came}; wanted are hidden states, (n, T, K) or (n, K)")
        if states.ndim == _STATES and mask is not None and mask.shape != states.shape[:2]:
            raise ValueError(
                f"{what} gives shape {tuple(states.shape)}, and {self.mask} has "
                f"{tuple(mask.shape)}; mask= is the name of the input that tells its tokens from "
                f"padding, or None if all count"
            )
        if callable(self._kind):
            return Rows(*pooled(self._kind(states, mask), None, f"pool of {what}"))
        if states.ndim == _ROWS:
            return Rows(states, None)
        return Rows(*pooled(states, self._kind, what, mask))


def this_process() -> tuple[int, int]:
    """Return which of the Trainer's processes this is, and of how many."""
    state = accelerate_state.PartialState()
    ranks = Ranks(None)
    if state.num_processes != ranks.world:
        raise RuntimeError(
            f"torch.distributed has {ranks.world} processes, the Trainer {state.num_processes}, "
            f"and each row would be counted on all; start them by torchrun or accelerate launch"
        )
    return state.process_index, state.num_processes


def pass_over(loader: Any) -> tuple[Any, int]:
    """Return what tells the pass over a loader that runs from one that was broken off.

    That may be of the same loader, whose workers persist; it is still among the references then.
    """
    references = accelerate_state.GradientState().dataloader_references
    return loader, sum(one is loader for one in references)


def n_fresh(n_inputs: int) -> int:
    """Return how many inputs of the batch that runs are no repeats; they are the first ones.

    So that all processes have as many, the last batch is filled from the start of the data, and
    `remainder` says how many inputs of it are true, those of the first processes first. It is what
    the Trainer cuts its own predictions to.
    """
    own, _ = this_process()
    state = accelerate_state.GradientState()
    if not state.end_of_dataloader or state.remainder <= 0:
        return n_inputs
    n_true: int = state.remainder - own * n_inputs
    return max(0, min(n_inputs, n_true))


def flat_values(
    table: Mapping[str, Mapping[str, float]], key_of: Callable[[str], str]
) -> dict[str, float]:
    """Return the numbers of all targets under one name each, joined by underscores.

    Loggers that keep a file a key could not have both ``a`` and ``a/low``.
    """
    return {
        key_of(target) if what == "rankme" else f"{key_of(target)}_{what}": value
        for target, row in table.items()
        for what, value in row.items()
    }
