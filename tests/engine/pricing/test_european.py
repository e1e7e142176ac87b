from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from tests.engine.pricing import oracle

PRICES = st.floats(1.0, 1e4)
YEARS = st.floats(1e-5, 20.0)
VOLATILITIES = st.floats(0.01, 3.0)
RATES = st.floats(-0.05, 0.2)
# Of each: money, years, volatility, rate, yield. Deviations from 40 below to 40 above the strike.
PLACES = [
    (100.0, 100.0, 1.0, 0.2, 0.05, 0.02),
    (100.0, 105.0, 1 / 8760, 0.3, 0.05, 0.0),
    (100.0, 101.0, 1 / 8760, 0.05, 0.04, 0.04),
    (100.0, 100.000001, 1 / 365, 0.01, 0.03, -0.01),
    (2.57439392, 2.57439392, 1.34664672e-05, 0.0137283376, 0.077, 0.027),
    (100.0, 1.0, 0.5, 0.6, 0.1, 0.0),
    (1.0, 100.0, 0.5, 0.5, 0.0, 0.1),
    (100.0, 300.0, 5.0, 3.0, 0.01, 0.02),
    (80.0, 75.0, 20.0, 1.5, -0.02, 0.01),
    (60.0, 65.0, 0.25, 0.3, 0.08, 0.0),
]


# A put follows from its call by parity, which is a property below.
CALLS = (True, pytest.param(False, marks=pytest.mark.slow))


def relative(found: float, expected: float, scale: float) -> float:
    """Error against the number itself, or against the terms whose sum it is."""
    return abs(found - expected) / max(abs(expected), scale, 1e-290)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=() if index % 2 == 0 else pytest.mark.slow)
        for index, place in enumerate(PLACES)
    ],
)
def test_prices_and_greeks_are_the_derivatives_of_the_closed_form_in_many_digits(place, call):
    spot, strike, years, vol, rate, dividend = place
    k, q, sign = oracle.exact(strike, dividend, 1.0 if call else -1.0)
    expected = oracle.greeks(
        lambda s, t, v, r: oracle.lognormal(s, k, t, v, r, q, sign), spot, years, vol, rate
    )
    found = mc.black_scholes(spot, strike, years, vol, rate=rate, dividend=dividend, call=call)
    # Theta and charm are sums whose terms may cancel.
    carried = abs(rate * found.price) + abs((rate - dividend) * spot * found.delta)
    for name, value in expected.items():
        terms = {"theta": carried, "charm": abs(dividend * found.delta)}.get(name, 0.0)
        assert relative(float(getattr(found, name)), value, float(terms)) < 1e-12, name


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=() if index % 3 == 0 else pytest.mark.slow)
        for index, place in enumerate(PLACES)
    ],
)
def test_an_option_on_a_future_holds_the_future_fixed_when_the_rate_moves(place, call):
    forward, strike, years, vol, rate, _ = place
    k, sign = oracle.exact(strike, 1.0 if call else -1.0)
    expected = oracle.greeks(
        lambda f, t, v, r: oracle.lognormal(f, k, t, v, r, r, sign), forward, years, vol, rate
    )
    found = mc.black76(forward, strike, years, vol, rate=rate, call=call)
    for name, value in expected.items():
        terms = {"theta": abs(rate * found.price), "charm": abs(rate * found.delta)}.get(name, 0.0)
        assert relative(float(getattr(found, name)), value, float(terms)) < 1e-12, name


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "place",
    [
        (-37.63, -40.0, 0.25, 10.0, 0.03),
        (5.0, -10.0, 1 / 365, 40.0, 0.05),
        (0.0, 0.0, 1.0, 1.0, 0.0),
        (20.0, 10.0, 0.02, 10.0, 0.1),
        (20.0, 80.0, 1.0, 2.0, -0.01),
    ],
)
def test_bacheliers_values_are_the_derivatives_of_his_formula_in_many_digits(place, call):
    forward, strike, years, vol, rate = place
    k, sign = oracle.exact(strike, 1.0 if call else -1.0)
    expected = oracle.greeks(
        lambda f, t, v, r: oracle.normal(f, k, t, v, r, sign), forward, years, vol, rate
    )
    found = mc.bachelier(forward, strike, years, vol, rate=rate, call=call)
    for name, value in expected.items():
        terms = {"theta": abs(rate * found.price), "charm": abs(rate * found.delta)}.get(name, 0.0)
        assert relative(float(getattr(found, name)), value, float(terms)) < 1e-12, name


