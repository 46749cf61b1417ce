"""What the callback for Lightning asks of a trainer and its loggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rankme._base.arguments import as_index

__all__ = ["keeps_files", "loaders_of", "width_of"]


def width_of(target_shape: int | Sequence[int] | None) -> int | None:
    """Return K of a shape as stable-pretraining has it."""
    if target_shape is None:
        return None
    shape = target_shape if isinstance(target_shape, Sequence) else [target_shape]
    if len(shape) != 1:
        raise ValueError(f"target_shape is K or (K,), not {target_shape!r}")
    return as_index(shape[0], "target_shape", 1)


def loaders_of(trainer: Any, stage: str) -> list[Any]:
    """Return the dataloaders that run one behind the other; None where batches are put together."""
    # trainer.val_dataloaders are those of the last fit, also while others are validated.
    loop = trainer.fit_loop.epoch_loop.val_loop
    if trainer.state.fn != "fit":
        loop = trainer.validate_loop if stage == "validate" else trainer.test_loop
    combined = loop._combined_loader  # noqa: SLF001
    return list(combined.flattened) if combined._mode == "sequential" else [None]  # noqa: SLF001


def keeps_files(logger: Any) -> bool:
    """Tell whether a logger is MLflow's and writes plain files."""
    if type(logger).__name__ != "MLFlowLogger":
        return False
    return str(getattr(logger, "_tracking_uri", "")).startswith(("file:", "/", "."))
