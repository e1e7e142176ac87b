from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc

RATES = st.floats(0.0, 0.12)


def test_prices_on_futures_are_those_of_the_table_within_a_hundred_thousandth(reference):
    table = pl.read_csv(reference / "tables/american_on_futures_qdfp.csv")
    found = mc.american(
        *(table[name].to_numpy() for name in ("F", "K")),
        table["days"].to_numpy() / 365.0,
        table["vol"].to_numpy(),
        rate=table["r"].to_numpy(),
        call=(table["right"] == "call").to_numpy(),
    )
    np.testing.assert_allclose(found.price, table["qdfp_high_precision"].to_numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("method", "column", "within"),
    [
        ("andersen_lake", "quantlib_qdfp_accurate", 1e-5),
        ("barone_adesi_whaley", "own_baw", 2e-6),
    ],
)
def test_both_methods_give_what_haugs_cases_say(reference, method, column, within):
    file = reference / "tables/american_on_futures_haug_baw.csv"
    table = pl.read_csv(file, schema_overrides={column: pl.Float64}, null_values=["nan"])
    table = table.filter(pl.col(column).is_not_null())
    assert table.height > 30
    found = mc.american(
        *(table[name].to_numpy() for name in ("futures_or_spot", "strike", "t_years", "vol")),
        model="black_scholes",
        rate=table["r"].to_numpy(),
        dividend=table["q"].to_numpy(),
        call=(table["type"] == "call").to_numpy(),
        method=method,
    )
    np.testing.assert_allclose(found.price, table[column].to_numpy(), atol=within)


def test_prices_on_spots_are_quantlibs_of_high_precision():
    ql = pytest.importorskip("QuantLib")
    rng = np.random.default_rng(5)
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = 60
    strike, vol = rng.uniform(60.0, 160.0, count), rng.uniform(0.08, 0.9, count)
    days = (10 ** rng.uniform(0.8, 3.2, count)).astype(int)
    rate, dividend = rng.uniform(0.0, 0.12, count), rng.uniform(-0.03, 0.12, count)
    call = rng.random(count) < 0.5
    dividend[:10] = rate[:10] + rng.uniform(-0.002, 0.002, 10)

    def theirs(i: int) -> float:
        counter = ql.Actual365Fixed()
        flat = [
            ql.YieldTermStructureHandle(ql.FlatForward(today, float(x[i]), counter))
            for x in (dividend, rate)
        ]
        smile = ql.BlackConstantVol(today, ql.NullCalendar(), float(vol[i]), counter)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(100.0)), *flat, ql.BlackVolTermStructureHandle(smile)
        )
        right = ql.Option.Call if call[i] else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(right, float(strike[i])),
            ql.AmericanExercise(today, today + int(days[i])),
        )
        scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
        option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
        return float(option.NPV())

    found = mc.american(
        100.0,
        strike,
        days / 365.0,
        vol,
        model="black_scholes",
        rate=rate,
        dividend=dividend,
        call=call,
    )
    np.testing.assert_allclose(found.price, [theirs(i) for i in range(count)], atol=2e-5)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(st.floats(0.6, 1.6), st.floats(0.01, 3.0), st.floats(0.1, 0.9), RATES, RATES, st.booleans())
def test_early_exercise_is_worth_something_and_never_less_than_exercising_now(
    ratio, years, vol, rate, dividend, call
):
    strike = 100.0 * ratio
    terms = {"rate": rate, "dividend": dividend, "call": call}
    found = mc.american(100.0, strike, years, vol, model="black_scholes", **terms)
    european = mc.black_scholes(100.0, strike, years, vol, **terms)
    intrinsic = 100.0 - strike if call else strike - 100.0
    assert found.price >= european.price - 1e-5
    assert found.price >= intrinsic
    exercised = found.boundary <= 100.0 if call else found.boundary >= 100.0
    if exercised:
        assert found.price == pytest.approx(intrinsic, rel=1e-13)


