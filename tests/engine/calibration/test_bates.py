"""Bates from an option surface: known parameters come back, and what says that they cannot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from engine.calibration import calibrate, try_calibrate
from engine.calibration.option_surface import OptionSurface
from engine.calibration.sample import bars_as_of
from engine.pricing import bates_price, implied_volatility
from engine.realism import compare_with_history

MODEL = {
    **{"v0": 0.04, "kappa": 1.5, "theta": 0.05, "xi": 0.5, "rho": -0.7},
    **{"jump_intensity": 0.5, "mean_log_jump": -0.1, "jump_vol": 0.15},
}
STRIKES = np.linspace(70.0, 140.0, 15)
YEARS = (14 / 365, 0.1, 0.25, 0.5, 2.0)


def surface(errors=0.0, years=YEARS, **changes) -> OptionSurface:
    """Quotes of a Bates market; `errors` of volatility, one a quote."""
    strikes, expiries = np.tile(STRIKES, len(years)), np.repeat(years, len(STRIKES))
    calls = strikes >= 100.0
    prices = bates_price(100.0, strikes, expiries, call=calls, **(MODEL | changes))
    prices = np.maximum(prices, 1e-12)
    made = OptionSurface.from_quotes(strikes, expiries, prices, calls, spot=100.0, symbol="X")
    moved = np.maximum(prices + errors * made.vegas(), 1e-9)
    return OptionSurface(**(vars(made) | {"prices": moved}))


def parameters(found) -> dict[str, float]:
    return {name: found.parameters[name] for name in MODEL}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"jump_intensity": 4.0, "mean_log_jump": -0.03, "jump_vol": 0.04},
        {"jump_intensity": 0.2, "mean_log_jump": 0.15, "jump_vol": 0.1, "rho": 0.3},
    ],
)
def test_parameters_of_exact_quotes_come_back(changes):
    found = calibrate("bates", surface(**changes))
    assert parameters(found) == pytest.approx(MODEL | changes, rel=1e-4)
    assert found.start_state["variance"] == found.parameters["v0"]
    assert found.diagnostics["rmse_volatility"] < 1e-6
    assert found.diagnostics["rmse_volatility_of_heston"] > 1e-4


def test_intervals_of_quotes_with_errors_cover_the_truth():
    rng, hits, worlds = np.random.default_rng(3), dict.fromkeys(MODEL, 0), 40
    for _ in range(worlds):
        found = calibrate("bates", surface(0.002 * rng.standard_normal(75)))
        for name, truth in MODEL.items():
            hits[name] += truth in found.interval(name)
    # 38 of 40 are expected; four standard errors below are 32.5.
    assert min(hits.values()) >= 33, hits


def test_no_start_of_another_optimiser_fits_better():
    quotes, rng = surface(0.003 * np.cos(7.0 * np.arange(75))), np.random.default_rng(1)
    found = calibrate("bates", quotes)
    target = quotes.implied_volatilities()
    lower = [1e-5, 0.01, 1e-5, 0.01, -0.999, 1e-3, -1.5, 1e-3]
    upper = [4.0, 50.0, 4.0, 10.0, 0.999, 50.0, 1.0, 1.0]

    def errors(x):
        prices = bates_price(
            100.0,
            quotes.strikes,
            quotes.years,
            call=quotes.calls,
            **dict(zip(MODEL, x, strict=True)),
        )
        volatility = implied_volatility(
            np.maximum(prices, 1e-12), 100.0, quotes.strikes, quotes.years, call=quotes.calls
        )
        return np.nan_to_num(volatility, nan=5.0) - target

    truth = np.array(list(MODEL.values()))
    for scale in (0.0, 0.3):
        start = np.clip(truth * np.exp(scale * rng.standard_normal(8)), lower, upper)
        other = least_squares(errors, start, bounds=(lower, upper), x_scale=truth.clip(0.05))
        rmse = math.sqrt(2.0 * other.cost / 75)
        assert found.diagnostics["rmse_volatility"] <= rmse * (1.0 + 1e-6)


def test_quotes_without_jumps_say_that_no_jumps_are_needed():
    found = try_calibrate("bates", surface(jump_intensity=0.0))
    assert found.status == "at_bound"
    assert "jump_intensity" in found.diagnostics["held_by_bound"]
    assert math.isnan(found.std_errors["jump_intensity"])
    assert found.parameters["xi"] == pytest.approx(0.5, rel=1e-4)


def test_ten_quotes_are_too_few_for_eight_parameters():
    quotes = surface()
    few = np.arange(len(quotes)) % 7 == 0
    few[np.flatnonzero(few)[10:]] = False
    found = try_calibrate("bates", quotes.select(few))
    assert found.status == "failed"
    assert "quotes with a usable vega, allowed >= 11" in found.reason.replace(" (left out", ", (")


def test_bars_are_named_as_what_the_model_is_not_estimated_on(make_bars):
    found = try_calibrate("bates", make_bars(100.0 * np.exp(0.01 * np.sin(np.arange(400.0)))))
    assert found.reason == "data of bates: found Bars, allowed OptionSurface"


def test_its_paths_are_compared_with_bars_at_the_long_run_level(make_bars):
    rng = np.random.default_rng(8)
    bars = make_bars(100.0 * np.exp(np.cumsum(0.012 * rng.standard_normal(600))))
    found = calibrate("bates", surface(v0=0.5))
    dated = replace(found, as_of=bars_as_of(bars, None)[1])
    report = compare_with_history(dated, bars, seeds=range(20))
    volatility = next(row for row in report.rows if row["statistic"] == "volatility")
    # Of diffusion and jumps; from a variance of 0.5 it would be three times as large.
    assert volatility["simulated"] == pytest.approx(math.sqrt(0.05 + 0.5 * 0.0325), rel=0.1)
