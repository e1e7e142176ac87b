"""Sources by how real they look, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.calibration import calibrate
from engine.errors import Refusal
from engine.realism import compare_models, compare_with_history, rank_reports
from engine.realism.ranking import far_from_paths
from engine.realism.statistics import STATISTICS

MODELS = ("gbm", "merton", "regime_switching")


@pytest.fixture(scope="module")
def reports(wild):
    return [compare_with_history(calibrate(m, wild), wild, seeds=range(40)) for m in MODELS]


def test_gaussian_noise_is_last_where_volatility_clusters_and_that_is_sure(reports):
    ranked = rank_reports(reports)
    assert ranked["model"].to_list() == ["regime_switching", "merton", "gbm"]
    assert ranked["distance"].is_sorted()
    assert ranked["last"][2] > 0.95
    assert ranked["sure"][0] > 0.9
    assert ranked["sure"][2] is None
    assert ranked["first"].sum() == pytest.approx(1.0) == pytest.approx(ranked["last"].sum())
    assert (ranked["std_error"] > 0.0).all()


def test_what_nothing_sets_apart_is_not_called_sure(calm):
    reports = [
        compare_with_history(calibrate(model, calm), calm, seeds=range(30))
        for model in ("gbm", "schwartz_1f")
    ]
    ranked = rank_reports(reports)
    assert abs(ranked["distance"][1] - ranked["distance"][0]) < 2.0 * ranked["std_error"][0]
    assert 0.05 < ranked["sure"][0] < 0.95


def test_a_distance_is_the_mean_of_standard_deviations_up_to_five():
    paths = {name: np.array([-1.0, 1.0]) for name in STATISTICS}
    spread = np.sqrt(2.0)
    history = {name: np.array([0.0, spread, 1e9]) for name in STATISTICS}
    np.testing.assert_allclose(far_from_paths(history, paths), [0.0, 1.0, 5.0])
    history["skewness"] = np.array([np.nan, np.nan, np.nan])
    np.testing.assert_allclose(far_from_paths(history, paths), [0.0, 1.0, 5.0])


def test_the_table_of_models_has_the_ranking(wild):
    found = compare_models([calibrate(m, wild) for m in MODELS[:2]], wild, seeds=range(20))
    by_model = {row["model"]: row for row in found.iter_rows(named=True)}
    assert by_model["merton"]["distance"] < by_model["gbm"]["distance"]
    assert by_model["merton"]["sure"] > 0.9
    assert by_model["gbm"]["sure"] is None


def test_reports_of_different_histories_are_refused(reports, wild):
    other = compare_with_history(calibrate("gbm", wild[200:]), wild[200:], seeds=range(20))
    with pytest.raises(Refusal, match="reports: found 2 histories, allowed reports of one history"):
        rank_reports([reports[0], other])
    with pytest.raises(Refusal, match="found 0 histories"):
        rank_reports([])
