"""Which run is best, how sure that is, and what speaks against the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.dealt import as_groups
from rankme._base.arguments import MAX_SEED, as_eps, as_index
from rankme._scoring.progress import as_progress, shown
from rankme.selection._cautions import cautions, log_ratio, not_above, refuse_unlike_tags
from rankme.selection._checkpoints import chosen, local_maxima, require_rule, steps_of
from rankme.selection._estimates import Definition, definition_of, estimate_runs
from rankme.selection._pairing import pairing_of
from rankme.selection._ranking import Ranking
from rankme.selection._run import Run
from rankme.selection._sets import (
    as_wanted_rows,
    common_rows,
    names_of,
    open_runs,
    with_enough_rows,
)
from rankme.selection.comparison import Comparison
from rankme.sources._converted import as_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from rankme.selection._estimates import Measured
    from rankme.selection._sets import Sample

__all__ = ["Choices", "compare", "compare_sets"]

ALLOWED = ("eps", "center", "normalize", "layer", "tap", "split", "data")
_FEWEST_RUNS = 2


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The arguments of `compare` beside the sets."""

    rows: str | int = "equal"
    seed: int | None = 0
    groups: int = 16
    paired: bool | None = None
    baseline: str | None = None
    order: Any = None
    rule: str = "max"
    after: Any = None
    eps: float = 1e-7
    center: bool = False
    normalize: bool = False
    column: str | None = None
    dtype: object = None
    tags: Any = None
    ids: Any = None
    allow: Any = ()
    progress: bool | None = None


def compare(
    sets: Mapping[str, Any],
    *,
    rows: str | int = "equal",
    seed: int | None = 0,
    groups: int = 16,
    paired: bool | None = None,
    baseline: str | None = None,
    order: Mapping[str, float] | Sequence[float] | NDArray[Any] | None = None,
    rule: str = "max",
    after: float | None = None,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
    column: str | None = None,
    dtype: object = None,
    tags: Mapping[str, Mapping[str, str | int | float | bool]] | None = None,
    ids: Mapping[str, Any] | None = None,
    allow: str | Collection[str] = (),
    progress: bool | None = None,
) -> Comparison:
    """Rank runs by RankMe, and say which of them cannot be told from the best one.

    The paper that defines RankMe compares runs of one method by the same data [1]_. What can be
    seen of a comparison that breaks this is an error or a warning.

    Parameters
    ----------
    sets : mapping
        From the names of two or more runs to their embeddings: an array of shape (N, K), or
        whatever else in memory `rankme.score` takes as one set; a path, pattern or URL; a
        `RowSource`; an accumulator with ``groups``, or the file that it was saved in; an
        `Estimate`; or a list of these: the repeats of a run, such as its seeds, whose mean counts.
    rows : "equal" or int
        Every set is scored on this many rows; by default on as many as the smallest one has.
    seed : int or None
        Which rows these are: a random subset, or with None the first ones. The same rows of all
        sets of one length, in their order; the first ones of sets of any length.
    groups : int
        B of the jackknife, as in `rankme.estimate`.
    paired : bool, optional
        Row i of every set belongs to the same input: errors of differences are then those of
        pairs, which are often far smaller. By default only where `ids`, or the fingerprints of
        accumulators, prove it; True is your word for it. Paired estimates, and accumulators, need
        the same groups, and accumulators that were merged need fingerprints: nothing else tells
        which rows their groups hold.
    baseline : str, optional
        The name of an untrained run, which is never `best`, `tied` or the `choice`. What is not
        above it is warned of.
    order : mapping, sequence, array or Series of float, optional
        The steps of checkpoints along one run: by name, or in the order of `sets`.
    rule : {"max", "plateau"}
        Which checkpoint is the `choice`: the highest, or the first that lies within one standard
        error of the highest.
    after : float, optional
        Choose among checkpoints from this step on: untrained networks may score high.
    eps : float
        As in `rankme.score`.
    center, normalize : bool
        As in `rankme.score`.
    column, dtype
        As in `rankme.open_source`, of all sets that are paths; `column` of tables in memory too.
    tags : mapping, optional
        From names of runs to tags, which are put over those of their accumulators and sources.
    ids : mapping, optional
        From names of runs to lists or arrays of an id a row. Where those of all runs are the same
        in the same order, the runs are paired. Not of accumulators that were merged: these take
        ids with the rows, `rankme.Accumulator.update`.
    allow : str or collection of str
        What may differ all the same: ``"eps"``, ``"center"`` and ``"normalize"`` of accumulators
        and estimates; the tags ``"layer"``, ``"tap"``, ``"split"`` and ``"data"``.
    progress : bool, optional
        As in `rankme.spectrum`; the whole is the rows of all runs. It moves on by rows of files and
        sources, and by whole sets of arrays.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If `sets` is no mapping of texts to sets, or another argument is of another kind.
    ValueError
        If there are fewer than two runs, or an empty one; if a run was computed by another
        definition, or has fewer rows than wanted, or sums of another number of rows; if tags that
        should be alike differ; if `paired` runs have different numbers of rows, groups or ids; if
        another argument is none of the above. The text names the run, and how to insist. Also if
        a set is none that `rankme.score` takes, or holds NaN or infinity.
    OSError, MissingLibraryError, IntegrityError, RuntimeError, MemoryError
        As `rankme.score`.

    Notes
    -----
    A run is tied with the best one unless it is two standard errors of their difference below, or
    more where there are many runs: the one-sided quantile of Student's t for 5% over the number of
    runs less one [2]_. So the truly best run is the best or a tied one in 95% of choices.

    The error of a difference counts the sample of rows, by the jackknife, and the spread among
    repeats, pooled over all runs that have some: runs without repeats get that of the others, as
    the table says. Where no run has repeats, nobody knows how far another seed would be.

    References
    ----------
    .. [1] Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, "RankMe: Assessing the Downstream
       Performance of Pretrained Self-Supervised Representations by Their Rank", ICML 2023,
       arXiv:2210.02885.
    .. [2] J. C. Hsu, "Multiple Comparisons: Theory and Methods", 1996, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> X = np.random.default_rng(0).standard_normal((2000, 16))
    >>> c = rankme.compare({"flat": X, "steep": X / np.arange(1, 17)}, paired=True)
    >>> c.best, c.decided
    ('flat', True)
    """
    return compare_sets(
        sets,
        Choices(
            rows=rows,
            seed=seed,
            groups=groups,
            paired=paired,
            baseline=baseline,
            order=order,
            rule=rule,
            after=after,
            eps=as_eps(eps),
            center=bool(center),
            normalize=bool(normalize),
            column=column,
            dtype=dtype,
            tags=tags,
            ids=ids,
            allow=allow,
            progress=progress,
        ),
    )


