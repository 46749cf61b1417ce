"""RankMe as an estimator and a scorer of scikit-learn."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import rankme
from rankme.integrations.sklearn import RankMeEstimator, rankme_scorer

DIGITS = load_digits().data
SETTINGS = [
    {},
    {"center": True},
    {"normalize": True, "eps": 1e-3},
    {"method": "qr", "center": True},
]


def same(value, truth):
    return value == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("settings", SETTINGS)
def test_it_is_an_estimator_by_the_checks_of_scikit_learn(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some checks are of matrices that are barely known
        results = check_estimator(RankMeEstimator(**settings), on_skip=None)
    assert len(results) > 30
    # That one wants an environment variable, and is for estimators that say they take such arrays.
    other = {one["check_name"] for one in results if one["status"] != "passed"}
    assert other <= {"check_array_api_input"}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_values_are_those_of_all_rows(settings, dtype):
    rows = DIGITS.astype(dtype)
    truth = rankme.spectrum(rows, **{k: v for k, v in settings.items() if k != "eps"})
    score = rankme.score(rows, **settings)
    for est in (RankMeEstimator(**settings).fit(rows), RankMeEstimator(**settings)):
        if not hasattr(est, "n_samples_seen_"):
            for part in np.array_split(rows, 7):
                est.partial_fit(part)
        assert same(est.rankme_, score)
        assert est.dimension_ == est.rankme_ == est.score()
        assert isinstance(est.rankme_, float)
        top = truth.singular_values[0]
        assert est.singular_values_ == pytest.approx(truth.singular_values, abs=1e-7 * top)
        assert (est.n_samples_seen_, est.n_features_in_) == rows.shape


def test_fit_forgets_what_was_there():
    est = RankMeEstimator().fit(DIGITS[:, :5])
    est.partial_fit(DIGITS[:9, :5])
    assert est.n_samples_seen_ == len(DIGITS) + 9
    est.fit(DIGITS[:100])
    assert (est.n_samples_seen_, est.n_features_in_) == (100, 64)
    assert same(est.rankme_, rankme.score(DIGITS[:100]))


def test_other_rows_are_scored_by_themselves():
    est = RankMeEstimator(center=True).fit(DIGITS[:1000])
    assert same(est.score(DIGITS[1000:]), rankme.score(DIGITS[1000:], center=True))
    assert same(est.score(), rankme.score(DIGITS[:1000], center=True))
    assert est.n_samples_seen_ == 1000


def test_what_is_set_later_counts():
    est = RankMeEstimator().fit(DIGITS)
    assert same(est.rankme_, rankme.score(DIGITS))
    est.set_params(center=True, eps=1e-2)
    assert same(est.rankme_, rankme.score(DIGITS, center=True, eps=1e-2))
    est.set_params(normalize=True)
    with pytest.raises(ValueError, match="normalize was False when the first rows came, and is T"):
        est.partial_fit(DIGITS)
    est.set_params(normalize=False).partial_fit(DIGITS)
    est.set_params(normalize=True).fit(DIGITS)


def test_before_rows_nothing_is_there():
    est = RankMeEstimator()
    for name in ("rankme_", "dimension_", "singular_values_"):
        assert not hasattr(est, name)
    with pytest.raises(NotFittedError):
        est.score(DIGITS)


def test_copies_are_independent():
    est = RankMeEstimator(eps=1e-3).fit(DIGITS[:500])
    restored = pickle.loads(pickle.dumps(est)).partial_fit(DIGITS[500:])
    assert same(restored.rankme_, rankme.score(DIGITS, eps=1e-3))
    assert same(est.rankme_, rankme.score(DIGITS[:500], eps=1e-3))
    assert not hasattr(clone(est), "rankme_")


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="eps must be from 0 to 1"):
        RankMeEstimator(eps=2).fit(DIGITS)
    with pytest.raises(ValueError, match="method must be 'gram' or 'qr', not 'svd'"):
        RankMeEstimator(method="svd").fit(DIGITS)
    with pytest.raises(ValueError, match="X has 5 features, but RankMeEstimator is expecting 64"):
        RankMeEstimator().fit(DIGITS).partial_fit(DIGITS[:, :5])
    bad = DIGITS.copy()
    bad[3, 4] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        RankMeEstimator().fit(bad)


def pipeline():
    return make_pipeline(StandardScaler(), PCA(10, whiten=False, random_state=0))


def test_a_pipeline_ends_in_the_estimator():
    whole = make_pipeline(*[step for _, step in pipeline().steps], RankMeEstimator())
    z = pipeline().fit_transform(DIGITS)
    assert same(whole.fit(DIGITS)[-1].rankme_, rankme.score(z))
    held_out = whole.fit(DIGITS[:1000]).score(DIGITS[1000:])
    assert same(held_out, rankme.score(whole[:-1].transform(DIGITS[1000:])))


@pytest.mark.parametrize("with_estimator", [False, True])
def test_a_search_needs_no_labels(with_estimator):
    steps = [step for _, step in pipeline().steps]
    folds = KFold(3, shuffle=True, random_state=0)
    if with_estimator:
        search = GridSearchCV(
            make_pipeline(*steps, RankMeEstimator()), {"pca__whiten": [False, True]}, cv=folds
        )
    else:
        search = GridSearchCV(
            pipeline(), {"pca__whiten": [False, True]}, cv=folds, scoring=rankme_scorer
        )
    search.fit(DIGITS)
    assert search.best_params_ == {"pca__whiten": True}
    for fold, (train, test) in enumerate(folds.split(DIGITS)):
        z = pipeline().fit(DIGITS[train]).transform(DIGITS[test])
        assert same(search.cv_results_[f"split{fold}_test_score"][0], rankme.score(z))


def test_a_scorer_with_settings():
    scorer = partial(rankme_scorer, normalize=True, center=True, eps=1e-3)
    (value,) = cross_val_score(
        pipeline(), DIGITS, cv=[(range(1000), range(1000, 1797))], scoring=scorer
    )
    z = pipeline().fit(DIGITS[:1000]).transform(DIGITS[1000:])
    assert same(value, rankme.score(z, normalize=True, center=True, eps=1e-3))


def test_a_scorer_names_what_has_no_rows():
    with pytest.raises(TypeError, match=r"transform, .* and sklearn.*LogisticRegression has none"):
        rankme_scorer(LogisticRegression(), DIGITS)
