"""DLPack: capsules are consumed once and deleted once, and their lies are found out."""

import ctypes
import gc

import numpy as np
import pytest
import torch

import rankme
from fake_producers import (
    CUDA_HOST,
    IS_COPIED,
    READ_ONLY,
    ROCM,
    VULKAN,
    DLPack,
    Holder,
    capsule_name,
    new_capsule,
)
from helpers import bits
from oracles import moderate
from rankme import _core
from rankme._base.arrays import as_array

Z = moderate(71, 30, 5, "f4")
FORMS = pytest.mark.parametrize("versioned", [True, False], ids=["version 1", "version 0"])


@FORMS
def test_the_deleter_runs_once_when_the_last_view_goes(versioned):
    producer = DLPack(Z, versioned=versioned)
    view = as_array(producer)
    assert capsule_name(producer.capsule) == b"used_" + producer.name
    again = as_array(view)
    del view
    gc.collect()
    assert producer.deleted == 0
    del again
    gc.collect()
    assert producer.deleted == 1
    rankme.score(producer)
    assert producer.deleted == 2


def test_version_1_is_asked_for_first_and_no_stream_on_the_processor():
    new, old = DLPack(Z), DLPack(Z, versioned=False)
    as_array(new)
    as_array(old)
    assert new.calls == [{"max_version": (1, 0)}]
    assert old.calls == [{"max_version": (1, 0)}, {}]


def test_a_deleter_may_be_missing():
    producer = DLPack(Z)
    producer.deleter = type(producer.deleter)()
    assert rankme.score(producer) == rankme.score(Z)


@pytest.mark.parametrize("flags", [READ_ONLY, IS_COPIED, READ_ONLY | IS_COPIED])
def test_flags(flags):
    assert rankme.score(DLPack(Z, flags=flags)) == rankme.score(Z)


def test_pinned_memory_is_the_processors():
    producer = DLPack(Z, device_code=CUDA_HOST)
    assert as_array(producer).device == _core.device_of(producer) == "cpu"
    assert rankme.score(producer) == rankme.score(Z)


def test_byte_offset_and_missing_strides():
    assert rankme.score(DLPack(Z, strides=None)) == rankme.score(Z)
    view = as_array(DLPack(Z, shape=(29, 5), byte_offset=20))
    assert view.pointer == Z.ctypes.data + 20
    assert rankme.score(DLPack(Z, shape=(29, 5), byte_offset=20)) == rankme.score(Z[1:])


@pytest.mark.parametrize("versioned", [True, False])
def test_no_entries_need_no_memory(versioned):
    empty = np.ones((0, 5), "f4")
    producer = DLPack(empty, versioned=versioned, data=None, strides=None)
    assert as_array(producer).shape == (0, 5)
    with pytest.raises(ValueError, match=r"Z is empty: it has shape \(0, 5\)"):
        rankme.score(producer)
    scalar = DLPack(np.ones((), "f4"), shape=None)
    assert as_array(scalar).shape == ()


LIES = {
    "null data": ({"data": None}, ValueError, "entries at a null pointer"),
    "null data with an offset": (
        {"data": None, "byte_offset": 2**40},
        ValueError,
        "entries at a null pointer",
    ),
    "no shape": ({"shape": None}, ValueError, "without a shape"),
    "negative size": ({"shape": (-30, 5)}, ValueError, "dimension of negative size"),
    "both negative": ({"shape": (-30, -5)}, ValueError, "dimension of negative size"),
    "huge": ({"shape": (2**62, 5)}, ValueError, r"more than 2\*\*63 bytes"),
    "huge and empty": ({"shape": (0, 2**62)}, ValueError, r"more than 2\*\*63 bytes"),
    "huge stride": ({"strides": (2**62, 1)}, ValueError, "stride beyond 64 bits"),
    "far stride": ({"strides": (2**58, 1)}, ValueError, "memory outside the address space"),
    "far back": ({"strides": (-(2**56), 1)}, ValueError, "memory outside the address space"),
    "least stride": ({"strides": (-(2**61), 1)}, ValueError, "memory outside the address space"),
    "huge offset": ({"byte_offset": 2**64 - 8}, ValueError, "memory outside the address space"),
    "ndim -1": ({"ndim": -1}, ValueError, "-1 dimensions"),
    "ndim 65": ({"ndim": 65}, ValueError, "65 dimensions"),
    "ndim huge": ({"ndim": 2**31 - 1}, ValueError, "2147483647 dimensions"),
    "int": ({"type_code": 0}, TypeError, "dtype int32; accepted are"),
    "complex": ({"type_code": 5, "type_bits": 64}, TypeError, "dtype complex64; accepted are"),
    "vectors": ({"type_lanes": 4}, TypeError, "dtype float32 in vectors of 4; accepted are"),
    "no lanes": ({"type_lanes": 0}, TypeError, "dtype float32 in vectors of 0"),
    "odd bits": ({"type_bits": 24}, TypeError, "dtype float24; accepted are"),
    "bfloat32": ({"type_code": 4}, TypeError, "dtype bfloat32; accepted are"),
    "float8": ({"type_code": 10, "type_bits": 8}, TypeError, "DLPack type 10 of bits 8"),
    "ROCm": ({"device_code": ROCM}, TypeError, "an array on ROCm cannot be read"),
    "Vulkan": ({"device_code": VULKAN}, TypeError, "an array on Vulkan cannot be read"),
    "unknown device": ({"device_code": 99}, TypeError, "an array on DLPack device 99"),
    "major version": ({"version": (2, 3)}, BufferError, r"DLPack 2\.3, asked for was 1\.0"),
}


