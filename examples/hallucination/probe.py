"""The probe of arXiv:2605.26366: a small network that tells right answers from hidden states."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["LETTER", "Recipe", "trained"]


@dataclass(frozen=True)
class Recipe:
    """How the probe is trained.

    Attributes
    ----------
    batch : int
        Rows a step; 0 for a fifth of the rows, which makes as many steps an epoch as the paper's
        2048 of its 9,000 rows.
    epochs, rate, decay : int, float, float
        Of Adam; the rate falls to a tenth every 5 epochs.
    held_out : float
        The share of the rows by which the best epoch is chosen.
    """

    batch: int = 2048
    epochs: int = 15
    rate: float = 1e-2
    decay: float = 1e-4
    held_out: float = 0.1

    def rows_a_step(self, n_rows: int) -> int:
        """Return how many of so many rows make a step."""
        return self.batch or -(-n_rows // 5)


LETTER = Recipe()


def network(width: int) -> nn.Sequential:
    """Build the layers: width-512-256-128-64-2, with ReLU between them."""
    widths = [width, 512, 256, 128, 64]
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 2))


def trained(
    rows: NDArray[np.float32],
    right: NDArray[np.bool_],
    others: NDArray[np.float32],
    *,
    seed: int,
    recipe: Recipe = LETTER,
) -> tuple[NDArray[np.float64], float]:
    """Train a probe, and let it judge other rows.

    Parameters
    ----------
    rows : array
        Shape (n, K), float32.
    right : array
        Shape (n,): whether the answer was right.
    others : array
        Shape (m, K), float32.
    seed : int
        Of the rows held out, the weights and the order of rows.
    recipe : Recipe
        By default the paper's.

    Returns
    -------
    array, float
        Shape (m,): the probability of a right answer for each of the others, by the weights of the
        epoch with the lowest validation loss; and that loss.

    Raises
    ------
    ValueError
        If fewer than 2 rows are left to train with, or none is held out.
    """
    n_held = round(recipe.held_out * len(rows))
    if not 0 < n_held <= len(rows) - 2:
        raise ValueError(f"{n_held} of {len(rows)} rows are held out; some of both are needed")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        order = torch.randperm(len(rows))
        inputs, labels = torch.from_numpy(rows)[order], torch.from_numpy(right).long()[order]
        train = torch.utils.data.TensorDataset(inputs[n_held:], labels[n_held:])
        loader = torch.utils.data.DataLoader(
            train, batch_size=recipe.rows_a_step(len(train)), shuffle=True
        )
        model = network(rows.shape[1])
        loss = _fit(model, loader, (inputs[:n_held], labels[:n_held]), recipe)
    with torch.inference_mode():
        chances = model(torch.from_numpy(others)).softmax(dim=1)[:, 1]
    return chances.double().numpy(), loss


def _fit(
    model: nn.Module,
    loader: torch.utils.data.DataLoader[tuple[torch.Tensor, ...]],
    held: tuple[torch.Tensor, torch.Tensor],
    recipe: Recipe,
) -> float:
    """Train, leave the weights of the best epoch in the model, and return its loss."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.1)
    best, weights = np.inf, model.state_dict()
    for _ in range(recipe.epochs):
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            criterion(model(inputs), labels).backward()
            optimizer.step()
        schedule.step()
        model.eval()
        with torch.inference_mode():
            loss = criterion(model(held[0]), held[1]).item()
        if loss < best:
            best = loss
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    return float(best)
