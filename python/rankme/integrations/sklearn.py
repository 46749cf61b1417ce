"""RankMe as an estimator and as a scorer of scikit-learn, which need no labels.

As an estimator::

    from rankme.integrations.sklearn import RankMeEstimator

    RankMeEstimator().fit(X).rankme_

As a scorer, of what a pipeline makes of its inputs::

    from rankme.integrations.sklearn import rankme_scorer

    GridSearchCV(pipeline, {"scale__with_std": [True, False]}, scoring=rankme_scorer).fit(X)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rankme._accumulators.accumulator import Accumulator
from rankme._base.arguments import as_eps, type_name
from rankme._base.optional import require
from rankme._scoring.score import score
from rankme.metrics._certainty import score_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from rankme.metrics._spectrum import Spectrum

_WHAT = "rankme.integrations.sklearn"
BaseEstimator = require("sklearn.base", extra="sklearn", what=_WHAT).BaseEstimator
_validation = require("sklearn.utils.validation", extra="sklearn", what=_WHAT)

__all__ = ["RankMeEstimator", "rankme_scorer"]

_DTYPES = (np.float64, np.float32, np.float16)  # others become float64


class RankMeEstimator(BaseEstimator):  # type: ignore[misc, valid-type]
    """RankMe of the rows of a matrix, which may come in parts.

    Parameters
    ----------
    eps, center, normalize
        As in `rankme.score`.
    method : {"gram", "qr"}
        As in `rankme.Accumulator`.

    Attributes
    ----------
    rankme_ : float
        The score of all rows seen.
    dimension_ : float
        The same number, under the name that estimators of intrinsic dimension have for it.
    singular_values_ : numpy.ndarray
        Shape (min(n_samples_seen_, n_features_in_),), float64, in decreasing order; centred with
        `center`.
    n_samples_seen_ : int
        Rows of all calls since `fit`.
    n_features_in_ : int
        K, the length of a row.
    feature_names_in_ : numpy.ndarray
        Names of the columns, where `X` had some.

    Notes
    -----
    The singular values are found when one of the first three is asked for, with the `eps` and
    `center` that are set then, so that a loop of `partial_fit` only adds rows up.

    Examples
    --------
    >>> import numpy as np
    >>> from rankme.integrations.sklearn import RankMeEstimator
    >>> round(RankMeEstimator(eps=0).fit(np.eye(4)).rankme_, 6)
    4.0
    """

    _sums: Accumulator
    _found: Spectrum | None

    def __init__(
        self,
        *,
        eps: float = 1e-7,
        center: bool = False,
        normalize: bool = False,
        method: str = "gram",
    ) -> None:
        self.eps = eps
        self.center = center
        self.normalize = normalize
        self.method = method

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002, N803
        """Take in rows, and forget those that were there before.

        Parameters
        ----------
        X : array-like
            Shape (n, K), with K and n 1 or more; float64, float32 and float16 as they are, other
            dtypes as float64.
        y : object
            Not used.

        Returns
        -------
        RankMeEstimator
            Itself.

        Raises
        ------
        TypeError
            If `X` is sparse, or `eps` no real number.
        ValueError
            If `X` is empty, not 2-D, complex, or holds NaN or infinity; if `eps` is outside 0 to 1
            or `method` another one.
        """
        return self._take_in(X, first=True)

    def partial_fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002, N803
        """Take in more rows.

        Parameters
        ----------
        X : array-like
            As in `fit`, with as many columns as before.
        y : object
            Not used.

        Returns
        -------
        RankMeEstimator
            Itself.

        Raises
        ------
        TypeError, ValueError
            As `fit`; also if `X` has another number of columns, or if `normalize` or `method` was
            set to something else since the first rows came.
        """
        return self._take_in(X, first=not hasattr(self, "_sums"))

    def score(self, X: Any = None, y: object = None) -> float:  # noqa: ARG002, N803
        """RankMe of other rows, for cross-validation; or of those that it was fitted to.

        Parameters
        ----------
        X : array-like, optional
            As in `fit`. They are scored by themselves, and not taken in.
        y : object
            Not used.

        Returns
        -------
        float

        Warns
        -----
        PrecisionWarning
            As `rankme.score`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there are no rows yet.
        TypeError, ValueError
            As `partial_fit`.
        """
        _validation.check_is_fitted(self)
        if X is None:
            spectrum = self._spectrum()
        else:
            rows = _validation.validate_data(self, X, dtype=_DTYPES, reset=False)
            sums = self._empty()
            sums.update(rows)
            spectrum = sums.spectrum(center=self.center)
        return score_of(spectrum, as_eps(self.eps), stacklevel=2)

    @property
    def rankme_(self) -> float:
        """The score of all rows seen."""
        return score_of(self._spectrum(), as_eps(self.eps), stacklevel=2)

    @property
    def dimension_(self) -> float:
        """The same as `rankme_`."""
        return score_of(self._spectrum(), as_eps(self.eps), stacklevel=2)

    @property
    def singular_values_(self) -> NDArray[np.float64]:
        """The singular values of all rows seen."""
        return self._spectrum().singular_values

    def _take_in(self, X: Any, *, first: bool) -> Self:  # noqa: N803
        """Add rows up, on top of nothing if these are the first."""
        as_eps(self.eps)  # before the work, not after it
        rows = _validation.validate_data(self, X, dtype=_DTYPES, reset=first)
        sums = self._empty() if first else self._sums
        for name in ("normalize", "method"):
            before, now = getattr(sums, name), getattr(self, name)
            if before != now:
                raise ValueError(
                    f"{name} was {before!r} when the first rows came, and is {now!r}: set it back, "
                    f"or begin again with fit"
                )
        sums.update(rows)
        self._sums = sums
        self._found = None
        self.n_samples_seen_ = sums.n_rows
        return self

    def _empty(self) -> Accumulator:
        """Return what has taken in no rows."""
        return Accumulator(self.n_features_in_, normalize=self.normalize, method=self.method)

    def _spectrum(self) -> Spectrum:
        """Return the spectrum of all rows seen, found once."""
        _validation.check_is_fitted(self)
        if self._found is None or self._found.center != bool(self.center):
            self._found = self._sums.spectrum(center=self.center)
        return self._found

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_sums")


def rankme_scorer(
    estimator: Any,
    X: Any,  # noqa: N803
    y: object = None,  # noqa: ARG001
    *,
    eps: float = 1e-7,
    center: bool = False,
    normalize: bool = False,
) -> float:
    """RankMe of what a fitted transformer or pipeline makes of rows: for ``scoring=``.

    Parameters
    ----------
    estimator : object
        With a method `transform` that returns shape (n, K).
    X : array-like
        What `estimator` takes.
    y : object
        Not used.
    eps, center, normalize
        As in `rankme.score`. Others than these defaults are chosen by ``functools.partial``:
        ``scoring=partial(rankme_scorer, normalize=True)``.

    Returns
    -------
    float

    Warns
    -----
    PrecisionWarning
        As `rankme.score`.

    Raises
    ------
    TypeError
        If `estimator` has no `transform`. What `rankme.score` raises of the transformed rows.

    Notes
    -----
    More columns have more room for rank: among pipelines of different widths the widest wins, which
    tells nothing. Compare pipelines of one width, or shares of it.
    """
    transform = getattr(estimator, "transform", None)
    if transform is None:
        raise TypeError(
            f"estimator must have a method transform, whose rows are scored, and "
            f"{type_name(estimator)} has none; a RankMeEstimator needs no scorer: leave out scoring"
        )
    return score(transform(X), eps=eps, center=center, normalize=normalize)
