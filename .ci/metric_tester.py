"""RankMe under the tester that torchmetrics has for its own metrics, which no package of it holds.

    git clone --depth 1 https://github.com/Lightning-AI/torchmetrics
    pip install cachier
    PYTHONPATH=torchmetrics/tests:.ci USE_PYTEST_POOL=1 \
        python -m pytest --import-mode prepend -W ignore -p unittests.conftest .ci/metric_tester.py

The tester gives each metric pairs; of these the first is scored. It clones, pickles, scripts and
moves the metric, and compares with a reference in one process and in two, batch by batch and whole.
"""

import numpy as np
import pytest
import torch
from unittests._helpers.testers import MetricTester

from rankme.integrations.torchmetrics import RankMe

K = 8
torch.manual_seed(0)
ROWS = torch.randn(4, 32, K) / torch.arange(1, K + 1)
OTHER = torch.zeros(4, 32)


class OfPairs(RankMe):
    """Takes what is compared with the rows elsewhere, and leaves it."""

    def update(self, preds: torch.Tensor, _target: torch.Tensor) -> None:
        """Take in the rows."""
        super().update(preds)


def reference(rows: torch.Tensor, _other: torch.Tensor) -> float:
    """Return RankMe by an SVD."""
    singular_values = np.linalg.svd(rows.double().numpy(), compute_uv=False)
    p = singular_values / singular_values.sum() + 1e-7
    return float(np.exp(-(p * np.log(p)).sum()))


class TestRankMe(MetricTester):
    """What torchmetrics asks of each of its metrics."""

    atol = 1e-9

    @pytest.mark.parametrize("ddp", [False, True])
    @pytest.mark.parametrize("on_step", [False, True])
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
    def test_class(self, ddp: bool, on_step: bool, dtype: torch.dtype) -> None:
        """It has the value of the reference."""
        self.run_class_metric_test(
            ddp,
            ROWS.to(dtype),
            OTHER,
            OfPairs,
            reference,
            dist_sync_on_step=on_step,
            metric_args={"dim": K},
        )

    @pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.double])
    def test_precision(self, dtype: torch.dtype) -> None:
        """A module of another precision has a metric that works."""
        self.run_precision_test_cpu(ROWS, OTHER, OfPairs, metric_args={"dim": K}, dtype=dtype)

    def test_gradients(self) -> None:
        """It says of itself whether a gradient flows."""
        self.run_differentiability_test(ROWS.clone(), OTHER, OfPairs, metric_args={"dim": K})
