"""CUDA arrays, as far as a machine without a GPU can tell: stand-ins that are never read."""

import sys

import pytest

import rankme
from fake_producers import CUDA_MANAGED, CudaArray, Holder, cuda_interface
from rankme import _core
from rankme._base.arrays import as_array, as_matrix

HELP = (
    r"the array lies on {}, and this installation of rankme has no CUDA module: .*"
    r'RANKME_CUDA=ON .* pip install "rankme\[cuda13\]" .*; or copy the array to the host first'
)
STREAM = 0x5EED


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "rankme._cuda", None)


@pytest.fixture
def asked(monkeypatch):
    """A CUDA module that notes for which devices a stream was asked."""
    devices = []

    def stream(device):
        devices.append(device)
        return STREAM

    module = Holder(stream=stream)
    monkeypatch.setattr("rankme._base.arrays.cuda_module", lambda device=None: module)  # noqa: ARG005
    return devices


@pytest.mark.usefixtures("no_cuda")
def test_without_a_cuda_module_the_error_says_how_to_get_it():
    acc = rankme.Accumulator(4)
    interface = Holder(__cuda_array_interface__=cuda_interface((3, 4)))
    for z, device in ((CudaArray((3, 4), device=1), "cuda:1"), (interface, "cuda")):
        for call in (rankme.score, rankme.spectrum, acc.update):
            with pytest.raises(ImportError, match=HELP.format(device)) as caught:
                call(z)
            assert caught.value.name == "rankme._cuda"
    assert acc.n_rows == 0


def test_dlpack_gets_a_stream_of_ours(asked):
    z = CudaArray((3, 4), device=1)
    assert _core.device_of(z) == "cuda:1"
    view = as_matrix(z)
    assert (view.device, view.pointer, view.shape) == ("cuda:1", z.pointer, (3, 4))
    assert view.strides == (16, 4)
    assert asked == [1]
    assert z.stand_in.calls == [{"stream": STREAM, "max_version": (1, 0)}]
    del view
    assert z.stand_in.deleted == 1


def test_an_older_producer_gets_the_stream_too(asked):
    z = CudaArray((3, 4))
    z.stand_in.versioned, z.stand_in.name = False, b"dltensor"
    assert as_array(z).device == "cuda:0"
    assert asked == [0]
    assert [call["stream"] for call in z.stand_in.calls] == [STREAM, STREAM]


def test_without_a_stream_it_is_the_legacy_one():
    z = CudaArray((3, 4))
    _core.ArrayView(z)
    assert z.stand_in.calls == [{"stream": 1, "max_version": (1, 0)}]


def test_managed_memory_counts_as_cuda(asked):
    z = CudaArray((3, 4))
    z.stand_in.fields["device_code"] = CUDA_MANAGED
    assert as_array(z).device == "cuda:0"
    assert asked == [0]


def test_the_cuda_array_interface(asked):
    z = Holder(__cuda_array_interface__=cuda_interface((3, 4), strides=(4, 12)))
    assert _core.device_of(z) == "cuda"
    view = as_matrix(z)
    assert (view.device, view.shape, view.strides) == ("cuda", (3, 4), (4, 12))
    assert view.pointer == 0x7F00_0000_0000
    assert view.dtype == "float32"
    assert asked == []
    for typestr, dtype in (("<f2", "float16"), ("<f8", "float64")):
        z = Holder(__cuda_array_interface__=cuda_interface((3, 4), typestr=typestr))
        assert as_array(z).dtype == dtype


@pytest.mark.usefixtures("asked")
def test_the_processor_does_not_follow_a_pointer_of_the_device():
    z = CudaArray((3, 4))  # stays, since the stand-in's deleter goes with it
    view = as_matrix(z)
    calls = (
        lambda: _core.GramAccumulator(4, normalize=False, seed=0).update(view),
        lambda: _core.QrAccumulator(4, normalize=False).update(view),
        lambda: _core.spectrum(view, center=False, normalize=False, method="gram"),
        lambda: _core.widened(view, 0, 3),
    )
    for call in calls:
        with pytest.raises(TypeError, match="an array on cuda:0 cannot be read by the processor"):
            call()


@pytest.mark.usefixtures("asked")
def test_one_that_says_another_device_than_it_comes_on():
    z = CudaArray((3, 4))
    z.__dlpack_device__ = lambda: (1, 0)
    with pytest.raises(ValueError, match="says that it lies on the processor, and comes on cuda:0"):
        as_array(z)
    z.__dlpack_device__ = lambda: (2, -1)
    with pytest.raises(ValueError, match="CUDA device -1"):
        as_array(z)


WRONG = {
    "no dict": (7, TypeError, "must be a dict, not int"),
    "empty": ({}, ValueError, "lacks version"),
    "version 1": (cuda_interface((3, 4), version=1), ValueError, "of version 1, 2 or 3 are"),
    "version": (cuda_interface((3, 4), version="3"), TypeError, "must be an integer, not str"),
    "mask": (cuda_interface((3, 4), mask=object()), TypeError, "masked array, whose mask"),
    "typestr": (cuda_interface((3, 4), typestr=4), TypeError, "must be a str, not int"),
    "int32": (cuda_interface((3, 4), typestr="<i4"), TypeError, "dtype '<i4'; accepted are"),
    "big-endian": (cuda_interface((3, 4), typestr=">f4"), TypeError, "dtype '>f4'; accepted are"),
    "shape": (cuda_interface([3, 4]), TypeError, "must be a tuple, not list"),
    "shape of floats": (cuda_interface((3.0, 4)), TypeError, "must be an integer, not float"),
    "huge shape": (cuda_interface((2**64, 4)), ValueError, "is beyond 64 bits"),
    "negative": (cuda_interface((-3, 4)), ValueError, "dimension of negative size"),
    "many axes": (cuda_interface((1,) * 65), ValueError, "has 65 entries, at most 64"),
    "strides": (cuda_interface((3, 4), strides=(4,)), ValueError, "not as long as its shape"),
    "data": (cuda_interface((3, 4), data=5), TypeError, "must be a pair"),
    "null": (cuda_interface((3, 4), pointer=0), ValueError, "entries at a null pointer"),
    "negative pointer": (cuda_interface((3, 4), pointer=-1), ValueError, "is not from 0 to"),
    "end of memory": (cuda_interface((3, 4), pointer=2**64 - 8), ValueError, "address space"),
    "stream 0": (cuda_interface((3, 4), stream=0), ValueError, "must not be 0"),
    "stream": (cuda_interface((3, 4), stream="1"), TypeError, "must be an integer, not str"),
}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("told", "error", "message"), WRONG.values(), ids=WRONG)
def test_interfaces_that_are_wrong(told, error, message):
    with pytest.raises(error, match=message):
        as_array(Holder(__cuda_array_interface__=told))


@pytest.mark.usefixtures("asked")
def test_no_entries_need_no_memory():
    z = Holder(__cuda_array_interface__=cuda_interface((0, 4), pointer=0, stream=None))
    assert as_array(z).shape == (0, 4)
