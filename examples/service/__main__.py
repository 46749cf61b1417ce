"""``python -m examples.service``: make a reference, or serve."""

# ruff: noqa: T201

import argparse
import logging
from pathlib import Path

import numpy as np
import uvicorn
from examples.service.app import create_app
from examples.service.client import sentences
from examples.service.encoder import Encoder
from examples.service.watching import Watching, monitor_for


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(prog="python -m examples.service", description=__doc__)
    commands = found.add_subparsers(dest="command", required=True)
    made = commands.add_parser("reference", help="embed docstrings, and save their rows")
    made.add_argument("path", type=Path)
    made.add_argument("--sentences", type=int, default=1500)
    served = commands.add_parser("serve", help="serve until a signal comes")
    served.add_argument("--reference", type=Path, help="what is normal, as .npy")
    served.add_argument("--state", type=Path, help="where the monitor is kept")
    # Bands want a reference of two windows at least, and are narrow from some seven on.
    served.add_argument("--window", type=int, default=200, help="rows of a window")
    served.add_argument("--resamples", type=int, default=500)
    served.add_argument("--host", default="127.0.0.1")
    served.add_argument("--port", type=int, default=8000)
    return found


def main() -> None:
    """Do what the command line asks for."""
    options = parser().parse_args()
    encoder = Encoder()
    if options.command == "reference":
        rows = encoder.encode(sentences(options.sentences)[0])
        # Windows of a stretch of one module would not be like those of all.
        np.save(options.path, np.random.default_rng(0).permutation(rows))
        print(f"{len(rows)} rows in {options.path}")
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        monitor = monitor_for(
            encoder.dim,
            options.state,
            window=options.window,
            reference=options.reference,
            resamples=options.resamples,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    app = create_app(encoder, Watching(monitor, options.state))
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
