"""The service with a real Prometheus in front of it, from the first answer to the alarm.

``python -m examples.service.with_prometheus --prometheus PATH``, PATH being that of its program.
"""

# ruff: noqa: T201

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from examples.service.client import answer, cut, page, requests, sentences

HERE = Path(__file__).parent
SERVICE, PROMETHEUS = "http://127.0.0.1:8000", "http://127.0.0.1:9090"
WINDOW = 200


@contextlib.contextmanager
def running(*command: object, log: Path) -> Iterator[None]:
    """Run a program within the ``with``, and end it by SIGTERM."""
    with log.open("wb") as file:
        process = subprocess.Popen([str(one) for one in command], stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            status = process.wait(timeout=60)
    print(f"{Path(str(command[0])).name} ended with status {status}")


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        if time.monotonic() > until:
            raise SystemExit(f"{what} did not come about in {seconds:g} s")
        time.sleep(0.2)


def asked(query: str) -> list[dict[str, Any]]:
    """Ask Prometheus."""
    url = f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - ours
        found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return found


def value(query: str) -> float | None:
    """Return what Prometheus has of one series; None where it has none."""
    found = asked(query)
    return float(found[0]["value"][1]) if found else None


def shown(*names: str) -> None:
    """Print what Prometheus has."""
    for name in names:
        for series in asked(name):
            labels = {k: v for k, v in series["metric"].items() if k in {"statistic", "alertname"}}
            print(f"  {name} {labels or ''} {float(series['value'][1]):.6g}")


def watched(rows: int) -> None:
    """Wait until Prometheus has seen so many rows."""
    wait_for(f"{rows} rows", lambda: value("rankme_rows_total") == rows)


def play(texts: Sequence[str]) -> None:
    """Send usual sentences, and then cut ones, and see what Prometheus makes of them."""
    names = "rankme_score", "rankme_score_std_error", "rankme_drift", "rankme_alarm"
    for request in requests(texts, 4 * WINDOW, seed=1):
        answer(SERVICE, request)
    watched(4 * WINDOW)
    print(f"after {4 * WINDOW} usual sentences:")
    shown("rankme_windows_total", *names)
    for request in requests(texts, 2 * WINDOW, seed=2):
        answer(SERVICE, cut(request))
    watched(6 * WINDOW)
    wait_for("the alert", lambda: value('ALERTS{alertname="EmbeddingsDrift"}') == 1)
    print(f"after {2 * WINDOW} that are cut off:")
    shown("rankme_windows_total", *names, "ALERTS")


def main() -> None:
    """Start both, play, and end both."""
    parser = argparse.ArgumentParser(description="the service with a real Prometheus")
    parser.add_argument("--prometheus", default="prometheus", help="the program")
    parser.add_argument("--sentences", type=int, default=1500, help="of the reference")
    options = parser.parse_args()
    module = [sys.executable, "-m", "examples.service"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = folder / "usual.npy"
        subprocess.run(
            [*module, "reference", reference, "--sentences", str(options.sentences)], check=True
        )
        serve = [*module, "serve", "--reference", reference, "--window", WINDOW, "--resamples", 199]
        scrape = [
            options.prometheus,
            f"--config.file={HERE / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:9090",
        ]
        with (
            running(*serve, "--state", folder / "state", log=folder / "service.log"),
            running(*scrape, log=folder / "prometheus.log"),
        ):
            wait_for("the service", lambda: "rankme_info" in page(SERVICE))
            wait_for("Prometheus", lambda: value('up{job="embeddings"}') == 1)
            play(sentences(options.sentences)[1])
        print((folder / "service.log").read_text().strip())


if __name__ == "__main__":
    main()
