"""The rules for strategies against the Cboe's figures, another program and a plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.options.strategy_rules import strategy_margin

NARROW = {"rate": 0.2, "minimum": 0.1}
BROAD = {"rate": 0.15, "minimum": 0.1}


def margin(spot, legs, shares=0.0, **settings):
    """Margin of legs (right, strike, contracts, price) that expire together, or at a fifth item."""
    return float(
        mc.option_margin(
            spot,
            [leg[1] for leg in legs],
            [leg[4] if len(leg) > 4 else 0.1 for leg in legs],
            [leg[2] for leg in legs],
            [leg[3] for leg in legs],
            call=[leg[0] == "call" for leg in legs],
            underlying_units=shares,
            **settings,
        )
    )


# "Margin Requirement Examples for Sample Options-based Positions", Cboe (2007): IBM at 97.73; the
# S&P 500 at 1,451.19, which the requirement of the short put implies.
IBM = 97.73
SPX = 1451.19
PUBLISHED = [
    ("short call", IBM, [("call", 100, -100, 1.68)], 0, NARROW, 172_760),
    ("short put", IBM, [("put", 100, -100, 3.18)], 0, NARROW, 195_460),
    ("covered call", IBM, [("call", 100, -100, 1.68)], 10_000, NARROW, 471_850),
    ("protective put", IBM, [("put", 95, 100, 1.02)], 10_000, NARROW, 498_850),
    (
        "synthetic long",
        IBM,
        [("call", 100, 100, 1.68), ("put", 100, -100, 3.18)],
        0,
        NARROW,
        212_260,
    ),
    (
        "risk reversal",
        IBM,
        [("put", 95, 100, 1.02), ("call", 105, -100, 0.40)],
        0,
        NARROW,
        132_960,
    ),
    (
        "collar",
        IBM,
        [("put", 95, 100, 1.02), ("call", 105, -100, 0.40)],
        10_000,
        NARROW,
        494_850,
    ),
    (
        "long vertical",
        IBM,
        [("call", 95, 100, 4.53), ("call", 105, -100, 0.40)],
        0,
        NARROW,
        41_300,
    ),
    ("short index call", SPX, [("call", 1460, -100, 21.66)], 0, BROAD, 2_088_685),
    ("short index put", SPX, [("put", 1460, -100, 22.55)], 0, BROAD, 2_176_785),
    (
        "synthetic long of an index",
        SPX,
        [("call", 1460, 100, 21.66), ("put", 1460, -100, 22.55)],
        0,
        BROAD,
        2_393_385,
    ),
    (
        "risk reversal of an index",
        SPX,
        [("put", 1450, 100, 18.72), ("call", 1500, -100, 5.96)],
        0,
        BROAD,
        1_875_885,
    ),
    (
        "long vertical of an index",
        SPX,
        [("call", 1450, 100, 27.57), ("call", 1500, -100, 5.96)],
        0,
        BROAD,
        216_100,
    ),
]


@pytest.mark.parametrize(
    ("spot", "legs", "shares", "rules", "expected"),
    [case[1:] for case in PUBLISHED],
    ids=[case[0] for case in PUBLISHED],
)
def test_the_published_requirement_comes_out_to_the_dollar(spot, legs, shares, rules, expected):
    assert margin(spot, legs, shares, **rules) == pytest.approx(expected, abs=0.005)


def test_a_short_straddle_needs_the_larger_side_and_the_others_price():
    """Cboe's example: 25.526 for the call, 3.70 for the put, less the proceeds of both."""
    legs = [("call", 90, -1, 7.0), ("put", 90, -1, 3.7)]
    deposit = margin(92.63, legs) + 100 * (7.0 + 3.7)
    assert deposit == pytest.approx(2922.6)


# margin-estimator 0.4.1 (MIT), which computes by the same manual, for SPY at 587.88: of spreads
# what has to be deposited after proceeds and premiums, of uncovered options the whole deposit.
PUTS = [("put", 567, 1, 4.78), ("put", 572, -1, 5.61)]
CALLS = [("call", 602, -1, 5.23), ("call", 607, 1, 3.68)]


@pytest.mark.parametrize(
    ("legs", "needed"), [(PUTS, 417.0), (CALLS, 345.0), ([*PUTS, *CALLS], 262.0)]
)
def test_a_condor_needs_one_of_its_spreads_as_another_program_has_it(legs, needed):
    assert margin(587.88, legs, **BROAD) == pytest.approx(needed)


@pytest.mark.parametrize(
    ("legs", "deposit"),
    [(PUTS[1:], 7791.0), (CALLS[:1], 7929.0), ([PUTS[1], CALLS[0]], 8490.0)],
)
def test_uncovered_options_need_the_deposit_of_another_program(legs, deposit):
    proceeds = -100.0 * sum(leg[2] * leg[3] for leg in legs)
    found = margin(587.88, legs, **BROAD) + proceeds
    assert found == pytest.approx(deposit, abs=1.0)  # it rounds each share to a dollar


