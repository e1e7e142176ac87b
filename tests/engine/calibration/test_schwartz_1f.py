from __future__ import annotations

import math

import numpy as np
import pytest

from engine.calibration import calibrate, try_calibrate
from engine.calibration.curve_data import CurveData
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.kalman import filter_curve
from engine.calibration.schwartz_1f_curve import Schwartz1F

KAPPA, ALPHA, SIGMA = 1.5, 3.0, 0.35


def ou_path(rng, n, dt, kappa=KAPPA, alpha=ALPHA, sigma=SIGMA):
    phi = math.exp(-kappa * dt)
    sd = sigma * math.sqrt((1.0 - phi**2) / (2.0 * kappa))
    x = np.empty(n + 1)
    x[0] = alpha + sigma / math.sqrt(2.0 * kappa) * rng.standard_normal()
    for i, z in enumerate(rng.standard_normal(n)):
        x[i + 1] = alpha + (x[i] - alpha) * phi + sd * z
    return x


def test_equal_steps_give_the_regression_of_each_price_on_the_last(make_bars):
    x = ou_path(np.random.default_rng(1), 2000, 1 / 252)
    found = calibrate("schwartz_1f", make_bars(np.exp(x)))
    slope, intercept = np.polyfit(x[:-1], x[1:], 1)
    residual = x[1:] - intercept - slope * x[:-1]
    kappa = -math.log(slope) * 252.0
    sigma = math.sqrt(residual.var() * 2.0 * kappa / (1.0 - slope**2))
    assert found.parameters["kappa"] == pytest.approx(kappa, rel=1e-9)
    assert found.parameters["sigma"] == pytest.approx(sigma, rel=1e-9)
    mu = intercept / (1.0 - slope) + sigma**2 / (2.0 * kappa)
    assert found.parameters["mu"] == pytest.approx(mu, rel=1e-9)
    # The regression's own error of the slope, carried to kappa
    spread = residual.var() / np.sum((x[:-1] - x[:-1].mean()) ** 2)
    assert found.std_errors["kappa"] == pytest.approx(math.sqrt(spread) / slope * 252.0, rel=0.01)


def test_the_bias_of_kappa_is_about_four_over_the_years(make_bars):
    x = ou_path(np.random.default_rng(2), 2520, 1 / 252)
    bars = make_bars(np.exp(x))
    raw = calibrate("schwartz_1f", bars)
    assert raw.diagnostics["kappa_bias"] == pytest.approx(0.4, rel=0.02)
    corrected = calibrate("schwartz_1f", bars, bias_correction="analytic")
    change = raw.parameters["kappa"] - corrected.parameters["kappa"]
    assert change == pytest.approx(raw.diagnostics["kappa_bias"])


def test_a_price_that_does_not_revert_is_a_failed_estimate(make_bars):
    closes = 100.0 * np.exp(np.linspace(0.0, 1.0, 300) ** 2 * 3.0)
    found = try_calibrate("schwartz_1f", make_bars(closes))
    assert found.status == "failed"
    assert "autoregressive coefficient" in found.reason


def test_a_simulated_panel_gives_its_parameters_back():
    rng = np.random.default_rng(4)
    dt, lambda_ = 1 / 52, 0.1
    x = ou_path(rng, 400, dt)
    years = np.array([0.1, 0.5, 1.0, 2.0])
    decay = np.exp(-KAPPA * years)
    constant = (1.0 - decay) * (ALPHA - lambda_) + SIGMA**2 / (4.0 * KAPPA) * (1.0 - decay**2)
    logs = x[:, None] * decay + constant + 0.01 * rng.standard_normal((401, 4))
    panel = FuturesPanel.from_arrays(np.exp(logs), years, dt=dt)
    found = calibrate("schwartz_1f", panel)
    assert found.history_hash == panel.data_hash
    truth = {"kappa": KAPPA, "sigma": SIGMA, "lambda_": lambda_}
    truth["mu"] = ALPHA + SIGMA**2 / (2.0 * KAPPA)
    for name, value in truth.items():
        assert abs(found.parameters[name] - value) < 4.0 * found.std_errors[name]
    np.testing.assert_allclose(found.diagnostics["measurement_sd"], 0.01, rtol=0.2)


