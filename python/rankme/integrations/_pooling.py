"""From the output of a layer to rows: how is said by the caller, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["POOLS", "first_rows", "pooled", "require_pool", "rows_of"]

_ROWS = 2  # dimensions
_SEVERAL = 3


def _token_mean(out: Any, mask: Any) -> Any:
    """Return the mean of the tokens that count."""
    if mask is None:
        return out.mean(dim=1)
    # What is masked may be NaN, so it is replaced and not multiplied; in float32 at least.
    total = out.masked_fill(~mask[..., None], 0)
    total = (total.float() if out.element_size() < 4 else total).sum(dim=1)  # noqa: PLR2004
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def _first_token(out: Any, mask: Any) -> Any:
    """Return the first token that counts."""
    return out[:, 0] if mask is None else _picked(out, mask.int().argmax(dim=1))


def _last_token(out: Any, mask: Any) -> Any:
    """Return the last token that counts."""
    if mask is None:
        return out[:, -1]
    return _picked(out, out.shape[1] - 1 - mask.flip(1).int().argmax(dim=1))


def _picked(out: Any, places: Any) -> Any:
    """Return one token of each input."""
    return out.take_along_dim(places[:, None, None], dim=1)[:, 0]


# Name: dimensions of the output, and what makes it (n, K) or (n, rows, K), given the mask or None.
POOLS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "token_mean": ("(n, T, K)", _token_mean),
    "first_token": ("(n, T, K)", _first_token),
    "last_token": ("(n, T, K)", _last_token),
    "tokens": ("(n, T, K)", lambda out, _: out),
    "map_mean": ("(n, C, H, W)", lambda out, _: out.mean(dim=(2, 3))),
    "positions": ("(n, C, H, W)", lambda out, _: out.flatten(2).transpose(1, 2)),
}


def require_pool(pool: Any, modules: Collection[str] | None = None) -> None:
    """Refuse a pool that there is not, or of others than these modules, before anything runs."""
    if isinstance(pool, Mapping) and modules is not None and not pool.keys() <= set(modules):
        others, listed = (", ".join(map(repr, names)) for names in (pool.keys() - modules, modules))
        raise ValueError(f"pool tells of {others}, and modules are {listed}")
    for one in pool.values() if isinstance(pool, Mapping) else [pool]:
        if not (one is None or callable(one) or one in POOLS):
            raise ValueError(
                f"pool must be {', '.join(map(repr, POOLS))}, a function or None, not {one!r}"
            )


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
    rows, _ = pooled(output, pool, f"module {module!r}")
    if rows.ndim == _SEVERAL:
        return rows.reshape(-1, rows.shape[-1]), rows.shape[1]
    return rows, 1


def pooled(output: Any, pool: Any, what: str, mask: Any = None) -> tuple[Any, Any]:
    """Return rows, (n, K) or (n, T, K), and which of them count, (n) or (n, T), or None for all.

    Parameters
    ----------
    output, pool
        As in `rows_of`.
    what
        What the error messages call it, as ``"module 'backbone'"``.
    mask
        (n, T), True or 1 of the tokens that count; (n) of inputs. None where all do. It makes rows
        of (n, T, K) by itself; one of tokens does not concern what has none.
    """
    if callable(pool):
        output = pool(output)
        pool = None
    shape = getattr(output, "shape", None)
    if shape is None:
        raise TypeError(
            f"{what} returns {type(output).__name__} and no tensor; "
            f"pool=lambda output: output[0] says which part is meant, for example"
        )
    if pool is None:
        if len(shape) != _ROWS and (mask is None or len(shape) != _SEVERAL):
            raise ValueError(
                f"{what} returns shape {tuple(shape)}, and a row is wanted for each "
                f"input; pool= says how: {', '.join(map(repr, POOLS))} or a function to (n, K)"
            )
        of_tokens = mask is not None and mask.ndim == _ROWS == len(shape)
        return output, None if of_tokens else _checked(mask, output, what)
    wanted, apply = POOLS[pool]
    if len(shape) != wanted.count(",") + 1:
        raise ValueError(
            f"pool={pool!r} takes outputs of shape {wanted}, and {what} returns {tuple(shape)}"
        )
    if mask is not None and mask.ndim == 1:
        rows = apply(output, None)
        counted = _checked(mask, output, what, 1)
        return rows, counted if rows.ndim == _ROWS else counted[:, None].expand(rows.shape[:2])
    if mask is None or len(shape) != _SEVERAL:
        return apply(output, None), None
    mask = _checked(mask, output, what)
    # An input without any token has no row.
    return apply(output, mask), mask if pool == "tokens" else mask.any(dim=1)


def _checked(mask: Any, output: Any, what: str, axes: int = -1) -> Any:
    """Return the mask of the first axes as booleans where the output lies."""
    if mask is None:
        return None
    wanted = tuple(output.shape[:axes])
    if tuple(mask.shape) != wanted:
        raise ValueError(
            f"{what} returns {tuple(output.shape)}, and mask has shape {tuple(mask.shape)}; "
            f"wanted is {wanted}"
        )
    if mask.is_floating_point() or (mask.dtype.is_signed and bool((mask < 0).any())):
        # Of one that is added to attention scores 0 counts, and of another one 1.
        raise TypeError(
            f"{what}: mask is of {mask.dtype}, and may be one that is added to attention scores; "
            f"wanted are booleans, or integers from 0 up as a tokenizer's attention_mask: "
            f"mask > 0, or mask == 0 of one that is added"
        )
    return mask.to(device=output.device).bool()


def first_rows(rows: Any, counted: Any, most: int) -> tuple[Any, Any, int]:
    """Return the first rows that count, the mask of those, and how many they are."""
    if counted is None:
        rows = rows.reshape(-1, rows.shape[-1])[:most]
        return rows, None, int(rows.shape[0])
    n_rows = int(counted.sum())
    if n_rows > most:
        counted = counted & (counted.flatten().cumsum(0).reshape(counted.shape) <= most)
        n_rows = most
    return rows, counted, n_rows
