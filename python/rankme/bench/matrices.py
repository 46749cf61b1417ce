"""Test matrices, written block by block, so that none is held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_PER_BLOCK = 4096
DECAY = 1.5


def write_power_law(
    path: Path, *, rows: int, columns: int, decay: float = DECAY, seed: int = 0
) -> None:
    """Write a float32 matrix whose singular values fall like ``k ** -decay`` to a ``.npy`` file.

    Gaussian rows times ``diag(k ** -decay)`` times a random rotation. ``DECAY`` puts the tail of
    the spectrum where a float32 Gram matrix loses it.

    Parameters
    ----------
    path : Path
        The file to write, shape ``(rows, columns)``.
    rows, columns : int
        N and K.
    decay : float
        How fast the singular values fall.
    seed : int
        Seed of the generator; the same seed gives the same file.
    """
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, columns))
    fill_power_law(out[np.newaxis], decay, seed)
    out.flush()


def write_layers(path: Path, shape: tuple[int, int, int], *, decay: float, seed: int = 0) -> None:
    """Write layers like the matrix of `write_power_law`, shape ``(L, N, K)``, to a ``.npy`` file.

    Their rows differ, and their spectrum is the same.
    """
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    fill_power_law(out, decay, seed)
    out.flush()


def fill_power_law(out: NDArray[np.float32], decay: float, seed: int) -> None:
    """Fill matrices of shape ``(L, N, K)`` as `write_power_law` says."""
    columns = out.shape[2]
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((columns, columns)))[0]
    scale = np.arange(1, columns + 1, dtype=np.float64) ** -decay
    factor = (scale[:, None] * rotation).astype(np.float32)
    for matrix in out:
        for first in range(0, len(matrix), ROWS_PER_BLOCK):
            block = matrix[first : first + ROWS_PER_BLOCK]
            np.matmul(rng.standard_normal(block.shape, dtype=np.float32), factor, out=block)


def write_symmetric(path: Path, order: int, *, seed: int = 0) -> None:
    """Write a symmetric float64 matrix with Gaussian entries to a ``.npy`` file."""
    normal = np.random.default_rng(seed).standard_normal((order, order))
    np.save(path, (normal + normal.T) / 2)


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
