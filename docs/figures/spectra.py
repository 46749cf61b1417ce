"""Draw spectra.png: the singular values of a healthy and of a collapsed set of embeddings.

Both sets come from one training that is run twice. The data are 2,000 sentence embeddings of
all-MiniLM-L6-v2. A projector of two layers sees two noisy views of each and learns to map both to
the same place, as in self-supervised learning. The healthy run minimises the loss of VICReg
(arXiv:2105.04906): invariance, variance and covariance, weighted 25, 25 and 1. The collapsed run
keeps the invariance alone, which a projector satisfies best by mapping everything to one point.
What is drawn is the output of each projector for the embeddings without noise, not centred, as
RankMe is defined: the point that all rows are near to is then the one large singular value.
spectra-dark.png is the same for dark pages.

Needs Matplotlib beside rankme, no network, and some seconds: python docs/figures/spectra.py
"""
# ruff: noqa: T201

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

import rankme

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
EMBEDDINGS = HERE.parents[1] / "tests" / "data" / "minilm_wordnet_2000x384_f16.npy"

HIDDEN, OUT = 128, 64
STEPS, BATCH, RATE = 500, 128, 5e-3
NOISE = 0.4  # beside entries of variance 1
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0

Array = NDArray[np.float64]


def project(weights: list[Array], x: Array) -> tuple[Array, Array]:
    """Return the hidden layer and the output of the projector."""
    first, first_bias, second, second_bias = weights
    hidden = np.maximum(x @ first + first_bias, 0)
    return hidden, hidden @ second + second_bias


def invariance_gradient(a: Array, b: Array) -> tuple[Array, Array]:
    """Differentiate the mean squared difference of the two views, by each view."""
    by_a = INVARIANCE * 2 * (a - b) / a.size
    return by_a, -by_a


def spread_gradient(z: Array) -> Array:
    """Differentiate the variance and covariance terms of one view."""
    n, k = z.shape
    centred = z - z.mean(axis=0)
    std = np.sqrt((centred**2).sum(axis=0) / (n - 1) + 1e-4)
    by_variance = np.where(std < 1, -VARIANCE / 2 / std, 0) * centred
    between = centred.T @ centred / (n - 1)
    np.fill_diagonal(between, 0)
    return (by_variance + COVARIANCE * 4 * centred @ between) / (k * (n - 1))


def train(embeddings: Array, *, spread: bool) -> Array:
    """Train a projector by Adam, with or without the terms that spread; return its output."""
    rng = np.random.default_rng(0)
    width = embeddings.shape[1]
    shapes = [(width, HIDDEN), (HIDDEN,), (HIDDEN, OUT), (OUT,)]
    fans = [width, width, HIDDEN, HIDDEN]  # what goes into a unit, as PyTorch scales its layers
    weights = [
        rng.uniform(-1, 1, shape) / np.sqrt(fan) for shape, fan in zip(shapes, fans, strict=True)
    ]
    means = [np.zeros(shape) for shape in shapes]
    squares = [np.zeros(shape) for shape in shapes]
    for step in range(1, STEPS + 1):
        rows = embeddings[rng.integers(len(embeddings), size=BATCH)]
        views = np.concatenate([rows, rows])
        views += NOISE * rng.standard_normal(views.shape)
        hidden, out = project(weights, views)
        a, b = out[:BATCH], out[BATCH:]
        by_out = np.concatenate(invariance_gradient(a, b))
        if spread:
            by_out += np.concatenate([spread_gradient(a), spread_gradient(b)])
        by_hidden = (by_out @ weights[2].T) * (hidden > 0)
        gradients = [views.T @ by_hidden, by_hidden.sum(0), hidden.T @ by_out, by_out.sum(0)]
        rate = RATE * (1 + np.cos(np.pi * step / STEPS)) / 2
        for i, gradient in enumerate(gradients):
            means[i] += 0.1 * (gradient - means[i])
            squares[i] += 0.001 * (gradient**2 - squares[i])
            scale = np.sqrt(squares[i] / (1 - 0.999**step)) + 1e-8
            weights[i] -= rate * means[i] / (1 - 0.9**step) / scale
    return project(weights, embeddings)[1]


def spectra() -> tuple[rankme.Spectrum, rankme.Spectrum]:
    """Return the spectrum of the healthy set and that of the collapsed one."""
    embeddings = np.load(EMBEDDINGS).astype(np.float64)
    embeddings *= np.sqrt(embeddings.shape[1])  # the rows have norm 1: now entries of variance 1
    healthy, collapsed = (rankme.spectrum(train(embeddings, spread=on)) for on in (True, False))
    return healthy, collapsed


def caption(healthy: rankme.Spectrum, collapsed: rankme.Spectrum) -> str:
    """Say in one sentence what the picture shows."""
    return (
        f"RankMe {healthy.rankme():.1f} of {OUT} with the variance and covariance terms, "
        f"{collapsed.rankme():.1f} of {OUT} without"
    )


def draw(healthy: rankme.Spectrum, collapsed: rankme.Spectrum, path: Path) -> None:
    """Draw both spectra, each relative to its largest singular value."""
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    for spectrum, name, colour, marker in (
        (healthy, "healthy: invariance, variance, covariance", "C0", "o"),
        (collapsed, "collapsed: invariance alone", "C1", "s"),
    ):
        values = spectrum.singular_values
        axes.semilogy(
            np.arange(1, OUT + 1),
            values / values[0],
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=1.5,
            label=f"RankMe {spectrum.rankme():.1f} of {OUT}\n{name}",
        )
    axes.set(xlim=(0, OUT + 1), xticks=[1, *range(8, OUT + 1, 8)])
    axes.set_title("One projector, trained by two losses on the same sentences", loc="left")
    axes.set_xlabel("k, singular values from the largest to the smallest")
    axes.set_ylabel("k-th value / largest")
    axes.grid(linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc=(0.42, 0.33), labelspacing=0.9, framealpha=1, fontsize=11)
    # No version of Matplotlib in the file: the same picture has the same bytes.
    metadata = {"Software": None, "Description": caption(healthy, collapsed)}
    figure.savefig(path, dpi=200, metadata=metadata)
    plt.close(figure)


def main() -> None:
    """Draw both pictures beside this file, or into the folder that is given."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else HERE
    pair = spectra()
    for style, end in (("light", ""), ("dark", "-dark")):
        with plt.style.context(HERE / f"{style}.mplstyle"):
            draw(*pair, folder / f"spectra{end}.png")
    print(caption(*pair))


if __name__ == "__main__":
    main()
