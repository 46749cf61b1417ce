"""Files of images for the study of hyperparameters, in the layouts that are published."""

import gzip
import struct

import numpy as np
from PIL import Image


def idx_bytes(array):
    """Write bytes in the IDX format."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_fashion(folder, n_train, n_test):
    """Write the four files of Fashion-MNIST, and return the pixels and labels of both parts.

    What an image shows is where its bright bar lies, so that there is something to learn.
    """
    rng = np.random.default_rng(0)
    parts = []
    for part, n in (("train", n_train), ("t10k", n_test)):
        labels = np.arange(n) % 10
        pixels = rng.integers(0, 60, (n, 28, 28))
        for i, label in enumerate(labels):
            pixels[i, 2 * label + 2 : 2 * label + 6, 4:24] += 180
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            path = folder / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(idx_bytes(array), 1))
        parts.append((pixels, labels))
    return parts


def write_digits(path, noise=0):
    """Write a sheet of 50 x 100 cells, each of one brightness and noise; return these."""
    rng = np.random.default_rng(0)
    cells = rng.integers(20, 220, 5000)
    sheet = np.kron(cells.reshape(50, 100), np.ones((20, 20), int))
    sheet = sheet + rng.integers(-noise, noise + 1, sheet.shape)
    Image.fromarray(sheet.astype(np.uint8)).save(path)
    return cells
