"""Arrow: offsets, nesting and nulls are respected, and what cannot be shown as rows is refused."""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import rankme
from fake_producers import Holder
from oracles import moderate
from rankme._base.arrays import as_array

Z = moderate(81, 40, 6, "f4")


def lists_of(z, mask=None):
    return pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), z.shape[1], mask=mask)


def offered(array):
    """The C interface alone, without what else the object may offer."""
    return Holder(__arrow_c_array__=array.__arrow_c_array__)


WINDOWS = [slice(0, 40), slice(7, 40), slice(0, 3), slice(11, 29)]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_slices(window):
    lists = lists_of(Z)
    part = lists[window]
    assert as_array(part).pointer == as_array(lists).pointer + window.start * 24
    for made in (part, offered(part), pl.Series(Z)[window], pa.chunked_array([part])):
        assert rankme.score(made) == rankme.score(Z[window])


def test_a_slice_of_the_values_too():
    values = pa.array(np.concatenate([[9, 9, 9], Z.reshape(-1)]).astype("f4"))[3:]
    lists = pa.FixedSizeListArray.from_arrays(values, 6)
    assert values.offset == 3
    assert rankme.score(lists) == rankme.score(Z)
    assert rankme.score(lists[5:]) == rankme.score(Z[5:])


def test_lists_of_lists():
    inner = lists_of(Z.reshape(80, 3))
    outer = pa.FixedSizeListArray.from_arrays(inner, 2)
    view = as_array(outer[4:])
    assert view.shape == (36, 2, 3)
    assert view.strides == (24, 12, 4)
    assert view.pointer == inner.flatten().buffers()[1].address + 4 * 24
    with pytest.raises(TypeError, match=r"pyarrow\.compute\.list_flatten\(Z\) has a row"):
        rankme.score(outer)
    assert rankme.score(pc.list_flatten(outer)) == rankme.score(Z.reshape(80, 3))
    assert as_array(pa.array([1.0, 2.0])).shape == (2,)


def test_nulls():
    mask = np.zeros(40, bool)
    mask[17] = True
    masked = lists_of(Z, pa.array(mask))
    with pytest.raises(ValueError, match="Z has a null in row 17; drop such rows"):
        rankme.score(masked)
    with pytest.raises(ValueError, match="Z has a null in row 12"):
        rankme.score(masked[5:])
    assert rankme.score(masked[18:]) == rankme.score(Z[18:])
    assert rankme.score(masked[:17]) == rankme.score(Z[:17])
    values = Z.reshape(-1).tolist()
    values[6 * 9 + 2] = None
    holed = pa.FixedSizeListArray.from_arrays(pa.array(values, pa.float32()), 6)
    with pytest.raises(ValueError, match="Z has a null in row 9"):
        rankme.score(holed)
    assert rankme.score(holed[10:]) == rankme.score(Z[10:])
    with pytest.raises(ValueError, match="Z has a null in row 1"):
        rankme.score(pl.Series([[1.0, 2.0], None], dtype=pl.Array(pl.Float32, 2)))


def test_chunks():
    for made in (
        pa.chunked_array([lists_of(Z), lists_of(Z)]),
        pl.concat([pl.Series(Z), pl.Series(Z)], rechunk=False),
    ):
        with pytest.raises(ValueError, match=r"lies in several chunks.*combine_chunks\(\) in"):
            as_array(made)
        assert rankme.score(made) == pytest.approx(rankme.score(np.vstack([Z, Z])), rel=1e-12)
    assert rankme.score(pa.chunked_array([lists_of(Z)])) == rankme.score(Z)
    joined = pa.chunked_array([lists_of(Z[:9]), lists_of(Z[9:])]).combine_chunks()
    assert rankme.score(joined) == rankme.score(Z)
    with pytest.raises(ValueError, match=r"is empty: it has shape \(0, 6\)"):
        rankme.score(pa.chunked_array([], lists_of(Z).type))


REFUSED = {
    "ints": (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), r"of type .*int32.*; wanted are"),
    "text": (pa.array(["a"]), "of type string; wanted are"),
    "dictionary": (pa.array(["a"]).dictionary_encode(), "is dictionary-encoded"),
    "tensors": (
        pa.FixedShapeTensorArray.from_numpy_ndarray(Z.reshape(40, 2, 3)),
        r"an Arrow extension array: .*Z\.storage in pyarrow",
    ),
}


@pytest.mark.parametrize(("made", "message"), REFUSED.values(), ids=REFUSED)
def test_what_are_no_rows(made, message):
    with pytest.raises(TypeError, match=message):
        rankme.score(made)


CORE_REFUSES = {
    "lists of any length": (pa.array([[1.0], [1.0, 2.0]]), "lists of varying length; wanted are"),
    "ints": (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), "of type 'i'; wanted are"),
    "text": (pa.array(["a"]), "of type 'u'; wanted are"),
    "dictionary": (pa.array(["a"]).dictionary_encode(), "is dictionary-encoded"),
    "record batch": (pa.record_batch({"a": lists_of(Z)}), "a table or struct: pass the one column"),
    "tensors": (
        pa.FixedShapeTensorArray.from_numpy_ndarray(Z.reshape(40, 2, 3)),
        "is an Arrow extension array",
    ),
}


@pytest.mark.parametrize(("made", "message"), CORE_REFUSES.values(), ids=CORE_REFUSES)
def test_what_the_core_refuses_of_whoever_offers_it(made, message):
    with pytest.raises(TypeError, match=message):
        rankme.score(offered(made))


def test_the_storage_of_tensors():
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(Z)
    assert rankme.score(tensors.storage) == rankme.score(Z)


def test_a_stream_that_cannot_be_made():
    def fail():
        raise ImportError("pyarrow is required")

    frame = Holder(__arrow_c_stream__=fail, to_numpy=None, toarray=lambda: Z)
    with pytest.raises(TypeError, match=r"must be an array, .*; Z\.toarray\(\) gives one"):
        rankme.score(frame)


@pytest.mark.parametrize("returned", [None, 7, (), (1, 2), (None,) * 3], ids=str)
def test_what_are_no_capsules(returned):
    with pytest.raises(TypeError, match="capsule"):
        as_array(Holder(__arrow_c_array__=lambda: returned))
    with pytest.raises(TypeError, match="gave no Arrow capsule"):
        as_array(Holder(__arrow_c_stream__=lambda: returned))
