"""A reader of saved files that is written from docs/reference/state-format.md alone.

Nothing of rankme takes part: a stranger could have written it from the page.
"""

import hashlib
import json
import math
import struct

import numpy as np

ACCUMULATOR = bytes.fromhex("93524e4b4d0d0a1a")
STACK = bytes.fromhex("93524e4b4c0d0a1a")
COUNT = 2**63 - 1
LIMITS = {
    "dim": (1, 2**31 - 1),
    "n_rows": (0, COUNT),
    "blocks": (0, COUNT),
    "exponent": (-1000, 1000),
    "seed": (0, 2**64 - 1),
    "longest_block": (0, COUNT),
}
KEYS = {
    "gram": ("dim", "n_rows", "blocks", "exponent", "seed", "longest_block"),
    "qr": ("dim", "n_rows", "blocks"),
}


class Refused(Exception):  # noqa: N818
    pass


def require(holds):
    if not holds:
        raise Refused


def is_integer(value, low, high):
    return type(value) is int and low <= value <= high


def read_header(raw):
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise Refused from error
    require(isinstance(header, dict) and header.get("method") in ("gram", "qr"))
    require(isinstance(header.get("normalize"), bool))
    for key in KEYS[header["method"]]:
        require(is_integer(header.get(key), *LIMITS[key]))
    shards = header.setdefault("shards", {})
    require(isinstance(shards, dict))
    require(all(is_integer(rows, 1, COUNT) for rows in shards.values()))
    require(sum(shards.values()) <= header["n_rows"])
    return header


def read_accumulator(data):
    require(data[:8] == ACCUMULATOR and len(data) >= 16)
    version, header_length = struct.unpack_from("<II", data, 8)
    require(version in (1, 2))
    start = 16 + header_length
    require(len(data) >= start)
    header = read_header(data[16:start])
    k = header["dim"]
    sizes = {"gram": [k, 8 * k, k * (k + 1) // 2], "qr": [(k + 1) * (k + 2) // 2]}[header["method"]]
    end = start + 8 * sum(sizes)
    require(len(data) == end + 32)
    require(hashlib.sha256(data[:end]).digest() == data[end:])
    numbers = np.frombuffer(data, "<f8", sum(sizes), start)
    require(bool(np.isfinite(numbers).all()))
    return header, np.split(numbers, np.cumsum(sizes)[:-1])


def read_stack(data):
    require(data[:8] == STACK and len(data) >= 16)
    version, n_layers = struct.unpack_from("<II", data, 8)
    start = 16 + 8 * n_layers
    require(version == 1 and n_layers >= 1 and len(data) >= start)
    lengths = struct.unpack_from(f"<{n_layers}Q", data, 16)
    require(len(data) == start + sum(lengths) + 32)
    covered, layers = data[:start], []
    for length in lengths:
        state = data[start : start + length]
        layers.append(read_accumulator(state))
        covered += state[-32:]
        start += length
    require(hashlib.sha256(covered).digest() == data[start:])
    headers = [header for header, _ in layers]
    for key in ("method", "dim", "normalize", "n_rows", "seed"):
        require(len({header[key] for header in headers}) == 1)
    require(headers[0]["method"] == "gram")
    return layers


def gram_of(header, arrays):
    """Column sums, probe products and Gram matrix, in the unit of the entries."""
    k, e = header["dim"], header["exponent"]
    sums, products, triangle = arrays
    gram = np.zeros((k, k))
    position = 0
    for i in range(k):
        for j in range(i + 1):
            gram[i, j] = gram[j, i] = triangle[position]
            position += 1
    return np.ldexp(sums, e), np.ldexp(products.reshape(k, 8), 2 * e), np.ldexp(gram, 2 * e)


def factor_of(header, arrays):
    order = header["dim"] + 1
    factor = np.zeros((order, order))
    position = 0
    for j in range(order):
        for i in range(j + 1):
            factor[i, j] = arrays[0][position]
            position += 1
    return factor


def singular_values(header, arrays, *, center):
    n, k = header["n_rows"], header["dim"]
    if header["method"] == "qr":
        factor = factor_of(header, arrays)
        values = np.linalg.svd(factor[1 if center else 0 :, 1:], compute_uv=False)
    else:
        # In the unit of the file, where nothing overflows.
        sums, _, gram = gram_of({**header, "exponent": 0}, arrays)
        if center:
            gram -= np.outer(sums, sums) / n
        values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0))
    return values[: min(n, k)]


def score_of(values, eps=1e-7):
    p = values / values.sum() + eps
    return math.exp(-(p * np.log(p)).sum())


def probes(k, seed):
    mask = 2**64 - 1

    def uniform(i):
        z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (((z ^ (z >> 31)) >> 11) + 0.5) * 2.0**-53

    x = np.empty(8 * k)
    for i in range(0, 8 * k, 2):
        radius, angle = math.sqrt(-2 * math.log(uniform(i))), 2 * math.pi * uniform(i + 1)
        x[i : i + 2] = radius * math.cos(angle), radius * math.sin(angle)
    return x.reshape(k, 8)
