"""RankMe in a Lightning run: a value to monitor, and an alarm when the embeddings collapse."""
# ruff: noqa: ARG002  (Lightning says what its hooks are called with)

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from rankme._base.arguments import as_index
from rankme._base.optional import require
from rankme.integrations._collapse import (
    MIN_OF_BEST,
    MIN_SHARE,
    MIN_SPREAD,
    PATIENCE,
    Collapse,
    Guard,
)
from rankme.integrations._lightning import keeps_files, loaders_of, width_of
from rankme.integrations._observer import MAX_ROWS
from rankme.integrations._passes import Passes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rankme.integrations._reading import Reading

torch = require("torch", extra="lightning", what="rankme.integrations.lightning")
pl = require("lightning.pytorch", extra="lightning", what="rankme.integrations.lightning")

__all__ = ["RankMeCallback"]


class RankMeCallback(pl.Callback):  # type: ignore[misc, name-defined]
    """Log RankMe of what a model makes of its validation data, and notice when it collapses.

    At the end of each validation (and test) the same values are logged on every rank, so that
    ``ModelCheckpoint(monitor="rankme", mode="max")`` and ``EarlyStopping(monitor="rankme",
    mode="max", check_finite=False)`` work, also under DDP and FSDP. They are those of the rows of
    all ranks, in float64; what ``DistributedSampler`` repeats to give each rank as many inputs is
    not counted. The sanity check is passed by.

    Parameters
    ----------
    name : str
        Of the key that is logged. ``rankme`` of one target, ``rankme/<target>`` of several; beneath
        each ``/low`` and ``/high`` (what rounding leaves open), ``/n_rows``, ``/n_skipped``, with
        `groups` ``/std_error``, and ``/<metric>``. Of test data ``test/rankme``, of training
        batches ``train/rankme``. With several dataloaders ``/dataloader_idx_0`` is at the end.
    target : str, callable, torch.nn.Module, list or mapping of these
        Where rows come from. A module, a module's name or pattern (``"blocks.*.norm"``, where a
        star is one part of a name): what it returns. Else a key of what the step returns, or of
        the batch. Or a function ``(outputs, batch)`` to rows. A mapping gives them names of your
        own.
    queue_length : int, optional
        Another name of `max_rows`, as in stable-pretraining. There is no queue: rows are summed as
        they come, and those of one pass are all of one model.
    target_shape : int or sequence of int, optional
        The width K of a row, as in stable-pretraining; another is an error. Not needed.
    max_rows : int or None
        Of each target in a pass, over all ranks: the first that come. None takes all.
    pool : str, callable or mapping of target to these, optional
        How outputs of another shape than (n, K) become rows: as in
        `rankme.integrations.torch.watch`.
    mask : str or callable, optional
        Key of the batch, or function of it: (n, T), True or 1 of the tokens that count.
    metrics : sequence of str
        Further keys of ``Spectrum.metrics()``, such as ``["participation_ratio", "alpha_req"]``.
    lidar : str, callable or list of these, optional
        Views of the same inputs, for LiDAR under ``rankme/lidar``: one key or function for each
        view, each (n, K), or one for all, (n, q, K).
    delta : float
        As in `rankme.metrics.lidar`.
    eps, center, normalize
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for ``/std_error``: `groups` + 1 eigenproblems and not one.
    stages : sequence of str
        Of ``"validate"`` and ``"test"``.
    every_n_steps : int, optional
        Also score training batches, as the model in training mode makes them: the last
        `train_batches` before each n-th. Written to the loggers at once, whatever
        ``log_every_n_steps`` is.
    train_batches : int
        How many batches that are, at most `every_n_steps`.
    dataloader_idx : int, optional
        The only validation or test dataloader that counts.
    separator : str
        What stands before ``low`` and the others. MLflow's store of plain files cannot hold both
        ``rankme`` and ``rankme/low``, and needs ``"_"``.
    on_collapse : str or callable, optional
        ``"warn"``, ``"stop"`` (a warning, and ``trainer.should_stop``), or a function that is
        called on every rank with a tuple ``(key, score, limit, spread, best, reason)``. None does
        nothing.
    min_spread, min_share, min_of_best, patience : float, float, float, int
        `patience` passes in a row that are flat or low are a collapse. Rows are flat when less than
        `min_spread` of ``sum |z_i|^2`` is off their main direction, and the run was higher by a
        third before. A score is low when ``(score - 1) / (min(N, K) - 1)`` is below `min_share`, or
        when it is below `min_of_best` of the best level that the run has held for two passes; but
        not in a pass where it rises by 5%, or what is off the main direction by a quarter.

    Attributes
    ----------
    history : list of dict
        What was logged, with ``stage``, ``epoch`` and ``step``; a run that resumes goes on with it.
    reading : Reading or None
        Of the last pass: ``scores()``, ``metrics()``, and as ``sums`` the accumulators of all
        ranks, which can be saved, plotted and compared.

    Raises
    ------
    TypeError, ValueError
        If there is no target; in the first pass if one is neither a module nor in the outputs or
        the batch, has no rows, or is of another width than before: it is named. Where there are
        several ranks, on all of them at the end of the pass.

    Warns
    -----
    UserWarning
        On a collapse; if a pass has more or fewer rows than the one before.

    Notes
    -----
    Rows with NaN or infinity are left out and counted in ``/n_skipped``; the scores of that pass
    are logged as NaN, and the run goes on.
    """

    def __init__(
        self,
        name: str = "rankme",
        target: Any = None,
        queue_length: int | None = None,
        target_shape: int | Sequence[int] | None = None,
        *,
        max_rows: int | None = MAX_ROWS,
        pool: str | Callable[..., Any] | Mapping[str, Any] | None = None,
        mask: str | Callable[[Any], Any] | None = None,
        metrics: Sequence[str] = (),
        lidar: Any = None,
        delta: float = 1e-4,
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        groups: int | None = None,
        run_length: int = 32,
        stages: Sequence[str] = ("validate", "test"),
        every_n_steps: int | None = None,
        train_batches: int = 1,
        dataloader_idx: int | None = None,
        separator: str = "/",
        on_collapse: str | Callable[[Collapse], None] | None = "warn",
        min_spread: float = MIN_SPREAD,
        min_share: float = MIN_SHARE,
        min_of_best: float = MIN_OF_BEST,
        patience: int = PATIENCE,
    ) -> None:
        super().__init__()
        if isinstance(stages, str) or not set(stages) <= {"validate", "test"}:
            raise ValueError(f"stages is a list of 'validate' and 'test', not {stages!r}")
        self.name = name
        self.history: list[dict[str, Any]] = []
        self.reading: Reading | None = None
        self._stages = frozenset(stages)
        self._every = None if every_n_steps is None else as_index(every_n_steps, "every_n_steps", 1)
        self._burst = as_index(train_batches, "train_batches", 1)
        if self._every is not None and self._burst > self._every:
            raise ValueError(
                f"train_batches is {train_batches}, and every_n_steps is {every_n_steps}: at most "
                f"as many batches can be scored as there are"
            )
        self._only = dataloader_idx
        self._separator = separator
        self._guard = Guard(
            on_collapse,
            min_spread=min_spread,
            min_share=min_share,
            min_of_best=min_of_best,
            patience=patience,
        )
        self._passes = Passes(
            {"validate": name, "test": f"test/{name}", "train": f"train/{name}"},
            target,
            lidar=lidar,
            mask=mask,
            width=width_of(target_shape),
            max_rows=max_rows if queue_length is None else queue_length,
            delta=delta,
            options={
                "pool": pool,
                "metrics": metrics,
                "eps": eps,
                "center": center,
                "normalize": normalize,
                "groups": groups,
                "run_length": run_length,
            },
        )

    @property
    def state_key(self) -> str:
        """Name the state of this callback in a checkpoint."""
        key: str = self._generate_state_key(name=self.name, target=self._passes.described)
        return key

    def state_dict(self) -> dict[str, Any]:
        """Return what is saved in a checkpoint: what was logged, and what the alarm goes by."""
        return {"history": list(self.history), "alarm": self._guard.alarm.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = list(state_dict["history"])
        self._guard.alarm.load_state_dict(state_dict["alarm"])

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Forget the run before; a checkpoint is loaded after this."""
        if self._separator == "/" and any(map(keeps_files, trainer.loggers)):
            raise ValueError(
                "MLflow's store of plain files keeps the metric 'rankme' as a file, and for "
                "'rankme/low' wants a folder of that name; give separator='_' to the callback, or "
                "tracking_uri='sqlite:///mlflow.db' to the logger"
            )
        self._passes.bind(pl_module)
        if stage == "fit":
            self.history = []
            self._guard.alarm.reset()
        # The values are equal on all ranks already; Lightning advises to average them nonetheless.
        advice = re.escape("It is recommended to use `self.log('")
        warnings.filterwarnings("ignore", message=f"{advice}(test/|train/)?{re.escape(self.name)}")

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a pass."""
        self._begin(trainer, "validate")

    def on_test_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a pass."""
        self._begin(trainer, "test")

    def _begin(self, trainer: Any, stage: str) -> None:
        """Begin a pass over the dataloaders of a stage."""
        if self._is_due(trainer, stage):
            self._passes.begin(stage, loaders_of(trainer, stage))

    def _is_due(self, trainer: Any, stage: str) -> bool:
        """Tell whether a stage is observed."""
        return stage in self._stages and not trainer.sanity_checking

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Let hooks take rows."""
        self._open(trainer, "validate", batch, batch_idx, dataloader_idx)

    def on_test_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Let hooks take rows."""
        self._open(trainer, "test", batch, batch_idx, dataloader_idx)

    def _open(self, trainer: Any, stage: str, batch: Any, batch_idx: int, loader: int) -> None:
        """Let hooks take rows, of a dataloader that counts."""
        if self._is_due(trainer, stage) and self._only in (None, loader):
            self._passes.open(stage, batch, batch_idx, loader)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Take rows of what the step returned, or of the batch."""
        self._passes.close(outputs, batch)

    on_test_batch_end = on_validation_batch_end

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Leave no hook behind."""
        self._passes.drop()

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the values of the pass, and look whether they have collapsed."""
        self._end(trainer, pl_module, "validate")

    def on_test_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the values of the pass."""
        self._end(trainer, pl_module, "test")

    def _end(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Log the values of a pass."""
        if not self._is_due(trainer, stage):
            return
        every = self._passes.loaders(stage)
        for loader in every if self._only is None else [self._only]:
            ending = f"/dataloader_idx_{loader}" if self._only is None and len(every) > 1 else ""
            values = self._read(trainer, stage, loader, ending)
            for key, value in values.items():
                self._log(pl_module, key, value, on_step=False, on_epoch=True)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let hooks take rows, if the batch is one of those that are scored."""
        if self._every is None:
            return
        place = trainer.fit_loop.total_batch_idx % self._every - (self._every - self._burst)
        if place == 0:
            self._passes.begin("train", [None])
        if place >= 0:
            self._passes.open("train", batch, batch_idx, 0)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take rows; after the last batch that is due, log."""
        self._passes.close(outputs, batch)
        done = trainer.fit_loop.total_batch_idx + 1
        if self._every is None or done % self._every or not self._passes.loaders("train"):
            return
        values = self._read(trainer, "train", 0, "")
        for key, value in values.items():
            self._log(pl_module, key, value, on_step=True, on_epoch=False, logger=False)
        step = trainer.fit_loop.epoch_loop._batches_that_stepped  # noqa: SLF001
        for logger in trainer.loggers:
            logger.log_metrics(values, step=step)

    def _read(self, trainer: Any, stage: str, loader: int, ending: str) -> dict[str, float]:
        """Return the values of a pass by key, keep them, and look whether they have collapsed."""
        self.reading, found = self._passes.result(stage, loader, self._separator)
        values = {f"{key}{ending}": value for key, value in found.items()}
        where = {"stage": stage, "epoch": trainer.current_epoch, "step": trainer.global_step}
        self.history.append({**where, **values})
        if trainer.state.fn == "fit":
            seen = self._passes.sights(self.reading, stage)
            sights = {f"{key}{ending}": sight for key, sight in seen.items()}
            stops = self._guard.must_stop(sights, tells=trainer.is_global_zero)
            trainer.should_stop = trainer.should_stop or stops
        return values

    def _log(self, pl_module: Any, key: str, value: float, **how: Any) -> None:
        """Log a value that is the same on every rank, in float64."""
        exact = torch.tensor(value, dtype=torch.float64)
        pl_module.log(key, exact, sync_dist=False, batch_size=1, add_dataloader_idx=False, **how)
