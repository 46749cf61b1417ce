"""Train one network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .networks import Network, loss_of, two_views

if TYPE_CHECKING:
    from .protocol import Protocol, Setting

__all__ = ["DivergedError", "trained"]


class DivergedError(Exception):
    """The loss is not finite any more: a result, which is kept as such."""


def trained(
    setting: Setting, seed: int, pixels: torch.Tensor, protocol: Protocol
) -> tuple[Network, list[float]]:
    """Train a network on images of shape (n, 28, 28), from 0 to 1, without labels.

    Returns
    -------
    Network, list of float
        In evaluation mode, and the mean loss of each epoch; no losses of the untrained one.

    Raises
    ------
    DivergedError
        If the loss is not finite.
    """
    torch.manual_seed(seed)  # the first weights
    network = Network(protocol).to(memory_format=torch.channels_last)
    random = torch.Generator().manual_seed(seed)
    if setting.method == "untrained":
        _take_statistics(network, pixels, protocol, random)
        return network.eval(), []
    loss_function = loss_of(setting)
    optimizer = torch.optim.Adam(network.parameters(), lr=setting.learning_rate, fused=True)
    steps = len(pixels) // protocol.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps * protocol.epochs)
    losses = []
    for epoch in range(protocol.epochs):
        order = torch.randperm(len(pixels), generator=random)
        total = 0.0
        for step in range(steps):
            batch = pixels[order[step * protocol.batch : (step + 1) * protocol.batch]]
            loss = loss_function(network(two_views(batch, random))[1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        if not math.isfinite(total):
            raise DivergedError(f"the loss is not finite in epoch {epoch + 1}")
        losses.append(total / steps)
    return network.eval(), losses


def _take_statistics(
    network: Network, pixels: torch.Tensor, protocol: Protocol, random: torch.Generator
) -> None:
    """Give the normalisation layers the statistics of views, without training anything.

    As initialised, with a mean of 0 and a variance of 1, they would normalise nothing: a network
    that nobody would use untrained, and one that has hardly any rank.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        for batch in pixels.split(protocol.batch):
            network(two_views(batch, random))
