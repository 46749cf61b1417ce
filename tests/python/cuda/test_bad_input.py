"""On a GPU bad input changes nothing either, and the message says what came and what is wanted."""

import numpy as np
import pytest

import rankme
from gpu import DEVICE, accumulated, framework, needs_gpu, on_gpu
from helpers import bits, output_of
from oracles import DTYPES, moderate

pytestmark = needs_gpu
K = 24


def states():
    """Accumulators in several kinds of state."""
    return [
        rankme.Accumulator(K, device=DEVICE),
        accumulated(moderate(1, 50, K)),
        accumulated(moderate(2, 50, K), normalize=True),
        accumulated(moderate(3, 50, K) * 1e250),
        accumulated(moderate(4, 50, K), method="qr"),
    ]


def assert_update_fails(z, error, message):
    for acc in states():
        before = bits(acc)
        with pytest.raises(error, match=message):
            acc.update(z)
        assert bits(acc) == before
        acc.update(on_gpu(np.eye(2, K)))  # and it works on
        assert acc.n_rows == before.n_rows + 2


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (0, K - 1), (299, 0), (299, K - 1), (117, 5)], ids=str)
def test_an_entry_that_is_not_finite(dtype, bad, place):
    z = moderate(5, 300, K, dtype)
    z[place] = bad
    message = rf"^Z\[{place[0]}, {place[1]}\] is {bad}; every entry must be finite$"
    for array in (on_gpu(z), on_gpu(z, order="F"), z, np.asfortranarray(z)):
        assert_update_fails(array, rankme.NonFiniteError, message)
    for options in ({}, {"center": True}, {"normalize": True}, {"method": "qr"}):
        with pytest.raises(rankme.NonFiniteError, match=message):
            rankme.score(on_gpu(z), **options)
        with pytest.raises(rankme.NonFiniteError, match=message):
            rankme.score(z, device="cuda", **options)


@pytest.mark.parametrize("shape", [(40_000, 64), (64, 40_000)], ids=str)
@pytest.mark.parametrize("where", ["device", "host"])
def test_the_first_bad_entry_in_row_order_is_named(shape, where):
    z = moderate(6, *shape, "f4")
    rows, columns = shape
    first = (rows // 2, columns // 3)
    z[rows - 1, 0] = np.inf
    z[rows // 2 + 1, 1] = z[rows // 2, columns - 1] = np.nan
    z[first] = -np.inf
    array, device = (on_gpu(z), None) if where == "device" else (z, "cuda")
    with pytest.raises(rankme.NonFiniteError) as caught:
        rankme.score(array, device=device)
    assert (caught.value.row, caught.value.column, caught.value.value) == (*first, -np.inf)


def test_a_bad_block_in_the_middle_of_a_stream_loses_nothing():
    z = moderate(7, 6000, K, "f4")
    bad = z[2000:4000].copy()
    bad[1999, K - 1] = np.nan
    acc, clean = rankme.Accumulator(K, device=DEVICE), accumulated(on_gpu(z[:2000]))
    clean.update(on_gpu(z[4000:]))
    acc.update(on_gpu(z[:2000]))
    with pytest.raises(rankme.NonFiniteError):
        acc.update(on_gpu(bad))
    acc.update(on_gpu(z[4000:]))
    assert bits(acc) == bits(clean)


def test_wrong_shapes_and_dtypes():
    torch = framework("torch")
    ones = torch.ones(3, K, device=DEVICE)
    assert_update_fails(ones[:, 1:], ValueError, f"Z has {K - 1} columns, the accumulator has dim")
    assert_update_fails(ones[0], ValueError, "must be 2-D")
    assert_update_fails(ones[:0], ValueError, "empty")
    assert_update_fails(ones.int(), TypeError, "int32")
    assert_update_fails(ones.to(torch.complex64), TypeError, "complex64")


def test_an_array_stays_on_its_gpu():
    tensor = on_gpu(moderate(8, 30, K))
    with pytest.raises(ValueError, match="Z lies on cuda:0, and device is cpu"):
        rankme.score(tensor, device="cpu")
    cpu = accumulated(moderate(9, 30, K), device="cpu")
    before = bits(cpu)
    with pytest.raises(ValueError, match="Z lies on cuda:0, and device is cpu"):
        cpu.update(tensor)
    assert bits(cpu) == before


def test_a_gpu_that_is_not_there():
    name = f"cuda:{rankme.cuda.device_count()}"
    for call in (
        lambda: rankme.Accumulator(K, device=name),
        lambda: rankme.score(np.eye(4), device=name),
    ):
        with pytest.raises(ValueError, match=f"there is no device {name}"):
            call()


def test_a_forked_child_is_told_what_to_do():
    code = """
import os, sys
import numpy as np
import rankme
acc = rankme.Accumulator(4, device="cuda")
acc.update(np.eye(4))
pid = os.fork()
if pid == 0:
    said = []
    for call in (lambda: acc.update(np.eye(4)), lambda: rankme.score(np.eye(4), device="cuda")):
        try:
            call()
        except RuntimeError as error:
            said.append("fork" in str(error))
    available = rankme.cuda.is_available()
    works = abs(rankme.score(np.eye(4), eps=0) - 4) < 1e-9
    sys.stdout.write(f"{said} {available} {works}\\n")
    sys.stdout.flush()
    os._exit(0)
os.waitpid(pid, 0)
acc.update(np.eye(4))
print(acc.n_rows)
"""
    assert output_of(code) == "[True, True] False True\n8\n"
