"""The network that is trained, its views of images and its losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocol import Protocol, Setting

__all__ = ["Network", "loss_of", "normalized", "simclr_loss", "two_views", "vicreg_loss", "views"]

_MEAN, _STD = 0.2860, 0.3530  # of the pixels of Fashion-MNIST, for all images
_INVARIANCE = _VARIANCE = 25.0  # VICReg's weights, as published


class Network(nn.Module):
    """Four layers of 3 x 3 convolutions, the mean over places, then a projector of three layers."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for i in range(4):
            more = protocol.width * 2**i
            layers += [
                nn.Conv2d(channels, more, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(more),
                nn.ReLU(inplace=True),
            ]
            channels = more
        self.backbone = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        wide = protocol.projector
        self.projector = nn.Sequential(
            *(nn.Linear(channels, wide, bias=False), nn.BatchNorm1d(wide), nn.ReLU(inplace=True)),
            *(nn.Linear(wide, wide, bias=False), nn.BatchNorm1d(wide), nn.ReLU(inplace=True)),
            nn.Linear(wide, wide),
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the backbone's rows and the projector's, of shape (n, 8 width) and (n, wide)."""
        rows = self.backbone(images)
        return rows, self.projector(rows)


def normalized(pixels: torch.Tensor) -> torch.Tensor:
    """Bring pixels from 0 to 1, shape (n, 28, 28), to what the network takes, (n, 1, 28, 28)."""
    images = (pixels[:, None] - _MEAN) / _STD
    return images.contiguous(memory_format=torch.channels_last)


def views(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Draw a view of each image of shape (n, 28, 28): all of them at once, shape kept.

    A part of 30% to 100% of the area and a ratio of sides from 3/4 to 4/3 is enlarged, mirrored in
    half the cases; contrast and brightness change, and noise is added.
    """
    n = len(pixels)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, generator=random)

    size = uniform(0.3, 1.0).sqrt()
    stretch = torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)) / 2)
    width, height = (size * stretch).clamp(max=1), (size / stretch).clamp(max=1)
    mirror = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)  # noqa: PLR2004
    zero = torch.zeros(n)
    across = torch.stack([width * mirror, zero, (1 - width) * uniform(-1, 1)], 1)
    down = torch.stack([zero, height, (1 - height) * uniform(-1, 1)], 1)
    grid = functional.affine_grid(
        torch.stack([across, down], 1), [n, 1, *pixels.shape[1:]], align_corners=False
    )
    cut = functional.grid_sample(pixels[:, None], grid, align_corners=False)[:, 0]
    cut = cut * uniform(0.6, 1.4)[:, None, None] + uniform(-0.1, 0.1)[:, None, None]
    return cut + 0.05 * torch.randn(cut.shape, generator=random)


def two_views(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Return normalised views, shape (2 n, 1, 28, 28): row i and row n + i are of one image."""
    return normalized(torch.cat([views(pixels, random), views(pixels, random)]))


def simclr_loss(rows: torch.Tensor, temperature: float) -> torch.Tensor:
    """Compute NT-Xent of 2 n rows, of which i and n + i are a pair (arXiv:2002.05709, eq. 1)."""
    unit = functional.normalize(rows)
    likeness = unit @ unit.T / temperature
    likeness.fill_diagonal_(-math.inf)
    pairs = torch.arange(len(rows)).roll(len(rows) // 2)
    return functional.cross_entropy(likeness, pairs)


def vicreg_loss(rows: torch.Tensor, covariance: float) -> torch.Tensor:
    """Compute VICReg's loss of 2 n rows, of which i and n + i are a pair (arXiv:2105.04906, eq. 6).

    Weights of 25 for invariance and variance; `covariance` is the third one.
    """
    n, dim = len(rows) // 2, rows.shape[1]
    loss = _INVARIANCE * functional.mse_loss(rows[:n], rows[n:])
    for half in (rows[:n], rows[n:]):
        centred = half - half.mean(dim=0)
        std = (centred.square().sum(dim=0) / (n - 1) + 1e-4).sqrt()
        loss = loss + _VARIANCE / 2 * functional.relu(1 - std).mean()
        products = centred.T @ centred / (n - 1)
        off_diagonal = products.square().sum() - products.diagonal().square().sum()
        loss = loss + covariance * off_diagonal / dim
    return loss


def loss_of(setting: Setting) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the loss of rows by a setting."""
    if setting.method == "simclr":
        return lambda rows: simclr_loss(rows, setting.temperature)
    if setting.method == "vicreg":
        return lambda rows: vicreg_loss(rows, setting.covariance)
    raise ValueError(f"{setting.method!r} is not trained")
