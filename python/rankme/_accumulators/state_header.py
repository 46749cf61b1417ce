"""The header of a saved state: what the numbers that follow it are."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rankme._accumulators.provenance import NOWHERE, Origin, parse_origin
from rankme._accumulators.shards import parse_table
from rankme._accumulators.skipped import NOTHING, Skipped, parse_note
from rankme._accumulators.state_groups import Groups, parse_groups
from rankme._base.arguments import MAX_DIM, MAX_SEED

__all__ = [
    "KINDS",
    "Section",
    "State",
    "arrays_of",
    "kind_of",
    "parse_header",
    "with_groups",
    "write_header",
]

_FIRST_WITH_SECTIONS = 3  # version of the format
# Arrays of a kind that older versions had as well, but without them: zeros there.
_SINCE_SECTIONS = frozenset({"origin", "beside"})

_MAX_COUNT = 2**63 - 1
_MAX_EXPONENT = 1000  # the core's own limit
_NO_SHARDS: Mapping[str, int] = MappingProxyType({})


class State(NamedTuple):
    """What an accumulator is, without the room it works in.

    ``numbers`` and ``arrays`` are those of the kind, in the order of `KINDS`. ``shards`` has the
    rows of each shard, ``skipped`` those that were left out, ``origin`` their tags and ids; ``run``
    belongs to the file and not to the accumulator. Of the kind ``groups`` the arrays are those of
    one scatter after the other.
    """

    kind: str
    dim: int
    normalize: bool
    n_rows: int
    numbers: tuple[int, ...]
    arrays: tuple[NDArray[np.float64], ...]
    shards: Mapping[str, int] = _NO_SHARDS
    run: Mapping[str, Any] | None = None
    skipped: Skipped = NOTHING
    origin: Origin = NOWHERE
    groups: Groups | None = None

    @property
    def seed(self) -> int | None:
        """The seed of the probes, where there are any."""
        return dict(zip(KINDS[self.kind].numbers, self.numbers, strict=True)).get("seed")

    @property
    def parts(self) -> "list[State]":
        """One scatter for each group, without shards; of the kind ``groups``."""
        assert self.groups is not None  # noqa: S101
        (seed,) = self.numbers
        size = len(self.arrays) // len(self.groups.rows)
        return [
            State(
                "scatter",
                self.dim,
                self.normalize,
                rows,
                (exponent, seed, *others),
                self.arrays[size * i : size * (i + 1)],
            )
            for i, (rows, (exponent, *others)) in enumerate(
                zip(self.groups.rows, self.groups.numbers, strict=True)
            )
        ]

    @property
    def method(self) -> str:
        """The method of the accumulator that it belongs to."""
        return KINDS[self.kind].method

    @property
    def precision(self) -> str:
        """How the rows of an accumulator in this state are multiplied."""
        return "fast" if self.kind == "fast" else "float64"


class Section(NamedTuple):
    """An array of a file as its header announces it."""

    name: str
    size: int
    required: bool  # a reader that does not know the name must refuse the file


class _Kind(NamedTuple):
    """What the numbers and arrays of a kind of sum are."""

    method: str
    numbers: dict[str, tuple[int, int]]  # name: least and greatest value
    arrays: dict[str, Callable[[int], int]]  # name: entries, by dim


def _triangle(order: int) -> int:
    """Count the entries of a packed triangle."""
    return order * (order + 1) // 2


_OF_SQUARES = {
    "exponent": (-_MAX_EXPONENT, _MAX_EXPONENT),
    "seed": (0, MAX_SEED),
    "blocks": (0, _MAX_COUNT),
    "longest_block": (0, _MAX_COUNT),
}
_OF_SCATTERS: dict[str, Callable[[int], int]] = {
    "origin": lambda dim: dim,
    "offset": lambda dim: dim,
    "offset_low": lambda dim: dim,
    "probe_products": lambda dim: 8 * dim,
    "probe_products_low": lambda dim: 8 * dim,
    "mean_products": lambda _: 8,
    "errors": lambda _: 5,
    "triangle": _triangle,
}
KINDS = {
    "scatter": _Kind("gram", _OF_SQUARES, _OF_SCATTERS),
    # The same where rows were multiplied in float32.
    "fast": _Kind("gram", {**_OF_SQUARES, "fast_rows": (1, _MAX_COUNT)}, _OF_SCATTERS),
    # A scatter for each group: how many there are is in the header, and so are their numbers.
    "groups": _Kind("gram", {"seed": _OF_SQUARES["seed"]}, {}),
    "gram": _Kind(
        "gram",
        _OF_SQUARES,
        {
            "column_sums": lambda dim: dim,
            "probe_products": lambda dim: 8 * dim,
            "triangle": _triangle,
        },
    ),
    "qr": _Kind(
        "qr",
        {"blocks": (0, _MAX_COUNT)},
        {
            "origin": lambda dim: dim,
            "beside": lambda _: 1,
            "triangle": lambda dim: _triangle(dim + 1),
        },
    ),
}


def with_groups(
    parts: list[State], run_length: int, position: int, *, merged: bool = True
) -> State:
    """Put the scatters of groups together to one state, without shards."""
    first = parts[0]
    numbers = [dict(zip(_OF_SQUARES, part.numbers, strict=True)) for part in parts]
    return State(
        "groups",
        first.dim,
        first.normalize,
        sum(part.n_rows for part in parts),
        (numbers[0]["seed"],),
        tuple(array for part in parts for array in part.arrays),
        groups=Groups(
            run_length,
            position,
            tuple(part.n_rows for part in parts),
            tuple(tuple(of[name] for name in _OF_GROUPS) for of in numbers),
            merged,
        ),
    )


_OF_GROUPS = {name: limits for name, limits in _OF_SQUARES.items() if name != "seed"}


def arrays_of(state: State) -> dict[str, int]:
    """Name the arrays of a state, with the entries of each, in the order of the file."""
    if state.groups is None:
        return {name: size(state.dim) for name, size in KINDS[state.kind].arrays.items()}
    scatter = KINDS["scatter"].arrays.items()
    return {
        f"{name}[{group}]": size(state.dim)
        for group in range(len(state.groups.rows))
        for name, size in scatter
    }


def kind_of(method: str, numbers: tuple[int, ...], arrays: tuple[NDArray[np.float64], ...]) -> str:
    """Name the kind of a sum by what the core gives for it."""
    return next(
        name
        for name, kind in KINDS.items()
        if (kind.method, len(kind.numbers), len(kind.arrays)) == (method, len(numbers), len(arrays))
    )


def write_header(state: State) -> bytes:
    """Return the JSON object of a state, without padding."""
    kind = KINDS[state.kind]
    fields = {
        "kind": state.kind,
        "dim": state.dim,
        "normalize": state.normalize,
        "n_rows": state.n_rows,
        **dict(zip(kind.numbers, state.numbers, strict=True)),
        "sections": [Section(name, size, True) for name, size in arrays_of(state).items()],
        "shards": dict(state.shards),
    }
    if state.groups is not None:
        fields["groups"] = state.groups.note(tuple(_OF_GROUPS))
    note = state.skipped.note()
    if note is not None:
        fields["skipped"] = note
    if state.run is not None:
        fields["run"] = dict(state.run)
    fields.update(state.origin.notes())
    return json.dumps(fields).encode("ascii")


def parse_header(header: bytes, version: int) -> tuple[State, list[Section]]:
    """Return the state without its arrays, and the sections that hold them."""
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError):
        raise ValueError("the header is no JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the header is no JSON object")  # noqa: TRY004
    # Before version 3 a file held the arrays of its method, and nothing else.
    key = "method" if version < _FIRST_WITH_SECTIONS else "kind"
    name = fields.get(key)
    known = KINDS if key == "kind" else {k: v for k, v in KINDS.items() if k == v.method}
    if not isinstance(name, str) or name not in known:
        names = " and ".join(map(repr, known))
        raise ValueError(f"the header has {key} {name!r}, and this rankme knows {names}")
    normalize = fields.get("normalize")
    if not isinstance(normalize, bool):
        raise ValueError(f"the header has normalize {normalize!r}")  # noqa: TRY004
    n_rows = _header_int(fields, "n_rows", 0, _MAX_COUNT)
    run = fields.get("run")
    if run is not None and not isinstance(run, dict):
        raise ValueError("the header has a run that is no JSON object")
    dim = _header_int(fields, "dim", 1, MAX_DIM)
    numbers = tuple(
        _header_int(fields, key, *limits) for key, limits in KINDS[name].numbers.items()
    )
    shards = parse_table(fields.get("shards", {}), n_rows)
    skipped = parse_note(fields.get("skipped"))
    origin = parse_origin(fields)
    groups = parse_groups(fields.get("groups"), _OF_GROUPS, n_rows) if name == "groups" else None
    state = State(name, dim, normalize, n_rows, numbers, (), shards, run, skipped, origin, groups)
    own = [Section(array, size, True) for array, size in arrays_of(state).items()]
    if version < _FIRST_WITH_SECTIONS:
        return state, [section for section in own if section.name not in _SINCE_SECTIONS]
    return state, _sections(fields.get("sections"), own, name)


def _sections(value: object, own: list[Section], kind: str) -> list[Section]:
    """Return the sections of a file, all that the kind has and others that may be passed over."""
    if not isinstance(value, list) or not all(map(_is_section, value)):
        raise ValueError("the header has sections that are no list of name, count, required")
    sections = [Section(*entry) for entry in value]
    sizes = {section.name: section.size for section in own}
    for section in sections:
        if section.name not in sizes and section.required:
            raise ValueError(
                f"the file has a section {section.name!r}, which this rankme does not know and "
                f"which its numbers depend on; a newer rankme reads it"
            )
        if section.size != sizes.get(section.name, section.size):
            raise ValueError(
                f"section {section.name!r} has {section.size} numbers; wanted {sizes[section.name]}"
            )
    names = [section.name for section in sections]
    for name in sizes:
        if names.count(name) != 1:
            raise ValueError(f"a {kind} has one section {name!r}, and the file {names.count(name)}")
    return sections


def _is_section(entry: object) -> bool:
    """Whether an entry of the list has a name, a count and whether it is required."""
    return (
        isinstance(entry, list)
        and list(map(type, entry)) == [str, int, bool]
        and 0 <= entry[1] <= _MAX_COUNT
    )


def _header_int(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    """Return an integer of the header that is in its range."""
    value = fields.get(key)
    # JSON's true is Python's 1.
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"the header has {key} {value!r}, outside {low} to {high}")
    return value
