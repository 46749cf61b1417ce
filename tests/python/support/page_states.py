"""Saved accumulators of every kind, for the tests of the page that specifies the files."""

import hashlib
import json
import struct

import numpy as np

import rankme
from oracles import moderate
from state_reader import ACCUMULATOR

ROWS = moderate(5, 300, 12)
# Options, the rows in units of this, and the shards.
CASES = {
    "gram": ({}, 1.0, (None,)),
    "gram, normalised": ({"normalize": True}, 1.0, (None,)),
    "gram, another seed": ({"seed": 2**64 - 3}, 1.0, (None,)),
    "gram, huge": ({}, 1e250, (None,)),
    "gram, tiny": ({}, 1e-250, (None,)),
    "gram, shards": ({}, 1.0, ("/data/part-0.npy", None, "é#emb")),
    "qr": ({"method": "qr"}, 1.0, (None,)),
    "qr, normalised": ({"method": "qr", "normalize": True}, 1.0, (None,)),
    "qr, shards": ({"method": "qr"}, 1.0, ("a", "b")),
}


def saved(case, path):
    options, unit, shards = CASES[case]
    acc = rankme.Accumulator(ROWS.shape[1], **options)
    for block, shard in zip(np.array_split(ROWS * unit, len(shards)), shards, strict=True):
        acc.update(block, shard=shard)
    acc.save(path)
    return acc, path.read_bytes()


def rewritten(data, change, version=3):
    """The file with another header and a checksum that fits."""
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length])
    header.update(change)
    for key in [key for key, value in header.items() if value == "absent"]:
        del header[key]
    raw = json.dumps(header).encode("ascii")
    body = ACCUMULATOR + struct.pack("<II", version, len(raw)) + raw + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()
