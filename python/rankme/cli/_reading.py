"""Options of the command that say how paths are read."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rankme.cli._options import check_dtype, wrong_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankme.sources._reading import Reading

__all__ = [
    "ColumnOption",
    "DtypeOption",
    "IntegersOption",
    "RowsAreOption",
    "StorageOption",
    "ThreadsOption",
    "UnpackBitsOption",
    "UnpackSignsOption",
    "as_policies",
    "use_threads",
]


class RowsAre(str, Enum):
    """What holds one vector each."""

    files = "files"
    keys = "keys"


def as_policies(
    column: str | None,
    dtype: str | None,
    *,
    integers: bool,
    unpack_bits: bool,
    unpack_signs: bool,
    query: str | None = None,
    storage: Sequence[str] | None = None,
    kind: str | None = None,
    rows_are: RowsAre | None = None,
) -> Reading:
    """Return how paths are read; policies that contradict each other are wrong usage."""
    from rankme.sources._converted import as_reading  # noqa: PLC0415

    chosen = {"--integers": integers, "--unpack-bits": unpack_bits, "--unpack-signs": unpack_signs}
    names = [name for name, given in chosen.items() if given]
    if len(names) > 1:
        raise typer.BadParameter(
            f"a byte is read in one way, and {' and '.join(names)} are given; leave one",
            param_hint=f"'{names[0]}'",
        )
    bits = "signs" if unpack_signs else unpack_bits
    with wrong_usage():
        storage_options = _as_storage(storage)
        reading = as_reading(
            column,
            dtype,
            integers,
            bits,
            query=query,
            rows_are=None if rows_are is None else rows_are.value,
            storage_options=storage_options,
        )
    return replace(reading, format=kind)


def _as_storage(pairs: Sequence[str] | None) -> dict[str, Any]:
    """Read options of a store; their values, which may be secrets, are never shown."""
    found: dict[str, Any] = {}
    for pair in pairs or ():
        key, mark, text = pair.partition("=")
        if not mark or not key:
            raise typer.BadParameter(
                "wanted NAME=VALUE, such as anon=true; a value may be JSON",
                param_hint="'--storage-option'",
            )
        if key in found:
            raise typer.BadParameter(f"{key} is given twice", param_hint="'--storage-option'")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found


def use_threads(threads: int | None) -> None:
    """Set the thread budget of this process."""
    from rankme import _core  # noqa: PLC0415
    from rankme._base.threads import MAX_THREADS  # noqa: PLC0415

    if threads is not None:
        _core.set_num_threads(min(threads, MAX_THREADS))


ColumnOption = Annotated[
    str | None,
    typer.Option(
        "--column",
        "--key",
        metavar="NAME",
        help="Which column of a table, tensor or dataset of a container, where several could "
        "be meant.",
    ),
]
DtypeOption = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        callback=check_dtype,
        help="What the bytes of a binary column are: float16, bfloat16, float32, float64, int8 "
        "or uint8.",
    ),
]
RowsAreOption = Annotated[
    RowsAre | None,
    typer.Option(
        help="Each file of a folder, or each key of a container, is one row; by default files hold "
        "matrices.",
    ),
]
StorageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--storage-option",
        metavar="NAME=VALUE",
        help="For URLs: an option of the store, such as anon=true, as often as there are some. "
        "Secrets are better in the environment, which other users do not see.",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="NUMBER", help="Compute with this many threads; RANKME_NUM_THREADS does too."
    ),
]
IntegersOption = Annotated[
    bool,
    typer.Option("--integers", help="Score rows of int8 and uint8 as the numbers that they are."),
]
UnpackBitsOption = Annotated[
    bool,
    typer.Option(
        "--unpack-bits",
        help="Score the bits that are packed in rows of bytes, eight columns a byte, as 0 and 1.",
    ),
]
UnpackSignsOption = Annotated[
    bool, typer.Option("--unpack-signs", help="Score packed bits as -1 and +1.")
]
