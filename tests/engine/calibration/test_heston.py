from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.calibration import calibrate, try_calibrate
from engine.calibration.option_surface import OptionSurface
from engine.pricing import black_scholes, characteristic
from engine.pricing.heston_prices import heston_characteristic, heston_price

MODEL = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}


def model_surface() -> OptionSurface:
    strikes, years = np.linspace(70.0, 140.0, 12), np.array([0.1, 0.5, 1.0, 2.0])
    prices = [
        heston_price(100.0, strikes, t, rate=0.02, dividend=0.01, call=strikes >= 100.0, **MODEL)
        for t in years
    ]
    return OptionSurface.from_quotes(
        np.tile(strikes, 4),
        np.repeat(years, 12),
        np.maximum(np.concatenate(prices), 1e-9),
        np.tile(strikes >= 100.0, 4),
        spot=100.0,
        rate=0.02,
        dividend=0.01,
    )


def test_prices_are_those_of_the_reference(reference):
    cases = json.loads((reference / "tables/heston_reference_prices.json").read_text())["cases"]
    for case in cases:
        found = heston_price(
            case["spot"],
            case["strike"],
            case["t_years"],
            v0=case["v0"],
            kappa=case["kappa"],
            theta=case["theta"],
            xi=case["sigma_volofvol"],
            rho=case["rho"],
            rate=case["r"],
            dividend=case["q"],
            call=case["type"] == "call",
        )
        assert float(found) == pytest.approx(float(case["recomputed"]), abs=1e-10)


@pytest.mark.parametrize("xi", [1e-9, 1e-7, 1e-5, 1e-3])
def test_prices_tend_to_black_scholes_as_the_variance_stops_moving(xi):
    strikes = np.array([80.0, 100.0, 120.0])
    found = heston_price(100.0, strikes, 0.5, v0=0.04, kappa=1.5, theta=0.04, xi=xi, rho=-0.5)
    np.testing.assert_allclose(found, black_scholes(100.0, strikes, 0.5, 0.2).price, atol=2.0 * xi)


def test_the_characteristic_function_is_a_martingales():
    found = heston_characteristic(np.array([0.0, -1.0j]), 3.0, **MODEL)
    np.testing.assert_allclose(found, 1.0, atol=1e-13)


def test_a_model_surface_gives_the_model_back():
    found = calibrate("heston", model_surface())
    for name, value in MODEL.items():
        assert found.parameters[name] == pytest.approx(value, rel=1e-5)
    assert found.parameters["mu"] == pytest.approx(0.01)
    assert found.std_errors["mu"] == 0.0
    assert found.diagnostics["rmse_volatility"] < 1e-6
    assert found.history_hash == model_surface().data_hash


def test_the_hash_of_a_surface_follows_every_quote_and_what_they_are_of():
    surface = model_surface()
    changes = [
        {"symbol": "other"},
        {"timeframe": "1d"},
        {"as_of": date(2001, 1, 3)},
        {"spot": 101.0},
        {"calls": ~surface.calls},
    ]
    for name in ("strikes", "years", "prices", "forwards", "discounts"):
        column = getattr(surface, name).copy()
        column[5] *= 1.0 + 1e-12
        changes.append({name: column})
    hashes = {replace(surface, **change).data_hash for change in changes}
    assert len(hashes | {surface.data_hash, model_surface().data_hash}) == len(changes) + 1


def test_a_real_chain_is_fitted_within_its_spreads(reference):
    frame = pl.read_csv(
        reference / "data/options/lean_es_futures_option_quotes_20200106.csv",
        infer_schema_length=None,
    )
    frame = frame.filter(pl.col("as_of") == "2020-01-06T15:00Z")
    surface = OptionSurface.from_frame(frame, as_of=date(2020, 1, 6), symbol="ES")
    # Parity finds the futures that traded at the same instant.
    near, far = (surface.forwards[rows[0]] for rows in surface.expiries())
    assert near == pytest.approx(3225.6, abs=0.5)
    assert far == pytest.approx(3225.1, abs=0.5)
    found = calibrate("heston", surface)
    assert found.diagnostics["rmse_volatility"] < 0.001
    assert found.parameters["rho"] < -0.6


def test_a_surface_with_too_few_quotes_is_refused():
    surface = OptionSurface.from_quotes([100.0] * 3, [1.0] * 3, [8.0] * 3, True, spot=100.0)
    found = try_calibrate("heston", surface)
    assert found.status == "failed"
    assert "found 3 quotes with a usable vega" in found.reason


