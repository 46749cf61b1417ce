"""What is told of a window: its score with errors, its metrics, its drift, and the alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme.metrics._estimate import bare_estimate
from rankme.metrics._jackknife import MIN_GROUPS
from rankme.metrics._moments import Moments
from rankme.metrics._values import finite_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rankme.integrations._monitor.norms import NormCounts
    from rankme.integrations._monitor.panes import Pane
    from rankme.integrations._monitor.settings import Settings
    from rankme.metrics._drift import Standard
    from rankme.metrics._spectrum import Spectrum

__all__ = ["Alarm", "facts_of", "record_of", "statistics_of"]

_DRIFTS = ("frechet", "subspace", "mean_angle", "mean_shift")
_FEWEST = 2  # rows that have a covariance


def facts_of(
    spectrum: Spectrum,
    moments: Moments | None,
    norms: NormCounts | None,
    settings: Settings,
    standard: Standard | None,
) -> dict[str, Any]:
    """Return the metrics and the drift of rows, as a record has them."""
    drift: dict[str, Any] = dict.fromkeys(_DRIFTS)
    if standard is not None and moments is not None and moments.n_rows >= _FEWEST:
        for name, value in standard.drift(moments)._asdict().items():
            drift[name] = finite_or_none(lambda value=value: value)  # type: ignore[misc]
    drift["norm_quantiles"] = {}
    if norms is not None:
        found = norms.quantiles(settings.quantiles)
        drift["norm_quantiles"] = {
            f"{share:g}": value for share, value in zip(settings.quantiles, found, strict=True)
        }
    metrics = {name: finite_or_none(getattr(spectrum, name)) for name in settings.metrics}
    return {"metrics": metrics, "drift": drift}


def record_of(pane: Pane, settings: Settings, standard: Standard | None) -> dict[str, Any]:
    """Return what is told of the rows of a window by themselves."""
    record: dict[str, Any] = {
        "n_rows": pane.n_rows,
        "rankme": None,
        "std_error": None,
        "low": None,
        "high": None,
        "metrics": dict.fromkeys(settings.metrics),
        "drift": {**dict.fromkeys(_DRIFTS), "norm_quantiles": {}},
    }
    if pane.n_rows == 0:
        return record
    filled = int((pane.acc._core.group_rows > 0).sum())  # noqa: SLF001
    if filled >= MIN_GROUPS:
        parts = pane.acc._parts(center=settings.center)  # noqa: SLF001
        spectrum = parts.whole
        estimate = bare_estimate(*parts, settings.eps)
        record["std_error"] = estimate.std_error
    else:
        spectrum = pane.acc.spectrum(center=settings.center)
    record["rankme"] = spectrum.rankme(eps=settings.eps)
    record["low"], record["high"] = spectrum.rankme_bounds(eps=settings.eps)
    moments = Moments.from_state(*pane.acc._covariance_state())  # noqa: SLF001
    return record | facts_of(spectrum, moments, pane.norms, settings, standard)


def statistics_of(record: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what of a record may have a band, under flat names."""
    found = {"rankme": record["rankme"]}
    found |= {f"metrics/{name}": value for name, value in record["metrics"].items()}
    for name, value in record["drift"].items():
        if name in _DRIFTS:
            found[name] = value
        else:
            found |= {f"{name}/{share}": quantile for share, quantile in value.items()}
    return found


class Alarm:
    """Whether something is wrong: it comes with a window outside, and goes after calm ones.

    Windows that are not judged change nothing.
    """

    def __init__(self, clear_after: int, history: int) -> None:
        self._clear_after = clear_after
        self._history = history
        self.on = False
        self.calm = 0
        self.events: list[dict[str, Any]] = []

    def see(self, index: int, outside: list[str]) -> None:
        """Look at a window that was judged."""
        if outside:
            if not self.on:
                self.events.append({"raised": index, "cleared": None, "statistics": []})
            self.on, self.calm = True, 0
            told = self.events[-1]["statistics"]
            told += [name for name in outside if name not in told]
        elif self.on:
            self.calm += 1
            if self.calm >= self._clear_after:
                self.on, self.calm = False, 0
                self.events[-1]["cleared"] = index
        del self.events[: -self._history]

    def join(self, other: Alarm, before: int) -> None:
        """Take in another one, whose windows come after so many."""
        moved = [
            {
                **event,
                "raised": event["raised"] + before,
                "cleared": None if event["cleared"] is None else event["cleared"] + before,
            }
            for event in other.to_dict()["events"]
        ]
        if self.on and not other.on:
            self.events[-1:-1] = moved  # what is on stays the last one
        else:
            self.events += moved
        self.calm = min((one.calm for one in (self, other) if one.on), default=0)
        self.on = self.on or other.on
        del self.events[: -self._history]

    def copy(self) -> Alarm:
        """Return an independent one."""
        new = Alarm(self._clear_after, self._history)
        new.load(self.to_dict())
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        events = [{**event, "statistics": list(event["statistics"])} for event in self.events]
        return {"on": self.on, "calm": self.calm, "events": events}

    def load(self, values: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.on, self.calm = bool(values["on"]), int(values["calm"])
        self.events = [dict(event) for event in values["events"]]
