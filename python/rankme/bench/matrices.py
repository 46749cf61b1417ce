"""Test matrices, written block by block, so that none is held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

ROWS_PER_BLOCK = 4096
DECAY = 1.5


def write_power_law(path: Path, *, rows: int, columns: int, seed: int = 0) -> None:
    """Write a float32 matrix whose singular values fall like ``k ** -DECAY`` to a ``.npy`` file.

    Gaussian rows times ``diag(k ** -DECAY)`` times a random rotation. The decay puts the tail of
    the spectrum where a float32 Gram matrix loses it.

    Parameters
    ----------
    path : Path
        The file to write, shape ``(rows, columns)``.
    rows, columns : int
        N and K.
    seed : int
        Seed of the generator; the same seed gives the same file.
    """
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((columns, columns)))[0]
    decay = np.arange(1, columns + 1, dtype=np.float64) ** -DECAY
    factor = (decay[:, None] * rotation).astype(np.float32)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, columns))
    for first in range(0, rows, ROWS_PER_BLOCK):
        block = out[first : first + ROWS_PER_BLOCK]
        np.matmul(rng.standard_normal(block.shape, dtype=np.float32), factor, out=block)
    out.flush()


def write_gaussian_batch(path: Path, shape: tuple[int, int, int], *, seed: int = 0) -> None:
    """Write standard normal float32 entries, shape ``(B, N, K)``, to a ``.npy`` file."""
    rng = np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for first in range(0, shape[0], ROWS_PER_BLOCK):
        block = out[first : first + ROWS_PER_BLOCK]
        block[...] = rng.standard_normal(block.shape, dtype=np.float32)
    out.flush()


def write_gaussian(path: Path, *, rows: int, columns: int, seed: int = 0) -> None:
    """Write standard normal float32 entries, shape ``(rows, columns)``, to a ``.npy`` file.

    A dense product takes the same time whatever the spectrum, so the Gram step needs no more.
    """
    rng = np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, columns))
    for first in range(0, rows, ROWS_PER_BLOCK):
        block = out[first : first + ROWS_PER_BLOCK]
        block[...] = rng.standard_normal(block.shape, dtype=np.float32)
    out.flush()
