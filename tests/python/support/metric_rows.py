"""Rows for a metric of torchmetrics, and one that has seen them."""

import pytest
import torch

from rankme.integrations.torchmetrics import RankMe

DIM = 40


def embeddings(n_rows=301, dim=DIM, seed=0, dtype=torch.float32):
    """Rows with a mean that is longer than their spread, which decays."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n_rows, dim, generator=generator, dtype=torch.float64)
    return (z * torch.arange(1, dim + 1) ** -0.6 + 3).to(dtype)


def batches(z, size=32):
    """Cut rows into batches of which the last is short, as loaders do."""
    return z.split(size)


def filled(z, dim=DIM, **settings):
    metric = RankMe(dim, **settings)
    for batch in batches(z):
        metric.update(batch)
    return metric


def same(value, truth):
    return float(value) == pytest.approx(truth, rel=1e-12)
