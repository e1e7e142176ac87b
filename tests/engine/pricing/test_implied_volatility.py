from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from tests.engine.pricing import oracle


def test_the_hard_cases_give_their_volatility_back(reference):
    table = pl.read_csv(reference / "tables/black76_implied_vol_hard.csv")
    price = table["undiscounted_price_50_digits"].cast(pl.Float64).to_numpy()
    found = mc.implied_volatility(
        price,
        *(table[name].to_numpy() for name in ("F", "K", "t_years")),
        call=(table["right"] == "call").to_numpy(),
    )
    np.testing.assert_allclose(found, table["vol"].to_numpy(), rtol=1e-9)
    # All but prices within 0.2 % of their upper bound, where a double holds fewer digits.
    inner = price < 0.998 * np.minimum(table["F"].to_numpy(), table["K"].to_numpy())
    np.testing.assert_allclose(found[inner], table["vol"].to_numpy()[inner], rtol=2e-13)


@pytest.mark.parametrize("model", ["black76", "bachelier"])
def test_volatilities_come_back_to_the_digits_that_prices_carry(model):
    rng = np.random.default_rng(11)
    count = 100_000
    strike = 100.0 * np.exp(rng.normal(size=count) * 10 ** rng.uniform(-9, 0.5, count))
    strike[:100] = 100.0
    years = 10 ** rng.uniform(-5, 1.5, count)
    vol = 10 ** rng.uniform(-2.5, 0.6, count) * (100.0 if model == "bachelier" else 1.0)
    call = strike > 100.0
    values = getattr(mc, model)(100.0, strike, years, vol, call=call)
    found = mc.implied_volatility(values.price, 100.0, strike, years, model=model, call=call)
    # What an error of a unit in the last place of the price, and a few of the formula, amount to.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        carried = 2e-15 * values.price / (vol * values.vega)
    kept = (values.price > 1e-290) & (carried < 1e-3)
    assert kept.sum() > 70_000
    error = np.abs(found / vol - 1.0)[kept]
    assert (error <= np.maximum(carried[kept], 1e-13)).all()


@settings(max_examples=4 * settings.default.max_examples, deadline=None)
@given(
    st.floats(1.0, 1e3),
    st.floats(-4.0, 4.0),
    st.floats(1e-4, 10.0),
    st.floats(0.02, 2.0),
    st.floats(-0.03, 0.1),
    st.floats(-0.03, 0.1),
    st.booleans(),
)
def test_an_implied_volatility_gives_the_price_back(spot, deviations, years, vol, rate, q, call):
    strike = spot * np.exp(deviations * vol * np.sqrt(years))
    terms = {"rate": rate, "dividend": q, "call": call}
    price = mc.black_scholes([spot], strike, years, vol, **terms).price
    found = mc.implied_volatility(price, spot, strike, years, model="black_scholes", **terms)
    again = mc.black_scholes(spot, strike, years, found, **terms).price
    kept = ~np.isnan(found)  # in the money nothing but the intrinsic value may be left
    np.testing.assert_allclose(again[kept], price[kept], rtol=1e-12)


def test_the_start_from_the_tangent_keeps_the_iteration_from_diverging():
    # Just below the point of inflection, near the money: where the plain start fails.
    x = np.linspace(1e-4, 0.05, 2_000)
    deviation = np.sqrt(2.0 * x) * np.linspace(0.5, 1.2, 2_000)
    price = mc.black76(100.0, 100.0 * np.exp(x), 1.0, deviation).price
    found = mc.implied_volatility(price, 100.0, 100.0 * np.exp(x), 1.0)
    np.testing.assert_allclose(found, deviation, rtol=1e-12)


def test_prices_of_sixty_digits_give_their_volatilities_back_whole():
    for strike, years, vol in [(105.0, 1 / 8760, 0.3), (300.0, 1 / 365, 1.0), (20.0, 1.0, 0.1)]:
        sign = 1.0 if strike > 100.0 else -1.0
        price = float(oracle.lognormal(*oracle.exact(100.0, strike, years, vol, 0.0, 0.0, sign)))
        found = mc.implied_volatility(price, 100.0, strike, years, call=sign > 0.0)
        assert found == pytest.approx(vol, rel=1e-14)


def test_a_price_outside_its_bounds_has_no_volatility():
    found = mc.implied_volatility([101.0, 4.0, -1.0, np.nan], 100.0, [100.0, 95.0, 100.0, 100.0], 1)
    assert np.isnan(found).all()
    with pytest.raises(
        mc.Refusal, match="price: found 4, allowed more than 5, less than 100; no volatility"
    ):
        mc.implied_volatility(4.0, 100.0, 95.0, 1.0)
    with pytest.raises(mc.Refusal, match="price: found -1, allowed more than 0; no volatility"):
        mc.implied_volatility(-1.0, -5.0, 3.0, 1.0, model="bachelier")


def test_what_a_model_does_not_know_is_refused():
    with pytest.raises(mc.Refusal, match=r"years: found 0\.0, allowed more than 0"):
        mc.implied_volatility(4.0, 100.0, 95.0, 0.0)
    with pytest.raises(mc.Refusal, match=r"dividend: found 0\.02, allowed 0 for black76"):
        mc.implied_volatility(4.0, 100.0, 100.0, 1.0, dividend=0.02)
    with pytest.raises(mc.Refusal, match=r"shift: found 3\.0, allowed 0 for bachelier"):
        mc.implied_volatility(4.0, 100.0, 100.0, 1.0, model="bachelier", shift=3.0)
    with pytest.raises(mc.Refusal, match="model: found 'sabr', allowed black76"):
        mc.implied_volatility(4.0, 100.0, 100.0, 1.0, model="sabr")


def test_a_shifted_lognormal_price_gives_its_volatility_back():
    price = mc.black76(-5.0, -3.0, 0.5, 0.3, shift=30.0, rate=0.02).price
    found = mc.implied_volatility(price, -5.0, -3.0, 0.5, shift=30.0, rate=0.02)
    assert found == pytest.approx(0.3, rel=1e-13)
