"""From a table and its column of labels to the spectrum of each group of rows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from rankme._accumulators.grouped import GroupedAccumulator
from rankme._scoring.meter import NoMeter
from rankme.sources import row_blocks
from rankme.sources._labels import LabelCodes
from rankme.sources._not_finite import not_finite_in
from rankme.sources._sharded import natural_order
from rankme.sources._source import check_count

if TYPE_CHECKING:
    from rankme._scoring.meter import Meter
    from rankme.metrics._spectrum import Spectrum
    from rankme.sources import RowSource

__all__ = ["OneGroup", "spectra_by"]


class OneGroup(NamedTuple):
    """The rows of one label.

    Attributes
    ----------
    label
        A text, a whole number or a boolean.
    spectrum : Spectrum
    """

    label: Any
    spectrum: Spectrum


def spectra_by(
    source: RowSource,
    column: str,
    *,
    center: bool = False,
    normalize: bool = False,
    meter: Meter | None = None,
) -> list[OneGroup]:
    """Find the spectrum of the rows of each label, by one pass over the rows.

    The labels are read first, a number for each row; then the rows, each into its group, which
    take ``4 * K**2`` bytes a group.

    Parameters
    ----------
    source
        A table: Parquet, Arrow, Lance, CSV or JSON lines; or several of these.
    column
        Which column, or key with dots for keys within, has the labels: texts, whole numbers or
        booleans, in all files the same.
    center, normalize
        As in `rankme.spectrum`; the means are those of each group.
    meter
        Told of the rows that were taken in.

    Returns
    -------
    list of OneGroup
        In natural order of the labels.

    Raises
    ------
    BadDataError
        No such column, no labels, a row without one; NaN or infinity, with where it stands.
    OSError, MemoryError, IntegrityError, RuntimeError
        As `rankme.spectrum`.
    """
    meter = NoMeter() if meter is None else meter
    labels = LabelCodes(column)
    shards = source.shards
    codes = [labels.of(shard) for shard in shards]
    names = labels.names
    total = GroupedAccumulator(source.n_cols, len(names), normalize=normalize)
    done = 0
    number = {id(shard): i for i, shard in enumerate(shards)}
    with closing(row_blocks((shard, 0) for shard in shards)) as blocks:
        for shard, first, rows in blocks:
            some = codes[number[id(shard)]][first : first + len(rows)]
            with not_finite_in(shard, first):
                total.update(rows, groups=some)
            meter.advance(len(rows), rows.nbytes)
            done += len(rows)
    check_count(source, done)
    meter.stage("eigenvalues")
    found = [
        OneGroup(label, spectrum)
        for label, spectrum in zip(names, total.spectra(center=center), strict=True)
        if spectrum is not None
    ]
    return sorted(found, key=lambda one: natural_order(str(one.label)))
