"""Accumulators in every kind of state, for the tests of what is saved."""

import hashlib
import json
import struct

import numpy as np

import rankme
from oracles import moderate
from rankme._accumulators import state_file
from rankme._accumulators.state_header import KINDS
from state_reader import probes


def accumulated(of, n, k, scale=1.0, **options):
    acc = rankme.Accumulator(k, **options)
    if n:
        acc.update(moderate(of, n, k) * scale)
    return acc


STATES = {
    "plain": accumulated(1, 40, 5),
    "empty": accumulated(1, 0, 5),
    "one column": accumulated(2, 3, 1),
    "normalised": accumulated(3, 40, 5, normalize=True),
    "huge": accumulated(4, 40, 5, 1e250),
    "tiny": accumulated(5, 40, 5, 1e-250),
    "wide": accumulated(6, 300, 200),
    "seed": accumulated(7, 40, 5, seed=2**64 - 1),
    "qr": accumulated(8, 40, 5, method="qr"),
    "qr, empty": accumulated(9, 0, 5, method="qr"),
    "qr, one column": accumulated(10, 3, 1, method="qr"),
    "qr, normalised": accumulated(11, 40, 5, normalize=True, method="qr"),
    "groups": accumulated(13, 300, 5, groups=8),
    "groups, empty": accumulated(14, 0, 5, groups=8),
    "groups, few rows": accumulated(15, 7, 3, groups=9, run_length=2, seed=3),
    "qr, huge": accumulated(12, 40, 5, 1e250, method="qr"),
}


def saved_bytes(name="plain"):
    return state_file.encode(STATES[name]._state())


def uncentred(state):
    """The same rows as a GPU and files of formats 1 and 2 hold them: not about the mean."""
    k, n = state.dim, state.n_rows
    arrays = dict(zip(KINDS["scatter"].arrays, state.arrays, strict=True))
    mean = arrays["origin"] + (arrays["offset"] + arrays["offset_low"])
    low = np.tril_indices(k)
    products = (arrays["probe_products"] + arrays["probe_products_low"]).reshape(k, 8)
    # n m X, which was summed apart.
    along = arrays["mean_products"] + n * arrays["origin"] @ probes(k, state.numbers[1])
    products = products + np.outer(mean, along)
    triangle = arrays["triangle"] + n * mean[low[0]] * mean[low[1]]
    return state._replace(kind="gram", arrays=(n * mean, products.ravel(), triangle))


def without_origin(state):
    """The factor of the same rows as files of formats 1 and 2 hold it: nothing was subtracted."""
    origin, _, triangle = state.arrays
    triangle = triangle.copy()
    first = np.arange(1, state.dim + 1)
    triangle[first * (first + 1) // 2] += triangle[0] * origin
    return state._replace(arrays=(triangle,))


def old_bytes(state, version=2, **changes):
    """A state as rankme wrote it in format 1 or 2."""
    kind = KINDS[state.kind]
    if state.kind == "qr":
        state = without_origin(state)
    fields = {
        "method": state.kind,
        "dim": state.dim,
        "normalize": state.normalize,
        "n_rows": state.n_rows,
        **dict(zip(kind.numbers, state.numbers, strict=True)),
    }
    if version > 1:
        fields["shards"] = dict(state.shards)
    header = json.dumps({**fields, **changes}).encode("ascii")
    body = struct.pack("<8sII", b"\x93RNKM\r\n\x1a", version, len(header)) + header
    body += b"".join(array.astype("<f8").tobytes() for array in state.arrays)
    return body + hashlib.sha256(body).digest()
