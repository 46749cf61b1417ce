"""What Prometheus is told of a monitor: families of samples, and their text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rankme import _core
from rankme._base.atomic_file import remove_strays, write_pieces

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from rankme.integrations._monitor.monitor import Monitor

__all__ = ["KINDS", "NAMES", "Family", "families_of", "labels_checked", "text_of", "write_text"]

_COLLAPSED = 2.0  # dimensions
# Name, type and help of each. A counter's name has its _total, as the text has it.
_HELP = {
    "rankme_score": ("gauge", "RankMe of the last window that was finished."),
    "rankme_score_low": ("gauge", "The lower end of the interval of its rounding."),
    "rankme_score_high": ("gauge", "The upper end of the interval of its rounding."),
    "rankme_score_std_error": ("gauge", "How far RankMe of other rows would be, by a jackknife."),
    "rankme_window_rows": ("gauge", "How many rows the last window has."),
    "rankme_collapsed": ("gauge", "1 if RankMe of the last window is below 2, else 0."),
    "rankme_drift": ("gauge", "How far the last window is from the reference."),
    "rankme_norm": ("gauge", "Quantiles of the norms of the rows of the last window."),
    "rankme_metric": ("gauge", "Other metrics of the last window."),
    "rankme_outside": ("gauge", "How many statistics of the last window are outside the bands."),
    "rankme_alarm": ("gauge", "1 while there is an alarm, else 0."),
    "rankme_pending_rows": ("gauge", "Rows of the step that is open."),
    "rankme_rows_total": ("counter", "Rows that were taken in."),
    "rankme_skipped_rows_total": ("counter", "Rows that were left out: NaN or infinity."),
    "rankme_windows_total": ("counter", "Windows that were finished."),
    "rankme_last_update_timestamp_seconds": ("gauge", "When rows last came, since 1970."),
    "rankme_info": ("gauge", "What the monitor was made with; always 1."),
}
NAMES = tuple(_HELP)
KINDS = {name: kind for name, (kind, _) in _HELP.items()}


class Family(NamedTuple):
    """A metric of Prometheus.

    Attributes
    ----------
    name : str
    kind : str
        ``"gauge"`` or ``"counter"``.
    help : str
    samples : list of (dict, float)
        Labels and value.
    """

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]]


def labels_checked(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return labels that all samples have; a ValueError where one cannot be a label.

    Parameters
    ----------
    labels
        Such as ``{"model": "minilm"}``.
    """
    own = {"statistic", "quantile", "metric", "version", "eps", "center", "normalize", "window"}
    found = dict(labels or {})
    for name, value in found.items():
        plain = name.isascii() and name.isidentifier() and not name.startswith("__")
        if not plain or name in own or not isinstance(value, str):
            raise ValueError(
                f"labels has {name!r}: {value!r}; wanted are texts under names of letters, digits "
                f"and _, other than {', '.join(sorted(own))}"
            )
    return found


def families_of(
    monitor: Monitor, labels: Mapping[str, str] | None = None, *, updated: float | None = None
) -> list[Family]:
    """Return what is told of a monitor: of its last window, and its counts; cheap.

    Parameters
    ----------
    monitor
        It is only looked at, and may be updated meanwhile.
    labels
        Of every sample.
    updated
        When rows last came, in seconds since 1970; by default it is not told.
    """
    held = monitor._held  # noqa: SLF001 - one state; `report` would copy the history
    settings, counts = held.settings, held.counts
    told: dict[str, list[tuple[dict[str, str], float]]] = {
        "rankme_alarm": [({}, float(held.alarm.on))],
        "rankme_pending_rows": [({}, float(held.ring.open.n_rows))],
        "rankme_rows_total": [({}, float(counts.rows))],
        "rankme_skipped_rows_total": [({}, float(counts.skipped))],
        "rankme_windows_total": [({}, float(counts.windows))],
        "rankme_info": [(_made_with(settings), 1.0)],
    }
    if updated is not None:
        told["rankme_last_update_timestamp_seconds"] = [({}, updated)]
    if held.records:
        told |= _window(held.records[-1])
    common = dict(labels or {})
    return [
        Family(name, *_HELP[name], [({**common, **own}, value) for own, value in told[name]])
        for name in NAMES
        if told.get(name)
    ]


def _made_with(settings: object) -> dict[str, str]:
    """Return the labels of the information."""
    names = {name: getattr(settings, name) for name in ("eps", "center", "normalize", "window")}
    words = {name: str(value).lower() for name, value in names.items()}
    return {**words, "version": _core.__version__}


def _window(record: Mapping[str, object]) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the samples of a window; what is not defined has none."""
    drift = dict(record["drift"])  # type: ignore[call-overload]
    norms = drift.pop("norm_quantiles")
    score = record["rankme"]
    plain = {
        "rankme_score": score,
        "rankme_score_low": record["low"],
        "rankme_score_high": record["high"],
        "rankme_score_std_error": record["std_error"],
        "rankme_window_rows": record["n_rows"],
        "rankme_outside": len(record["outside"]),  # type: ignore[arg-type]
    }
    if isinstance(score, float):
        plain["rankme_collapsed"] = score < _COLLAPSED
    labelled = {
        "rankme_drift": ("statistic", drift),
        "rankme_norm": ("quantile", norms),
        "rankme_metric": ("metric", record["metrics"]),
    }
    found: dict[str, list[tuple[dict[str, str], float]]] = {
        name: [({}, float(value))]  # type: ignore[arg-type]
        for name, value in plain.items()
        if value is not None
    }
    for name, (label, values) in labelled.items():
        found[name] = [
            ({label: key}, float(value)) for key, value in values.items() if value is not None
        ]
    return found


def text_of(families: list[Family]) -> str:
    """Write families in the text format of Prometheus, version 0.0.4."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for labels, value in family.samples:
            inside = ",".join(
                f'{name}="{_escaped(text, quotes=True)}"' for name, text in labels.items()
            )
            lines.append(f"{family.name}{f'{{{inside}}}' if inside else ''} {_number(value)}")
    return "\n".join([*lines, ""])


def _escaped(text: str, *, quotes: bool = False) -> str:
    """Write a text of a help or a label."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    """Write a number as Go reads it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def write_text(
    path: str | os.PathLike[str],
    monitor: Monitor,
    labels: Mapping[str, str] | None = None,
    *,
    updated: float | None = None,
) -> None:
    """Write what is told of a monitor to a file, whole or not at all; an OSError where it fails.

    The temporary file beside it does not end in ``.prom``: the node exporter does not read it.
    """
    remove_strays(path)
    write_pieces(path, [text_of(families_of(monitor, labels, updated=updated)).encode()])
