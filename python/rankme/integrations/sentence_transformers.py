"""RankMe while a sentence-transformers model trains, and of every width that it may be cut to.

The evaluator goes where the library's own do::

    from rankme.integrations.sentence_transformers import RankMeEvaluator

    evaluator = RankMeEvaluator(sentences, name="dev", truncate_dims=[256, 128, 64])
    SentenceTransformerTrainer(model=model, args=args, evaluator=evaluator, ...)

``TrainingArguments(metric_for_best_model="eval_dev_rankme")`` then keeps the checkpoint with the
highest score.
"""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankme._accumulators.accumulator import Accumulator
from rankme._accumulators.dealt import RUN_LENGTH
from rankme._base.arguments import as_eps, as_index, type_name
from rankme._base.optional import require
from rankme.integrations._reading import Measures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rankme.metrics._spectrum import Spectrum

_LIBRARY = {"extra": "sentence-transformers", "what": "rankme.integrations.sentence_transformers"}
require("sentence_transformers", **_LIBRARY)
# Version 6 has moved the class.
try:
    _Base: Any = require("sentence_transformers.base.evaluation", **_LIBRARY).BaseEvaluator
except ImportError:
    _Base = require("sentence_transformers.evaluation", **_LIBRARY).SentenceEvaluator

__all__ = ["RankMeEvaluator"]

_AT_A_TIME = 64  # batches whose embeddings are in memory together


