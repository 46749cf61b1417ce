"""From blocks of rows, whose number nobody knows beforehand, to their spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rankme import _core
from rankme._base.arrays import as_matrix
from rankme._base.devices import as_precision, place_of
from rankme._base.errors import NonFiniteError
from rankme._scoring.from_source import Plan
from rankme._scoring.matrix import spectrum_of_matrix
from rankme._scoring.meter import NoMeter
from rankme._scoring.passes import first_certain, passes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from rankme._accumulators.accumulator import Accumulator
    from rankme._scoring.from_source import Dealing
    from rankme._scoring.meter import Meter
    from rankme._scoring.passes import Choices, Pass
    from rankme.metrics._spectrum import Spectrum
    from rankme.sources._block_stream import BlockStream

__all__ = ["StreamedRows", "size_of", "spectrum_of_blocks"]

_ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


def spectrum_of_blocks(
    stream: BlockStream,
    *,
    eps: float,
    method: str,
    rtol: float,
    device: str | None,
    precision: str,
    meter: Meter | None = None,
    **choices: Unpack[Choices],
) -> Spectrum:
    """Find the spectrum of the rows of an iterable, each taken once.

    Parameters
    ----------
    stream
        Where the rows come from.
    eps
        The eps of the RankMe that has to be certain, where there are several ways to it.
    method, rtol, device, precision, center, normalize, skip_nonfinite
        As in `rankme.spectrum`.
    meter
        Told of the rows that were taken in.

    Raises
    ------
    TypeError, ValueError, NonFiniteError
        As `rankme.spectrum`, naming the block; a second pass is needed and cannot be had.
    """
    meter = NoMeter() if meter is None else meter
    passes = passes_of(method, precision)
    if stream.once and len(passes) > 1:
        raise ValueError(_no_second_pass(stream.name, method))
    counts: list[int] = []

    def find(one: Pass) -> Spectrum:
        found = StreamedRows(stream.name, one, device, choices, rtol=rtol)
        for block in stream:
            found.add(block)
            meter.advance(*size_of(block))
        meter.stage("eigenvalues")
        counts.append(found.n_rows)
        if len(set(counts)) > 1:
            raise ValueError(
                f"{stream.name} gave {counts[-1]} rows when it was read again, and {counts[0]} "
                f'before: method="{one.method}" in one pass, or all rows in one array, would do'
            )
        return found.spectrum()

    return first_certain(passes, find, eps=eps, rtol=rtol, restart=meter.restart)


def size_of(block: _core.ArrayView) -> tuple[int, int]:
    """Count the rows of a block, and their bytes."""
    n_rows, width = block.shape
    return n_rows, n_rows * width * _ITEM_BYTES[block.dtype]


def _no_second_pass(name: str, method: str) -> str:
    """Say what to do where rows can be read once only."""
    option = 'method="auto"' if method == "auto" else 'precision="fast"'
    other = 'method="qr" in place of it' if method == "auto" else 'precision="float64"'
    return (
        f"{option} may read the rows a second time, and {name} gives them once; choose {other}, or "
        f"pass an array of all rows, as np.concatenate(list({name})) is for blocks of NumPy"
    )


class StreamedRows:
    """The rows of one pass: held while they are fewer than columns, summed from then on."""

    # A sum of K columns takes K x K numbers, as many as the rows that are held at the most. A set
    # that ends before is scored as the one matrix that it is.

    def __init__(
        self,
        name: str,
        one: Pass,
        device: str | None,
        choices: Choices,
        dealt: Dealing | None = None,
        *,
        rtol: float = 0.0,
    ) -> None:
        self.n_rows = 0  # that came, those that are left out among them
        self._name = name
        self._by = one
        self._device = device
        self._choices = choices
        self._dealt = dealt
        self._rtol = rtol
        self._plan: Plan | None = None
        self._held: list[NDArray[np.float64]] = []
        self._sum: Accumulator | None = None
        self._width = 0

    def add(self, block: _core.ArrayView) -> None:
        """Take in a block."""
        plan = self._planned(block)
        n_rows, width = block.shape
        if width != self._width:
            raise ValueError(
                f"a block of {self._name} has {width} columns; those before it have {self._width}"
            )
        if self._sum is None and block.device == "cpu" and self.n_rows + n_rows < width:
            self._held.append(_core.widened(block, 0, n_rows))
        else:
            if self._sum is None:
                self._sum = plan.accumulator(width, normalize=plan.normalize)
                self._release(self._sum)
            _update(self._sum, block, self.n_rows)
        self.n_rows += n_rows

    def spectrum(self) -> Spectrum:
        """Compute the spectrum of all rows."""
        rows = self.all()
        plan = self._plan
        assert plan is not None  # noqa: S101
        if not isinstance(rows, np.ndarray):
            return rows.spectrum(center=plan.center)
        return spectrum_of_matrix(as_matrix(rows, self._name), plan, rows)

    def all(self) -> Accumulator | NDArray[np.float64]:
        """Return the sum of all rows, or the rows where they are fewer than columns."""
        if self._plan is None:
            raise ValueError(f"{self._name} has no rows")
        return np.concatenate(self._held) if self._sum is None else self._sum

    def _planned(self, block: _core.ArrayView) -> Plan:
        """Decide by the first block where the work is done."""
        if self._plan is None:
            self._width = block.shape[1]
            place = place_of(block.device, self._device, self._name)
            as_precision(self._by.precision, self._by.method)
            self._plan = Plan(
                by=self._by, rtol=self._rtol, device=place, dealt=self._dealt, **self._choices
            )
        else:
            place_of(block.device, self._plan.device, self._name)
        return self._plan

    def _release(self, total: Accumulator) -> None:
        """Add up the rows that were held."""
        first = 0
        held, self._held = self._held, []
        for rows in held:
            _update(total, as_matrix(rows), first)
            first += len(rows)


def _update(total: Accumulator, block: _core.ArrayView, first: int) -> None:
    """Add a block whose first row has a number, which an error counts on from."""
    try:
        total.update(block)
    except NonFiniteError as error:
        raise NonFiniteError(first + error.row, error.column, error.value) from error
