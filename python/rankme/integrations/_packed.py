"""An accumulator as one vector of float64, as long for one row as for any number of them.

Frameworks that keep, stack and send the state of a metric want a tensor of a fixed shape. The
layout: the integers of `_Head`, each as its lower and upper 32 bits, so that a float64 holds
them exactly; then the arrays of a scatter, as `state_header.KINDS` has them. The seed is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.skipped import Skipped
from rankme._accumulators.state_header import KINDS, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HEAD_SIZE", "Kind", "pack", "packed_size", "require_state", "unpack"]


class Kind(NamedTuple):
    """What two packed accumulators have in common that can be merged."""

    dim: int
    normalize: bool


class _Head(NamedTuple):
    """The integers of a packed accumulator; the first are those of a `Kind`."""

    dim: int
    normalize: int
    n_skipped: int
    n_rows: int
    exponent: int
    blocks: int
    longest_block: int


HEAD_SIZE = 2 * len(_Head._fields)


def packed_size(dim: int) -> int:
    """Count the float64 of a packed accumulator."""
    return HEAD_SIZE + sum(_sizes(dim))


def pack(acc: Accumulator) -> NDArray[np.float64]:
    """Return the sums and counts of an accumulator as one vector; its shards and tags are left out.

    Of ``method="gram"``, seed 0 and ``skip_nonfinite=True``, without groups; on any device.
    """
    state = (acc if acc.device == "cpu" else acc.copy(device="cpu"))._state()  # noqa: SLF001
    exponent, _, blocks, longest_block = state.numbers
    head = _Head(
        state.dim,
        int(state.normalize),
        state.skipped.rows,
        state.n_rows,
        exponent,
        blocks,
        longest_block,
    )
    words = np.array(head, dtype=np.int64).view(np.uint32).astype(np.float64)
    return np.concatenate([words, *state.arrays])


def require_state(words: NDArray[np.float64], size: int, kind: Kind) -> None:
    """Refuse a vector that holds no sums of a kind, by its first numbers and how many it has."""
    wanted = packed_size(kind.dim)
    if size != wanted:
        raise ValueError(
            f"the sums have {size} numbers, and dim={kind.dim} needs {wanted}: they are of a "
            f"metric with another dim, which this one has to be made with"
        )
    head = _head_of(words)
    for name, here, there in zip(kind._fields, kind, head, strict=False):
        if here != there:
            found = type(here)(there)
            raise ValueError(
                f"the sums are of a metric with {name}={found}, and this one has {name}={here}: "
                f"make it with {name}={found}"
            )


def unpack(values: NDArray[np.float64]) -> Accumulator:
    """Return the accumulator that a vector holds, on the CPU."""
    head = _head_of(values[:HEAD_SIZE])
    arrays = np.split(values[HEAD_SIZE:], np.cumsum(_sizes(head.dim))[:-1])
    state = State(
        "scatter",
        head.dim,
        bool(head.normalize),
        head.n_rows,
        (head.exponent, 0, head.blocks, head.longest_block),
        tuple(arrays),
        skipped=Skipped(head.n_skipped, {}, allowed=True),
    )
    return Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001


def _head_of(words: NDArray[np.float64]) -> _Head:
    """Return the integers that a vector begins with."""
    with np.errstate(invalid="ignore"):  # NaN is no integer, which the next line finds
        integers = words.astype(np.uint32)
    if not np.array_equal(integers, words):
        raise ValueError("the sums were damaged: what they begin with are no counts")
    return _Head(*integers.view(np.int64).tolist())


def _sizes(dim: int) -> list[int]:
    """Count the entries of the arrays of a scatter."""
    return [size(dim) for size in KINDS["scatter"].arrays.values()]
