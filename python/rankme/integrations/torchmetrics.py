"""RankMe as a metric of torchmetrics, which Lightning logs.

In a module::

    from rankme.integrations.torchmetrics import RankMe

    class Model(LightningModule):
        def __init__(self):
            super().__init__()
            self.rankme = RankMe(dim=768)

        def validation_step(self, batch, batch_idx):
            self.rankme.update(self.backbone(batch))
            self.log("rankme", self.rankme)

The score is that of all rows of the epoch on all ranks, and not a mean of scores of batches, which
is another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme.distributed.torch import all_reduce
from rankme.integrations._packed import HEAD_SIZE, Kind, pack, require_state, unpack
from rankme.integrations._reading import score_of_epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WHAT = "rankme.integrations.torchmetrics"
torch = require("torch", extra="torchmetrics", what=_WHAT)
Metric = require("torchmetrics", extra="torchmetrics", what=_WHAT).Metric
_gather = require(
    "torchmetrics.utilities.distributed", extra="torchmetrics", what=_WHAT
).gather_all_tensors

__all__ = ["RankMe"]


class RankMe(Metric):  # type: ignore[misc, valid-type]
    """RankMe of all embeddings of an epoch, over all batches and all ranks.

    It has one state, ``sums``: a vector of float64 with the sums of a `rankme.Accumulator`, about
    ``4 * dim**2`` bytes. It moves with ``.to(device)``, and stays float64 whatever the module
    around it is converted to: ``.to(torch.bfloat16)`` changes no digit.

    Ranks are brought together by `rankme.distributed.torch.all_reduce`, which gathers nothing. A
    `dist_sync_fn` of your own is called instead where it is given.

    ``metric(embeddings)``, which is `forward`, also scores the batch by itself, an eigenproblem
    each time. Call `update` in a loop, and `compute` at its end.

    Parameters
    ----------
    dim : int
        K, the length of a row; 1 or more.
    eps, center, normalize
        As in `rankme.score`.
    skip_nonfinite : bool
        Rows that hold NaN or infinity are left out, and counted in `n_skipped`. By default the
        score is NaN then, and the run goes on; with True it is that of the other rows.
    **kwargs
        As of ``torchmetrics.Metric``: `dist_sync_on_step`, `process_group`, `sync_on_compute` and
        so on.

    Raises
    ------
    TypeError
        If `dim` is no integer, or `eps` no real number.
    ValueError
        If `dim` is less than 1, if `eps` is outside 0 to 1, or if torchmetrics does not know a
        keyword.

    Notes
    -----
    Rows on a CUDA device are added up there, which needs the extra ``cuda13``; rows in host memory
    where the sums are. Metrics of one ``MetricCollection`` that differ in `eps`, `center` or
    `skip_nonfinite` alone share their sums, as torchmetrics has it with `compute_groups`.

    A ``DistributedSampler`` repeats some inputs so that every rank has as many, and they count
    twice: see `rankme.distributed.torch.drop_padding`.

    Examples
    --------
    >>> import torch
    >>> from rankme.integrations.torchmetrics import RankMe
    >>> metric = RankMe(dim=4, eps=0)
    >>> for batch in torch.eye(4).split(3):
    ...     metric.update(batch)
    >>> round(float(metric.compute()), 6)
    4.0
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    __jit_unused_properties__ = (
        *Metric.__jit_unused_properties__,
        "n_rows",
        "n_skipped",
        "sums",
    )

    def __init__(
        self,
        dim: SupportsIndex,
        *,
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        skip_nonfinite: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        empty = Accumulator(dim, normalize=normalize, skip_nonfinite=True)
        self.dim = empty.dim
        self.eps = as_eps(eps)
        self.center = bool(center)
        self.normalize = empty.normalize
        self.skip_nonfinite = bool(skip_nonfinite)
        # The sums are in one of these, or in both alike. The other one is made when it is asked
        # for, so that a loop of updates makes no vector.
        self._acc: Accumulator | None = empty
        self._vector: Any = None
        self.add_state("sums", self.sums, dist_reduce_fx=_merged)

    @property
    def sums(self) -> Any:
        """The state: a vector of float64 on the device of the metric. Not to be written into."""
        if self._vector is None:
            self._vector = torch.from_numpy(pack(self._held()))
        # Not where it is set: a metric that is moved knows of its new device afterwards.
        self._vector = self._vector.to(self.device)
        return self._vector

    @sums.setter
    def sums(self, vector: Any) -> None:
        """Hold the sums of a checkpoint or of another metric."""
        self._require(vector)
        self._vector = vector.detach()
        self._acc = None
        self._computed = None  # of other sums

    @property
    def plot_upper_bound(self) -> float:
        """The highest score that there is: `dim`."""
        return float(self.dim)

    @property
    def n_rows(self) -> int:
        """How many rows were taken in on this rank since the last `reset`."""
        return self._held().n_rows

    @property
    def n_skipped(self) -> int:
        """How many rows were left out on this rank since the last `reset`."""
        return self._held().n_skipped

    def accumulator(self) -> Accumulator:
        """Return a copy of the sums, for the spectrum and its interval, or to be saved and merged.

        Returns
        -------
        rankme.Accumulator
            The rows of this rank; of all ranks between `sync` and `unsync`.
        """
        return self._held().copy()

    def update(self, Z: Any) -> None:  # noqa: N803
        """Take in the embeddings of a batch.

        Parameters
        ----------
        Z : torch.Tensor
            Shape (n, dim); float16, bfloat16, float32 or float64. Gradients are not tracked.

        Raises
        ------
        TypeError
            If `Z` is no tensor, or has another dtype.
        ValueError
            If `Z` is not 2-D or has another width.
        ImportError
            If `Z` lies on a CUDA device and rankme has no CUDA module here. ``Z.cpu()`` is taken.
        """
        if not isinstance(Z, torch.Tensor):
            raise TypeError(f"Z must be a torch.Tensor, not {type_name(Z)}")
        acc = self._held()
        if Z.is_cuda and acc.device != str(Z.device):
            acc = acc.copy(device=str(Z.device))
        acc.update(Z.detach())
        self._hold(acc)

    @torch.jit.unused  # type: ignore[untyped-decorator]
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Take in the embeddings of a batch, and score that batch by itself.

        Parameters
        ----------
        *args, **kwargs
            As of `update`.

        Returns
        -------
        torch.Tensor
            0-d, float64: RankMe of the batch alone, of those of all ranks with `dist_sync_on_step`.

        Raises
        ------
        TypeError, ValueError, ImportError
            As `update`. The metric is what it was before, which other metrics of torchmetrics do
            not promise.
        """
        before = {**self.__dict__, "_vector": self.sums, "_acc": None}
        try:
            return super().forward(*args, **kwargs)
        except Exception:
            self.__dict__.update(before)
            raise

    def compute(self) -> Any:
        """RankMe of all rows since the last `reset`, on all ranks: a collective call.

        Returns
        -------
        torch.Tensor
            0-d, float64, on the device of the metric. NaN if a row of any rank was left out, or
            with `skip_nonfinite` every row.

        Warns
        -----
        PrecisionWarning
            As `rankme.score`.

        Raises
        ------
        ValueError
            If there are no rows on any rank.
        IntegrityError, RuntimeError
            As `rankme.Accumulator.spectrum`. What `rankme.distributed.torch.all_reduce` raises.
        """
        score = score_of_epoch(
            self._held(), eps=self.eps, center=self.center, skip_nonfinite=self.skip_nonfinite
        )
        return torch.tensor(score, dtype=torch.float64, device=self.device)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw a value, or several as a curve; needs matplotlib.

        Parameters
        ----------
        val : torch.Tensor or sequence of torch.Tensor, optional
            What `compute` or `forward` returned; by default what `compute` returns now.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        tuple of matplotlib.figure.Figure and matplotlib.axes.Axes
        """
        return self._plot(val, ax)

    def __hash__(self) -> int:
        # torchmetrics would hash the state, and make the vector for every walk over modules.
        return hash((type(self).__name__, id(self)))

    def __getstate__(self) -> dict[str, Any]:
        self.sums  # noqa: B018  # the vector is made, and the rest goes without the accumulator
        return {**super().__getstate__(), "_acc": None}

    def _held(self) -> Accumulator:
        """Return the sums themselves."""
        if self._acc is None:
            self._acc = unpack(self._vector.cpu().numpy())
        return self._acc

    def _hold(self, acc: Accumulator) -> None:
        """Hold sums that the vector does not have."""
        self._acc = acc
        self._vector = None

    def _require(self, vector: Any) -> None:
        """Refuse a vector that has no sums of this kind."""
        if vector.dtype != torch.float64:
            raise ValueError(
                f"the sums must be float64, not {vector.dtype}, which has lost their digits: leave "
                f"them out where a checkpoint is converted"
            )
        kind = Kind(self.dim, self.normalize)
        require_state(vector[:HEAD_SIZE].cpu().numpy(), vector.numel(), kind)

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """Merge; `forward` and `merge_state` come here, and set `sums`."""
        for vector in incoming_state.values():
            self._require(vector)
        super()._reduce_states({name: v.to(self.device) for name, v in incoming_state.items()})

    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = _gather, process_group: Any = None
    ) -> None:
        """Bring the ranks together, without a gather unless the user has one."""
        if dist_sync_fn is not _gather:
            super()._sync_dist(dist_sync_fn, process_group=process_group)
            return
        self._hold(all_reduce(self._held(), group=process_group or self.process_group))

    def _apply(self, fn: Callable[[Any], Any], exclude_state: Sequence[str] = "") -> Any:
        """Move to another device; the dtype stays, of values that were computed as well."""

        def moved(tensor: Any) -> Any:
            there = fn(tensor)
            return there if there.dtype == tensor.dtype else tensor.to(there.device)

        return super()._apply(moved, exclude_state)


def _merged(vectors: Any) -> Any:
    """Merge the stacked states of several metrics: a reduction, as torchmetrics calls it."""
    first, *others = (unpack(values) for values in vectors.cpu().numpy())
    for other in others:
        first.merge(other)
    return torch.from_numpy(pack(first)).to(vectors.device)