class RankMeEvaluator(_Base):  # type: ignore[misc]
    """RankMe of the embeddings of some sentences, as an evaluator of sentence-transformers.

    It is what ``rankme.score(model.encode(sentences))`` gives, without the embeddings in memory at
    once. Embeddings of Matryoshka models are also scored at other widths: one pass and one Gram
    matrix serve them all.

    Parameters
    ----------
    sentences : list of str
        What is encoded; whatever ``model.encode`` takes. A few thousand: at least ten times the
        width of the embeddings, and the same ones in all runs that are to be compared.
    name : str
        Stands before the metrics, and in the name of the CSV file.
    truncate_dims : list of int, optional
        Widths beside that of the model: of the first so many columns, as
        ``model.encode(truncate_dim=...)`` gives them.
    batch_size : int
        Of ``model.encode``.
    max_rows : int, optional
        At most so many of the sentences, the first ones.
    normalize : bool
        Divide each embedding by its Euclidean norm, after it was cut. Each of `truncate_dims` then
        has a Gram matrix of its own.
    eps : float
        As in `rankme.score`.
    center : bool
        As in `rankme.score`.
    groups, run_length : int, optional
        As in `rankme.Accumulator`, for ``rankme_std_error`` of the whole width: how far the score
        of other sentences may be.
    metrics : list of str
        Further numbers of the whole width, of those in `rankme.Spectrum.metrics`.
    show_progress_bar : bool
        Of ``model.encode``.
    write_csv : bool
        Add a line to ``rankme_evaluation_<name>_results.csv`` in the folder that the trainer gives.

    Attributes
    ----------
    primary_metric : str
        ``"rankme"``, behind `name` once it has run.
    greater_is_better : bool
        True.

    Raises
    ------
    TypeError
        If `sentences` is one text and no list.
    ValueError
        If there are no sentences; if one of `truncate_dims` or `max_rows` is less than 1; if there
        is no such metric.
    """

    def __init__(
        self,
        sentences: Sequence[Any],
        name: str = "",
        *,
        truncate_dims: Sequence[int] = (),
        batch_size: int = 32,
        max_rows: int | None = 25_600,
        normalize: bool = False,
        eps: float = 1e-7,
        center: bool = False,
        groups: int | None = None,
        run_length: int = RUN_LENGTH,
        metrics: Sequence[str] = (),
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(sentences, str) or not hasattr(sentences, "__len__"):
            raise TypeError(f"sentences must be a list of texts, not {type_name(sentences)}")
        most = len(sentences) if max_rows is None else as_index(max_rows, "max_rows", 1)
        self.sentences = sentences[:most]
        if not len(self.sentences):
            raise ValueError("sentences is empty; a score needs a few thousand of them")
        self.name = name
        self.truncate_dims = [as_index(dim, "truncate_dims", 1) for dim in truncate_dims]
        self.batch_size = as_index(batch_size, "batch_size", 1)
        self.normalize = bool(normalize)
        self.eps = as_eps(eps)
        self.center = bool(center)
        self._groups: dict[str, Any] = {"groups": groups, "run_length": run_length}
        Accumulator(1, **self._groups)  # refuses what cannot be
        self._measures = Measures.checked(metrics, eps=self.eps, center=self.center)
        self.metrics = list(self._measures.metrics)
        self.show_progress_bar = show_progress_bar
        self.write_csv = write_csv
        self.primary_metric = "rankme"
        self.greater_is_better = True
        self.csv_file = f"rankme_evaluation_{name}_results.csv"

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Encode the sentences, and score the embeddings.

        Parameters
        ----------
        model : SentenceTransformer
        output_path : str, optional
            The folder of the CSV file.
        epoch, steps : float, int
            For the CSV file and the model card.

        Returns
        -------
        dict of str to float
            ``rankme``; ``rankme_low`` and ``rankme_high``, between which the exact value lies;
            ``rankme_<width>`` for each of `truncate_dims`; with `groups` ``rankme_std_error``;
            ``rankme_<metric>``; and ``rankme_n_rows``, ``rankme_n_skipped``. Each behind `name`.
            Embeddings that hold NaN or infinity are left out and counted, and every score is NaN
            then: a number of some of the rows would look like one of all.

        Raises
        ------
        ValueError
            If one of `truncate_dims` is wider than the embeddings.
        """
        # Under its own name again: the base class puts the evaluator's name before it.
        self.primary_metric = "rankme"
        values = self._values(self._sums(model))
        if output_path is not None and self.write_csv:
            self._write(Path(output_path), {"epoch": epoch, "steps": steps, **values})
        named: dict[str, float] = self.prefix_name_to_metrics(values, self.name)
        self.store_metrics_in_model_card_data(model, named, epoch, steps)
        return named

    @property
    def description(self) -> str:
        """The evaluator's name in a model card."""
        return "RankMe"

    def get_config_dict(self) -> dict[str, Any]:
        """Return what a model card has to say of the choices made.

        Returns
        -------
        dict
            How many sentences, `eps`, and what of the rest was chosen.
        """
        config: dict[str, Any] = {"n_sentences": len(self.sentences), "eps": self.eps}
        if self.truncate_dims:
            config["truncate_dims"] = self.truncate_dims
        return config | {key: True for key in ("normalize", "center") if getattr(self, key)}

    def _embeddings(self, model: Any) -> Iterator[Any]:
        """Yield the embeddings (n, K), some batches at a time."""
        step = _AT_A_TIME * self.batch_size
        for start in range(0, len(self.sentences), step):
            yield model.encode(
                self.sentences[start : start + step],
                batch_size=self.batch_size,
                show_progress_bar=self.show_progress_bar,
                convert_to_numpy=True,
            )

    def _sums(self, model: Any) -> dict[int, Accumulator]:
        """Return the sums of the whole width, and of each that has one of its own."""
        sums: dict[int, Accumulator] = {}
        for rows in self._embeddings(model):
            if not sums:
                whole, *others = self._widths(rows.shape[1])
                sums = {whole: self._sum(whole, **self._groups)}
                sums |= {width: self._sum(width) for width in others}
            for width, acc in sums.items():
                acc.update(rows[:, :width])
        return sums

    def _widths(self, whole: int) -> list[int]:
        """Return the widths whose rows are summed, the model's first."""
        for dim in self.truncate_dims:
            if dim > whole:
                raise ValueError(
                    f"truncate_dims has {dim}, and the model's embeddings have {whole} columns"
                )
        others = (dim for dim in self.truncate_dims if dim != whole)
        return [whole, *(others if self.normalize else ())]

    def _sum(self, width: int, **groups: Any) -> Accumulator:
        """Return an empty sum."""
        return Accumulator(width, normalize=self.normalize, skip_nonfinite=True, **groups)

    def _values(self, sums: dict[int, Accumulator]) -> dict[str, float]:
        """Return all numbers, without the evaluator's name."""
        whole = next(iter(sums.values()))
        row, _ = self._measures.of(whole)
        values = {"rankme": row.pop("rankme")}
        values |= {f"rankme_{key}": row.pop(key) for key in ("low", "high")}
        for dim in self.truncate_dims:
            values[f"rankme_{dim}"] = (
                math.nan if whole.n_skipped else self._truncated(sums, dim).rankme(eps=self.eps)
            )
        return values | {f"rankme_{key}": value for key, value in row.items()}

    def _truncated(self, sums: dict[int, Accumulator], dim: int) -> Spectrum:
        """Return the spectrum of the first columns."""
        if dim in sums:
            return sums[dim].spectrum(center=self.center)
        return next(iter(sums.values())).spectrum(center=self.center, truncate_dim=dim)

    def _write(self, folder: Path, line: dict[str, float]) -> None:
        """Add a line to the CSV file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.csv_file
        with path.open("a+", newline="", encoding="utf-8") as file:
            file.seek(0)
            header = next(csv.reader(file), None)
            if header not in (None, list(line)):
                warnings.warn(
                    f"{path} has other columns, of an evaluator with other options; nothing was "
                    f"added to it: move it away, or give this evaluator another name=",
                    stacklevel=3,
                )
                return
            writer = csv.DictWriter(file, line.keys())
            if header is None:
                writer.writeheader()
            writer.writerow(line)
