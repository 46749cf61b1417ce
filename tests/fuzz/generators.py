"""Random objects for the entry, most of them lies.

What a consumer cannot find out is left out: an extent of foreign memory that is plausible and
wrong, or a pointer to anywhere. So an object whose entries are to be read stays within an arena.
"""

import array
import ctypes
import itertools

import ml_dtypes
import numpy as np

from arrow_objects import arrow_array, arrow_stream
from fake_producers import DLPack, Holder, cuda_interface

ARENA = np.random.default_rng(0).standard_normal(1 << 13)
EDGES = [0, 1, -1, 2, 7, 63, 64, 65, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63), 2**63]
DTYPES = [np.dtype(name) for name in ("f2", "f4", "f8", ml_dtypes.bfloat16)]


class ProducedError(Exception):
    """Raised by a producer."""


class Made:
    """An object, and whether the entries that it describes are really there."""

    def __init__(self, thing, *, readable=False):
        self.thing, self.readable = thing, readable


def nonsense(rng):
    """A value of any type that could stand where another is wanted."""
    return rng.choice(
        [
            None,
            True,
            -1,
            rng.choice(EDGES),
            2**200,
            1.5,
            float("nan"),
            "",
            "<f4",
            "\ud800",
            b"dltensor",
            (),
            (1,),
            (rng.choice(EDGES), rng.choice(EDGES)),
            (None, None),
            [2, 2],
            {},
            {"shape": (2, 2)},
            object(),
            Ellipsis,
            np.float32(1),
            np.ones((2, 2), "f4"),
            int,
            Holder(),
            memoryview(b"12345678"),
        ]
    )


def may_fail(rng, value, share=0.1):
    """A function that returns the value, raises, or returns something else."""

    def call(*_, **__):
        chance = rng.random()
        if chance < share / 2:
            raise rng.choice([ProducedError, BufferError, TypeError, ValueError])("of the producer")
        return nonsense(rng) if chance < share else value

    return call