def heston_bars(rng, n, substeps=12):
    mu, kappa, theta, xi, rho = 0.06, 5.0, 0.04, 0.7, -0.7
    h = 1.0 / 252.0 / substeps
    x, v = 0.0, theta
    table = np.empty((n, 5))
    for t, shocks in enumerate(rng.standard_normal((n, substeps, 2))):
        first = high = low = x
        for one, two in shocks:
            now = max(v, 0.0)
            root = np.sqrt(now * h)
            x += (mu - 0.5 * now) * h + root * one
            v += kappa * (theta - now) * h + xi * root * (rho * one + np.sqrt(1 - rho**2) * two)
            high, low = max(high, x), min(low, x)
        table[t] = first, high, low, x, max(v, 0.0)
    return table


def test_history_gives_the_model_back_within_its_stated_errors(make_bars):
    truth = {"kappa": 5.0, "theta": 0.04, "xi": 0.7, "rho": -0.7, "mu": 0.06}
    table = heston_bars(np.random.default_rng(3), 4000)
    plain = make_bars(100.0 * np.exp(table[:, 3]))
    prices = [100.0 * np.exp(column) for column in table[:, :4].T]
    bars = Bars("H", plain.timestamps, *prices, plain.volume, plain.calendar)
    found = calibrate("heston", bars)
    for name, value in truth.items():
        assert abs(found.parameters[name] - value) < 4.0 * found.std_errors[name]
    assert found.diagnostics["proxy_noise"] == 0.41
    # The filtered variance is on the right side of its mean
    assert abs(found.parameters["v0"] - table[-1, 4]) < 4.0 * found.std_errors["v0"]


def variance_worlds(count, bars, substeps=12):
    """Prices (bars, 4, count) of independent Heston histories, and their last variance."""
    rng = np.random.default_rng(1)
    mu, kappa, theta, xi, rho = 0.06, 5.0, 0.04, 0.7, -0.7
    h = 1.0 / 252.0 / substeps
    x, v, prices = np.zeros(count), np.full(count, theta), np.empty((bars, 4, count))
    for t in range(bars):
        first, high, low = x, x, x
        for one, two in rng.standard_normal((substeps, 2, count)):
            now = np.maximum(v, 0.0)
            root = np.sqrt(now * h)
            x = x + (mu - 0.5 * now) * h + root * one
            v = v + kappa * (theta - now) * h
            v = v + xi * root * (rho * one + np.sqrt(1 - rho**2) * two)
            high, low = np.maximum(high, x), np.minimum(low, x)
        prices[t] = first, high, low, x
    return 100.0 * np.exp(prices), np.maximum(v, 0.0)


def test_the_error_of_the_filtered_variance_counts_that_of_the_parameters(make_bars):
    prices, variance = variance_worlds(300, 1500)
    off = []
    for i, true in enumerate(variance):
        plain = make_bars(prices[:, 3, i])
        columns = [np.ascontiguousarray(prices[:, j, i]) for j in range(4)]
        bars = Bars("H", plain.timestamps, *columns, plain.volume, plain.calendar)
        found = calibrate("heston", bars)
        off.append((found.parameters["v0"] - true) / found.std_errors["v0"])
        # Drawn parameters bring their variance along.
        assert np.abs(found.covariance[5, :5]).min() > 0.0
    # With the error of the filter alone the deviation is 1.45, and 88 of 100 are covered.
    assert 0.85 < np.std(off) < 1.15
    assert 0.92 < np.mean(np.abs(off) < 1.96) < 0.98


def test_returns_without_persistent_variance_are_refused_or_flagged(make_bars):
    # Sizes that alternate: the variance of one bar says the opposite of the next.
    sizes = np.where(np.arange(1200) % 2 == 0, 0.001, 0.02)
    signs = np.random.default_rng(2).choice([-1.0, 1.0], 1200)
    found = try_calibrate("heston", make_bars(100.0 * np.exp(np.cumsum(sizes * signs))))
    assert found.status == "failed" or found.diagnostics["at_bound"] >= 1


def test_quotes_without_any_error_need_no_other_start():
    found = calibrate("heston", model_surface())
    assert found.diagnostics["starts"] == 1
    assert found.diagnostics["rmse_volatility"] < 1e-8
    for name, value in MODEL.items():
        assert found.parameters[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 20_000])
def test_the_block_sum_of_a_transform_is_the_plain_one(count):
    rng = np.random.default_rng(count)
    weight = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    log_ratio = rng.normal(0.0, 0.5, 12)
    phase = np.outer(log_ratio, 0.1 * np.arange(count))
    plain = np.cos(phase) @ weight.real - np.sin(phase) @ weight.imag
    found = characteristic._transform(weight, log_ratio)
    np.testing.assert_allclose(found, plain, atol=1e-11 * np.abs(weight).sum())
