"""The header of a saved state: what the numbers that follow it are."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rankme._accumulators.shards import parse_table
from rankme._accumulators.skipped import NOTHING, Skipped, parse_note
from rankme._base.arguments import MAX_DIM, MAX_SEED

__all__ = ["METHODS", "State", "parse_header", "write_header"]

_MAX_COUNT = 2**63 - 1
_MAX_EXPONENT = 1000  # the core's own limit
_NO_SHARDS: Mapping[str, int] = MappingProxyType({})


class State(NamedTuple):
    """What an accumulator is, without the room it works in.

    ``numbers`` and ``arrays`` are those of the method, in the order that the module's text gives.
    ``shards`` has the rows of each shard, ``skipped`` those that were left out; ``run`` belongs to
    the file and not to the accumulator.
    """

    method: str
    dim: int
    normalize: bool
    n_rows: int
    numbers: tuple[int, ...]
    arrays: tuple[NDArray[np.float64], ...]
    shards: Mapping[str, int] = _NO_SHARDS
    run: Mapping[str, Any] | None = None
    skipped: Skipped = NOTHING


class _Method(NamedTuple):
    """What the state of a method consists of."""

    numbers: dict[str, tuple[int, int]]  # name: least and greatest value
    sizes: Callable[[int], tuple[int, ...]]  # of the arrays, by dim


METHODS = {
    "gram": _Method(
        {
            "exponent": (-_MAX_EXPONENT, _MAX_EXPONENT),
            "seed": (0, MAX_SEED),
            "blocks": (0, _MAX_COUNT),
            "longest_block": (0, _MAX_COUNT),
        },
        lambda dim: (dim, 8 * dim, dim * (dim + 1) // 2),
    ),
    "qr": _Method({"blocks": (0, _MAX_COUNT)}, lambda dim: ((dim + 1) * (dim + 2) // 2,)),
}


def write_header(state: State) -> bytes:
    """Return the JSON object of a state, without padding."""
    fields = {
        "method": state.method,
        "dim": state.dim,
        "normalize": state.normalize,
        "n_rows": state.n_rows,
        **dict(zip(METHODS[state.method].numbers, state.numbers, strict=True)),
        "shards": dict(state.shards),
    }
    note = state.skipped.note()
    if note is not None:
        fields["skipped"] = note
    if state.run is not None:
        fields["run"] = dict(state.run)
    return json.dumps(fields).encode("ascii")


def parse_header(header: bytes) -> State:
    """Return the state without its arrays."""
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError):
        raise ValueError("the header is no JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the header is no JSON object")  # noqa: TRY004
    method = fields.get("method")
    if not isinstance(method, str) or method not in METHODS:
        known = " and ".join(map(repr, METHODS))
        raise ValueError(f"the header has method {method!r}, and this rankme knows {known}")
    normalize = fields.get("normalize")
    if not isinstance(normalize, bool):
        raise ValueError(f"the header has normalize {normalize!r}")  # noqa: TRY004
    numbers = METHODS[method].numbers.items()
    n_rows = _header_int(fields, "n_rows", 0, _MAX_COUNT)
    run = fields.get("run")
    if run is not None and not isinstance(run, dict):
        raise ValueError("the header has a run that is no JSON object")
    return State(
        method,
        _header_int(fields, "dim", 1, MAX_DIM),
        normalize,
        n_rows,
        tuple(_header_int(fields, key, *limits) for key, limits in numbers),
        (),
        parse_table(fields.get("shards", {}), n_rows),
        run,
        parse_note(fields.get("skipped")),
    )


def _header_int(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    """Return an integer of the header that is in its range."""
    value = fields.get(key)
    # JSON's true is Python's 1.
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"the header has {key} {value!r}, outside {low} to {high}")
    return value
