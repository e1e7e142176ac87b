from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from engine.calibration.hamilton import hamilton_log_likelihood, hamilton_score, stationary
from engine.calibration.switching import fit_switching
from engine.calibration.switching_layout import SwitchingLayout


@pytest.fixture(scope="module")
def fedfunds(reference) -> pl.DataFrame:
    return pl.read_csv(reference / "tables/regime_fedfunds_quarterly.csv")


def test_the_fed_funds_model_is_that_of_stata(fedfunds):
    # tables/regime_switching_reference.json: two means, one deviation
    found = fit_switching(fedfunds["fedfunds"].to_numpy(), switching_deviation=False)
    assert found.log_likelihood == pytest.approx(-508.63592, abs=1e-4)
    np.testing.assert_allclose(found.means, [3.70877, 9.556793], rtol=1e-5)
    np.testing.assert_allclose(found.deviations, 2.107562, rtol=1e-5)
    np.testing.assert_allclose(found.transition[:, 0], [0.9820939, 0.0503587], rtol=1e-5)
    errors = {"mean_1": 0.1767083, "mean_2": 0.2999889, "p_11": 0.0104002, "p_21": 0.0268434}
    for name, value in errors.items():
        assert found.std_errors[name] == pytest.approx(value, rel=1e-4)
    smoothed = fedfunds["stata_smoothed_p_regime1"].to_numpy()
    np.testing.assert_allclose(found.smoothed[:, 0], smoothed, atol=1e-6)


def test_the_filter_gives_the_density_summed_over_all_regime_paths():
    y = np.array([0.3, -1.2, 2.0, 0.1])
    means, deviations = np.array([0.0, 0.5]), np.array([0.5, 1.5])
    chain = np.array([[0.9, 0.1], [0.3, 0.7]])
    total = 0.0
    for path in np.ndindex(2, 2, 2, 2):
        weight = stationary(chain)[path[0]]
        for before, after in pairwise(path):
            weight *= chain[before, after]
        z = (y - means[list(path)]) / deviations[list(path)]
        total += weight * np.prod(np.exp(-0.5 * z**2) / deviations[list(path)])
    expected = np.log(total) - 2.0 * np.log(2.0 * np.pi)
    found = hamilton_log_likelihood(y, means, deviations, chain)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_differences(weighted):
    rng = np.random.default_rng(5)
    y, ones = rng.standard_normal(60), np.ones(60)
    weight = rng.random(60) if weighted else ones
    layout = SwitchingLayout(3, True, True)
    theta = np.concatenate([rng.normal(size=3), 0.3 * rng.normal(size=3), rng.normal(size=6) - 1])

    def value(at):
        means, deviations, chain = layout.unpack(at)
        return hamilton_score(y, ones, weight, means, deviations, chain)

    _, deviations, chain = layout.unpack(theta)
    found = layout.pull(deviations, chain, *value(theta)[1])
    for i, unit in enumerate(np.eye(len(theta))):
        slope = (value(theta + 1e-6 * unit)[0] - value(theta - 1e-6 * unit)[0]) / 2e-6
        assert found[i] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_more_than_four_regimes_or_a_constant_series_are_refused():
    with pytest.raises(ValueError, match="states: found 5, allowed 2 to 4"):
        fit_switching(np.arange(50.0), states=5)
    with pytest.raises(ValueError, match="observations: found a constant series"):
        fit_switching(np.ones(50))
