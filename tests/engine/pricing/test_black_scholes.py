from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.pricing.black_scholes import (
    black_scholes_price,
    black_scholes_vega,
    implied_volatility,
)


@pytest.fixture(scope="module")
def haug(reference) -> pl.DataFrame:
    return pl.read_csv(reference / "tables/black_scholes_haug.csv")


def test_prices_are_those_of_haugs_tables(haug):
    found = black_scholes_price(
        haug["spot"],
        haug["strike"],
        haug["t_years"],
        haug["vol"],
        rate=haug["r"],
        dividend=haug["q"],
        call=(haug["type"] == "call").to_numpy(),
    )
    np.testing.assert_allclose(found, haug["recomputed_price"].to_numpy(), rtol=1e-10)


def test_a_price_gives_its_volatility_back_far_in_and_out_of_the_money():
    strikes = np.array([20.0, 50.0, 100.0, 150.0, 300.0])
    for call in (True, False):
        prices = black_scholes_price(100.0, strikes, 0.5, 0.3, rate=0.03, call=call)
        found = implied_volatility(prices, 100.0, strikes, 0.5, rate=0.03, call=call)
        np.testing.assert_allclose(found[1:4], 0.3, rtol=1e-8)


def test_a_price_outside_the_arbitrage_bounds_has_no_volatility():
    found = implied_volatility([101.0, 4.0, -1.0], 100.0, [100.0, 95.0, 100.0], 1.0)
    assert np.isnan(found).all()


def test_vega_is_the_slope_of_the_price():
    up, down = (black_scholes_price(105, 100, 0.5, v, rate=0.1) for v in (0.36001, 0.35999))
    found = black_scholes_vega(105, 100, 0.5, 0.36, rate=0.1)
    assert found == pytest.approx((up - down) / 2e-5, rel=1e-8)


def test_no_volatility_or_no_time_leaves_the_intrinsic_value():
    assert black_scholes_price(110.0, 100.0, 1.0, 0.0) == 10.0
    assert black_scholes_price(110.0, 100.0, 0.0, 0.2, call=False) == 0.0
