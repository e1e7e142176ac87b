"""The volatility implied by an American price is the one that it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.pricing.american_volatility import american_volatility


@pytest.mark.parametrize("dividend", [0.0, 0.03, 0.08])
def test_a_price_gives_back_its_volatility(dividend: float) -> None:
    spot, sigma, years, right = (
        grid.ravel()
        for grid in np.meshgrid([80.0, 100.0, 125.0], [0.1, 0.35, 0.9], [0.05, 1.0], [True, False])
    )
    call = right.astype(bool)
    terms: dict[str, Any] = {"rate": 0.04, "dividend": dividend, "call": call}
    prices = mc.american(spot, 100.0, years, sigma, model="black_scholes", **terms)
    found = american_volatility(prices.price, spot, 100.0, years, **terms)
    intrinsic = np.maximum(np.where(call, spot - 100.0, 100.0 - spot), 0.0)
    # Where a point of volatility is a tenth of a cent or more, the price tells it.
    tells = prices.vega > 0.1
    assert tells.sum() > 20
    np.testing.assert_allclose(found[tells], sigma[tells], rtol=1e-6)
    assert np.isnan(found[prices.price <= intrinsic]).all()


def test_prices_of_a_scheme_of_high_precision_give_back_their_volatilities(
    reference: Path,
) -> None:
    table = pl.read_csv(reference / "tables/american_on_futures_qdfp.csv")
    future, strike, days, sigma, rate, price = (
        table[name].to_numpy() for name in ("F", "K", "days", "vol", "r", "qdfp_high_precision")
    )
    call = (table["right"] == "call").to_numpy()
    found = american_volatility(
        price, future, strike, days / 365.0, rate=rate, dividend=rate, call=call
    )
    intrinsic = np.maximum(np.where(call, future - strike, strike - future), 0.0)
    tells = price - intrinsic > 0.05
    assert tells.sum() > 100
    # The price is within 3e-6 of the scheme: over a vega of this size, of the volatility.
    values = mc.american(future, strike, days / 365.0, sigma, rate=rate, call=call)
    off = abs(found - sigma)[tells] * np.maximum(values.vega[tells], 1e-3)
    assert off.max() < 2e-5


def test_prices_that_no_volatility_has_imply_none() -> None:
    found = american_volatility([0.0, 5.0, 20.0, 150.0, np.nan], 100.0, 120.0, 0.5, call=False)
    assert np.isnan(found).tolist() == [True, True, True, True, True]