def test_an_estimate_as_of_a_date_names_the_prices_up_to_that_date():
    rng = np.random.default_rng(4)
    x = ou_path(rng, 120, 1 / 52)
    years = np.array([0.1, 1.0])
    logs = x[:, None] * np.exp(-KAPPA * years) + 0.01 * rng.standard_normal((121, 2))
    panel = FuturesPanel.from_arrays(np.exp(logs), years, dt=1 / 52)
    as_of = panel.dates[100]
    found = calibrate("schwartz_1f", panel, as_of=as_of)
    assert found.history_hash == panel.up_to(as_of).data_hash != panel.data_hash


def test_the_oil_panel_gives_the_known_optimum(reference):
    import polars as pl

    frame = pl.read_csv(reference / "data/futures/ss_oil_stitched.csv", try_parse_dates=True)
    months = {f"F{k}": k / 12 for k in (1, 5, 9, 13, 17)}
    found = calibrate("schwartz_1f", FuturesPanel.from_wide(frame, months, dt=5 / 265))
    # tables/schwartz_1997.json: kappa 0.437, sigma 0.298; only mu - lambda is well determined
    assert found.parameters["kappa"] == pytest.approx(0.437, abs=0.001)
    assert found.parameters["sigma"] == pytest.approx(0.298, abs=0.001)
    gap = found.parameters["mu"] - found.parameters["lambda_"]
    assert gap == pytest.approx(2.988 + 0.013, abs=0.002)


def carry_panel(error, carry, rows=150):
    """Prices that never revert: every curve is a straight line of one slope."""
    rng = np.random.default_rng(0)
    logs = math.log(50.0) + np.cumsum(0.3 / math.sqrt(52.0) * rng.standard_normal(rows))
    years = np.array([1.0, 2.0, 3.0])
    logs = logs[:, None] + carry * years + error * rng.standard_normal((rows, 3))
    return FuturesPanel.from_arrays(np.exp(logs), years, dt=1 / 52)


@pytest.mark.parametrize("carry", [-0.6, -0.3, 0.0, 0.5])
def test_a_steep_curve_that_does_not_revert_reaches_its_maximum(carry):
    panel = carry_panel(0.02, carry)
    found = calibrate("schwartz_1f", panel)
    p = found.parameters
    data = CurveData.of(panel)

    def log_likelihood(kappa, drift, slope, sigma):
        model = Schwartz1F(level=math.log(50.0))
        h = np.array(found.diagnostics["measurement_sd"]) ** 2
        return filter_curve(
            data.y, model.build(np.array([kappa, drift, sigma, slope]), h, data)
        ).log_likelihood

    drift = p["kappa"] * (p["mu"] - math.log(50.0)) - 0.5 * p["sigma"] ** 2
    slope = drift - p["kappa"] * p["lambda_"] + 0.5 * p["sigma"] ** 2
    assert log_likelihood(p["kappa"], drift, slope, p["sigma"]) == pytest.approx(
        found.log_likelihood, abs=1e-6
    )
    for kappa in (2e-4, 1e-3, 3e-3, 0.01, 0.05):
        for drawn in (drift, 0.0, 0.1):
            for line in (slope, carry, carry + 0.01):
                assert found.log_likelihood > log_likelihood(kappa, drawn, line, p["sigma"]) - 1e-6


@pytest.mark.parametrize(
    "carry", [-0.3, 0.0, *(pytest.param(c, marks=pytest.mark.slow) for c in (-0.05, 0.5))]
)
def test_a_curve_without_error_or_reversion_converges_and_names_the_speed(carry):
    found = try_calibrate("schwartz_1f", carry_panel(1e-9, carry))
    assert found.ok
    assert "kappa" in found.diagnostics["held_by_bound"]
    p = found.parameters
    assert p["sigma"] == pytest.approx(0.3, abs=0.05)
    pull = p["kappa"] * (p["mu"] - p["lambda_"] - math.log(50.0))
    assert pull == pytest.approx(carry, abs=0.01)
