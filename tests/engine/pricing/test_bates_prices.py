"""Bates prices, against QuantLib and against the models that they become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc

VARIANCE = {"v0": 0.04, "kappa": 1.5, "theta": 0.05, "xi": 0.5, "rho": -0.7}
JUMPS = {"jump_intensity": 0.5, "mean_log_jump": -0.1, "jump_vol": 0.15}
STRIKES = np.array([60.0, 80.0, 100.0, 120.0, 160.0])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"jump_intensity": 5.0, "mean_log_jump": 0.02, "jump_vol": 0.05},
        {"xi": 1.2, "kappa": 0.5, "rho": -0.9},
        {"rho": 0.5, "mean_log_jump": -0.4, "jump_vol": 0.01},
    ],
)
def test_prices_are_those_of_quantlib(change):
    ql = pytest.importorskip("QuantLib")
    model = VARIANCE | JUMPS | change
    today, clock = ql.Date(1, 1, 2020), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, r, clock)) for r in (0.03, 0.01)]
    names = (*VARIANCE, *JUMPS)
    process = ql.BatesProcess(
        *curves, ql.QuoteHandle(ql.SimpleQuote(100.0)), *(model[name] for name in names)
    )
    engine = ql.BatesEngine(ql.BatesModel(process), 1e-11, 100_000)
    for days in (30, 365, 1825):
        for call in (True, False):
            right = ql.Option.Call if call else ql.Option.Put
            found = mc.bates_price(
                100.0, STRIKES, days / 365, rate=0.03, dividend=0.01, call=call, **model
            )
            for strike, price in zip(STRIKES, found, strict=True):
                option = ql.VanillaOption(
                    ql.PlainVanillaPayoff(right, float(strike)),
                    ql.EuropeanExercise(today + ql.Period(days, ql.Days)),
                )
                option.setPricingEngine(engine)
                assert price == pytest.approx(option.NPV(), abs=1e-9)


def test_without_jumps_prices_are_those_of_heston_to_the_bit():
    years = np.array([[7 / 365], [0.5], [5.0]])
    still = JUMPS | {"jump_intensity": 0.0}
    assert (
        mc.bates_price(100.0, STRIKES, years, **VARIANCE, **still)
        == mc.heston_price(100.0, STRIKES, years, **VARIANCE)
    ).all()


@pytest.mark.parametrize(("xi", "error"), [(0.0, 1e-10), (1e-6, 1e-4)])
def test_prices_become_those_of_merton_where_the_variance_stays(xi, error):
    years = np.array([[0.05], [0.5], [5.0]])
    constant = {"v0": 0.04, "kappa": 1.0, "theta": 0.04, "xi": xi, "rho": -0.5}
    np.testing.assert_allclose(
        mc.bates_price(100.0, STRIKES, years, **constant, **JUMPS),
        mc.merton_price(100.0, STRIKES, years, sigma=0.2, **JUMPS),
        rtol=0.0,
        atol=error,
    )


@settings(deadline=None)
@given(
    v0=st.floats(0.01, 0.3),
    xi=st.floats(0.0, 1.5),
    rho=st.floats(-0.95, 0.95),
    jump_intensity=st.floats(0.0, 10.0),
    mean_log_jump=st.floats(-0.3, 0.2),
    jump_vol=st.floats(0.0, 0.3),
    years=st.floats(0.05, 5.0),
)
def test_prices_lie_within_bounds_fall_with_the_strike_and_keep_parity(**drawn):
    years = drawn.pop("years")
    model = VARIANCE | drawn
    calls = mc.bates_price(100.0, STRIKES, years, rate=0.02, **model)
    puts = mc.bates_price(100.0, STRIKES, years, rate=0.02, call=False, **model)
    discounted = STRIKES * np.exp(-0.02 * years)
    assert (calls >= np.maximum(100.0 - discounted, 0.0) - 1e-9).all()
    assert (calls <= 100.0).all()
    assert (np.diff(calls) <= 1e-9).all()
    np.testing.assert_allclose(calls - puts, 100.0 - discounted, atol=1e-9)


def test_parameters_outside_their_bounds_are_one_sentence():
    for change, sentence in (
        ({"jump_intensity": -1.0}, "jump_intensity: found -1.0, allowed 0 or more"),
        ({"jump_vol": -0.1}, "jump_vol: found -0.1, allowed 0 or more"),
        ({"mean_log_jump": float("nan")}, "mean_log_jump: found nan, allowed a finite number"),
        ({"jump_vol": 50.0}, "jump_vol: found 50 with mean_log_jump -0.1, allowed mean_log_jump"),
        ({"xi": -0.1}, "xi: found -0.1, allowed 0 or more"),
    ):
        with pytest.raises(mc.Refusal) as refused:
            mc.bates_price(100.0, 100.0, 0.5, **(VARIANCE | JUMPS | change))
        assert str(refused.value).startswith(sentence)
