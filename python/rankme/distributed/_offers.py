"""What the ranks of a ``torch.distributed`` group bring to a reduction, told to all before it.

Each rank gathers the notes of all, and decides by itself: so every rank comes to the same verdict,
and an error of one is an error of all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.layers import LayerAccumulator
from rankme._accumulators.provenance import Origin, Provenance
from rankme._accumulators.shards import duplicate_shard, encoded
from rankme._accumulators.skipped import Skipped
from rankme._base.arguments import type_name
from rankme.distributed._collectives import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme._accumulators.state_header import State

__all__ = ["ALONE", "Common", "Offer", "agreed", "filled", "offers_of"]

ALONE = ""  # the name of an accumulator that comes without one
_MAX_COUNT = 2**63 - 1


class Note(NamedTuple):
    """What the others have to know of an accumulator or a stack."""

    kind: str  # the name of its class
    dims: list[int]  # one, or one a layer
    normalize: bool
    seed: int
    groups: int | None
    run_length: int | None
    position: int
    skipped: int
    skip_nonfinite: bool
    shards: Mapping[str, int]
    left_out: Mapping[str, int]
    origin: Any


class Offer(NamedTuple):
    """What a rank brings under a name."""

    states: list[State]  # one, or one a layer
    note: Note
    device: str


class Common(NamedTuple):
    """What all ranks have in common under a name, and what they have together."""

    like: Note  # for a rank that brings None
    position: int
    skipped: int
    shards: dict[str, int]
    left_out: dict[str, int]
    origin: Origin


def offers_of(named: Mapping[str, object], *, alone: bool) -> dict[str, Offer | None]:
    """Take the states, by name in order; an error names what cannot be reduced.

    What comes alone, without a name, may not be None.
    """
    for name in named:
        if not isinstance(name, str):
            raise TypeError(f"the keys of acc must be texts, and {name!r} is {type_name(name)}")
    return {
        name: _offer_of(named[name], "acc" if alone else f"acc[{name!r}]")
        if alone or named[name] is not None
        else None
        for name in sorted(named)
    }


def _offer_of(acc: object, label: str) -> Offer:
    """Take one state."""
    if isinstance(acc, LayerAccumulator):
        states, device = [_scatter(one) for one in acc._states()], acc.device  # noqa: SLF001
    elif not isinstance(acc, Accumulator):
        raise TypeError(
            f"{label} must be a rankme.Accumulator or LayerAccumulator, not {type_name(acc)}"
        )
    elif acc.method != "gram":
        raise ValueError(
            f'all_reduce adds Gram matrices; method="{acc.method}" of {label} has none: '
            f"save the accumulators and merge them"
        )
    else:
        states, device = [_scatter(acc._state())], acc.device  # noqa: SLF001
    return Offer(states, _note_of(type(acc), states), device)


def _scatter(state: State) -> State:
    """Return a state about the mean; that of a GPU is not yet one."""
    if state.kind != "gram":
        return state
    return Accumulator._from_state(state, "cpu", "float64")._state()  # noqa: SLF001


def _note_of(kind: type, states: list[State]) -> Note:
    """Say of states what the others have to know."""
    first = states[0]
    dealt = first.groups
    return Note(
        "LayerAccumulator" if issubclass(kind, LayerAccumulator) else "Accumulator",
        [state.dim for state in states],
        first.normalize,
        first.seed or 0,
        None if dealt is None else len(dealt.rows),
        None if dealt is None else dealt.run_length,
        0 if dealt is None else dealt.position,
        first.skipped.rows,
        first.skipped.allowed,
        first.shards,
        first.skipped.shards,
        first.origin,
    )


def agreed(
    offers: Mapping[str, Offer | None], problem: Exception | None, group: Any, place: Any
) -> dict[str, Common | None]:
    """Tell all ranks what this one brings, and return what they bring together, by name.

    None stands for what no rank has. An error of one rank is an error on every rank.
    """
    notes = {name: None if one is None else one.note for name, one in offers.items()}
    ranks = told(notes, problem, group, place)
    _require_same_names([set(theirs) for theirs in ranks])
    return {
        name: _common(name, [theirs[name] and Note(*theirs[name]) for theirs in ranks])
        for name in offers
    }


def _require_same_names(by_rank: list[set[str]]) -> None:
    """Refuse ranks that do not bring the same names."""
    every = set().union(*by_rank)
    lacks = [
        f"rank {rank} lacks {', '.join(repr(name) for name in sorted(every - names))}"
        for rank, names in enumerate(by_rank)
        if names != every
    ]
    if lacks:
        raise ValueError(
            f"the ranks bring different names: {'; '.join(lacks)}. Every rank brings the same "
            f"names, with None where it has no rows"
        )


def _common(name: str, notes: list[Note | None]) -> Common | None:
    """Return what the ranks have together, or refuse what does not fit."""
    present = {rank: note for rank, note in enumerate(notes) if note is not None}
    if not present:
        return None
    of = "the accumulators" if name == ALONE else repr(name)
    for field in ("kind", "dims", "normalize", "seed", "groups", "run_length"):
        _require_same(field, of, {rank: getattr(note, field) for rank, note in present.items()})
    like, *_ = present.values()
    total: dict[str, int] = {}
    left_out: Counter[str] = Counter()
    provenance = Provenance()
    for note in present.values():
        left_out.update(note.left_out)
        for shard in sorted(total.keys() & note.shards.keys()):
            raise ValueError(duplicate_shard(encoded(shard), total[shard], note.shards[shard]))
        total.update(note.shards)
        provenance.merge(Origin(*note.origin))
    # Who comes first goes on, as in a merge.
    position = notes[0].position if notes[0] is not None else 0
    skipped = min(sum(note.skipped for note in present.values()), _MAX_COUNT)
    return Common(like, position, skipped, total, dict(left_out), provenance.origin)


def _require_same(field: str, of: str, by_rank: dict[int, Any]) -> None:
    """Refuse a setting that differs among the ranks, given that of each."""
    if field == "dims":
        _require_same("n_layers", of, {rank: len(dims) for rank, dims in by_rank.items()})
        # What all layers have in common is one number, as their user gave it.
        if all(len(set(dims)) == 1 for dims in by_rank.values()):
            field, by_rank = "dim", {rank: dims[0] for rank, dims in by_rank.items()}
    first_with = {str(value): rank for rank, value in reversed(by_rank.items())}
    if len(first_with) > 1:
        seen = " and ".join(
            f"{value} (rank {rank})"
            for value, rank in sorted(first_with.items(), key=lambda pair: pair[1])
        )
        raise ValueError(f"{field} of {of} differs among the ranks: {seen}")


def filled(offer: Offer | None, common: Common) -> Offer:
    """Return what a rank brings, or the same without rows where it brings None."""
    if offer is not None:
        return offer
    like = common.like
    settings: dict[str, Any] = {"normalize": like.normalize, "seed": like.seed}
    if like.groups is not None:
        settings |= {"groups": like.groups, "run_length": like.run_length}
    allowed = Skipped(0, {}, allowed=like.skip_nonfinite)
    states = [
        Accumulator(dim, **settings)._state()._replace(skipped=allowed)  # noqa: SLF001
        for dim in like.dims
    ]
    return Offer(states, like, "cpu")
