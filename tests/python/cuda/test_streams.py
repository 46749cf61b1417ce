"""Streams are honoured, the caller's device and memory are left alone, and nothing is copied."""

import threading

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, accumulated, framework, needs_gpu, on_gpu
from helpers import output_of
from oracles import moderate, relative_error

pytestmark = needs_gpu
SHAPE = (4000, 256)


def late(torch, target, source, stream):
    """Queue on a stream: a long wait, then the true entries over the wrong ones."""
    with torch.cuda.stream(stream):
        target.fill_(1e3)
        torch.cuda._sleep(200_000_000)  # some 0.1 s
        target.copy_(source)


@pytest.mark.parametrize("call", ["score", "update", "qr"])
def test_rows_that_another_stream_is_still_writing(call):
    torch = framework("torch")
    z = moderate(1, *SHAPE, "f4")
    source, target = on_gpu(z), torch.empty(SHAPE, device=DEVICE)
    expected = rankme.score(z)
    rankme.score(source)  # warm: nothing else is to wait for the device
    stream = torch.cuda.Stream(DEVICE)
    torch.cuda.synchronize()
    late(torch, target, source, stream)
    # DLPack orders our reads after what is queued on the stream that is current for the producer.
    with torch.cuda.stream(stream):
        if call == "update":
            score = accumulated(target).score()
        else:
            score = rankme.score(target, method="qr" if call == "qr" else "gram")
    assert relative_error(score, expected) < AGAINST_CPU


def test_rows_that_the_default_stream_is_still_writing():
    torch = framework("torch")
    z = moderate(2, *SHAPE, "f4")
    source, target = on_gpu(z), torch.empty(SHAPE, device=DEVICE)
    rankme.score(source)
    torch.cuda.synchronize()
    late(torch, target, source, torch.cuda.default_stream(DEVICE))
    assert relative_error(rankme.score(target), rankme.score(z)) < AGAINST_CPU


def test_rows_that_a_stream_of_cupy_is_still_writing():
    torch, cupy = framework("torch"), framework("cupy")
    z = moderate(3, *SHAPE, "f4")
    source, target = cupy.asarray(z), cupy.empty(SHAPE, "f4")
    rankme.score(source)
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        target.fill(1e3)
        external = torch.cuda.ExternalStream(stream.ptr, device=DEVICE)
        with torch.cuda.stream(external):
            torch.cuda._sleep(200_000_000)
        target[...] = source
        score = rankme.score(target)
    assert relative_error(score, rankme.score(z)) < AGAINST_CPU


class Interface:
    """An array that offers the CUDA array interface alone, as Numba's do."""

    def __init__(self, array, stream):
        self.array = array
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, "stream": stream}


def test_the_stream_of_the_cuda_array_interface_is_waited_for():
    torch = framework("torch")
    z = moderate(4, *SHAPE, "f4")
    source, target = on_gpu(z), torch.empty(SHAPE, device=DEVICE)
    rankme.score(source)
    stream = torch.cuda.Stream(DEVICE)
    torch.cuda.synchronize()
    late(torch, target, source, stream)
    wrapped = Interface(target, stream.cuda_stream)
    assert relative_error(rankme.score(wrapped), rankme.score(z)) < AGAINST_CPU


def test_rows_may_be_overwritten_when_the_call_returns():
    torch = framework("torch")
    z = moderate(5, 200_000, 64, "f4")
    acc, buffer = rankme.Accumulator(64, device=DEVICE), torch.empty(200_000, 64, device=DEVICE)
    stream = torch.cuda.Stream(DEVICE)
    with torch.cuda.stream(stream):
        buffer.copy_(on_gpu(z))
        acc.update(buffer)
        buffer.fill_(float("nan"))
    host = z.copy()
    acc.update(host)
    host.fill(np.nan)
    torch.cuda.synchronize()
    assert relative_error(acc.score(), rankme.score(z)) < AGAINST_CPU


def test_the_current_device_and_stream_stay():
    torch = framework("torch")
    count = torch.cuda.device_count()
    stream = torch.cuda.Stream(DEVICE)
    z = on_gpu(moderate(6, 100, 8))
    for device in range(count):
        with torch.cuda.device(device), torch.cuda.stream(stream):
            before = torch.cuda.current_device(), torch.cuda.current_stream(DEVICE)
            rankme.score(z)
            accumulated(z, moderate(7, 50, 8)).spectrum()
            assert (torch.cuda.current_device(), torch.cuda.current_stream(DEVICE)) == before


def test_importing_touches_no_gpu():
    # A process that holds a context is known to the driver. Without one cuCtxGetCurrent gives null.
    code = """
import ctypes, sys
import rankme
cuda = ctypes.CDLL("libcuda.so.1")
context = ctypes.c_void_p()
print(cuda.cuCtxGetCurrent(ctypes.byref(context)), context.value, "rankme._cuda" in sys.modules)
rankme.score(__import__("numpy").eye(4))
print(cuda.cuCtxGetCurrent(ctypes.byref(context)), context.value, "rankme._cuda" in sys.modules)
"""
    # 3: CUDA_ERROR_NOT_INITIALIZED, nobody has even called cuInit.
    assert output_of(code) == "3 None False\n3 None False\n"


MEASURE = """
import sys
import numpy as np, torch
import rankme

def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

rankme.score(torch.randn(5000, 64, device="cuda"))
rankme.Accumulator(64, device="cuda").update(np.ones((5000, 64)))
z = torch.randn(4_000_000, 128, device="cuda")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before, free = memory("VmRSS:"), torch.cuda.mem_get_info()[0]
rankme.score(z)
host, device = memory("VmHWM:") - before, free - torch.cuda.mem_get_info()[0]
print(host, device, z.nbytes)
"""


def test_an_array_on_the_gpu_is_copied_neither_to_the_host_nor_whole_on_the_gpu():
    host, device, size = map(int, output_of(MEASURE).split())
    assert host < 64 * 2**20 < size / 8
    assert device < size / 2  # what the lanes keep: blocks, not the matrix


def test_one_accumulator_and_many_threads():
    z = moderate(8, 4000, 96, "f4")
    acc = rankme.Accumulator(96, device=DEVICE)
    blocks = np.array_split(z, 16)
    failures = []

    def work(block, index):
        try:
            acc.update(block if index % 2 else on_gpu(block))
            rankme.score(on_gpu(block))
            acc.spectrum()
        except Exception as error:  # noqa: BLE001 - a thread's exception must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(b, i)) for i, b in enumerate(blocks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert acc.n_rows == 4000
    assert relative_error(acc.score(), rankme.score(z)) < AGAINST_CPU


def test_the_gil_is_free_while_the_gpu_computes():
    torch = framework("torch")
    z = torch.randn(2_000_000, 512, device=DEVICE)
    rankme.score(z)
    done = threading.Event()
    counts = [0]

    def count():
        while not done.is_set():
            counts[0] += 1

    thread = threading.Thread(target=count)
    acc = rankme.Accumulator(512, device=DEVICE)
    acc.update(z)
    thread.start()
    before = counts[0]
    acc.update(z)
    during = counts[0] - before
    done.set()
    thread.join()
    assert during > 1000
