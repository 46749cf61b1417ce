"""One observer for all hosts: rows in, pass by pass, and the numbers of a pass out.

A host makes one, gives it what hooks or batches bring, and asks once a pass::

    observer = Observer(["backbone", "projector"], name="rankme", max_rows=25_600)

    observer.reset()                                # a pass begins, on every rank
    for batch in loader:
        outputs = model(batch)                      # in evaluation mode
        observer.take("backbone", outputs.features)                  # (n, K)
        observer.take("projector", outputs.tokens, mask=batch.mask)  # (n, T, K), (n, T)
    reading = observer.result()                     # a collective call: every rank makes it
    log(reading.values(), step)                     # the same numbers on every rank

- ``observer.active = False`` makes `take` cost next to nothing, for steps that are not due.
- ``observer.is_full`` says that further batches bring this rank nothing.
- ``reading`` stays as it is, whatever the observer does next: ``values()`` under the keys of logs,
  ``scores()`` and ``metrics()`` by target, ``sums`` the accumulators of all ranks.
- Rows with NaN or infinity are left out and counted; the values of that pass are NaN, beside
  ``/n_rows`` and ``/n_skipped``.
- What the user set up wrongly is an error that names the target: of one process at once. Where
  there are several ranks, `take` warns, and `result` raises on all of them, so that none waits.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rankme._accumulators import state_file
from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import as_eps, as_index
from rankme._base.devices import as_device
from rankme._base.optional import require
from rankme.integrations._pooling import first_rows, pooled, require_pool
from rankme.integrations._ranks import Ranks
from rankme.integrations._reading import Measures, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

torch = require("torch", extra="torch", what="rankme.integrations")

__all__ = ["MAX_ROWS", "Observer"]

MAX_ROWS = 25_600  # as many as the authors of RankMe take
_TELL = "rank {rank}: {error}; no more rows are taken, and the end of the pass is an error"


class Observer:
    """Rows of some targets, pass by pass, over all ranks of a process group.

    Parameters
    ----------
    targets : iterable of str
        The same names on every rank.
    name : str
        The first part of the keys in logs.
    max_rows : int or None
        Of each target in a pass, over all ranks: the first that come. None takes all.
    pool : str, callable or mapping of target to these, optional
        How an output becomes rows: as in `rankme.integrations._pooling.pooled`.
    metrics : sequence of str
        Further keys of ``Spectrum.metrics()``.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for ``/std_error``: a pass then costs `groups` + 1 eigenproblems
        and not one, and rows that lie on a GPU are copied to the processor.
    device : str, optional
        Where the sums lie: as in `rankme.Accumulator`. By default where the rows lie.
    n_total : int, optional
        Inputs of the data set where ``DistributedSampler`` deals them out, so that what it repeats
        at the end is not counted twice: as in `rankme.distributed.torch.drop_padding`.
    group : torch.distributed.ProcessGroup, optional
        The ranks that see different inputs. By default all.
    """

    def __init__(
        self,
        targets: Iterable[str],
        *,
        name: str = "rankme",
        max_rows: int | None = MAX_ROWS,
        pool: str | Callable[..., Any] | Mapping[str, Any] | None = None,
        metrics: Sequence[str] = (),
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: int | None = None,
        run_length: int = RUN_LENGTH,
        device: str | None = None,
        n_total: int | None = None,
        group: Any = None,
    ) -> None:
        self.targets = tuple(targets)
        self.name = name
        self.active = True
        self._most = sys.maxsize if max_rows is None else as_index(max_rows, "max_rows", 1)
        self._n_total = None if n_total is None else as_index(n_total, "n_total", 1)
        require_pool(pool)
        self._pool = pool
        self._measures = Measures.checked(metrics, eps=as_eps(eps), center=bool(center))
        self._options: dict[str, Any] = {"normalize": normalize, "skip_nonfinite": True}
        self._device = None if device is None else as_device(device)
        if groups is not None:
            Accumulator(1, groups=groups, run_length=run_length)  # refuses what cannot be
            self._options |= {"groups": groups, "run_length": run_length}
        self._ranks = Ranks(group)
        self._last: Reading | None = None
        self._before: dict[str, int] = {}  # rows of the pass before
        self.reset()

    def reset(self) -> None:
        """Begin a pass: forget the rows. What `result` gave stays as it is."""
        if self._last is not None:
            self._before = self._last.counts
        self._sums: dict[str, Accumulator] = {}
        self._left: dict[str, int] | None = None
        self._inputs = dict.fromkeys(self.targets, 0)
        self._problem: Exception | None = None
        self._is_new = True

    @property
    def is_full(self) -> bool:
        """Whether this rank has its share of rows of every target."""
        return self._left is not None and not any(self._left.values())

    def take(self, target: str, output: Any, *, mask: Any = None, keep: Any = None) -> None:
        """Take in the rows of an output; of a pass that is full, or not active, nothing.

        Parameters
        ----------
        target : str
        output : torch.Tensor
            (n, K), or what `pool` or `mask` make rows of; on any device. It is not kept.
        mask : torch.Tensor, optional
            (n, T), True or 1 of the tokens that count; it concerns outputs of (n, T, K) alone. Or
            (n), of the inputs that do.
        keep : int or torch.Tensor, optional
            How many of the n inputs count, the first of them; or (n), True of those that do: what a
            sampler repeated is not to be counted.
        """
        if not self.active or self._problem is not None:
            return
        if self._left is None:
            share = self._ranks.share(self._most)
            self._left = dict.fromkeys(self.targets, share)
        # In a backward pass a module that is checkpointed runs again, and its rows have come.
        if not self._left.get(target, 1) or torch._C._current_graph_task_id() != -1:  # noqa: SLF001
            return
        try:
            with torch.no_grad():
                self._take(target, output, mask, keep, self._left)
        except Exception as error:  # noqa: BLE001
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Raise an error; where there are several ranks, tell of it, and let `result` raise it."""
        if self._ranks.world == 1:
            raise error
        self._problem = error
        text = _TELL.format(rank=self._ranks.rank, error=error)
        warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _take(self, target: str, output: Any, mask: Any, keep: Any, left: dict[str, int]) -> None:
        """Take in rows, or raise."""
        if target not in left:
            known = ", ".join(map(repr, self.targets))
            raise ValueError(f"there is no target {target!r}; the targets are {known}")
        pool = self._pool.get(target) if isinstance(self._pool, Mapping) else self._pool
        what = f"target {target!r}"
        part = output if callable(pool) else self._ranks.own_part(output, what)
        if part is None:
            return
        rows, counted = pooled(part, pool, what, None if mask is None else torch.as_tensor(mask))
        rows = rows.detach()
        if not rows.shape[0]:
            raise ValueError(
                f"target {target!r} gives shape {tuple(rows.shape)}, and there is no row in it; "
                f"leave out the target, or the batches that have none of it"
            )
        rows, counted = self._kept(target, rows, counted, keep)
        rows, counted, n_rows = first_rows(rows, counted, left[target])
        if not n_rows:
            return
        try:
            acc = self._sum_of(target, rows)
            # A GPU reads what lies in host memory as it comes.
            acc.update(rows if rows.device.type == "cpu" else rows.to(acc.device), mask=counted)
        except (TypeError, ValueError) as error:
            raise type(error)(f"target {target!r}: {error}") from error
        except ImportError as error:
            text = f"target {target!r}: {error}; device='cpu' brings the rows to the processor"
            raise ImportError(text, name=error.name) from error
        left[target] -= n_rows
        self._is_new = True

    def _kept(self, target: str, rows: Any, counted: Any, keep: Any) -> tuple[Any, Any]:
        """Leave out inputs that a sampler repeated."""
        if self._n_total is not None:
            before = self._inputs[target]
            self._inputs[target] += rows.shape[0]
            dealt = self._ranks.dealt(self._n_total, self._inputs[target], target)
            fresh = max(0, dealt - before)
            rows, counted = rows[:fresh], counted if counted is None else counted[:fresh]
            keep = keep if keep is None or isinstance(keep, int) else keep[:fresh]
        if keep is None:
            return rows, counted
        if isinstance(keep, int):
            return rows[:keep], None if counted is None else counted[:keep]
        keep = torch.as_tensor(keep, device=rows.device, dtype=torch.bool)
        if keep.shape != rows.shape[:1]:
            raise ValueError(
                f"target {target!r} gives {rows.shape[0]} inputs, and keep has shape "
                f"{tuple(keep.shape)}; wanted is one value an input"
            )
        wide = keep if rows.ndim == 2 else keep[:, None].expand(rows.shape[:2])  # noqa: PLR2004
        return rows, wide if counted is None else wide & counted

    def _sum_of(self, target: str, rows: Any) -> Accumulator:
        """Return the accumulator that rows go to, where they lie if sums can be kept there."""
        on_gpu = rows.device.type == "cuda" and "groups" not in self._options
        place = self._device or (str(rows.device) if on_gpu else "cpu")
        if target not in self._sums:
            self._sums[target] = Accumulator(rows.shape[-1], device=place, **self._options)
        acc = self._sums[target]
        if acc.dim != rows.shape[-1]:
            raise ValueError(
                f"rows have width {rows.shape[-1]}, and had {acc.dim} before in this pass; rows of "
                f"one width belong to a target"
            )
        if acc.device != place:
            acc = self._sums[target] = acc.copy(device=place)
        return acc

    def result(
        self, *, default: Reading | None = None, before: Mapping[str, int] | None = None
    ) -> Reading:
        """Return the numbers of the rows so far, over all ranks; a collective call.

        Parameters
        ----------
        default : Reading, optional
            What is returned where no rank has rows of any target.
        before : mapping of str to int, optional
            Rows of an earlier pass over the same data, if that is not the pass before.

        Raises
        ------
        ValueError
            If no rank has rows of a target, which is named.
        RuntimeError
            If another rank has an error: it names the rank.

        Warns
        -----
        UserWarning
            On the first rank, if there are more or fewer rows of a target than in the pass before:
            the scores cannot be compared then.
        """
        anything_new = self._ranks.any_of(self._is_new, self._problem)
        if self._last is not None and not anything_new:
            return self._last
        sums = self._ranks.reduced({target: self._sums.get(target) for target in self.targets})
        seen = {target: acc for target, acc in sums.items() if acc is not None}
        if not seen and default is not None:
            return default
        for target in self.targets:
            if target not in seen:
                raise ValueError(
                    f"target {target!r} gave no rows in this pass: its module did not run, or not "
                    f"in evaluation mode (model.eval()), or it is not in the batch"
                )
        # Computed once, so that every rank has the same bits, whatever its processor and threads.
        found = self._ranks.from_first(
            lambda: {target: self._measures.of(acc) for target, acc in seen.items()}
        )
        reading = self._last = Reading(self.name, seen, found)
        self._is_new = False
        self._warn_of_counts(reading.counts, self._before if before is None else before)
        return reading

    def _warn_of_counts(self, counts: Mapping[str, int], earlier: Mapping[str, int]) -> None:
        """Say that scores of this pass and of the one before are of unequal N."""
        for target, rows in counts.items():
            before = earlier.get(target, rows)
            if rows != before and self._ranks.rank == 0:
                warnings.warn(
                    f"target {target!r} has {rows} rows in this pass and had {before} in the one "
                    f"before; RankMe grows with the number of rows, so give every pass as many",
                    UserWarning,
                    stacklevel=3,
                )

    def state_dict(self) -> dict[str, Any]:
        """Return the rows of this rank so far, as tensors and numbers: each rank saves its own."""
        return {
            "sums": {
                target: torch.frombuffer(bytearray(acc.__getstate__()), dtype=torch.uint8)
                for target, acc in self._sums.items()
            },
            "left": None if self._left is None else dict(self._left),
            "inputs": dict(self._inputs),
            "before": dict(self._before if self._last is None else self._last.counts),
            "rank": [self._ranks.rank, self._ranks.world],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave on the same rank."""
        here = [self._ranks.rank, self._ranks.world]
        if list(state["rank"]) != here:
            raise ValueError(
                f"the state is of rank {state['rank'][0]} of {state['rank'][1]}, and this is rank "
                f"{here[0]} of {here[1]}: its rows would be counted on both; save and load one "
                f"state for each rank, or begin the pass again"
            )
        if set(state["inputs"]) != set(self.targets):
            raise ValueError(
                f"the state has the targets {sorted(state['inputs'])}, and this observer "
                f"{sorted(self.targets)}"
            )
        sums = {target: self._loaded(target, data) for target, data in state["sums"].items()}
        self.reset()
        self._sums = sums
        self._left = None if state["left"] is None else dict(state["left"])
        self._inputs = dict(state["inputs"])
        self._before = dict(state["before"])

    def _loaded(self, target: str, data: Any) -> Accumulator:
        """Return the sums of a state, of the same options as here."""
        name = f"target {target!r}"
        state = state_file.decode(data.cpu().numpy().tobytes(), name)
        acc = Accumulator._from_state(state, "cpu", "float64")  # noqa: SLF001
        try:
            acc.merge(Accumulator(acc.dim, **self._options))  # which refuses what differs
        except ValueError as error:
            raise ValueError(f"{name}: the state is of other options: {error}") from error
        return acc