@pytest.mark.parametrize(
    ("name", "legs", "deposit"),
    [
        ("butterfly", [("call", 90, 1, 12), ("call", 100, -2, 5), ("call", 110, 1, 2)], 0.0),
        ("short butterfly", [("call", 90, -1, 12), ("call", 100, 2, 5), ("call", 110, -1, 2)], 10),
        (
            "long box",
            [
                *[("call", 90, 1, 12), ("call", 100, -1, 5)],
                *[("put", 100, 1, 5), ("put", 90, -1, 1)],
            ],
            0.0,
        ),
        (
            "short box",
            [
                *[("call", 90, -1, 12), ("call", 100, 1, 5)],
                *[("put", 100, -1, 5), ("put", 90, 1, 1)],
            ],
            10.0,
        ),
        ("calendar", [("call", 100, -1, 5, 0.1), ("call", 100, 1, 7, 0.3)], 0.0),
        ("diagonal", [("call", 100, -1, 5, 0.1), ("call", 105, 1, 5, 0.3)], 5.0),
        ("reversed calendar", [("call", 100, 1, 5, 0.1), ("call", 100, -1, 7, 0.3)], 27.0),
        ("ratio spread", [("call", 100, 1, 5), ("call", 110, -2, 2)], 12.0),
        ("wide spread", [("put", 100, -1, 5), ("put", 10, 1, 0.01)], 25.0),
    ],
)
def test_what_longs_cover_needs_its_largest_loss_at_expiry(name, legs, deposit):
    """Per share, at 100: deposits of the Cboe's manual, pages 7 to 10."""
    paid = 100.0 * sum(leg[2] * leg[3] for leg in legs)
    assert margin(100.0, legs) == pytest.approx(100.0 * deposit + paid), name


def test_a_covered_call_in_the_money_values_shares_at_its_strike():
    held = margin(150.0, [("call", 100, -1, 51.0)], 100.0, underlying_rate=0.25)
    assert held == pytest.approx(100 * (25.0 + 50.0 - 51.0))


def test_shares_sold_short_cover_puts():
    held = margin(100.0, [("put", 105, -1, 6.0)], -100.0)
    assert held == pytest.approx(100 * (50.0 + 5.0 - 6.0))


def test_shares_cover_the_call_with_the_lowest_strike():
    two = [("call", 120, -1, 1.0), ("call", 100, -1, 5.0)]
    alone = margin(100.0, two[:1])
    assert margin(100.0, two, 100.0) == pytest.approx(alone + margin(100.0, two[1:], 100.0))


# --- a twin that counts contract by contract ---------------------------------------------------


def plain_margin(spot, legs, shares=0, rate=0.2, minimum=0.1, underlying_rate=0.5):
    """The same rules over single contracts: lists, sorting and pairs instead of flows."""
    one = [
        (right, float(strike), 1 if units > 0 else -1, price, years)
        for right, strike, units, price, years in legs
        for _ in range(abs(units))
    ]

    def payoff(at, right, strike):
        return max(at - strike if right == "call" else strike - at, 0.0)

    def alone(leg):
        right, strike, _, price, _ = leg
        outside = payoff(spot, "put" if right == "call" else "call", strike)
        return price + max(rate * spot - outside, minimum * (spot if right == "call" else strike))

    def naked(shorts):
        calls, puts = (
            sorted((leg for leg in shorts if leg[0] == right), key=alone, reverse=True)
            for right in ("call", "put")
        )
        pairs = min(len(calls), len(puts))
        total = sum(map(alone, [*calls[pairs:], *puts[pairs:]]))
        for a, b in zip(calls, puts, strict=False):
            larger, other = (a, b) if alone(a) >= alone(b) else (b, a)
            total += alone(larger) + other[3]
        return total

    deposit = 0.0
    covered = "call" if shares > 0 else "put"
    for _ in range(abs(shares)):
        waiting = [leg for leg in one if leg[2] < 0 and leg[0] == covered]
        if waiting:
            pick = (min if covered == "call" else max)(waiting, key=lambda leg: leg[1])
            one.remove(pick)
            worth = min(spot, pick[1]) if shares > 0 else spot
            deposit += underlying_rate * worth + payoff(spot, covered, pick[1])
        else:
            deposit += underlying_rate * spot
    paid = sum(leg[2] * leg[3] for leg in legs)
    left = []
    longs = [leg for leg in one if leg[2] > 0]
    for expiry in sorted({leg[4] for leg in one if leg[2] < 0}):
        group, bare = [], []
        for right in ("call", "put"):
            shorts = [leg for leg in one if leg[2] < 0 and (leg[0], leg[4]) == (right, expiry)]
            for short in sorted(shorts, key=lambda leg: leg[1], reverse=right == "put"):
                able = [leg for leg in longs if leg[0] == right and leg[4] >= expiry]
                if not able:
                    left.append(short)
                    continue
                best = min(able, key=lambda leg: (payoff(leg[1], right, short[1]), leg[4]))
                longs.remove(best)
                group += [short, best]
                bare.append(short)
        places = [0.0, *(leg[1] for leg in group)]
        loss = max(-sum(leg[2] * payoff(at, leg[0], leg[1]) for leg in group) for at in places)
        deposit += min(max(loss, 0.0), naked(bare))
    return deposit + naked(left) + paid


