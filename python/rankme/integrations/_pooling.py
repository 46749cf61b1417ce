"""From the output of a layer to rows: how is said by the caller, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["POOLS", "rows_of"]

# Name: dimensions of the output, and what makes it (n, K) or (n, rows, K).
POOLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "token_mean": ("(n, T, K)", lambda out: out.mean(dim=1)),
    "first_token": ("(n, T, K)", lambda out: out[:, 0]),
    "tokens": ("(n, T, K)", lambda out: out),
    "map_mean": ("(n, C, H, W)", lambda out: out.mean(dim=(2, 3))),
    "positions": ("(n, C, H, W)", lambda out: out.flatten(2).transpose(1, 2)),
}
_ROWS = 2  # dimensions
_SEVERAL = 3


def rows_of(output: Any, pool: str | Callable[[Any], Any] | None, module: str) -> tuple[Any, int]:
    """Return the rows of an output, (rows, K), and how many each input gave.

    Parameters
    ----------
    output
        What a module returned.
    pool
        A name of `POOLS`, a function to a tensor of shape (n, K), or None of what has it already.
    module
        What the error messages call it.
    """
    if callable(pool):
        output = pool(output)
        pool = None
    shape = getattr(output, "shape", None)
    if shape is None:
        raise TypeError(
            f"module {module!r} returns {type(output).__name__} and no tensor; "
            f"pool=lambda output: output[0] says which part is meant, for example"
        )
    if pool is None:
        if len(shape) != _ROWS:
            raise ValueError(
                f"module {module!r} returns shape {tuple(shape)}, and a row is wanted for each "
                f"input; pool= says how: {', '.join(map(repr, POOLS))} or a function to (n, K)"
            )
        return output, 1
    if pool not in POOLS:
        raise ValueError(
            f"pool must be {', '.join(map(repr, POOLS))}, a function or None, not {pool!r}"
        )
    wanted, apply = POOLS[pool]
    if len(shape) != wanted.count(",") + 1:
        raise ValueError(
            f"pool={pool!r} takes outputs of shape {wanted}, and module {module!r} returns "
            f"{tuple(shape)}"
        )
    rows = apply(output)
    if rows.ndim == _SEVERAL:
        return rows.reshape(-1, rows.shape[-1]), rows.shape[1]
    return rows, 1
