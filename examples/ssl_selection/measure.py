"""What is measured of a trained network: ranks without labels, then accuracies with them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rankme
from rankme.metrics import lidar

from .networks import normalized, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .data import Images
    from .networks import Network
    from .protocol import Protocol

__all__ = ["TAPS", "Sets", "accuracies", "measured", "ranks_of", "rivals_of", "rows_of"]

TAPS = ("backbone", "projector")

# By name; "fashion" is what was trained on, "fashion-test" its held-out images, others are targets.
Sets = dict[str, "Images"]

_BATCH = 1000


def rows_of(network: Network, pixels: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    """Return what the backbone and the projector make of images, without views of them.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    pixels : torch.Tensor
        Shape (n, 28, 28), from 0 to 1.

    Returns
    -------
    dict
        For each tap an array of shape (n, K), float32.
    """
    if network.training:
        raise ValueError("the network must be in evaluation mode: network.eval()")
    with torch.inference_mode():
        parts = [network(normalized(batch)) for batch in pixels.split(_BATCH)]
    return {tap: torch.cat([part[i] for part in parts]).numpy() for i, tap in enumerate(TAPS)}


def measured(network: Network, sets: Sets, protocol: Protocol) -> dict[str, Any]:
    """Measure everything of a network: plain numbers that JSON has."""
    rows = {
        name: rows_of(network, torch.from_numpy(images.pixels)) for name, images in sets.items()
    }
    source = torch.from_numpy(sets["fashion"].pixels)
    return {
        "ranks": {
            tap: {name: ranks_of(rows[name][tap], protocol) for name in rows} for tap in TAPS
        },
        "curve": {tap: _curve(rows["fashion"][tap], protocol) for tap in TAPS},
        "rivals": rivals_of(network, rows["fashion"], source, protocol),
        "accuracy": accuracies(rows, sets, protocol),
    }


def ranks_of(rows: NDArray[np.float32], protocol: Protocol) -> dict[str, Any]:
    """Estimate RankMe of rows, uncentred: all that makes up a `rankme.Estimate`."""
    found = rankme.estimate(rows, groups=protocol.groups)
    return {
        "score": found.score,
        "low": found.low,
        "high": found.high,
        "n_rows": found.n_rows,
        "n_cols": found.n_cols,
        "left_out": found.left_out.tolist(),
        "group_rows": found.group_rows.tolist(),
    }


def _curve(rows: NDArray[np.float32], protocol: Protocol) -> dict[str, list[Any]]:
    """Compute RankMe on fewer rows as well; None where too few rows extrapolate nothing."""
    found = rankme.curve(rows, rows=protocol.curve, groups=protocol.groups)
    return {
        "rows": [int(n) for n in found.rows],
        "scores": found.scores.tolist(),
        "std_errors": found.std_errors.tolist(),
        "bias_corrected": [x if np.isfinite(x) else None for x in found.bias_corrected.tolist()],
    }


def rivals_of(
    network: Network,
    rows: dict[str, NDArray[np.float32]],
    pixels: torch.Tensor,
    protocol: Protocol,
) -> dict[str, dict[str, float]]:
    """Compute what else is said to tell good embeddings without labels, for each tap.

    alpha-ReQ is of the centred spectrum, stable rank and participation ratio of the uncentred one,
    as RankMe. LiDAR is of views, the same for every network.
    """
    random = torch.Generator().manual_seed(0)
    drawn = [
        rows_of(network, views(pixels[: protocol.lidar_images], random))
        for _ in range(protocol.lidar_views)
    ]
    result = {}
    for tap in TAPS:
        spectrum = rankme.spectrum(rows[tap])
        result[tap] = {
            "alpha_req": rankme.spectrum(rows[tap], center=True).alpha_req(),
            "stable_rank": spectrum.stable_rank(),
            "participation_ratio": spectrum.participation_ratio(),
            "lidar": lidar(np.stack([view[tap] for view in drawn], axis=1)),
        }
    return result


def accuracies(
    rows: dict[str, dict[str, NDArray[np.float32]]], sets: Sets, protocol: Protocol
) -> dict[str, dict[str, float]]:
    """Classify the backbone's rows by a linear probe and by neighbours; shares from 0 to 1.

    On Fashion-MNIST the images that were trained on teach, and the test images examine. A target
    is cut in two halves, each of which teaches once and examines once.
    """
    kinds = {
        "probe": lambda: make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=protocol.probe_iterations)
        ),
        "knn": lambda: KNeighborsClassifier(protocol.neighbours, metric="cosine"),
    }
    result: dict[str, dict[str, float]] = {}
    for name in sets:
        if name == "fashion":
            continue
        X, y = rows[name]["backbone"], sets[name].labels  # noqa: N806
        if name == "fashion-test":
            teach, labels = rows["fashion"]["backbone"], sets["fashion"].labels
            parts = [(teach, labels, X, y)]
        else:
            halves = StratifiedKFold(2, shuffle=True, random_state=0).split(X, y)
            parts = [(X[a], y[a], X[b], y[b]) for a, b in halves]
        result[name] = {}
        for kind, make in kinds.items():
            right = 0
            for learn, learn_labels, test, test_labels in parts:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", ConvergenceWarning)
                    model = make().fit(learn, learn_labels)
                right += int((model.predict(test) == test_labels).sum())
            result[name][kind] = right / len(y)
    return result
