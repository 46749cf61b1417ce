"""From whatever has rows to its spectrum, by the first pass that leaves RankMe certain enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme._base.arguments import as_method, as_rtol
from rankme._base.devices import as_precision, place_of
from rankme._base.threads import require_budget
from rankme._scoring.from_blocks import spectrum_of_blocks
from rankme._scoring.from_source import Plan, spectrum_of_source
from rankme._scoring.matrix import spectrum_of_matrix
from rankme._scoring.opened import in_rows_of, open_rows
from rankme._scoring.passes import first_certain, passes_of
from rankme._scoring.progress import as_progress, meter_of
from rankme.sources import RowSource
from rankme.sources._block_stream import BlockStream
from rankme.sources.memory import as_rows

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rankme._scoring.opened import Select
    from rankme._scoring.passes import Choices
    from rankme.metrics._spectrum import Spectrum

__all__ = ["certain_spectrum"]


def certain_spectrum(
    Z: object,  # noqa: N803
    eps: float,
    *,
    method: str,
    rtol: float,
    device: str | None,
    precision: str,
    column: str | None,
    dtype: object,
    integers: bool,
    unpack_bits: bool | str,
    select: Select,
    rows: SupportsIndex | None,
    seed: SupportsIndex | None,
    query: str | None,
    progress: bool | None,
    **choices: Unpack[Choices],
) -> Spectrum:
    """Find the spectrum by the first pass that leaves RankMe with `eps` certain enough."""
    require_budget()
    as_method(method, ("gram", "qr", "auto"))
    as_precision(precision, method)
    tolerance = as_rtol(rtol)
    wanted = as_progress(progress)
    found, numbers = open_rows(
        Z,
        rows=rows,
        seed=seed,
        column=column,
        dtype=dtype,
        integers=integers,
        unpack_bits=unpack_bits,
        select=select,
        nulls=choices["skip_nonfinite"],
        query=query,
    )
    if not isinstance(found, RowSource | BlockStream):
        with in_rows_of(numbers):
            matrix = as_rows(found, of=Z)
            place = place_of(matrix.device, device, "Z")
            return first_certain(
                passes_of(method, precision),
                lambda one: spectrum_of_matrix(
                    matrix, Plan(by=one, rtol=tolerance, device=place, **choices), found
                ),
                eps=eps,
                rtol=tolerance,
            )
    by: dict[str, Any] = {"eps": eps, "method": method, "rtol": tolerance, "precision": precision}
    with meter_of(wanted, found) as meter:
        if isinstance(found, RowSource):
            place = place_of("cpu", device, "Z")
            return spectrum_of_source(found, device=place, meter=meter, **by, **choices)
        with in_rows_of(numbers):
            return spectrum_of_blocks(found, device=device, meter=meter, **by, **choices)
