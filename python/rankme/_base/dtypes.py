"""Entries that are no floating-point numbers: what they may mean, and what to do with each."""

import re

__all__ = ["ACCEPTED", "dtype_advice", "dtype_refusal"]

ACCEPTED = "float16, bfloat16, float32 or float64 in native byte order"
_INTEGER = re.compile(r"u?int(4|8|16|32|64)")
_WIDE = ("longdouble", "float96", "float128")


def dtype_refusal(name: str, dtype: str) -> str:
    """Say that an array has entries of another kind, and what to do; the core calls this too.

    Parameters
    ----------
    name : str
        What the message calls the array.
    dtype : str
        What its producer calls the type.

    Returns
    -------
    str
    """
    # np.asarray takes what is no NumPy array as well, as a tensor of PyTorch.
    advice = dtype_advice(dtype, f"np.asarray({name})")
    return f"{name} has dtype {dtype}; accepted are {ACCEPTED}{advice}"


def dtype_advice(dtype: str, array: str) -> str:
    """Name the way from a type to numbers that can be scored, or nothing where none is known.

    Parameters
    ----------
    dtype : str
    array : str
        The Python expression that gives the array, of NumPy.

    Returns
    -------
    str
        It begins with ``"; "`` unless it is empty.
    """
    advice = ""
    if dtype in ("int8", "uint8"):
        advice = _of_bytes(dtype, array)
    elif _INTEGER.fullmatch(dtype):
        advice = (
            f"integers are ids or counts more often than embeddings: only where they are the "
            f"numbers themselves, pass {array}.astype(np.float64)"
        )
        if dtype.endswith("int16"):
            advice += f"; bfloat16 saved as its bits is {array}.view(ml_dtypes.bfloat16)"
    elif dtype.startswith("bool"):
        advice = f"flags as the numbers 0 and 1 are {array}.astype(np.float32)"
    elif dtype == "object":
        advice = (
            f"where each entry is one number, pass {array}.astype(np.float64), and see that no "
            f"column of it is an id"
        )
    elif dtype.startswith("float8"):
        advice = f"pass {array}.astype(np.float32), times the scale if there is one"
    elif dtype.startswith("str"):
        advice = f"where each entry is a number as text, pass {array}.astype(np.float64)"
    elif dtype in _WIDE:
        advice = f"{array}.astype(np.float64) rounds it to what is accepted"
    elif "foreign byte order" in dtype:
        advice = f"pass {array}.astype({array}.dtype.newbyteorder('='))"
    return advice and f"; {advice}"


def _of_bytes(dtype: str, array: str) -> str:
    """Tell the three things apart that quantised embeddings of one byte may be."""
    scaled = f"({array}.astype(np.float32) - zero_point) * scale"
    bits = f"np.unpackbits({array}.view(np.uint8), axis=1, count=K) * 2.0 - 1"
    if dtype == "int8":
        plain = (
            f"{array}.astype(np.float32) is right only where int8 means the number itself, with "
            f"one scale for all columns and 0 for 0; with a scale or zero point of each column"
        )
    else:
        plain = (
            f"{array}.astype(np.float32) would score the zero point of uint8 as a direction of its "
            f"own; with the scale and zero point that they were quantised with"
        )
    return f"quantised embeddings: {plain}, {scaled}; K packed bits a row, {bits}"
