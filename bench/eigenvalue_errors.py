"""How far eigenvalues are off, against matrices whose eigenvalues are known exactly.

python bench/eigenvalue_errors.py [--orders 256,1024,2048,4096]

With W the Walsh-Hadamard matrix of order n = 2^k, W D W / n has the entries f[i xor j] for
f = W d / n. If all d are multiples of 2^-g and their magnitudes add up to less than 2^(52 - g), no
entry rounds, and the eigenvalues are d to the last bit. A permutation of rows and columns and
changes of signs change no eigenvalue either. Gaussian matrices, Gram matrices and one with a mean
have no such spectrum: up to order 512 they are held against Rayleigh quotients in long double.
"""
# ruff: noqa: INP001, T201

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rankme import _core

Doubles = NDArray[np.float64]
UNIT = 2.0**-53
MOST_BY_NUMPY = 1024  # beyond, NumPy takes minutes
MOST_BY_RAYLEIGH = 512
RANK = 5


def walsh_transform(d: Doubles) -> Doubles:
    """W d, exact where no sum rounds."""
    f: Doubles = d.copy()
    half = 1
    while half < len(f):
        pairs = f.reshape(-1, 2, half)
        f = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).ravel()
        half *= 2
    return f


def known(d: Doubles, generator: np.random.Generator | None) -> Doubles:
    """Make a matrix with the eigenvalues d; shuffled where there is a generator."""
    n = len(d)
    f = walsh_transform(d) / n
    at = np.arange(n)
    a = f[at[:, None] ^ at[None, :]]
    if generator is None:
        return np.ascontiguousarray(a)
    order = generator.permutation(n)
    signs = generator.choice([-1.0, 1.0], n)
    return np.ascontiguousarray(a[np.ix_(order, order)] * signs[:, None] * signs[None, :])


def spectra(n: int, generator: np.random.Generator) -> Iterator[tuple[str, Doubles]]:
    """Hostile spectra, as multiples of a power of two."""
    k = np.arange(1, n + 1.0)
    grain = 2.0**39

    def on_grid(d: Doubles) -> Doubles:
        return np.round(d * grain) / grain

    yield "uniform", on_grid(generator.uniform(-1, 1, n))
    yield "k^-0.5", on_grid(k**-0.5)
    yield "k^-1", on_grid(k**-1)
    yield "k^-2", on_grid(k**-2)
    yield "graded to 1e-12", on_grid(10 ** (-12 * (k - 1) / n))
    yield "two clusters", np.where(k < n / 3, 1.0, 0.5)
    yield "clusters with 1e-11", on_grid(np.where(k < n / 2, 0.5, 1e-3) + 1e-11 * (k % 7))
    yield "rank 5", np.where(k <= RANK, k / 8, 0.0)
    yield "rank n / 2", np.where(k <= n / 2, 1.0, 0.0)
    for mean in (1.0, 1e2, 1e4, 1e6):
        yield f"identity + mean {mean:g}", np.where(k == 1, 1 + mean * n, 1.0)
    yield "k^-0.5 + mean 100", np.where(k == 1, 128.0 * n, np.round(k**-0.5 * 2**30) / 2**30)


def gaussian(n: int, generator: np.random.Generator) -> Iterator[tuple[str, Doubles]]:
    """Matrices of which no eigenvalue is known."""
    z = generator.standard_normal((n, n))
    yield "Gaussian", (z + z.T) / 2
    rows = generator.standard_normal((4 * n, n)) / np.arange(1, n + 1.0)
    turned = rows @ np.linalg.qr(z)[0]
    yield "Gram k^-2", turned.T @ turned
    moved = turned + 100
    yield "Gram k^-2 + mean 100", moved.T @ moved
    sizes = 10 ** -np.linspace(0, 12, n)
    yield "graded rows", (z + z.T) * sizes[:, None] * sizes[None, :]
    yield "graded rows, reversed", (z + z.T) * sizes[::-1, None] * sizes[None, ::-1]


def rayleigh(a: Doubles) -> Doubles:
    """Eigenvalues to twice the digits of the eigenvectors."""
    v = np.linalg.eigh(a)[1].astype(np.longdouble)
    return np.sort(((a.astype(np.longdouble) @ v) * v).sum(0) / (v * v).sum(0))


def show(n: int, name: str, a: Doubles, wanted: Doubles) -> tuple[float, float]:
    """Print the errors of one matrix; returns them in parts of what the intervals count with."""
    bound = 4 * (10 + n / 4) * UNIT
    two, frobenius = float(np.abs(wanted).max()), float(np.sqrt((wanted * wanted).sum()))
    errors = _core.symmetric_eigenvalues(a) - wanted
    largest = float(np.abs(errors).max()) / two
    together = float(np.sqrt((errors * errors).sum())) / frobenius / bound
    others = ""
    if n <= MOST_BY_NUMPY:
        others = f"{np.abs(np.linalg.eigvalsh(a) - wanted).max() / two / UNIT:.1f}"
    print(
        f"| {n} | {name} | {largest / UNIT:.1f} | {others} "
        f"| {largest / bound:.3f} | {together:.3f} |",
        flush=True,
    )
    return largest / bound, together


def main() -> None:
    """Print a table, and the worst of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", default="64,256,512,1024,2048,4096")
    arguments = parser.parse_args()
    print("| K | spectrum | error, u λ₁ | NumPy's | of s | all errors, of s_F |")
    print("|--:|:--|--:|--:|--:|--:|")
    found = []
    for n in map(int, arguments.orders.split(",")):
        generator = np.random.default_rng(n)
        for name, d in spectra(n, generator):
            wanted = np.sort(d)
            found.append(show(n, name, known(d, generator), wanted))
            if "mean" in name or "cluster" in name:
                found.append(show(n, f"{name}, in order", known(d, None), wanted))
        if n <= MOST_BY_RAYLEIGH:
            for name, a in gaussian(n, generator):
                found.append(show(n, name, a, rayleigh(a)))
    worst = np.array(found).max(axis=0)
    print(f"\nAt most {worst[0]:.3f} of s, and all errors together {worst[1]:.3f} of s_F.")


if __name__ == "__main__":
    main()
