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
GROUPS = bytes.fromhex("93524e4b430d0a1a")
COUNT = 2**63 - 1
LIMITS = {
    "dim": (1, 2**31 - 1),
    "n_rows": (0, COUNT),
    "blocks": (0, COUNT),
    "exponent": (-1000, 1000),
    "seed": (0, 2**64 - 1),
    "longest_block": (0, COUNT),
    "fast_rows": (1, COUNT),
}
OF_ALL = ("dim", "n_rows", "blocks")
OF_SQUARES = (*OF_ALL, "exponent", "seed", "longest_block")
OF_GROUP = ("n_rows", "blocks", "exponent", "longest_block")
KEYS = {
    "scatter": OF_SQUARES,
    "fast": (*OF_SQUARES, "fast_rows"),
    "gram": OF_SQUARES,
    "qr": OF_ALL,
    "groups": ("dim", "n_rows", "seed"),
}


def counts_of(kind, k):
    """The sections of a kind, and how many numbers each has."""
    triangle = k * (k + 1) // 2
    scatter = {
        "origin": k,
        "offset": k,
        "offset_low": k,
        "probe_products": 8 * k,
        "probe_products_low": 8 * k,
        "mean_products": 8,
        "errors": 5,
        "triangle": triangle,
    }
    return {
        "scatter": scatter,
        "fast": scatter,
        "gram": {"column_sums": k, "probe_products": 8 * k, "triangle": triangle},
        "qr": {"origin": k, "beside": 1, "triangle": (k + 1) * (k + 2) // 2},
    }[kind]


class Refused(Exception):  # noqa: N818
    pass


def require(holds):
    if not holds:
        raise Refused


def is_integer(value, low, high):
    return type(value) is int and low <= value <= high


def check_skipped(note):
    require(isinstance(note, dict) and isinstance(note.get("shards"), dict))
    for count in (note.get("rows"), *note["shards"].values()):
        require(is_integer(count, 0, COUNT))
    require(sum(note["shards"].values()) <= note["rows"])
    require(isinstance(note.get("allowed"), bool))


def check_groups(header):
    """How many groups a header tells of."""
    groups = header.get("groups")
    require(isinstance(groups, dict) and isinstance(groups.get("n_rows"), list))
    count = len(groups["n_rows"])
    require(8 <= count <= 2**16)
    for key in OF_GROUP:
        values = groups.get(key)
        require(isinstance(values, list) and len(values) == count)
        require(all(is_integer(value, *LIMITS[key]) for value in values))
    require(sum(groups["n_rows"]) == header["n_rows"])
    require(is_integer(groups.get("run_length"), 1, 2**31 - 1))
    require(is_integer(groups.get("position"), 0, groups["run_length"] * count - 1))
    return count


def sections_of(header):
    """The sections that a file must have."""
    if header["kind"] != "groups":
        return counts_of(header["kind"], header["dim"])
    return {
        f"{name}[{group}]": count
        for group in range(check_groups(header))
        for name, count in counts_of("scatter", header["dim"]).items()
    }


def read_header(raw, version):
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise Refused from error
    require(isinstance(header, dict))
    if version < 3:
        require(header.get("method") in ("gram", "qr"))
        header["kind"] = header["method"]
        if version == 1:
            header["shards"] = {}
    check_skipped(header.get("skipped", {"rows": 0, "shards": {}, "allowed": False}))
    require(header.get("kind") in KEYS)
    require(isinstance(header.get("normalize"), bool))
    for key in KEYS[header["kind"]]:
        require(is_integer(header.get(key), *LIMITS[key]))
    shards = header.get("shards")
    require(isinstance(shards, dict))
    require(all(is_integer(rows, 1, COUNT) for rows in shards.values()))
    require(sum(shards.values()) <= header["n_rows"])
    own = sections_of(header)
    if version < 3:
        later = {"origin", "beside"} if header["kind"] == "qr" else set()
        header["sections"] = [[n, count, True] for n, count in own.items() if n not in later]
    if version < 3:
        return header
    require_sections(header.get("sections"), own)
    return header


def require_sections(sections, own):
    require(isinstance(sections, list))
    for entry in sections:
        require(isinstance(entry, list) and len(entry) == 3)
        name, count, must_be_known = entry
        require(isinstance(name, str) and isinstance(must_be_known, bool))
        require(is_integer(count, 0, COUNT))
        require(count == own[name] if name in own else not must_be_known)
    for name in own:
        require([entry[0] for entry in sections].count(name) == 1)


def read_accumulator(data):
    """The header, and the sections of the kind by name."""
    require(data[:8] == ACCUMULATOR and len(data) >= 16)
    version, header_length = struct.unpack_from("<II", data, 8)
    require(version in (1, 2, 3))
    start = 16 + header_length
    require(len(data) >= start)
    header = read_header(data[16:start], version)
    end = start + 8 * sum(count for _, count, _ in header["sections"])
    require(len(data) == end + 32)
    require(hashlib.sha256(data[:end]).digest() == data[end:])
    sections = {}
    for name, count, _ in header["sections"]:
        sections[name] = np.frombuffer(data, "<f8", count, start)
        start += 8 * count
    counts = sections_of(header)
    own = {name: sections.get(name, np.zeros(count)) for name, count in counts.items()}
    require(all(np.isfinite(numbers).all() for numbers in own.values()))
    return header, own


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
    for key in ("normalize", "n_rows", "seed"):
        require(len({header.get(key) for header in headers}) == 1)
    require(all(header["kind"] != "qr" for header in headers))
    return layers


def read_groups(data):
    """The header, and the accumulator of each group that has rows."""
    require(data[:8] == GROUPS and len(data) >= 16)
    version, length = struct.unpack_from("<II", data, 8)
    require(version == 1)
    start = 16 + length
    header = json.loads(data[16:start])
    covered, groups = data[:start], {}
    require(sorted(dict(header["groups"])) == [number for number, _ in header["groups"]])
    for number, size in header["groups"]:
        require(0 <= number < header["n_groups"])
        state = data[start : start + size]
        groups[number] = read_accumulator(state)
        covered += state[-32:]
        start += size
    require(len(data) == start + 32)
    require(hashlib.sha256(covered).digest() == data[start:])
    for own, _ in groups.values():
        require(all(own[key] == header[key] for key in ("dim", "normalize", "seed")))
        require(own["kind"] == "scatter" and own["n_rows"] > 0 and own["shards"] == {})
    return header, groups


def symmetric(triangle, k):
    matrix = np.zeros((k, k))
    position = 0
    for i in range(k):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = triangle[position]
            position += 1
    return matrix


def products_of(header, sections):
    """What the matrix times X is, in the unit of the file."""
    products = sections["probe_products"] + sections.get("probe_products_low", 0)
    return products.reshape(header["dim"], 8)


def mean_of(header, sections):
    """The mean of the rows and their scatter about it, in the unit of the file."""
    k, n = header["dim"], header["n_rows"]
    matrix = symmetric(sections["triangle"], k)
    if header["kind"] in ("scatter", "fast"):
        return sections["origin"] + (sections["offset"] + sections["offset_low"]), matrix
    sums = sections["column_sums"]
    return sums / n, matrix - np.outer(sums, sums) / n


def factor_of(header, sections):
    """Of the rows as they are, with ones."""
    order = header["dim"] + 1
    factor = np.zeros((order, order))
    position = 0
    for j in range(order):
        for i in range(j + 1):
            factor[i, j] = sections["triangle"][position]
            position += 1
    factor[0, 1:] += factor[0, 0] * sections["origin"]
    return factor


def singular_values(header, sections, *, center):
    """In the unit of the file, where nothing overflows."""
    n, k = header["n_rows"], header["dim"]
    if header["kind"] == "qr":
        factor = factor_of(header, sections)
        values = np.linalg.svd(factor[1 if center else 0 :, 1:], compute_uv=False)
    elif header["kind"] == "gram" and not center:
        values = roots(np.linalg.eigvalsh(symmetric(sections["triangle"], k)))
    else:
        mean, scatter = mean_of(header, sections)
        squares, vectors = np.linalg.eigh(scatter)
        values = roots(squares)
        if not center:
            rows = values[:, None] * vectors.T[::-1]
            rows = np.vstack([rows, math.sqrt(n) * mean])
            values = np.linalg.svd(rows, compute_uv=False)
    return values[: min(n, k)]


def roots(ascending):
    return np.sqrt(np.maximum(ascending[::-1], 0))


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