def compare_sets(
    sets: object, choices: Choices, failed: Callable[[str, Exception], None] | None = None
) -> Comparison:
    """Do what `compare` does; `failed` is told of runs that cannot be, and they are left out."""
    allow = _allowed(choices.allow)
    seed = None if choices.seed is None else as_index(choices.seed, "seed", 0, MAX_SEED)
    definition = Definition(
        eps=choices.eps,
        center=choices.center,
        normalize=choices.normalize,
        groups=as_groups(choices.groups),
        seed=seed,
    )
    rows = as_wanted_rows(choices.rows)
    wanted_pairs = _as_paired(choices.paired)
    progress = as_progress(choices.progress)
    _require_baseline(choices.baseline, sets)
    reading = as_reading(choices.column, choices.dtype, integers=False, unpack_bits=False)
    opened = open_runs(sets, reading, tags=choices.tags, ids=choices.ids, failed=failed)
    runs = with_enough_rows(opened, rows, failed)
    _refuse_few(runs)
    refuse_unlike_tags(runs, allow)
    steps = steps_of(choices.order, list(runs))
    trained = {name: step for name, step in steps.items() if name != choices.baseline}
    require_rule(choices.rule, choices.after, trained)
    count, measured, told = _measured(runs, rows, definition, allow, failed, progress=progress)
    paired, pairing = pairing_of(measured, wanted_pairs, of_first_rows=seed is None)
    ranking = Ranking(measured, paired=paired, untrained=choices.baseline)
    ranked = [_row(run, ranking, steps.get(run.name)) for run in ranking.runs]
    candidates = [run for run in ranked if run.name != choices.baseline]
    return Comparison(
        best=ranking.best.name,
        tied=ranking.tied(),
        choice=chosen(candidates, rule=choices.rule, after=choices.after),
        rows=count,
        paired=paired,
        pairing=pairing,
        runs=tuple(ranked),
        warnings=(*told, *cautions(ranked), *_of_baseline(ranking, choices.baseline)),
        local_maxima=local_maxima(candidates),
        seed=seed,
        baseline=choices.baseline,
    )


