"""A GPU without room: the error says how much was wanted, and nothing is lost."""

import numpy as np
import pytest

import rankme
from gpu import DEVICE, accumulated, framework, needs_gpu
from helpers import bits
from oracles import moderate
from rankme._base.cuda_loader import cuda_module

pytestmark = needs_gpu

SIZE = r"[1-9][\d.]* (bytes|[KMGT]i?B)"


@pytest.fixture
def full_gpu():
    """Fill the GPU by tensors, down to what is too little for a block of rows."""
    torch = framework("torch")
    # The libraries' own room first: what they lack, they cannot say how large it would have been.
    for method in ("gram", "qr"):
        accumulated(moderate(1, 50, 64), method=method).score()
    cuda_module().trim(0)
    torch.cuda.empty_cache()
    hog, size = [], 2**30
    while size >= 2**21:
        if torch.cuda.mem_get_info()[0] < size + 2**25:
            size //= 2
            continue
        hog.append(torch.empty(size, dtype=torch.uint8, device=DEVICE))

    def free():
        hog.clear()
        torch.cuda.empty_cache()

    yield free
    free()


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_accumulator_that_does_not_fit(method, full_gpu):
    # Half a gibibyte: whoever takes it on the host first does no harm there, and raises nothing.
    with pytest.raises(MemoryError, match=f"819[23] x 819[23] on {DEVICE}.*{SIZE}"):
        rankme.Accumulator(8192, method=method, device=DEVICE)
    full_gpu()
    assert rankme.Accumulator(8192, method=method, device=DEVICE).n_rows == 0


@pytest.mark.parametrize("method", ["gram", "qr"])
def test_an_update_that_finds_no_room_loses_nothing(method, request):
    acc = accumulated(moderate(10, 50, 4096), method=method)
    before = bits(acc)
    full_gpu = request.getfixturevalue("full_gpu")
    with pytest.raises(MemoryError, match=SIZE):
        acc.update(moderate(11, 8000, 4096, "f2"))
    full_gpu()
    assert bits(acc) == before
    acc.update(moderate(12, 50, 4096))
    assert acc.n_rows == 100
    assert np.isfinite(acc.score())
