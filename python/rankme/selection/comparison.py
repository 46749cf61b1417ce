"""Scores of several runs side by side: what `rankme.compare` returns."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rankme._base.optional import require
from rankme._base.text import one_line
from rankme.selection._comparison_html import fragment, page
from rankme.selection._comparison_text import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rankme.selection._agreement import Agreement
    from rankme.selection._run import Run

__all__ = ["Comparison"]

SCHEMA = "rankme.compare/1"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs by their RankMe, the highest first, and what of their order is certain.

    Made by `rankme.compare`, not by hand. `print` and notebooks show it as a table.

    Attributes
    ----------
    best : str
        The name of the run with the highest score, whatever else is said of it; the untrained one
        aside.
    tied : tuple of str
        The names of those that cannot be told from it.
    choice : str
        What the rule for checkpoints chooses; `best` where there is none.
    rows : int
        On how many rows every set was scored.
    paired : bool
        Whether row i of every run was taken for the same input, and errors of differences are those
        of pairs.
    pairing : str
        Why it was, or was not.
    runs : tuple of Run
        The highest first.
    warnings : tuple of str
        What speaks against the comparison, or against a run.
    errors : tuple of (str, str)
        Paths that could not be compared, and why; of the command only.
    local_maxima : tuple of str
        Of checkpoints in order, those that are higher than both neighbours.
    seed : int or None
        Of the choice of rows.
    baseline : str or None
        The untrained run, which stands among `runs` and is no candidate.
    """

    best: str
    tied: tuple[str, ...]
    choice: str
    rows: int
    paired: bool
    pairing: str
    runs: tuple[Run, ...]
    warnings: tuple[str, ...]
    errors: tuple[tuple[str, str], ...] = ()
    local_maxima: tuple[str, ...] = ()
    seed: int | None = 0
    baseline: str | None = None

    @property
    def decided(self) -> bool:
        """Whether every other run can be told from the best one."""
        return not self.tied

    @property
    def scores(self) -> dict[str, float]:
        """The score of each run by its name, the highest first."""
        return {run.name: run.score for run in self.runs}

    def agreement(
        self,
        truth: object,
        *,
        higher_is_better: bool,
        by: str | Sequence[str] | None = None,
        truth_error: object = None,
    ) -> Agreement:
        """Hold the scores against what labels say: `rankme.agreement` of `scores`.

        What the choice was worth is told of `choice`, which need not have the highest score.

        Parameters
        ----------
        truth, higher_is_better, by, truth_error
            As in `rankme.agreement`; the truth has the names of all runs, and no others.

        Returns
        -------
        Agreement
        """
        from rankme.selection._agreement import agreement  # noqa: PLC0415

        found = agreement(
            self.scores, truth, higher_is_better=higher_is_better, by=by, truth_error=truth_error
        )
        highest = max(self.scores.values())
        equal = [name for name, score in self.scores.items() if score == highest]
        # Of equal scores one is as likely as another, unless one is untrained or a rule chose.
        by_lot = self.runs[0].step is None and self.baseline not in equal
        if equal == [self.choice] or (by_lot and self.choice in equal):
            return found
        return replace(found, choice=self.choice)

    def to_pandas(self) -> Any:
        """Return a table with a row a run, the best first.

        Returns
        -------
        pandas.DataFrame
            By `name`; the fields of `Run`, a column ``tied`` (whether it cannot be told from the
            best, which itself is), and one for each tag, as ``tags.step``.

        Raises
        ------
        MissingLibraryError
            If there is no pandas: ``pip install "rankme[compare]"``.
        """
        pandas = require("pandas", extra="compare", what="to_pandas")
        records = []
        for run in self.runs:
            record = asdict(run)
            tags = record.pop("tags")
            record["tied"] = run.name == self.best or run.name in self.tied
            records.append({**record, **{f"tags.{key}": value for key, value in tags.items()}})
        return pandas.DataFrame(records).set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values.

        Returns
        -------
        dict
            With ``"schema": "rankme.compare/1"``; ``runs`` are dicts with the fields of `Run`, and
            ``errors`` dicts of ``path`` and ``error``.
        """
        return {
            "schema": SCHEMA,
            "best": self.best,
            "tied": [*self.tied],
            "decided": self.decided,
            "choice": self.choice,
            "rows": self.rows,
            "seed": self.seed,
            "paired": self.paired,
            "pairing": self.pairing,
            "baseline": self.baseline,
            "local_maxima": [*self.local_maxima],
            "runs": [_as_lists(asdict(run)) for run in self.runs],
            "warnings": [*self.warnings],
            "errors": [{"path": path, "error": error} for path, error in self.errors],
        }

    def to_json(self) -> str:
        """Return `to_dict` as one JSON object on one line.

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_html(self, agreement: object = None) -> str:
        """Return a page that needs nothing else: the table, a picture and the warnings.

        Parameters
        ----------
        agreement : Agreement, optional
            What `agreement` returned, to be shown as well.

        Returns
        -------
        str
        """
        return page(self, "" if agreement is None else str(agreement))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each run's score with its error: a dot and a bar of two standard errors.

        Checkpoints that have an order are drawn over their steps.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. By default pyplot makes a figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingLibraryError
            If there is no Matplotlib: ``pip install "rankme[plot]"``.
        """
        from rankme.selection._comparison_plot import draw  # noqa: PLC0415

        return draw(self, ax)

    def __repr__(self) -> str:
        scores = ", ".join(f"{name}: {score:.6g}" for name, score in self.scores.items())
        return one_line(
            f"Comparison({scores}; best {self.best}, tied {[*self.tied]}, N = {self.rows})"
        )

    def __str__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        """Show it as a table in notebooks."""
        return fragment(self)


def _as_lists(record: dict[str, Any]) -> dict[str, Any]:
    """Write tuples as lists, as JSON has them."""
    return {key: [*value] if isinstance(value, tuple) else value for key, value in record.items()}
