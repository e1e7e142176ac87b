"""The scan of scenarios against a table of them, its properties, and the form that scans less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.options.scan import scan_rules
from engine.options.scan_rules import (
    HELD_SCAN_WIDTH,
    SCENARIOS,
    forget_scan,
    held_scan_risk,
    held_scan_slope,
    scan_risk,
)

SETTINGS = {"price_range": 0.08, "volatility_shift": 0.25}
# Moves in price ranges, of volatility in shifts, and the weight: CME's table of risk arrays.
TABLE = [
    *[(0, 1, 1), (0, -1, 1), (1 / 3, 1, 1), (1 / 3, -1, 1), (-1 / 3, 1, 1), (-1 / 3, -1, 1)],
    *[(2 / 3, 1, 1), (2 / 3, -1, 1), (-2 / 3, 1, 1), (-2 / 3, -1, 1)],
    *[(1, 1, 1), (1, -1, 1), (-1, 1, 1), (-1, -1, 1), (3, 0, 0.33), (-3, 0, 0.33)],
]


def plain_risk(spot, strikes, years, units, volatilities, call, underlying=0.0, rate=0.0):
    """The table's scenarios over arrays of prices."""
    strikes, units = np.asarray(strikes), np.asarray(units)

    def worth(price, volatility, left):
        return (
            units * mc.black76(price, strikes, left, volatility, rate=rate, call=call).price
        ).sum()

    years, volatilities = np.asarray(years), np.asarray(volatilities)
    now = worth(spot, volatilities, years)
    losses = []
    for move, shift, weight in TABLE:
        price = spot * (1.0 + 0.08 * move)
        then = worth(price, volatilities * (1.0 + 0.25 * shift), np.maximum(years - 1 / 365, 0.0))
        losses.append(weight * (now - then - underlying * (price - spot)))
    return max(0.0, *losses)


LEG = st.tuples(
    st.floats(40.0, 120.0),
    st.floats(0.001, 2.0),
    st.integers(-5, 5).map(float),
    st.floats(0.05, 1.5),
    st.booleans(),
)
POSITION = st.lists(LEG, min_size=1, max_size=4)


def arranged(legs):
    strikes, years, units, volatilities, call = (list(each) for each in zip(*legs, strict=True))
    return {
        **{"strikes": strikes, "years": years, "units": units},
        **{"volatilities": volatilities, "call": call},
    }


def margin(legs, spot=75.0, **more):
    return float(mc.scan_margin(spot, **arranged(legs), **SETTINGS, **more))


@settings(deadline=None)
@given(POSITION, st.integers(-3, 3).map(float), st.floats(0.0, 0.08))
def test_the_scan_is_the_largest_weighted_loss_of_the_table(legs, futures, rate):
    found = margin(legs, underlying_units=futures, rate=rate)
    expected = plain_risk(75.0, **arranged(legs), underlying=futures, rate=rate)
    assert found == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(POSITION, POSITION, st.floats(0.0, 2.0))
def test_two_positions_together_need_no_more_than_apart(some, others, least):
    together = margin([*some, *others], short_minimum=least)
    apart = margin(some, short_minimum=least) + margin(others, short_minimum=least)
    assert together <= apart + 1e-9


@settings(deadline=None)
@given(POSITION, st.sampled_from([0.5, 3.0]))
def test_the_scan_scales_with_the_position(legs, factor):
    scaled = [(leg[0], leg[1], factor * leg[2], *leg[3:]) for leg in legs]
    assert margin(scaled) == pytest.approx(factor * margin(legs), abs=1e-9)


@settings(deadline=None)
@given(POSITION)
def test_bought_options_need_no_more_than_they_cost(legs):
    bought = [(leg[0], leg[1], abs(leg[2]), *leg[3:]) for leg in legs]
    given_ = arranged(bought)
    paid = mc.black76(75.0, *(given_[name] for name in ("strikes", "years", "volatilities")),
                      call=given_["call"]).price  # fmt: skip
    assert margin(bought) <= (paid * given_["units"]).sum() + 1e-9


@settings(deadline=None)
@given(POSITION, st.floats(0.02, 0.08))
def test_a_wider_range_never_frees_the_equity_of_sold_options(legs, narrow):
    shorts = [(leg[0], leg[1], -abs(leg[2]), *leg[3:]) for leg in legs]
    less = float(
        mc.scan_margin(75.0, **arranged(shorts), price_range=narrow, volatility_shift=0.25)
    )
    # Calls gain on the way down, so of a wider range only the worst third may move inward.
    calls = {leg[4] for leg in shorts}
    if len(calls) == 1:
        assert margin(shorts) >= less - 1e-9


