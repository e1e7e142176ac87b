"""Forecasts against simulated prices, and their bands against what then happened."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine as mc
from benchmarks.validity.calibrations import commodity_curve, reverting
from engine.calibration import Calibration, calibrate
from engine.calibration.schwartz_smith import PARAMETERS, futures_price
from tests.engine.calibration.conftest import bars_from_closes
from tests.engine.calibration.seasonal_world import season, seasonal_panel

WORLDS = 20_000
# Of a share of 2.5 % in as many worlds, and of bands from 4,000 draws.
BOUND = 4.0 * math.sqrt(0.025 * 0.975 * (1.0 / WORLDS + 1.0 / 4_000))


@pytest.fixture(scope="module")
def panel():
    return commodity_curve(np.random.default_rng(31), weeks=160)[0]


@pytest.fixture(scope="module")
def smith(panel):
    return calibrate("schwartz_smith", panel)


def drawn(calibration: Calibration, rng: np.random.Generator) -> list[dict[str, float]]:
    """Parameters and states by a normal law with the calibration's joint covariance."""
    names, covariance = calibration.joint_covariance()
    known = calibration.parameters | calibration.start_state
    centre = [known[name] for name in names]
    rows = rng.multivariate_normal(centre, covariance, size=3 * WORLDS, method="svd")
    kept = [j for j, n in enumerate(names) if n.startswith(("kappa", "sigma"))]
    inside = (rows[:, kept] > 0.0).all(axis=1)
    if "rho" in names:
        inside &= np.abs(rows[:, names.index("rho")]) <= 1.0
    return [dict(zip(names, row, strict=True)) for row in rows[inside][:WORLDS].tolist()]


def outside(prices: np.ndarray, low: float, high: float) -> None:
    assert np.mean(prices < low) == pytest.approx(0.025, abs=BOUND)
    assert np.mean(prices > high) == pytest.approx(0.025, abs=BOUND)


def test_bands_of_spot_and_a_contract_hold_what_simulation_says(smith):
    rng = np.random.default_rng(5)
    spots, futures = np.empty((2, WORLDS))
    for i, world in enumerate(drawn(smith, rng)):
        k, s1, s2, rho = (world[n] for n in ("kappa", "sigma_chi", "sigma_xi", "rho"))
        chi, xi, step = world["chi"], world["xi"], 0.25
        fade = math.exp(-k * step)
        a = s1 * math.sqrt((1.0 - fade**2) / (2.0 * k))
        b = rho * s1 * s2 * (1.0 - fade) / k / a
        c = math.sqrt(max(s2 * s2 * step - b * b, 0.0))
        for first, second in rng.standard_normal((2, 2)).tolist():
            chi, xi = (
                fade * chi + a * first,
                xi + world["mu_xi"] * step + b * first + c * second,
            )
        spots[i] = math.exp(chi + xi)
        futures[i] = futures_price(world, chi, xi, 0.7)[()]
    found = mc.forecast(smith, [0.5], contracts={"DEC": 1.2}, draws=4_000)
    outside(spots, found.low[0, 0], found.high[0, 0])
    outside(futures, found.low[1, 0], found.high[1, 0])
    for j, prices in enumerate((spots, futures)):
        total = math.hypot(found.path_std_error[j, 0], found.estimate_std_error[j, 0])
        assert np.log(prices).std() == pytest.approx(total, rel=4.0 / math.sqrt(4_000))
    assert np.all(found.estimate_std_error > 0.0)


def test_one_curve_has_the_same_forecast_in_both_two_factor_forms(panel, smith):
    other = calibrate("schwartz_2f", panel, rate=0.03)
    asked = {"contracts": [0.3, 1.0, 1.5], "draws": 4_000}
    one = mc.forecast(smith, [0.0, 0.25, 1.0], **asked)
    two = mc.forecast(other, [0.0, 0.25, 1.0], **asked)
    np.testing.assert_allclose(two.path_low, one.path_low, rtol=1e-6)
    np.testing.assert_allclose(two.path_high, one.path_high, rtol=1e-6)
    # The other parameters have the same law only to first order.
    np.testing.assert_allclose(two.median, one.median, rtol=0.01)
    np.testing.assert_allclose(two.low, one.low, rtol=0.04)
    np.testing.assert_allclose(two.high, one.high, rtol=0.04)


def test_todays_forecast_is_the_fitted_curve(smith, panel):
    found = mc.forecast(smith, [0.0], contracts=panel.maturities[-1].tolist())
    chi, xi = smith.start_state["chi"], smith.start_state["xi"]
    curve = futures_price(smith.parameters, chi, xi, np.array([0.0, *panel.maturities[-1]]))
    np.testing.assert_allclose(found.path_low[:, 0], curve, rtol=1e-9)
    np.testing.assert_allclose(found.path_std_error, 0.0, atol=1e-12)
    # What was observed to half a percent is known as well, whatever the parameters are.
    assert found.estimate_std_error[2:, 0].max() < 0.01


def test_a_contract_has_no_price_beyond_its_expiry(smith):
    found = mc.forecast(smith, [0.25, 0.5, 1.0], contracts={"A": 0.5})
    assert found.table().filter(contract="A")["years"].to_list() == [0.25, 0.5]
    # At its expiry it is the spot.
    assert found.high[1, 1] == pytest.approx(found.high[0, 1])
    assert np.isnan(found.median[1, 2])


