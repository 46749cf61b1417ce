"""Arrays of every library are read where they lie, and score as NumPy's do."""

import array
import ctypes

import jax.numpy as jnp
import nanoarrow
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch

import rankme
from fake_producers import DLPack, Holder
from oracles import BFLOAT16, DTYPES, moderate
from rankme import _core
from rankme._base.arrays import as_array, as_matrix
from rankme.metrics import coherence, lidar

NATIVE = [dtype for dtype in DTYPES if dtype != BFLOAT16]


def torch_of(z):
    if z.dtype == BFLOAT16:
        return torch.from_numpy(z.view("i2")).view(torch.bfloat16)
    return torch.from_numpy(z)


def lists_of(z):
    """Arrow's array of rows over the memory of Z."""
    return pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), z.shape[1])


def mapped(z, folder):
    path = folder / "z.npy"
    np.save(path, z)
    return np.load(path, mmap_mode="r")


# name: what makes the array of Z, where its first entry lies, the dtypes that it has
PRODUCERS = {
    "numpy": (lambda z, _: z, lambda a: a.ctypes.data, DTYPES),
    "memory-mapped": (mapped, lambda a: a.ctypes.data, NATIVE),
    "torch": (lambda z, _: torch_of(z), lambda a: a.data_ptr(), DTYPES),
    "jax": (lambda z, _: jnp.asarray(z), lambda a: a.unsafe_buffer_pointer(), DTYPES[:3]),
    "dlpack 1": (lambda z, _: DLPack(z), lambda a: a.z.ctypes.data, DTYPES),
    "dlpack 0": (lambda z, _: DLPack(z, versioned=False), lambda a: a.z.ctypes.data, DTYPES),
    "pyarrow": (lambda z, _: lists_of(z), lambda a: a.values.buffers()[1].address, NATIVE),
    "pyarrow tensor": (
        lambda z, _: pa.Tensor.from_numpy(z),
        lambda a: a.to_numpy().ctypes.data,
        NATIVE,
    ),
    "polars": (
        lambda z, _: pl.Series(z),
        lambda a: a.explode().to_numpy(allow_copy=False).ctypes.data,
        NATIVE[1:],
    ),
    "nanoarrow": (
        lambda z, _: nanoarrow.Array(lists_of(z)),
        lambda a: lists_address(pa.array(a)),
        NATIVE,
    ),
    "memoryview": (lambda z, _: memoryview(z), lambda a: np.asarray(a).ctypes.data, NATIVE),
    "array interface": (
        lambda z, _: Holder(__array_interface__=z.__array_interface__, keep=z),
        lambda a: a.keep.ctypes.data,
        NATIVE,
    ),
}
CASES = [
    pytest.param(make, address, dtype, id=f"{name}-{dtype}")
    for name, (make, address, dtypes) in PRODUCERS.items()
    for dtype in dtypes
]


def lists_address(lists):
    return lists.values.buffers()[1].address


@pytest.mark.parametrize(("make", "address", "dtype"), CASES)
def test_the_memory_is_the_producers(make, address, dtype, tmp_path):
    z = moderate(61, 70, 9, dtype)
    made = make(z, tmp_path)
    view = as_matrix(made)
    assert view.pointer == address(made)
    assert view.shape == (70, 9)
    assert view.strides == (9 * dtype.itemsize, dtype.itemsize)
    assert view.dtype == dtype.name
    assert view.device == _core.device_of(made) == "cpu"
    assert _core.is_array(made)


@pytest.mark.parametrize(("make", "address", "dtype"), CASES)
def test_every_face_takes_it_as_it_takes_numpy(make, address, dtype, tmp_path):
    del address
    for shape in ((90, 7), (7, 90)):
        z = moderate(62, *shape, dtype)
        made = make(z, tmp_path)
        for options in ({}, {"center": True, "normalize": True}, {"method": "qr"}):
            assert rankme.score(made, **options) == rankme.score(z, **options)
            values = rankme.spectrum(made, **options).singular_values
            np.testing.assert_array_equal(values, rankme.spectrum(z, **options).singular_values)
        acc, same = rankme.Accumulator(shape[1]), rankme.Accumulator(shape[1])
        acc.update(made)
        same.update(z)
        np.testing.assert_array_equal(acc.gram(), same.gram())
        assert coherence(made) == coherence(z)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_torch_strides(dtype):
    z = torch_of(moderate(63, 60, 12, dtype))
    for view in (z.T, z[::2], z[:, 3:9], z[5:, ::3], z[:1], z[:, :1], z[0].expand(8, 12)):
        same = view.to(torch.float64).numpy()
        assert as_array(view).pointer == view.data_ptr()
        assert rankme.score(view) == pytest.approx(rankme.score(same), rel=1e-12)


def test_negative_strides_by_dlpack():
    z = moderate(64, 40, 6, "f4")
    for view in (z[::-1], z[:, ::-1], z[::-2, ::-3]):
        producer = DLPack(view)
        assert as_array(producer).strides == view.strides
        assert as_array(producer).pointer == view.ctypes.data
        assert rankme.score(producer) == rankme.score(view)


def test_lidar_takes_arrays_of_three_axes():
    groups = moderate(65, 40 * 3, 5, "f4").reshape(40, 3, 5)
    expected = lidar(groups)
    assert lidar(torch.from_numpy(groups)) == expected
    assert lidar(jnp.asarray(groups)) == expected
    blocks = [torch.from_numpy(groups[:7]), groups[7:]]
    assert lidar(blocks) == pytest.approx(expected, rel=1e-10)


def test_arrays_of_any_number_of_axes():
    for shape in ((), (3,), (2, 3, 4), (1,) * 64, (0, 5)):
        z = np.ones(shape, "f4")
        assert as_array(z).shape == as_array(DLPack(z)).shape == shape
    assert as_array(array.array("d", [1, 2])).shape == (2,)
    assert as_array((ctypes.c_float * 4 * 3)()).shape == (3, 4)
    assert as_array(memoryview(bytes(48)).cast("d", [3, 2])).shape == (3, 2)
    with pytest.raises(ValueError, match=r"it is 3-D with shape \(2, 3, 4\)"):
        rankme.score(torch.ones(2, 3, 4))


def test_a_view_is_taken_as_it_is():
    view = as_array(np.ones((3, 2)))
    assert as_array(view) is view
    for attribute in ("shape", "strides", "dtype", "device", "pointer"):
        with pytest.raises(AttributeError):
            setattr(view, attribute, None)


def test_what_is_no_array():
    for thing in ([1.0], (1.0,), 1.0, None, "text", torch.Tensor, np.ndarray, {}, iter([])):
        assert not _core.is_array(thing)
        assert _core.device_of(thing) == "cpu"
