"""The buffer protocol, NumPy's array interface, and who keeps the memory alive."""

import array
import gc
import mmap
import weakref

import numpy as np
import pytest
import torch

import rankme
from fake_producers import Holder
from oracles import moderate
from rankme._base.arrays import as_array

Z = moderate(91, 30, 5, "f8")

FORMATS = {
    "int": (memoryview(array.array("i", [1, 2])), "'i' .a buffer's format."),
    "bytes": (b"12345678", "'B' .a buffer's format."),
    "complex": (memoryview(np.ones(3, "c8")), "'Zf' .a buffer's format."),
    "big-endian": (memoryview(np.ones(3, ">f4")), "'>f' .a buffer's format."),
    "structured": (memoryview(np.ones(3, [("x", "f4")])), "'T{f:x:}' .a buffer's format."),
    "longdouble": (memoryview(np.ones(3, "g")), "'g' .a buffer's format."),
}


@pytest.mark.parametrize(("made", "message"), FORMATS.values(), ids=FORMATS)
def test_formats_that_are_refused(made, message):
    with pytest.raises(TypeError, match=f"Z has dtype {message}; accepted are"):
        as_array(made)


def test_a_released_memoryview():
    view = memoryview(Z)
    view.release()
    with pytest.raises(ValueError, match="released"):
        as_array(view)


def test_strided_memoryviews():
    for z in (Z[::-1], Z[:, ::2], Z.T, np.asfortranarray(Z)):
        assert as_array(memoryview(z)).strides == z.strides
        assert rankme.score(memoryview(z)) == rankme.score(z)


def interface(**entries):
    return Holder(__array_interface__={**Z.__array_interface__, **entries})


INTERFACES = {
    "no dict": (Holder(__array_interface__=7), TypeError, "must be a dict, not int"),
    "empty": (Holder(__array_interface__={}), ValueError, "__array_interface__"),
    "negative": (interface(shape=(-1, 5)), ValueError, "negative dimensions"),
    "int": (interface(typestr="<i8"), TypeError, "Z has dtype int64; accepted are"),
    "big-endian": (interface(typestr=">f8"), TypeError, "float64 in foreign byte order"),
    "huge": (interface(shape=(2**70, 5)), ValueError, "has a number that is out of range"),
    "strides": (interface(strides=(8,)), ValueError, "mismatch in length of strides"),
    "beyond its bytes": (
        Holder(
            __array_interface__={
                "shape": (9, 9),
                "typestr": "<f8",
                "data": bytes(64),
                "version": 3,
            }
        ),
        ValueError,
        "more than the 64 bytes of its data",
    ),
}


@pytest.mark.parametrize(("made", "error", "message"), INTERFACES.values(), ids=INTERFACES)
def test_array_interfaces_that_are_wrong(made, error, message):
    with pytest.raises(error, match=message):
        as_array(made)


# ---- lifetimes -----------------------------------------------------------------------------------


class Kept(np.ndarray):
    """An array that can be weakly referenced."""


def test_a_view_keeps_its_owner():
    z = Z.copy().view(Kept)
    alive = weakref.ref(z)
    view = as_array(z)
    del z
    gc.collect()
    assert alive() is not None
    del view
    gc.collect()
    assert alive() is None


def test_a_view_keeps_a_tensor_s_memory():
    tensor = torch.from_numpy(Z.copy())
    expected = rankme.score(tensor)
    view = as_array(tensor)
    del tensor
    gc.collect()
    np.empty(Z.shape).fill(7)  # what was freed would be taken now
    assert rankme.score(view) == expected


def test_nothing_moves_under_a_view():
    stretchable = bytearray(Z.tobytes())
    view = as_array(memoryview(stretchable).cast("d", Z.shape))
    with pytest.raises(BufferError):
        stretchable.extend(b"more")
    mapped = mmap.mmap(-1, Z.nbytes)
    mapped[:] = Z.tobytes()
    second = as_array(memoryview(mapped).cast("d", Z.shape))
    with pytest.raises(BufferError):
        mapped.close()
    assert rankme.score(view) == rankme.score(second) == rankme.score(Z)
    del view, second
    gc.collect()
    stretchable.extend(b"more")
    mapped.close()


def test_numpy_refuses_to_resize_what_a_view_shows():
    z = np.ones((20, 6))
    view = as_array(z)
    with pytest.raises(ValueError, match="cannot resize"):
        z.resize((1, 6))
    assert rankme.score(view, eps=0) == pytest.approx(1, rel=1e-6)
    del view
    z.resize((1, 6))