def shape_in(rng, entries):
    """A shape of at most so many entries, and a layout of it that stays within them."""
    ndim = rng.choice([0, 1, 2, 2, 2, 2, 3, 4, 9])
    shape, strides, room = [], [], entries
    for _ in range(ndim):
        size = rng.choice([0, 1, 1, 2, 3, 5, 8, min(40, room)])
        shape.append(min(size, room))
        strides.append(entries // room if rng.random() < 0.8 else 0)
        room //= max(shape[-1], 1)
    order = rng.sample(range(ndim), ndim)
    return tuple(shape[i] for i in order), tuple(strides[i] for i in order)


def array_in_arena(rng):
    """A NumPy array somewhere in the arena, of any layout."""
    dtype = rng.choice(DTYPES)
    anything = ARENA.view(np.uint8)[: 1 << 14].view(dtype)  # NaN and infinity are among it
    flat = anything if rng.random() < 0.5 else ARENA.astype(dtype)
    flat = flat[rng.randrange(64) :][:4096]
    shape, strides = shape_in(rng, len(flat))
    steps = tuple(stride * dtype.itemsize for stride in strides)
    z = np.lib.stride_tricks.as_strided(flat, shape, steps)
    flips = tuple(slice(None, None, rng.choice([1, 1, -1])) for _ in shape)
    return z[flips] if flips else z


def numpy_array(rng):
    """Real arrays, of dtypes that are taken and of others."""
    z = array_in_arena(rng)
    if rng.random() < 0.3:
        odd = rng.choice(["i4", "?", "O", "U3", "M8[s]", "c8", ">f4", "g", "V2", [("x", "f4")]])
        return Made(np.zeros(z.shape, odd))
    if rng.random() < 0.1:
        return Made(np.broadcast_to(np.float32(1), (rng.choice([0, 1, 2**40]), 2**20)))
    if rng.random() < 0.1:
        kinds = [np.recarray, np.ma.MaskedArray, np.matrix if z.ndim == 2 else np.ndarray]
        z = z.view(rng.choice(kinds))
    return Made(z, readable=True)


def dlpack(rng):
    """DLPack with up to three lies; without one its entries are read."""
    z = array_in_arena(rng)
    lies = {
        "shape": lambda: tuple(rng.choice(EDGES[:-1]) for _ in range(64)),
        "strides": lambda: tuple(rng.choice(EDGES[:-1]) for _ in range(64)),
        "data": lambda: rng.choice([None, None, 1, 2**64 - 1, 2**63]),
        "device_code": lambda: rng.choice([0, 2, 3, 4, 7, 10, 13, 17, 99, -1, 2**31 - 1]),
        "device_id": lambda: rng.choice([-1, 1, 2**31 - 1, -(2**31)]),
        "ndim": lambda: rng.choice([-1, 65, 2**31 - 1, -(2**31), 0]),
        "type_code": lambda: rng.randrange(256),
        "type_bits": lambda: rng.choice([0, 1, 4, 8, 15, 16, 24, 32, 64, 80, 128, 255]),
        "type_lanes": lambda: rng.choice([0, 2, 65535]),
        "byte_offset": lambda: rng.choice([1, 2**63, 2**64 - 1, 2**64 - 8]),
        "version": lambda: (rng.choice([0, 1, 2, 2**32 - 1]), rng.choice([0, 9])),
        "name": lambda: rng.choice([b"used_dltensor", b"used_dltensor_versioned", b"x", b""]),
        "flags": lambda: rng.choice([1, 2, 3, 2**64 - 1]),
    }
    count = rng.choice([0, 0, 1, 1, 2, 3])
    told = {key: lies[key]() for key in rng.sample(sorted(lies), count)}
    versioned = rng.random() < 0.5
    if not versioned:
        told.pop("version", None)
    if told.keys() & {"ndim", "shape", "strides"}:
        pad = (1,) * (64 - z.ndim)
        told.setdefault("shape", z.shape + pad)
        told.setdefault("strides", tuple(s // z.itemsize for s in z.strides) + pad)
    producer = DLPack(z, versioned=versioned, **told)
    disturb(rng, producer)
    honest = not set(told) - {"flags"} and producer.fields["strides"] is not None
    return Made(producer, readable=honest)


def disturb(rng, producer):
    """Take pieces of a DLPack producer away, or have them fail."""
    if rng.random() < 0.05:
        producer.fields["shape"] = None
    if rng.random() < 0.1:
        producer.fields["strides"] = None
    if rng.random() < 0.1:
        deleter = type(producer.deleter)
        producer.deleter = rng.choice([deleter(), deleter(may_fail(rng, None, 0.9))])
    if rng.random() < 0.1:
        producer.__dlpack_device__ = may_fail(rng, (rng.choice([1, 2, 5]), 0), 0.7)
    if rng.random() < 0.1:
        producer.__dlpack__ = may_fail(rng, None, 0.9)


def changed(rng, told, share):
    """The same dict with some values exchanged or gone."""
    result = {}
    for key, value in told.items():
        if rng.random() < share:
            if rng.random() < 0.3:
                continue
            result[key] = nonsense(rng)
        else:
            result[key] = value
    return result


def cuda_array(rng):
    """The CUDA array interface; its pointer is never followed."""
    sizes = EDGES if rng.random() < 0.2 else [0, 1, 3, 8]
    shape = tuple(rng.choice(sizes) for _ in range(rng.choice([0, 1, 2, 2, 3, 65])))
    strides = rng.choice([None, tuple(rng.choice(EDGES) for _ in shape), (4,)])
    told = cuda_interface(
        shape,
        rng.choice([0x7000, *EDGES]),
        strides=strides,
        stream=rng.choice([None, 1, 2, *EDGES]),
        typestr=rng.choice(["<f2", "<f4", "<f8", "<i4", ">f8", "|V2", "f", ""]),
        version=rng.choice([2, 3, 3, 3, 4, 1]),
    )
    return Made(Holder(__cuda_array_interface__=changed(rng, told, rng.choice([0, 0, 0.3]))))


def array_interface(rng):
    """NumPy's array interface, of an array that is there or of nothing."""
    z = array_in_arena(rng)
    told = dict(z.__array_interface__)
    share = rng.choice([0, 0.2, 0.5])
    told = changed(rng, told, share)
    if rng.random() < 0.1:
        told["data"] = rng.choice([bytes(16), bytearray(64), memoryview(bytes(8))])
        share = rng.choice([0, 1])
    return Made(Holder(__array_interface__=told, keep=z), readable=share == 0)


def buffer(rng):
    """Exporters of the buffer protocol."""
    z = array_in_arena(rng)
    kind = rng.randrange(6)
    if kind == 0:
        return Made(array.array(rng.choice("bBhHiIlLfd"), range(rng.randrange(9))), readable=True)
    if kind == 1:
        item = rng.choice([ctypes.c_float, ctypes.c_double, ctypes.c_int, ctypes.c_void_p])
        for size in [rng.randrange(5) for _ in range(rng.randrange(4))]:
            item = item * size
        return Made(item(), readable=True)
    if kind == 2:
        size, code = rng.choice([(4, "f"), (8, "d"), (1, "b"), (8, "P"), (4, "@i")])
        shape = (rng.randrange(1, 5), rng.randrange(1, 5))
        return Made(memoryview(bytes(size * shape[0] * shape[1])).cast(code, shape), readable=True)
    if kind == 3:
        view = memoryview(np.ones((2, 3), "f4"))
        view.release()
        return Made(view)
    if z.dtype == DTYPES[3]:
        z = z.view("f2")
    view = memoryview(z)
    if kind == 4 and z.ndim:
        view = view[:: rng.choice([1, 2, -1])]
    return Made(view, readable=True)


class Moody:
    """Every attribute is something, or an error."""

    def __init__(self, rng):
        self._rng = rng

    def __getattr__(self, name):
        if name.startswith("__") and self._rng.random() < 0.3:
            raise self._rng.choice([AttributeError, ProducedError, ValueError])(name)
        return may_fail(self._rng, nonsense(self._rng), 0.5)


def stranger(rng):
    """What is no array at all, or only claims to be one."""
    names = ["__dlpack__", "__dlpack_device__", "__cuda_array_interface__", "__array_interface__"]
    names += ["__arrow_c_array__", "__arrow_c_stream__"]
    claims = {name: nonsense(rng) for name in rng.sample(names, rng.randrange(len(names)))}
    return Made(rng.choice([nonsense(rng), Moody(rng), Holder(**claims)]))


def arrow(rng):
    """Arrow arrays and streams built by hand; see arrow_objects."""
    make = rng.choice([arrow_array, arrow_array, arrow_stream])
    thing, readable = make(rng)
    if rng.random() < 0.1:
        return Made(Holder(__arrow_c_array__=may_fail(rng, (1, 2), 0.9)))
    return Made(thing, readable=readable)


GENERATORS = [
    generator
    for generator, weight in (
        (numpy_array, 1),
        (dlpack, 4),
        (cuda_array, 1),
        (array_interface, 1),
        (buffer, 1),
        (stranger, 1),
        (arrow, 4),
    )
    for generator in itertools.repeat(generator, weight)
]