def test_an_option_far_out_of_the_money_ties_up_its_minimum():
    leg = [(300.0, 0.05, -2.0, 0.3, True)]
    assert margin(leg) < 1e-12
    assert margin(leg, short_minimum=0.05) == pytest.approx(0.1)
    assert margin([(300.0, 0.05, 2.0, 0.3, True)], short_minimum=0.05) < 1e-12


def test_a_future_alone_ties_up_its_range():
    nothing = {"strikes": [75.0], "years": 0.1, "units": [0.0], "volatilities": 0.3}
    found = mc.scan_margin(75.0, **nothing, call=[True], underlying_units=-2000.0, **SETTINGS)
    assert float(found) == pytest.approx(2000 * 75.0 * 0.08)


def test_options_on_shares_grow_with_rate_less_yield():
    legs = {"strikes": [100.0], "years": 1.0, "units": [-1.0], "volatilities": 0.2}
    share, future = (
        float(mc.scan_margin(100.0, **legs, call=[True], rate=0.1, dividend=d, **SETTINGS))
        for d in (0.0, None)
    )
    worth = [
        float(mc.black_scholes(p, 100.0, t, 0.25, rate=0.1).price)
        for p, t in ((108.0, 1.0 - 1 / 365),)
    ]
    now = float(mc.black_scholes(100.0, 100.0, 1.0, 0.2, rate=0.1).price)
    assert share == pytest.approx(worth[0] - now)
    assert share > future


# --- the form that scans only where something moved --------------------------------------------


def kernel_arguments(legs):
    strikes, years, units, volatilities, call = (np.array(each) for each in zip(*legs, strict=True))
    return strikes, call, years, volatilities, units


@settings(deadline=None)
@given(POSITION, st.integers(-2, 2).map(float), st.lists(st.floats(-0.004, 0.004), max_size=12))
def test_a_held_scan_is_never_farther_off_than_its_bound(legs, futures, moves):
    strikes, call, years, volatilities, units = kernel_arguments(legs)
    rules = scan_rules(**SETTINGS)
    held, room, step = np.empty(HELD_SCAN_WIDTH), np.empty(SCENARIOS), 0.005
    forget_scan(held)
    spot = 75.0
    for move in [0.0, *moves]:
        spot *= 1.0 + move
        rest = (spot, strikes, call, years, volatilities, units, futures, 0.0, 0.0, rules, room)
        found = held_scan_risk(held, step, 1.0, 0.0, *rest)
        bound = held_scan_slope(units, futures, rules) * step * held[0]
        assert abs(found - scan_risk(*rest)) <= bound + 1e-9


def test_a_held_scan_is_made_anew_after_a_step_a_day_or_another_position():
    legs = kernel_arguments([(75.0, 0.1, -1.0, 0.3, True)])
    rules = scan_rules(**SETTINGS)
    held, room = np.empty(HELD_SCAN_WIDTH), np.empty(SCENARIOS)
    forget_scan(held)
    day = 1 / 365

    def risk(spot, now):
        return held_scan_risk(held, 0.01, day, now, spot, *legs, 0.0, 0.0, 0.0, rules, room)

    first = risk(75.0, 0.0)
    assert risk(75.5, 0.5 * day) == first
    assert risk(77.0, 0.5 * day) != first
    assert held[0] == 77.0
    assert risk(77.0, 2.0 * day) == risk(77.0, 2.0 * day)
    assert held[1] == 2.0 * day
    forget_scan(held)
    risk(77.1, 2.1 * day)
    assert held[0] == 77.1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"price_range": 8.0}, "price_range: found 8.0, allowed a share from 0 to 1"),
        ({"extreme": 0.5}, "extreme: found 0.5, allowed 1 price range or more"),
        ({"short_minimum": -1.0}, "short_minimum: found -1.0, allowed 0 or more"),
        ({"spot": -37.63}, "spot: found -37.63, allowed more than 0"),
        ({"volatilities": [-0.1]}, "volatilities: found -0.1, allowed 0 or more"),
        ({"multiplier": -1.0}, "multiplier: found -1.0, allowed more than 0"),
    ],
)
def test_what_cannot_be_scanned_is_said_in_a_sentence(changed, sentence):
    given_ = {"spot": 75.0, "strikes": [70.0], "years": [0.1], "units": [-1.0]}
    given_ |= {"volatilities": [0.3], "call": [False], **SETTINGS} | changed
    with pytest.raises(mc.Refusal) as refusal:
        mc.scan_margin(**given_)
    assert str(refusal.value) == sentence


def test_the_compiled_scan_and_its_python_are_one():
    legs = kernel_arguments([(70.0, 0.1, -1.0, 0.3, False), (80.0, 0.1, -2.0, 0.4, True)])
    rest = (75.0, *legs, 1.0, 0.03, 0.03, scan_rules(**SETTINGS), np.empty(SCENARIOS))
    assert scan_risk(*rest) == pytest.approx(scan_risk.py_func(*rest), rel=1e-14)