def test_a_reverting_price_on_bars_has_the_band_of_its_stated_law():
    bars, _ = reverting(np.random.default_rng(3), kappa=2.0, years=20)
    found = calibrate("schwartz_1f", bars)
    years = 0.5
    ahead = mc.forecast(found, [years], draws=4_000)
    k, mu, s = (found.parameters[n] for n in ("kappa", "mu", "sigma"))
    x, alpha, fade = math.log(found.start_state["spot"]), mu - s * s / (2 * k), math.exp(-k * years)
    mean = alpha + (x - alpha) * fade
    own = s * math.sqrt((1.0 - fade**2) / (2.0 * k))
    assert ahead.path_high[0, 0] == pytest.approx(math.exp(mean + 1.959963984540054 * own))
    # The process draws the same law for its paths.
    from engine.jobs.draw import ParameterDraw

    law = ParameterDraw.from_calibration(found)
    means = []
    for seed in range(400):
        values = law.values(seed)
        level = values["mu"] - values["sigma"] ** 2 / (2.0 * values["kappa"])
        means.append(level + (x - level) * math.exp(-values["kappa"] * years))
    assert ahead.estimate_std_error[0, 0] == pytest.approx(np.std(means), rel=4 / math.sqrt(800))


def test_a_one_factor_curve_forecasts_contracts(panel):
    found = calibrate("schwartz_1f", panel)
    ahead = mc.forecast(found, [0.0, 0.5], contracts=[1.0])
    k, mu, s, risk = (found.parameters[n] for n in ("kappa", "mu", "sigma", "lambda_"))
    e = math.exp(-k)
    star = mu - s * s / (2 * k) - risk
    log = e * math.log(found.start_state["spot"]) + (1 - e) * star
    log += (1 - e * e) * s * s / (4 * k)
    assert ahead.path_low[1, 0] == pytest.approx(math.exp(log), rel=1e-9)
    # A contract moves less than the spot where prices revert.
    assert ahead.path_std_error[1, 1] == pytest.approx(
        ahead.path_std_error[0, 1] * math.exp(-k / 2), rel=0.02
    )


def test_forecasts_have_the_season_of_the_expiry():
    found = calibrate("schwartz_smith", seasonal_panel(rows=120), seasonality=2)
    ahead = mc.forecast(found, [0.25], contracts=[0.8])
    pairs = [tuple(found.parameters[f"season_{k}_{c}"] for k in ("cos", "sin")) for c in (1, 2)]
    today, plain = found.start_state["year_fraction"], dict(found.parameters)
    state = found.start_state
    base = math.exp(-plain["kappa"] * 0.25) * state["chi"]
    centre = np.sqrt(ahead.path_low * ahead.path_high)[:, 0]
    xi = state["xi"] + 0.25 * plain["mu_xi"]
    own = {name: plain[name] for name in PARAMETERS}
    for j, (left, expiry) in enumerate(((0.0, 0.25), (0.55, 0.8))):
        right = futures_price(own, base, xi, left) * np.exp(season(today + expiry, pairs))
        assert centre[j] == pytest.approx(float(right), rel=1e-9)


def test_a_band_holds_95_of_100_prices_where_one_without_parameter_errors_does_not():
    rng = np.random.default_rng(11)
    worlds, days = 400, 126
    hits = np.zeros(2)
    for _ in range(worlds):
        moves = 0.05 / 252 + 0.3 / math.sqrt(252) * rng.standard_normal(2 * days)
        path = 100.0 * np.exp(np.concatenate(([0.0], moves.cumsum())))
        found = calibrate("gbm", bars_from_closes(path[: days + 1]))
        ahead = mc.forecast(found, [0.5], spot=path[days], draws=200)
        hits += (
            ahead.low[0, 0] <= path[-1] <= ahead.high[0, 0],
            ahead.path_low[0, 0] <= path[-1] <= ahead.path_high[0, 0],
        )
    error = math.sqrt(0.05 * 0.95 / worlds)
    assert hits[0] / worlds == pytest.approx(0.95, abs=4 * error)
    # Half a year's drift is as uncertain as the half year to come: 1.96 deviations are 1.39.
    assert hits[1] / worlds == pytest.approx(0.834, abs=4 * math.sqrt(0.834 * 0.166 / worlds))


def test_futures_of_a_random_walk_cost_their_carry():
    found = calibrate("gbm", bars_from_closes(50.0 * np.exp(np.sin(np.arange(80.0)) / 50)))
    ahead = mc.forecast(found, [0.5], contracts=[1.5], spot=50.0, carry=0.04)
    assert ahead.high[1, 0] / ahead.high[0, 0] == pytest.approx(math.exp(0.04))


def test_what_cannot_be_forecast_is_one_sentence(smith, panel):
    walk = calibrate("gbm", bars_from_closes(50.0 * np.exp(np.sin(np.arange(80.0)) / 50)))
    for calibration, asked, reason in (
        (walk, {}, "spot: found none, allowed today's price"),
        (walk, {"spot": -1.0}, "spot: found -1.0, allowed > 0"),
        (walk, {"spot": 1.0, "contracts": [1.0]}, "carry: found none"),
        (smith, {"spot": 1.0}, "spot: found 1.0, allowed none"),
        (smith, {"carry": 0.1}, "carry: found 0.1 for schwartz_smith"),
        (smith, {"contracts": [-1.0]}, "contracts: found {'-1y': -1.0}"),
        (smith, {"level": 1.0}, "level: found 1.0, allowed between 0 and 1"),
        (smith, {"draws": 3}, "draws: found 3, allowed an even number >= 100"),
        (smith, {"years": [-1.0]}, "years: found \\[-1.0\\], allowed numbers >= 0"),
    ):
        with pytest.raises(mc.Refusal, match=reason):
            mc.forecast(calibration, **({"years": [1.0]} | asked))
    failed = mc.try_calibrate("schwartz_smith", panel.rows(slice(0, 3)))
    with pytest.raises(mc.Refusal, match="calibration: found a failed one of schwartz_smith"):
        mc.forecast(failed, [1.0])
