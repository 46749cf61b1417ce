"""Matrices that are made on the GPU, and their singular values by an independent way."""

from __future__ import annotations

from typing import Any

__all__ = ["gaussian", "power_law", "reference_spectrum"]

DECAY = 1.5
ROWS_AT_ONCE = 65_536


def gaussian(torch: Any, device: str, *shape: int, dtype: Any, seed: int = 0) -> Any:
    """Return standard normal entries: a GPU computes faster, and lies, on zeros."""
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, device=device, generator=generator)


def power_law(torch: Any, device: str, rows: int, columns: int, *, seed: int = 0) -> Any:
    """Return a float32 matrix whose singular values fall like ``k ** -DECAY``.

    Gaussian rows times ``diag(k ** -DECAY)`` times a random rotation: the tail lies where a float32
    Gram matrix loses it.
    """
    generator = torch.Generator(device).manual_seed(seed)
    square = torch.randn(columns, columns, dtype=torch.float64, device=device, generator=generator)
    rotation = torch.linalg.qr(square)[0]
    decay = torch.arange(1, columns + 1, dtype=torch.float64, device=device) ** -DECAY
    factor = (decay[:, None] * rotation).float()
    z = torch.empty(rows, columns, dtype=torch.float32, device=device)
    for block in z.split(ROWS_AT_ONCE):
        noise = torch.randn(block.shape, dtype=z.dtype, device=device, generator=generator)
        torch.matmul(noise, factor, out=block)
    return z


def reference_spectrum(torch: Any, z: Any) -> Any:
    """Singular values of the float64 copy: SVD of the triangle that a QR block by block leaves.

    It shares nothing with a Gram matrix, and holds one block at a time.
    """
    triangle = z[:0].double()
    for block in z.split(ROWS_AT_ONCE):
        triangle = torch.linalg.qr(torch.cat([triangle, block.double()]), mode="r")[1]
    return torch.linalg.svd(triangle.cpu(), full_matrices=False)[1].numpy()
