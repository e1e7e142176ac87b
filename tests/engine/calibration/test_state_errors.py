"""Errors of filtered states count the error of the parameters at which they were filtered.

The tables of `python -m benchmarks.validity calibrations` are the large versions of these.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from benchmarks.validity.calibrations import WORLDS, World, commodity_curve, measure, regimes
from engine.calibration import calibrate
from engine.calibration.curve_data import CurveData
from engine.calibration.kalman import filter_curve
from engine.calibration.schwartz_smith import PARAMETERS, SchwartzSmith


@pytest.mark.parametrize("histories", [8, pytest.param(24, marks=pytest.mark.slow)])
def test_the_states_of_a_futures_curve_lie_in_their_intervals_as_often_as_stated(histories):
    world = World("schwartz_smith", lambda rng: commodity_curve(rng, weeks=120))
    found = measure(world, histories, seed=900)
    assert found.failed == 0
    for name in ("chi", "xi", "spot"):
        # Three binomial standard errors; the filter's own errors alone hold a fifth of the worlds.
        assert found.covered[name] >= 0.95 - 3.0 * sqrt(0.95 * 0.05 / histories), name


def test_the_error_of_a_state_is_the_filters_own_and_that_of_the_parameters():
    panel, _ = commodity_curve(np.random.default_rng(1), weeks=120)
    found = calibrate("schwartz_smith", panel)
    data = CurveData.of(panel)
    sd = np.array(found.diagnostics["measurement_sd"])

    def last(values: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        natural = np.array([values[name] for name in PARAMETERS])
        result = filter_curve(data.y, SchwartzSmith().build(natural, sd**2, data))
        return result.states[-1], result.covariances[-1]

    _, own = last(found.parameters)
    slope = np.empty((2, 7))
    for i, name in enumerate(PARAMETERS):
        step = 1e-5
        up = last(found.parameters | {name: found.parameters[name] + step})[0]
        down = last(found.parameters | {name: found.parameters[name] - step})[0]
        slope[:, i] = (up - down) / (2 * step)
    cross = slope @ found.covariance
    for i, state in enumerate(("chi", "xi")):
        row = [found.state_covariance[state][name] for name in PARAMETERS]
        # Measurement errors, which this test holds fixed, hardly matter.
        scale = found.std_errors[PARAMETERS[0]]
        np.testing.assert_allclose(row, cross[i], rtol=0.05, atol=1e-4 * scale)
    total = own[0] + slope[0] @ found.covariance @ slope[0]
    assert found.state_covariance["chi"]["chi"] == pytest.approx(total, rel=0.02)
    assert total > 20.0 * own[0]


def test_the_probability_of_a_regime_has_the_error_that_it_has_from_the_parameters():
    bars, truth = regimes(np.random.default_rng(8), years=4)
    found = calibrate("regime_switching", bars)
    both = found.state_covariance
    assert both["regime_1"]["regime_1"] == pytest.approx(both["regime_2"]["regime_2"])
    assert both["regime_1"]["regime_2"] == pytest.approx(-both["regime_2"]["regime_2"])
    interval = found.interval("regime_1")
    assert interval.method == "logit"
    assert 0.0 < interval.low < found.start_state["regime_1"] < interval.high < 1.0
    assert truth["regime_1"] in interval


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in WORLDS if "weeks" in n or "regime" in n])
def test_parameters_and_states_lie_in_their_intervals_as_often_as_stated(name):
    found = measure(WORLDS[name], 150)
    assert found.failed == 0
    slack = 3.0 * sqrt(0.95 * 0.05 / 150)
    for parameter, share in found.covered.items():
        assert 0.93 - slack <= share <= 0.97 + slack, parameter
