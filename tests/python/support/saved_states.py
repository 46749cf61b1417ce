"""Accumulators in every kind of state, for the tests of what is saved."""

import rankme
from oracles import moderate
from rankme._accumulators import state_file


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
    "qr, huge": accumulated(12, 40, 5, 1e250, method="qr"),
}


def saved_bytes(name="plain"):
    return state_file.encode(STATES[name]._state())
