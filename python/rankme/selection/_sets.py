"""What is compared: each set opened, and the number of rows that all of them have."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators import state_file
from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.dealt import Deal
from rankme._accumulators.provenance import fingerprint_of
from rankme._base.arguments import as_index, type_name
from rankme._base.arrays import as_matrix, is_tensor
from rankme._base.tags import Tags, as_tags
from rankme.metrics._estimate import EQUAL_RUNS, Dealt, Estimate
from rankme.metrics._jackknife import MIN_GROUPS
from rankme.sources import RowSource
from rankme.sources._block_stream import is_blocks
from rankme.sources._open import open_as
from rankme.sources._shown import shown_url
from rankme.sources.memory import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from rankme.sources._reading import Reading

__all__ = [
    "Sample",
    "as_wanted_rows",
    "common_rows",
    "names_of",
    "naming",
    "open_runs",
    "with_enough_rows",
]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One set of rows of one run: the rows, or the sums or the estimate that is left of them."""

    run: str
    held: Any  # an array, a source, an Accumulator or an Estimate
    n_rows: int
    n_cols: int
    dtype: str | None = None
    path: str | None = None
    tags: Tags = field(default_factory=dict)
    of_shards: tuple[Tags, ...] = ()  # that its files have
    dealt: Dealt = EQUAL_RUNS

    @property
    def has_rows(self) -> bool:
        """Whether rows can still be chosen from it."""
        return not isinstance(self.held, Accumulator | Estimate)


_FAILURES = (
    ValueError,
    TypeError,
    ArithmeticError,
    OSError,
    ImportError,
    RuntimeError,
    MemoryError,
)


@contextmanager
def naming(run: str, failed: Callable[[str, Exception], None] | None = None) -> Iterator[None]:
    """Let errors name the run, or hand them on."""
    try:
        yield
    except _FAILURES as error:
        if failed is not None:
            failed(run, error)
            return
        if isinstance(error, ValueError | TypeError):
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"run {run!r}: {error}") from error
        raise


def open_runs(
    sets: object,
    reading: Reading,
    *,
    tags: object,
    ids: object,
    failed: Callable[[str, Exception], None] | None = None,
) -> dict[str, list[Sample]]:
    """Open all sets of all runs; the arguments are those of `rankme.compare`."""
    if not isinstance(sets, Mapping):
        raise TypeError(
            f"sets must be a mapping from names to sets, such as {{'a': Za, 'b': Zb}}, not "
            f"{type_name(sets)}"
        )
    for name in sets:
        if not isinstance(name, str):
            raise TypeError(f"the names of sets must be texts, and {name!r} is {type_name(name)}")
    told = _by_run(tags, sets, "tags")
    known = _by_run(ids, sets, "ids")
    runs = {}
    for name, entry in sets.items():
        with naming(name, failed):
            found = [_found(one, name, reading) for one in _repeats(entry)]
            runs[name] = [_opened(one, name, told.get(name, {}), known.get(name)) for one in found]
            _refuse_unlike_widths(runs[name])
    return runs


def _repeats(entry: object) -> list[Any]:
    """Return the sets of a run."""
    if not isinstance(entry, list | tuple):
        return [entry]
    if not entry:
        raise ValueError("there is no set: the list of its repeats is empty")
    if _is_vector(entry[0]):
        raise TypeError(
            "it is a list of vectors, and the entries of a list are the repeats of a run, each a "
            "set of its own; numpy.asarray(...) of the list is one set"
        )
    return list(entry)


def _is_vector(entry: Any) -> bool:
    """Whether an entry of a list can be no set: a row of numbers, or a number."""
    if isinstance(entry, np.ndarray) or is_tensor(entry):
        return bool(entry.ndim < 2 and entry.dtype != object)  # noqa: PLR2004 - rows and columns
    if isinstance(entry, list | tuple):
        return bool(entry) and isinstance(entry[0], numbers.Number)
    return isinstance(entry, numbers.Number)


def _refuse_unlike_widths(repeats: Sequence[Sample]) -> None:
    """Refuse repeats of different K: they are no repeats, and their mean score says nothing."""
    widths = sorted({sample.n_cols for sample in repeats})
    if len(widths) > 1:
        raise ValueError(
            f"its repeats have K = {' and '.join(map(str, widths))}: repeats differ in nothing but "
            f"chance; give each K a name of its own"
        )