def test_without_a_reason_to_exercise_an_american_option_is_a_european_one():
    for terms in ({"rate": 0.05}, {"rate": 0.05, "dividend": -0.01}):
        found = mc.american(100.0, 105.0, 0.5, 0.3, model="black_scholes", **terms)
        assert found.price == pytest.approx(
            float(mc.black_scholes(100.0, 105.0, 0.5, 0.3, **terms).price), rel=1e-14
        )
        assert found.boundary == math.inf
    put = mc.american(100.0, 105.0, 0.5, 0.3, call=False)  # no rate, no interest on the strike
    european = mc.black76(100.0, 105.0, 0.5, 0.3, call=False)
    assert put.price == pytest.approx(float(european.price), rel=1e-14)
    assert put.boundary == 0.0


@pytest.mark.parametrize("method", ["andersen_lake", "barone_adesi_whaley"])
@pytest.mark.parametrize("call", [True, False])
def test_greeks_are_the_slopes_of_the_price(method, call):
    def price(**changes: float) -> float:
        place = {"underlying": 100.0, "strike": 98.0, "years": 0.7, "volatility": 0.3, "rate": 0.06}
        return float(mc.american(**(place | changes), call=call, method=method).price)

    found = mc.american(100.0, 98.0, 0.7, 0.3, rate=0.06, call=call, method=method)
    up, middle, down = price(underlying=100.5), price(), price(underlying=99.5)
    assert found.delta == pytest.approx((up - down) / 1.0, abs=1e-4)
    assert found.gamma == pytest.approx((up - 2.0 * middle + down) / 0.25, abs=1e-4)
    assert found.vega == pytest.approx(
        (price(volatility=0.303) - price(volatility=0.297)) / 0.006, rel=1e-3
    )
    assert found.theta == pytest.approx((price(years=0.69) - price(years=0.71)) / 0.02, rel=1e-3)
    assert found.rho == pytest.approx((price(rate=0.061) - price(rate=0.059)) / 0.002, rel=1e-3)


def test_a_put_at_its_boundary_meets_its_payoff_smoothly():
    boundary = float(mc.american(100.0, 100.0, 0.5, 0.3, rate=0.05, call=False).boundary)
    near = mc.american(boundary * (1.0 + 1e-4), 100.0, 0.5, 0.3, rate=0.05, call=False)
    assert near.price == pytest.approx(100.0 - boundary * (1.0 + 1e-4), abs=1e-4)
    assert near.delta == pytest.approx(-1.0, abs=5e-3)


def test_what_has_no_price_is_nan_in_arrays_and_a_sentence_of_one_option():
    years, vol = np.array([0.5, -0.1, 0.5, 0.5]), np.array([0.3, 0.3, -0.3, 0.3])
    spot = np.array([100.0, 100.0, 100.0, -1.0])
    for method in ("andersen_lake", "barone_adesi_whaley"):
        found = mc.american(spot, 100.0, years, vol, rate=0.05, method=method)
        assert np.isnan(found.price).tolist() == [False, True, True, True]
        assert np.isnan(found.delta).tolist() == [False, True, True, True]
    with pytest.raises(mc.Refusal, match="volatility: found"):
        mc.american(100.0, 100.0, 0.5, -0.3)
    with pytest.raises(mc.Refusal, match=r"rate: found -0\.01 with a dividend of -0\.02, allowed"):
        mc.american(
            100.0, 100.0, 1.0, 0.2, model="black_scholes", rate=-0.01, dividend=-0.02, call=False
        )
    with pytest.raises(mc.Refusal, match=r"dividend: found 0\.02, allowed 0 for black76"):
        mc.american(100.0, 100.0, 0.5, 0.3, dividend=0.02)
    with pytest.raises(mc.Refusal, match="method: found 'binomial', allowed andersen_lake"):
        mc.american(100.0, 100.0, 0.5, 0.3, method="binomial")


def test_at_expiry_an_american_option_is_worth_its_payoff():
    found = mc.american([90.0, 110.0], 100.0, 0.0, 0.3, rate=0.05, call=False)
    assert found.price.tolist() == [10.0, 0.0]