def test_bacheliers_values_are_those_of_the_table(reference):
    names = ("call", "put", "delta_call", "gamma", "vega")
    table = pl.read_csv(
        reference / "tables/bachelier.csv", schema_overrides=dict.fromkeys(names, pl.Float64)
    )
    given_ = [table[name].to_numpy() for name in ("F", "K", "t_years", "normal_vol")]
    calls, puts = mc.bachelier(*given_), mc.bachelier(*given_, call=False)
    found = (calls.price, puts.price, calls.delta, calls.gamma, calls.vega)
    for name, values in zip(names, found, strict=True):
        # Puts of the table are rounded differences.
        carried = 1e-16 if name == "put" else 1e-290
        np.testing.assert_allclose(values, table[name].to_numpy(), rtol=1e-12, atol=carried)


def test_prices_and_greeks_are_those_of_haugs_tables(reference):
    table = pl.read_csv(reference / "tables/black_scholes_haug.csv")
    found = mc.black_scholes(
        *(table[name].to_numpy() for name in ("spot", "strike", "t_years", "vol")),
        rate=table["r"].to_numpy(),
        dividend=table["q"].to_numpy(),
        call=(table["type"] == "call").to_numpy(),
    )
    np.testing.assert_allclose(found.price, table["recomputed_price"].to_numpy(), rtol=1e-10)
    greeks = pl.read_csv(reference / "tables/black_scholes_greeks_haug.csv")
    compared = 0
    for row in greeks.iter_rows(named=True):
        if row["quantity"] not in ("delta", "gamma", "vega", "rho"):
            continue
        values = mc.black_scholes(
            *(row[name] for name in ("spot", "strike", "t_years", "vol")),
            rate=row["r"],
            dividend=row["q"],
            call=row["type"] == "call",
        )
        found_greek = float(getattr(values, row["quantity"]))
        assert found_greek == pytest.approx(row["recomputed"], rel=1e-9), row
        compared += 1
    assert compared >= 5


def test_undiscounted_prices_are_those_of_the_hard_table(reference):
    table = pl.read_csv(reference / "tables/black76_implied_vol_hard.csv")
    found = mc.black76(
        *(table[name].to_numpy() for name in ("F", "K", "t_years", "vol")),
        call=(table["right"] == "call").to_numpy(),
    )
    expected = table["undiscounted_price_50_digits"].cast(pl.Float64).to_numpy()
    np.testing.assert_allclose(found.price, expected, rtol=1e-12)


@settings(max_examples=4 * settings.default.max_examples, deadline=None)
@given(PRICES, PRICES, YEARS, VOLATILITIES, RATES, RATES)
def test_a_call_less_a_put_is_the_discounted_forward_less_the_strike(s, k, t, v, r, q):
    arguments = {"rate": r, "dividend": q}
    call = mc.black_scholes(s, k, t, v, **arguments)
    put = mc.black_scholes(s, k, t, v, **arguments, call=False)
    parity = s * math.exp(-q * t) - k * math.exp(-r * t)
    scale = s * math.exp(-q * t) + k * math.exp(-r * t)
    assert call.price - put.price == pytest.approx(parity, abs=4e-15 * scale)
    assert call.delta - put.delta == pytest.approx(math.exp(-q * t), rel=1e-14)
    for name in ("gamma", "vega", "vanna", "volga", "veta"):
        assert getattr(call, name) == getattr(put, name)


@settings(max_examples=4 * settings.default.max_examples, deadline=None)
@given(PRICES, PRICES, YEARS, VOLATILITIES)
def test_prices_lie_within_their_bounds_and_rise_with_volatility_and_time(f, k, t, v):
    grid = mc.black76(f, k, [[t], [2.0 * t]], [v, 1.1 * v])
    assert (grid.price >= max(f - k, 0.0)).all()
    assert (grid.price <= f).all()
    assert (np.diff(grid.price, axis=0) >= -1e-15 * f).all()
    assert (np.diff(grid.price, axis=1) >= -1e-15 * f).all()
    assert (grid.delta >= 0.0).all()
    assert (grid.delta <= 1.0).all()