LEGS = st.lists(
    st.tuples(
        st.sampled_from(["call", "put"]),
        st.sampled_from([80, 90, 95, 100, 105, 110, 130]),
        st.integers(-3, 3).filter(bool),
        st.sampled_from([0.5, 1.25, 3.0, 7.5]),
        st.sampled_from([0.1, 0.25, 0.5]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(LEGS, st.integers(-2, 2), st.sampled_from([70.0, 99.0, 100.0, 140.0]))
def test_the_compiled_rules_are_those_of_a_twin_that_counts_contracts(legs, lots, spot):
    found = margin(spot, legs, float(lots), multiplier=1.0)
    assert found == pytest.approx(plain_margin(spot, legs, lots), abs=1e-9)


@settings(deadline=None)
@given(LEGS, st.sampled_from([70.0, 100.0, 140.0]))
def test_the_margin_scales_with_the_position(legs, spot):
    twice = [(leg[0], leg[1], 2 * leg[2], *leg[3:]) for leg in legs]
    assert margin(spot, twice) == pytest.approx(2.0 * margin(spot, legs), abs=1e-9)


@settings(deadline=None)
@given(LEGS, st.sampled_from([70.0, 100.0, 140.0]), st.sampled_from([80, 100, 130]))
def test_another_uncovered_short_never_frees_equity(legs, spot, strike):
    """Beside shorts alone, which nothing covers."""
    shorts = [(leg[0], leg[1], -abs(leg[2]), *leg[3:]) for leg in legs]
    for right in ("call", "put"):
        more = [*shorts, (right, strike, -1, 2.0, 0.25)]
        assert margin(spot, more) >= margin(spot, shorts) - 1e-9


@settings(deadline=None)
@given(LEGS, st.sampled_from([70.0, 100.0, 140.0]))
def test_sold_options_together_need_no_more_than_apart(legs, spot):
    shorts = [(leg[0], leg[1], -abs(leg[2]), *leg[3:]) for leg in legs]
    apart = sum(margin(spot, [leg]) for leg in shorts)
    assert margin(spot, shorts) <= apart + 1e-9


def test_positions_along_a_path_are_margined_in_one_call():
    spots = np.array([[90.0, 100.0], [110.0, 120.0]])
    prices = np.array([2.0, 1.0])
    found = mc.option_margin(spots, [95.0, 105.0], 0.1, -1.0, prices, call=[False, True])
    assert found.shape == spots.shape
    for place in np.ndindex(spots.shape):
        legs = [("put", 95, -1, 2.0), ("call", 105, -1, 1.0)]
        assert found[place] == margin(spots[place], legs)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"rate": 20.0}, "rate: found 20.0, allowed a share from 0 to 1"),
        ({"multiplier": 0.0}, "multiplier: found 0.0, allowed more than 0"),
        ({"strikes": []}, "strikes: found no leg, allowed at least one"),
        ({"prices": [np.nan]}, "prices: found nan, allowed finite numbers"),
        (
            {"units": [1.0, 2.0], "prices": [1.0, 2.0, 3.0]},
            "found strikes (1,), years (1,), units (2,), prices (3,), call (1,), spot (), "
            "underlying_units (), allowed legs along the last axis that broadcast",
        ),
    ],
)
def test_what_cannot_be_margined_is_said_in_a_sentence(changed, sentence):
    given = {"strikes": [100.0], "years": [0.1], "units": [-1.0], "prices": [2.0]} | changed
    with pytest.raises(mc.Refusal) as refusal:
        mc.option_margin(100.0, call=[True], **given)
    assert str(refusal.value) == sentence


def test_the_compiled_rules_and_their_python_are_one():
    rng = np.random.default_rng(3)
    room = np.empty(5), np.empty(5)
    for _ in range(50):
        units = rng.integers(-3, 4, 5).astype(float)
        given = (
            *(100.0, rng.choice([90.0, 95.0, 100.0, 110.0], 5), rng.random(5) < 0.5),
            *(rng.choice([0.1, 0.2], 5), units, rng.uniform(0.5, 9.0, 5), 0.0),
            np.array([0.2, 0.1, 0.5]),
        )
        assert strategy_margin(*given, *room) == strategy_margin.py_func(*given, *room)
