from __future__ import annotations

import numpy as np
import pytest

from engine.calibration.curve_data import CurveData
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.kalman import filter_curve, score_curve
from engine.calibration.schwartz_1f_curve import Schwartz1F
from engine.calibration.schwartz_smith import SchwartzSmith

SMITH = np.array([1.3, 0.3, 0.1, 0.02, 0.15, 0.01, 0.25])
# kappa, drift and slope at a log price of 2.9, sigma
ONE_FACTOR = np.array([0.45, -0.02, 0.3, 0.04])


@pytest.fixture(scope="module")
def panel() -> FuturesPanel:
    # Contracts that come nearer each week, with holes: nothing in it is constant.
    rng = np.random.default_rng(11)
    rows = 25
    weeks = np.arange(rows)[:, None] / 52.0
    maturities = np.array([0.6, 0.9, 1.4, 2.0])[None, :] - weeks
    prices = 20.0 * np.exp(0.02 * rng.standard_normal((rows, 4)).cumsum(axis=0))
    prices[rng.random(prices.shape) < 0.2] = np.nan
    prices[7] = np.nan
    return FuturesPanel.from_arrays(prices, maturities, dt=1.0 / 52.0)


def dense_log_likelihood(y, model):
    """The same density, written as one multivariate normal."""
    rows, columns = y.shape
    means, variances = [model.mean], []
    a, b, c = model.covariance
    variances.append(np.array([[a, b], [b, c]]))
    for i in range(1, rows):
        move = np.diag([model.phi[i], 1.0])
        means.append(move @ means[-1] + np.array([model.c1[i], model.c2[i]]))
        noise = np.array([[model.q11[i], model.q12[i]], [model.q12[i], model.q22[i]]])
        variances.append(move @ variances[-1] @ move.T + noise)
    loadings = [np.column_stack([model.z[i], np.full(columns, model.second)]) for i in range(rows)]
    centre = np.concatenate([model.d[i] + loadings[i] @ means[i] for i in range(rows)])
    total = np.diag(model.h[model.groups.ravel()])
    for i in range(rows):
        carried = variances[i]
        for j in range(i, rows):
            if j > i:
                carried = carried @ np.diag([model.phi[j], 1.0])
            block = loadings[i] @ carried @ loadings[j].T
            at, to = slice(i * columns, (i + 1) * columns), slice(j * columns, (j + 1) * columns)
            if i == j:
                total[at, at] += block
            else:
                total[at, to] = block
                total[to, at] = block.T
    seen = ~np.isnan(y.ravel())
    error = (y.ravel() - centre)[seen]
    factor = np.linalg.cholesky(total[np.ix_(seen, seen)])
    scaled = np.linalg.solve(factor, error)
    log_det = 2.0 * np.log(np.diag(factor)).sum()
    return -0.5 * (len(error) * np.log(2.0 * np.pi) + log_det + scaled @ scaled)


@pytest.mark.parametrize("initial", ["first_price", ((0.1, 2.9), ((0.02, 0.01), (0.01, 0.04)))])
def test_the_filter_gives_the_joint_normal_density(panel, initial):
    data = CurveData.of(panel, initial=initial)
    h = np.array([0.02, 0.01, 0.005, 0.01]) ** 2
    for factors, natural in ((SchwartzSmith(), SMITH), (Schwartz1F(2.9), ONE_FACTOR)):
        model = factors.build(natural, h, data)
        found = filter_curve(data.y, model).log_likelihood
        assert found == pytest.approx(dense_log_likelihood(data.y, model), abs=1e-7)


@pytest.mark.parametrize("initial", ["diffuse", "first_price"])
@pytest.mark.parametrize(
    ("factors", "natural"), [(SchwartzSmith(), SMITH), (Schwartz1F(2.9), ONE_FACTOR)]
)
def test_the_gradient_is_that_of_differences(panel, initial, factors, natural):
    data = CurveData.of(panel, initial=initial)
    h = np.array([0.02, 0.01, 0.005, 0.01]) ** 2

    def value(parameters, variances):
        return score_curve(data.y, factors.build(parameters, variances, data))[0]

    _, gradient = score_curve(data.y, factors.build(natural, h, data))
    found = factors.pull(natural, data, gradient)
    for i in range(len(natural)):
        step = np.zeros(len(natural))
        step[i] = 1e-5
        slope = (value(natural + step, h) - value(natural - step, h)) / 2e-5
        assert found[i] == pytest.approx(slope, rel=2e-5, abs=1e-4)
    for i in range(len(h)):
        step = np.zeros(len(h))
        step[i] = 1e-5 * h[i]
        slope = (value(natural, h + step) - value(natural, h - step)) / (2e-5 * h[i])
        assert gradient.h[i] == pytest.approx(slope, rel=1e-4, abs=1e-2)


def test_a_vanishing_measurement_error_keeps_the_covariance_positive(panel):
    data = CurveData.of(panel)
    h = np.array([1e-12, 1e-4, 1e-12, 1e-4])
    found = filter_curve(data.y, SchwartzSmith().build(SMITH, h, data))
    one, cross, two = found.covariances.T
    assert np.isfinite(found.log_likelihood)
    assert np.all(one > 0.0)
    assert np.all(two > 0.0)
    assert np.all(one * two - cross**2 > -1e-18)