def _by_run(given: object, sets: Mapping[str, object], argument: str) -> Mapping[str, Any]:
    """Return what was told of some of the runs."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{argument} must be a mapping from the names of runs, not {type_name(given)}"
        )
    for name in given:
        if name not in sets:
            raise ValueError(f"{argument} tells of {name!r}, and the runs are {names_of(sets)}")
    return given


def _opened(
    found: tuple[str | None, Any], run: str, told: Mapping[str, Any], ids: object
) -> Sample:
    """Find out what a set is, without reading its rows."""
    path, held = found
    sample = _sample_of(held, run)
    told = as_tags(told)
    return replace(
        sample,
        path=path,
        tags={**sample.tags, **told},
        of_shards=tuple({**tags, **told} for tags in sample.of_shards),
        dealt=sample.dealt if ids is None else _with_ids(sample, ids),
    )


def _found(entry: Any, run: str, reading: Reading) -> tuple[str | None, Any]:
    """Return where a set is read from, and what holds it."""
    if isinstance(entry, str | os.PathLike):
        is_sum = state_file.is_state(entry)
        held = Accumulator.load(entry) if is_sum else open_as(entry, reading)
        return shown_url(os.fspath(entry)), held
    if isinstance(entry, RowSource):
        return entry.name, entry
    if is_blocks(entry):
        raise TypeError(
            f"it is {type_name(entry)}, whose rows may come once only; take them in with "
            f"acc = rankme.Accumulator(dim, groups=16) and acc.update(block), and compare acc"
        )
    if isinstance(entry, Accumulator | Estimate):
        return None, entry
    return None, resolve(entry, column=reading.column, name=f"sets[{run!r}]")


def _sample_of(held: Any, run: str) -> Sample:
    """Ask what holds a set for its shape and for where its rows come from."""
    sample = partial(Sample, run=run, held=held)
    if isinstance(held, Estimate):
        return sample(n_rows=held.n_rows, n_cols=held.n_cols, dealt=held.dealt)
    if isinstance(held, Accumulator):
        dealt = held._dealt(held.fingerprint)  # noqa: SLF001
        return sample(n_rows=held.n_rows, n_cols=held.dim, tags=held.tags, dealt=dealt)
    if isinstance(held, RowSource):
        return sample(
            n_rows=held.n_rows,
            n_cols=held.n_cols,
            dtype=",".join(sorted({shard.dtype.name for shard in held.shards})),
            tags=held.tags,
            of_shards=tuple(shard.tags for shard in held.shards),
        )
    view = as_matrix(held, f"sets[{run!r}]")
    return sample(n_rows=view.shape[0], n_cols=view.shape[1], dtype=view.dtype)


def _with_ids(sample: Sample, ids: object) -> Dealt:
    """Return how rows were dealt, with the fingerprint of ids that tell what the groups hold."""
    dealt = sample.dealt
    if dealt.merged:
        raise ValueError(
            "ids cannot tell which rows each group of a sum that was merged holds; an accumulator "
            "knows it where its rows came with their ids: acc.update(Z, ids=...)"
        )
    groups = None
    if dealt.run_length is not None:
        groups = Deal(sample.held.groups, dealt.run_length).labels(sample.n_rows)
    told = fingerprint_of(ids, sample.n_rows, groups)
    if dealt.fingerprint not in (None, told):
        raise ValueError("ids are not those that came with its rows; leave out one of the two")
    return dealt._replace(fingerprint=told)


def as_wanted_rows(rows: object) -> int | None:
    """Return how many rows each set is to be scored on; None for as many as the smallest has."""
    if not isinstance(rows, str):
        return as_index(rows, "rows", MIN_GROUPS)  # type: ignore[arg-type]
    if rows != "equal":
        raise ValueError(f"rows must be 'equal' or a number, not {rows!r}")
    return None


def with_enough_rows(
    runs: Mapping[str, Sequence[Sample]],
    rows: int | None,
    failed: Callable[[str, Exception], None] | None,
) -> dict[str, Sequence[Sample]]:
    """Return the runs without those whose rows are fewer than wanted, or than an estimate takes."""
    most = min((one.n_rows for samples in runs.values() for one in samples), default=0)
    kept: dict[str, Sequence[Sample]] = {}
    for name, samples in runs.items():
        with naming(name, failed):
            few = min(sample.n_rows for sample in samples)
            if rows is not None and rows > few:
                raise ValueError(
                    f"rows={rows} is more than its {few} rows; rows={most} is the most that all "
                    f"have"
                )
            if few < MIN_GROUPS and all(sample.has_rows for sample in samples):
                raise ValueError(
                    f"it has {few} rows, and a sampling error takes {MIN_GROUPS} at least, and "
                    f"means little below a few hundred; leave the run out"
                )
            kept[name] = samples
    return kept


def common_rows(runs: Mapping[str, Sequence[Sample]], rows: int | None) -> int:
    """Return the number of rows that all sets are scored on; an error names who has another."""
    samples = [sample for repeats in runs.values() for sample in repeats]
    few = min(samples, key=lambda sample: sample.n_rows)
    count = few.n_rows if rows is None else rows
    for sample in samples:
        if not sample.has_rows and sample.n_rows != count:
            other = f"rows={count}" if rows is not None else f"run {few.run!r} has {count}"
            raise ValueError(
                f"run {sample.run!r} has {sample.n_rows} rows and {other}, and of sums no rows can "
                f"be left out: RankMe grows with N; compare the rows themselves, or sums of as many"
            )
    return count


def names_of(names: Sequence[str] | Mapping[str, object]) -> str:
    """List names in an error."""
    return ", ".join(map(repr, names))
