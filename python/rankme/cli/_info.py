"""``rankme info``."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

__all__ = ["HELP", "info"]

HELP = "Show versions, BLAS, threads, CPU features and GPUs."
SCHEMA = "rankme.info/1"


def info(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on one line.")
    ] = False,
) -> int:
    """Print what this installation runs on; return the exit status."""
    from rankme import show_config  # noqa: PLC0415

    if as_json:
        sys.stdout.write(json.dumps({"schema": SCHEMA, **show_config("dicts")}) + "\n")
    else:
        show_config()
    return 0