def test_arguments_broadcast_and_every_chunk_gives_the_same_bits():
    strikes = np.linspace(50.0, 150.0, 20_001)
    whole = mc.black76(100.0, strikes, 0.5, 0.3, rate=0.03)
    for index in (0, 1, 7, 8_191, 8_192, 20_000):
        single = mc.black76(100.0, strikes[index], 0.5, 0.3, rate=0.03)
        assert single.price == whole.price[index]
        assert single.charm == whole.charm[index]
    table = mc.black_scholes(100.0, strikes[:6].reshape(2, 3), 0.5, [[0.2], [0.3]])
    assert table.vega.shape == table.vanna.shape == (2, 3)
    assert mc.black76(np.empty(0), 100.0, 1.0, 0.2).price.shape == (0,)


def test_a_shift_moves_forward_and_strike():
    shifted = mc.black76(-5.0, -3.0, 0.5, 0.3, shift=30.0)
    assert shifted.price == mc.black76(25.0, 27.0, 0.5, 0.3).price
    assert np.isnan(mc.black76([-5.0], -3.0, 0.5, 0.3).price).all()


def test_at_expiry_and_without_volatility_an_option_is_worth_its_payoff():
    for values in (
        mc.black76([90.0, 100.0, 110.0], 100.0, 0.0, 0.2, rate=0.05),
        mc.black76([90.0, 100.0, 110.0], 100.0, 1.0, 0.0),
        mc.bachelier([90.0, 100.0, 110.0], 100.0, 0.0, 20.0, rate=0.05),
        mc.bachelier([90.0, 100.0, 110.0], 100.0, 1.0, 0.0),
    ):
        assert values.price.tolist() == [0.0, 0.0, 10.0]
        assert values.delta[[0, 2]].tolist() == [0.0, 1.0]
        assert not np.isnan([values.gamma, values.theta, values.charm, values.veta]).any()


def test_what_has_no_price_is_nan_in_arrays_and_a_sentence_of_one_option():
    impossible = {
        "years": (100.0, 100.0, -0.1, 0.2),
        "volatility": (100.0, 100.0, 0.5, -0.2),
        "forward": (-1.0, 100.0, 0.5, 0.2),
        "strike": (100.0, 0.0, 0.5, 0.2),
    }
    for name, arguments in impossible.items():
        values = mc.black76(np.array([100.0, arguments[0]]), *([100.0, x] for x in arguments[1:]))
        assert np.isnan(values.price[1]), name
        assert np.isnan(values.veta[1]), name
        with pytest.raises(mc.Refusal, match=rf"^{name}: found .*, allowed .*0"):
            mc.black76(*arguments)
    with pytest.raises(mc.Refusal, match="volatility: found nan, allowed a finite number"):
        mc.bachelier(1.0, 1.0, 1.0, math.nan)
    with pytest.raises(mc.Refusal, match=r"found strike \(2,\), years \(3,\), allowed shapes"):
        mc.black76(100.0, [90.0, 100.0], [0.1, 0.2, 0.3], 0.2)


def test_prices_and_greeks_agree_with_quantlib():
    ql = pytest.importorskip("QuantLib")
    for place in PLACES[:1] + PLACES[7:]:
        forward, strike, years, vol, rate, _ = place
        discount = math.exp(-rate * years)
        for call in (True, False):
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
            theirs = ql.BlackCalculator(payoff, forward, vol * math.sqrt(years), discount)
            ours = mc.black76(forward, strike, years, vol, rate=rate, call=call)
            assert ours.price == pytest.approx(theirs.value(), rel=1e-12)
            assert ours.delta == pytest.approx(theirs.deltaForward(), rel=1e-12)
            assert ours.gamma == pytest.approx(theirs.gammaForward(), rel=1e-12)
            assert ours.vega == pytest.approx(theirs.vega(years), rel=1e-12)
