"""What ``rankme watch`` reads and writes: lengths of windows, addresses, and lines of windows."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address_of", "length_of", "plain", "print_window", "print_window_json", "rows_of"]

SCHEMA = "rankme.watch/1"
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_PORTS = 65535


def length_of(text: str, option: str) -> int | dt.timedelta:
    """Read the length of a window; something else is wrong usage."""
    found = _TIME.fullmatch(text)
    if found is not None:
        try:
            return dt.timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
        except OverflowError:
            found = None
    if text.isascii() and text.isdigit():
        return int(text)
    raise typer.BadParameter(
        f"{text!r} is neither a number of rows, such as 100000, nor a time, such as 30s, 10m, 1h "
        f"or 1d",
        param_hint=f"'{option}'",
    )


def rows_of(text: str | None) -> tuple[int, int] | None:
    """Read the fewest and the most rows of a window; something else is wrong usage."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+),(\d+)", text, re.ASCII)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is not of the form FEWEST,MOST, such as 500,2000",
            param_hint="'--expected-rows'",
        )
    return int(found[1]), int(found[2])


def address_of(text: str) -> tuple[str, int]:
    """Read where a page is served; something else is wrong usage."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > _PORTS:
        raise typer.BadParameter(
            f"{text!r} is not of the form HOST:PORT, such as 127.0.0.1:9464",
            param_hint="'--listen'",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def plain(value: object) -> Any:
    """Return an option as JSON has it."""
    if isinstance(value, dt.timedelta):
        return f"{value.total_seconds():g}s"
    return list(value) if isinstance(value, tuple) else value


def print_window_json(source: str, record: Mapping[str, Any]) -> None:
    """Print a window as one JSON object on one line."""
    told = {"schema": SCHEMA, "source": source, **record}
    sys.stdout.write(json.dumps(told, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_window(record: Mapping[str, Any]) -> None:
    """Print a window as one line for people."""
    words = [f"window {record['index']}"]
    if "start" in record:
        words.append(f"{_moment(record['start'])} to {_moment(record['end'])}")
    words += [f"{record['n_rows']} rows", f"RankMe {_with_error(record)}"]
    values = {**record["metrics"], **record["drift"]}
    del values["norm_quantiles"]
    words += [f"{name} {value:.4g}" for name, value in values.items() if value is not None]
    if record["outside"]:
        words.append(f"outside: {', '.join(record['outside'])}")
    if record["alarm"]:
        words.append("ALARM")
    sys.stdout.write("  ".join(words) + "\n")
    sys.stdout.flush()


def _moment(seconds: float) -> str:
    """Write a time; the windows at both ends of the calendar begin and end outside it."""
    try:
        return f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s"


def _with_error(record: Mapping[str, Any]) -> str:
    """Write a score with its standard error."""
    if record["std_error"] is None:
        return f"{record['rankme']:.6g}"
    return f"{record['rankme']:.6g} ± {record['std_error']:.2g}"
