"""Time series from the files as they are published: ETT (CSV) and PEMS (npz).

Both come out as a `Series`: values over time, a column a variable, and the two borders between
training, validation and test that the literature uses for the file.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ETT_COLUMNS", "Series", "by_ratio", "read_ett", "read_pems", "standardised"]

ETT_COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
_ETT_MONTHS = (12, 16, 20)  # of 30 days: the ends of training, validation and test
_DAYS_A_MONTH = 30
_PEMS_FLOW = 0  # the first feature of every PEMS file is the flow
_PEMS_DIMENSIONS = 3
_TRAINING, _VALIDATION = 0.6, 0.2


@dataclass(frozen=True)
class Series:
    """One or more variables over time.

    Attributes
    ----------
    name : str
        What the tables call it.
    values : numpy.ndarray
        Shape (T, C), float64, finite: time by variable.
    columns : tuple of str
        The C variables.
    borders : tuple of int
        The ends of training and of validation: rows [0, a), [a, b) and [b, T).
    """

    name: str
    values: NDArray[np.float64]
    columns: tuple[str, ...]
    borders: tuple[int, int]

    def __post_init__(self) -> None:
        """Refuse what no window could be cut from."""
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):  # noqa: PLR2004
            raise ValueError(
                f"{self.name}: values of shape {self.values.shape} are not (T, {len(self.columns)})"
            )
        bad = np.argwhere(~np.isfinite(self.values))
        if len(bad):
            row, column = bad[0]
            raise ValueError(f"{self.name}: row {row} of {self.columns[column]} is not finite")
        first, second = self.borders
        if not 0 < first < second < len(self.values):
            raise ValueError(
                f"{self.name}: {len(self.values)} rows cannot be cut at {first} and {second}"
            )


def by_ratio(n_rows: int) -> tuple[int, int]:
    """Return the borders that leave 60, 20 and 20% of the rows, as the PEMS files are cut."""
    return int(_TRAINING * n_rows), int((_TRAINING + _VALIDATION) * n_rows)


def read_ett(path: str | Path) -> Series:
    """Read ETTh1, ETTh2, ETTm1 or ETTm2: ``date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT``.

    The first 20 months of 30 days are kept, and cut at 12 and 16 months, as all papers do; how many
    rows that is follows from the step between the first two dates (an hour, or 15 minutes).

    Parameters
    ----------
    path : path
        The CSV file. `Series.name` is its stem.

    Returns
    -------
    Series
        Seven variables.

    Raises
    ------
    ValueError
        If the columns are others, the dates are not at equal steps, a number is missing, or the
        file is shorter than 20 months.
    """
    path = Path(path)
    table = pd.read_csv(path, parse_dates=["date"])
    if tuple(table.columns) != ("date", *ETT_COLUMNS):
        raise ValueError(
            f"{path}: the columns are {', '.join(table.columns)}; wanted: date, "
            f"{', '.join(ETT_COLUMNS)}"
        )
    steps = table["date"].diff().iloc[1:]
    if steps.empty or (steps != steps.iloc[0]).any() or steps.iloc[0] <= pd.Timedelta(0):
        raise ValueError(f"{path}: the dates are not at equal steps")
    a_month = _DAYS_A_MONTH * round(pd.Timedelta(days=1) / steps.iloc[0])
    first, second, end = (months * a_month for months in _ETT_MONTHS)
    if len(table) < end:
        raise ValueError(f"{path}: {len(table)} rows are less than 20 months, {end} rows")
    values = table[list(ETT_COLUMNS)].to_numpy(np.float64)[:end]
    return Series(path.stem, values, ETT_COLUMNS, (first, second))


def read_pems(path: str | Path) -> Series:
    """Read PEMS03, 04, 07 or 08: an npz archive whose ``data`` is (T, sensors, features).

    The flow, feature 0, of every sensor is kept, and cut at 60 and 80% of the rows.

    Parameters
    ----------
    path : path
        The npz file. `Series.name` is its stem.

    Returns
    -------
    Series
        A variable a sensor.

    Raises
    ------
    ValueError
        If this is no npz archive with numbers (T, sensors, features) under ``data``, or one of them
        is not finite.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            archive = np.load(file)  # no pickles: a file from elsewhere may hold a program
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")  # noqa: TRY004, TRY301 - of the file, not a type
            data = archive["data"]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no npz archive with numbers under 'data' ({error})") from error
    if data.ndim != _PEMS_DIMENSIONS or 0 in data.shape:
        raise ValueError(f"{path}: data has the shape {data.shape}; wanted (T, sensors, features)")
    flow = data[:, :, _PEMS_FLOW].astype(np.float64)
    names = tuple(f"sensor {i}" for i in range(flow.shape[1]))
    return Series(path.stem, flow, names, by_ratio(len(flow)))


def standardised(series: Series) -> NDArray[np.float64]:
    """Return the values less the mean of each variable in training, over its deviation there.

    A variable that is constant in training, such as a dead sensor, is only shifted.
    """
    values = series.values  # noqa: PD011 - no pandas
    training = values[: series.borders[0]]
    deviation = training.std(axis=0)
    return (values - training.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
