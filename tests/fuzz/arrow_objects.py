"""Arrow arrays and streams built by hand, with lies that a consumer can find out."""

import ctypes
import itertools

import numpy as np

from fake_producers import Holder, new_capsule

SCHEMA_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
STEP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)


class Schema(ctypes.Structure):
    _fields_ = [
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_void_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


class Array(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


class Stream(ctypes.Structure):
    _fields_ = [
        ("get_schema", STEP),
        ("get_next", STEP),
        ("get_last_error", LAST_ERROR),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


ITEMS = {b"e": 2, b"f": 4, b"g": 8}
VALUES = np.random.default_rng(1).standard_normal(1 << 12)
FAR = [-1, -(2**63), 2**31, 2**61, 2**63 - 1]
METADATA = np.array([1, 4], "i4").tobytes() + b"lang" + np.array([2], "i4").tobytes() + b"en"
EXTENSION = (
    np.array([1, 20], "i4").tobytes()
    + b"ARROW:extension:name"
    + np.array([1], "i4").tobytes()
    + b"x"
)


def release(_):
    """Nothing to free: Python owns it all."""


RELEASE = SCHEMA_RELEASE(release)
RELEASE_ADDRESS = ctypes.cast(RELEASE, ctypes.c_void_p).value


class Tree:
    """Schema and array of nested fixed-size lists; `kept` owns every piece of memory."""

    def __init__(self, rng):
        self.rng = rng
        self.kept = []
        self.readable = True
        self.format = rng.choice([b"e", b"f", b"g"])
        room = VALUES.nbytes // ITEMS[self.format]
        self.sizes = [rng.choice([0, 1, 2, 3, 7]) for _ in range(rng.choice([0, 1, 1, 1, 2, 5]))]
        self.length = rng.randrange(9)
        self.schema, self.array = self.values(room)
        for depth in range(len(self.sizes), 0, -1):
            self.schema, self.array = self.lists(self.sizes[depth - 1], self.count(depth - 1))

    def count(self, depth):
        return self.length * int(np.prod(self.sizes[:depth], dtype=int))

    def pointers(self, *addresses):
        block = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
        self.kept.append(block)
        return ctypes.addressof(block)

    def bitmap(self, entries):
        """For most arrays none; otherwise one that reaches far enough."""
        if self.rng.random() < 0.7:
            return None, self.rng.choice([0, 0, -1])
        bits = np.full(entries // 8 + 16, 255 if self.rng.random() < 0.6 else 254, "u1")
        self.kept.append(bits)
        return bits.ctypes.data, self.rng.choice([-1, 0, 1])

    def values(self, room):
        offset = self.rng.choice([0, 0, 3])
        length = min(self.count(len(self.sizes)) + self.rng.choice([0, 2]), room - offset)
        bits, nulls = self.bitmap(room)
        array = Array(length, nulls, offset, 2, 0, self.pointers(bits, VALUES.ctypes.data))
        return self.keep(Schema(self.format, b"", None, 2, 0), array)

    def lists(self, size, count):
        bits, nulls = self.bitmap(count)
        schema = Schema(
            b"+w:%d" % size, b"", None, 2, 1, self.pointers(ctypes.addressof(self.schema))
        )
        child = self.pointers(ctypes.addressof(self.array))
        return self.keep(schema, Array(count, nulls, 0, 1, 1, self.pointers(bits), child))

    def keep(self, schema, array):
        schema.release = array.release = RELEASE_ADDRESS
        self.kept += [schema, array]
        return schema, array

    def lie(self):
        """Change one word somewhere, such that a consumer can tell."""
        schema, array = self.rng.choice(
            [pair for pair in itertools.pairwise(self.kept) if isinstance(pair[0], Schema)]
        )
        formats = [None, b"", b"+", b"+w", b"+w:", b"+w:-1", b"+w:9999999999999999999", b"+w:2x"]
        formats += [b"+w:4611686018427387904", b"+s", b"+l", b"u", b"i", b"b", b"+vl", b"\xff"]
        lies = {
            "format": lambda: setattr(schema, "format", self.rng.choice(formats)),
            "metadata": lambda: self.describe(schema),
            "schema children": lambda: setattr(schema, "n_children", self.rng.choice([-1, 2, 0])),
            "no children": lambda: setattr(schema, "children", None),
            "dictionary": lambda: setattr(schema, "dictionary", ctypes.addressof(schema)),
            "length": lambda: setattr(array, "length", self.rng.choice(FAR)),
            "offset": lambda: setattr(array, "offset", self.rng.choice(FAR)),
            "buffers": lambda: setattr(array, "n_buffers", self.rng.choice([-1, 0, 3, 2**62])),
            "no buffers": lambda: setattr(array, "buffers", None),
            "children": lambda: setattr(array, "n_children", self.rng.choice([-1, 2, 0])),
            "no array children": lambda: setattr(array, "children", None),
            "released": lambda: setattr(self.rng.choice([schema, array]), "release", None),
            "null pointers": lambda: setattr(array, "buffers", self.pointers(None, None)),
        }
        lies[self.rng.choice(sorted(lies))]()
        # A far length of a flat array is a lie that nobody can know, and no bitmap is behind it.
        self.readable = False
        for one in self.kept:
            if isinstance(one, Array):
                one.null_count = 0

    def describe(self, schema):
        text = ctypes.create_string_buffer(self.rng.choice([METADATA, EXTENSION, bytes(8)]))
        self.kept.append(text)
        schema.metadata = ctypes.addressof(text)


def tree_of(rng):
    tree = Tree(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        tree.lie()
    return tree


def arrow_array(rng):
    """An object with __arrow_c_array__, and whether its entries are there."""
    tree = tree_of(rng)
    names = [b"arrow_schema", b"arrow_array"]
    if rng.random() < 0.1:
        names[rng.randrange(2)] = rng.choice([b"arrow_array_stream", b"", b"used"])
    pair = [new_capsule(ctypes.addressof(tree.schema), names[0], None)]
    pair.append(new_capsule(ctypes.addressof(tree.array), names[1], None))
    if rng.random() < 0.05:
        pair.reverse()
    result = rng.choice([tuple(pair)] * 9 + [pair, tuple(pair[:1]), (*pair, None)])
    return Holder(__arrow_c_array__=lambda *_: result, keep=tree), tree.readable


def arrow_stream(rng):
    """An object with __arrow_c_stream__ of none, one or two chunks, which may fail at any step."""
    tree = tree_of(rng)
    chunks = rng.choice([0, 1, 1, 1, 1, 2])
    fails = rng.choice(["", "", "", "schema", "next"])
    text = ctypes.create_string_buffer(b"of the stream")

    def get_schema(_, out):
        if fails == "schema":
            return 22
        ctypes.memmove(out, ctypes.addressof(tree.schema), ctypes.sizeof(Schema))
        return 0

    def get_next(_, out):
        nonlocal chunks
        if fails == "next":
            return rng.choice([5, -1, 2**31 - 1])
        ctypes.memset(out, 0, ctypes.sizeof(Array))
        if chunks > 0:
            ctypes.memmove(out, ctypes.addressof(tree.array), ctypes.sizeof(Array))
        chunks -= 1
        return 0

    def last_error(_):
        return rng.choice([None, ctypes.addressof(text)])

    stream = Stream(STEP(get_schema), STEP(get_next), LAST_ERROR(last_error), RELEASE_ADDRESS)
    if rng.random() < 0.05:
        stream.release = None
    if rng.random() < 0.05:
        setattr(stream, rng.choice(["get_schema", "get_next"]), STEP())
    if rng.random() < 0.1:
        stream.get_last_error = LAST_ERROR()
    name = b"arrow_array_stream" if rng.random() < 0.9 else b"arrow_array"
    capsule = new_capsule(ctypes.addressof(stream), name, None)
    # A stream can be read once, so a second look finds it at its end.
    holder = Holder(__arrow_c_stream__=lambda *_: capsule, keep=(tree, stream, text, capsule))
    return holder, False