def _require_baseline(baseline: str | None, sets: object) -> None:
    """Refuse the name of another run."""
    if baseline is not None and isinstance(sets, Mapping) and baseline not in sets:
        raise ValueError(f"baseline={baseline!r} is none of the runs {names_of(sets)}")


def _as_paired(paired: object) -> bool | None:
    """Return whether pairs are wanted; None where that is to be found out."""
    if paired is None:
        return None
    if not isinstance(paired, bool | np.bool_):
        raise TypeError(f"paired must be True, False or None, not {paired!r}")
    return bool(paired)


def _measured(
    runs: Mapping[str, Sequence[Sample]],
    rows: int | None,
    definition: Definition,
    allow: Collection[str],
    failed: Callable[[str, Exception], None] | None,
    *,
    progress: bool | None,
) -> tuple[int, list[Measured], list[str]]:
    """Estimate all runs that can be, on as many rows as all of these have."""
    while True:
        count = common_rows(runs, rows)
        total = count * sum(map(len, runs.values()))
        with shown(progress, f"{len(runs)} runs", total) as meter:
            measured, told = estimate_runs(runs, count, definition, allow, failed, meter=meter)
        runs = {run.name: run.samples for run in measured}
        _refuse_few(runs)
        # A run may have failed that had the fewest rows.
        if common_rows(runs, rows) == count:
            return count, measured, told


def _allowed(allow: str | Collection[str]) -> frozenset[str]:
    """Return the names of what may differ."""
    names = frozenset({allow} if isinstance(allow, str) else allow)
    unknown = names - set(ALLOWED)
    if unknown:
        raise ValueError(f"allow takes {names_of(ALLOWED)}, not {min(unknown)!r}")
    return names


def _refuse_few(names: Collection[str]) -> None:
    """Refuse to compare one run, or none."""
    if len(names) < _FEWEST_RUNS:
        alone = ", ".join(map(repr, names)) or "none"
        raise ValueError(
            f"to compare takes two runs or more, and there is {alone}; rankme.estimate(Z) gives "
            f"the score of one with its error"
        )


def _row(run: Measured, ranking: Ranking, step: float | None) -> Run:
    """Write what is known of a run."""
    first = run.estimates[0]
    samples = run.samples
    tags = samples[0].tags.items()
    dtypes = sorted({sample.dtype for sample in samples if sample.dtype is not None})
    gap, gap_error = ranking.gap(run)
    limit = min(first.n_rows - first.center, first.n_cols)
    return Run(
        name=run.name,
        score=run.score,
        low=run.low,
        high=run.high,
        std_error=ranking.error(run),
        bias_corrected=float(np.mean([one.bias_corrected for one in run.estimates])),
        normalized=log_ratio(run.score, limit),
        n_rows=first.n_rows,
        n_cols=first.n_cols,
        dtype=",".join(dtypes) or None,
        definition=definition_of(first),
        tags={k: v for k, v in tags if all(one.tags.get(k) == v for one in samples)},
        scores=tuple(one.score for one in run.estimates),
        limit=limit,
        gap=gap,
        gap_error=gap_error,
        needed_errors=ranking.needed(run),
        paths=tuple(sample.path for sample in samples if sample.path is not None),
        step=step,
    )


def _of_baseline(ranking: Ranking, baseline: str | None) -> list[str]:
    """Warn of runs that are not above the untrained one."""
    if baseline is None:
        return []
    untrained = next((run for run in ranking.runs if run.name == baseline), None)
    if untrained is None:  # it failed, and the others were to be compared
        return [f"the untrained run {baseline!r} is missing: nothing tells what is above it"]
    others = [run for run in ranking.runs if run is not untrained]
    below = [run.name for run in others if not ranking.is_above(run, untrained)]
    return [not_above(untrained.name, below)] if below else []