@pytest.mark.parametrize(("fields", "error", "message"), LIES.values(), ids=LIES)
def test_lies(fields, error, message):
    for versioned in (True, False):
        if "version" in fields and not versioned:
            continue
        producer = DLPack(Z, versioned=versioned, **fields)
        acc = rankme.Accumulator(5)
        acc.update(Z)
        before = bits(acc)
        with pytest.raises(error, match=message):
            acc.update(producer)
        assert bits(acc) == before
        gc.collect()
        # A device that cannot be read is refused before anything is taken.
        assert producer.deleted == (0 if producer.capsule is None else 1)


def test_the_device_of_the_tensor_itself_counts():
    producer = DLPack(Z, device_code=ROCM)
    producer.__dlpack_device__ = lambda: (1, 0)
    with pytest.raises(TypeError, match="an array on ROCm cannot be read"):
        as_array(producer)
    gc.collect()
    assert producer.deleted == 1


@pytest.mark.parametrize(
    "fields", [{"shape": (1, 5), "strides": (2**62, 1)}, {"shape": (1, 5), "strides": (-7, 1)}]
)
def test_a_stride_that_nobody_walks_may_be_anything(fields):
    assert rankme.score(DLPack(Z, **fields)) == rankme.score(Z[:1])


def test_a_capsule_is_not_taken_twice():
    producer = DLPack(Z)
    capsule = producer.__dlpack__()
    shared = Holder(__dlpack__=lambda **_: capsule, __dlpack_device__=lambda: (1, 0))
    view = as_array(shared)
    with pytest.raises(TypeError, match="fresh DLPack capsule, not one that is used"):
        as_array(shared)
    del view
    gc.collect()
    assert producer.deleted == 1


OTHER_CAPSULE = new_capsule(ctypes.addressof(ctypes.c_int()), b"something", None)
WRONG_RETURNS = {
    "int": (7, "fresh DLPack capsule, not int"),
    "None": (None, "fresh DLPack capsule, not NoneType"),
    "array": (Z, "fresh DLPack capsule, not numpy.ndarray"),
    "capsule": (OTHER_CAPSULE, "not one that is used or of another kind"),
}


@pytest.mark.parametrize(("returned", "message"), WRONG_RETURNS.values(), ids=WRONG_RETURNS)
def test_what_is_no_capsule(returned, message):
    producer = Holder(__dlpack__=lambda **_: returned, __dlpack_device__=lambda: (1, 0))
    with pytest.raises(TypeError, match=message):
        as_array(producer)


@pytest.mark.parametrize(
    "device", [None, 1, (1,), (1, 2, 3), [1, 0], ("cpu", 0), (1.0, 0)], ids=str
)
def test_what_is_no_device(device):
    producer = Holder(__dlpack__=lambda **_: None, __dlpack_device__=lambda: device)
    with pytest.raises(TypeError, match=r"__dlpack_device__\(\)"):
        as_array(producer)
    with pytest.raises(TypeError, match="has __dlpack__ but no __dlpack_device__"):
        as_array(Holder(__dlpack__=lambda **_: None))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BufferError, TypeError])
def test_what_a_producer_raises_passes_through(error):
    def fail(**_):
        raise error("of the producer")

    for producer in (
        Holder(__dlpack__=fail, __dlpack_device__=lambda: (1, 0)),
        Holder(__dlpack__=lambda **_: None, __dlpack_device__=fail),
    ):
        with pytest.raises(error, match="of the producer"):
            as_array(producer)

    class Failing:
        @property
        def __dlpack__(self):
            raise error("of the producer")

    with pytest.raises(error, match="of the producer"):
        as_array(Failing())


def test_a_deleter_that_raises_is_reported_and_no_more(monkeypatch):
    seen = []
    monkeypatch.setattr("sys.unraisablehook", seen.append)

    def fail(_):
        raise RuntimeError("of the deleter")

    producer = DLPack(Z)
    producer.deleter = type(producer.deleter)(fail)
    assert rankme.score(producer) == rankme.score(Z)
    assert [str(one.exc_value) for one in seen] == ["of the deleter"]


TENSORS = {
    "requires a gradient": (lambda: torch.ones(3, 5, requires_grad=True), r"pass Z\.detach\(\)"),
    "sparse": (lambda: torch.ones(3, 5).to_sparse(), r"layout torch.sparse_coo; pass Z\.to_dense"),
    "negated": (
        lambda: torch.ones(3, 5, dtype=torch.complex64).conj().imag,
        r"still to be done; pass Z\.resolve_neg\(\)",
    ),
    "conjugated": (
        lambda: torch.ones(3, 5, dtype=torch.complex64).conj(),
        r"still to be done; pass .*Z\.resolve_conj\(\)",
    ),
    "int": (lambda: torch.ones(3, 5, dtype=torch.int64), "Z has dtype int64; accepted are"),
    "complex": (lambda: torch.ones(3, 5) + 0j, "Z has dtype complex64; accepted are"),
}


@pytest.mark.parametrize(("make", "message"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_are_not_plain(make, message):
    acc = rankme.Accumulator(5)
    with pytest.raises(TypeError, match=message):
        acc.update(make())
    assert acc.n_rows == 0
