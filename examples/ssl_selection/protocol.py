"""What the study does, fixed before any of its results was seen.

`FULL` is the study, `SMALL` a version of seconds for tests. Every file that a run leaves holds the
digest of the protocol that it followed, so that runs of two protocols never meet in one table. All
settings are done with the first seed, then with the second one: a study that has to end early ends
with the last seed that is complete, whatever has come out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

__all__ = ["FULL", "SMALL", "UNTRAINED", "Protocol", "Setting", "Sweep"]


@dataclass(frozen=True)
class Setting:
    """The hyperparameters that differ between runs.

    Attributes
    ----------
    method : str
        ``"simclr"``, ``"vicreg"``, or ``"untrained"``: the first weights, with the statistics
        of one pass over the images in the layers that normalise.
    temperature : float
        Of SimCLR's loss.
    covariance : float
        The weight of VICReg's covariance term; those of its other terms are 25.
    learning_rate : float
        Of Adam, at the start; it falls to 0 along a half cosine.
    """

    method: str
    temperature: float = 0.2
    covariance: float = 1.0
    learning_rate: float = 1e-3

    @property
    def name(self) -> str:
        """What files and tables call it: all that matters to its method."""
        if self.method == "simclr":
            return f"simclr-t{self.temperature:g}-lr{self.learning_rate:g}"
        if self.method == "vicreg":
            return f"vicreg-c{self.covariance:g}-lr{self.learning_rate:g}"
        return self.method


UNTRAINED = Setting("untrained")


@dataclass(frozen=True)
class Sweep:
    """One hyperparameter at several values, all else as it is by default."""

    name: str
    title: str
    method: str
    parameter: str  # a field of Setting
    values: tuple[float, ...]

    @property
    def settings(self) -> dict[str, Setting]:
        """The settings by what they are called in tables of this sweep."""
        plain = Setting(self.method)
        return {f"{v:g}": replace(plain, **{self.parameter: v}) for v in self.values}


@dataclass(frozen=True)
class Protocol:
    """All that a run depends on beside its setting and its seed.

    Attributes
    ----------
    sweeps : tuple of Sweep
    seeds : tuple of int
        One seed draws the first weights, the order of the images and their views. The same seeds
        for all settings.
    images : int
        How many images of Fashion-MNIST are trained on, the first ones. RankMe and its rivals are
        computed on the same images, in evaluation mode, without augmentation.
    epochs, batch : int
        Images a batch; each gives two views.
    width : int
        Channels of the first of four layers of convolutions; each doubles them. The backbone's
        output has 8 times as many columns.
    projector : int
        Columns of each of the projector's three layers.
    groups : int
        Of the jackknife.
    curve : tuple of int
        On how many rows RankMe is computed as well, of a random order.
    lidar_images, lidar_views : int
        LiDAR is of this many views of each of the first images.
    neighbours : int
        Of the kNN classifier, by cosine.
    probe_iterations : int
        The most of the linear probe's solver. A probe that has not converged is an error.
    """

    sweeps: tuple[Sweep, ...]
    seeds: tuple[int, ...]
    images: int
    epochs: int
    batch: int
    width: int
    projector: int
    groups: int
    curve: tuple[int, ...]
    lidar_images: int
    lidar_views: int
    neighbours: int
    probe_iterations: int

    @property
    def settings(self) -> list[Setting]:
        """All settings of all sweeps, each once, and the untrained network."""
        swept = [setting for sweep in self.sweeps for setting in sweep.settings.values()]
        return [UNTRAINED, *dict.fromkeys(swept)]

    @property
    def digest(self) -> str:
        """Twelve digits that change with all that a run depends on beside setting and seed."""
        fields = {k: v for k, v in asdict(self).items() if k not in {"sweeps", "seeds"}}
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]


FULL = Protocol(
    sweeps=(
        Sweep(
            "simclr-temperature",
            "SimCLR, temperature",
            "simclr",
            "temperature",
            (0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0),
        ),
        Sweep(
            "simclr-learning-rate",
            "SimCLR, learning rate",
            "simclr",
            "learning_rate",
            (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2),
        ),
        Sweep(
            "vicreg-covariance",
            "VICReg, covariance weight",
            "vicreg",
            "covariance",
            (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        ),
    ),
    seeds=(0, 1, 2),
    images=10_000,
    epochs=20,
    batch=256,
    width=16,
    projector=256,
    groups=16,
    curve=(250, 500, 1000, 2000, 5000, 10_000),
    lidar_images=1000,
    lidar_views=10,
    neighbours=20,
    probe_iterations=2000,
)

SMALL = replace(
    FULL,
    sweeps=tuple(replace(sweep, values=sweep.values[1::3]) for sweep in FULL.sweeps),
    seeds=(0, 1),
    images=320,
    epochs=4,
    batch=32,
    width=8,
    projector=16,
    groups=8,
    curve=(80, 160, 320),
    lidar_images=40,
    lidar_views=4,
    neighbours=5,
)
