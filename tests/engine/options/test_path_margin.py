"""Margin by a rule while a position is held: as the functions say, at entry and at every bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import OptionLegs, ShortStrangle
from engine.options.layout import (
    BLOCK,
    DEVIATION,
    GROWTH,
    HELD_WIDTH,
    LEG_ROOM,
    LEG_WIDTH,
    LEVEL,
    LOG_PRICE,
    OF_FUTURE,
    RULES_WIDTH,
    SERIES_WIDTH,
    SPOT_LOADING,
    STRIKE,
    TABLES_WIDTH,
)
from engine.options.path_margin import MARGIN_ROOM, encode_margin, required_margin
from engine.options.rules import encode_terms
from engine.options.settings import OptionSettings
from engine.options.smile_rows import SMILE_WIDTH
from tests.engine.options.conftest import run_on
from tests.engine.options.plain import PlainTerms, trade_plainly

SCAN = {"price_range": 0.08, "volatility_shift": 0.25}
RULES: list[dict[str, Any]] = [
    {"rule": "reg_t"},
    {"rule": "reg_t", "rate": 0.15, "minimum": 0.05},
    {"rule": "scan", **SCAN},
    {"rule": "scan", **SCAN, "extreme": 2.0, "covered": 0.5, "short_minimum": 3.0, "horizon": 0.0},
]
# Units, whether a call, strike as a share of the price.
STRANGLE = [(-1.0, False, 0.98), (-1.0, True, 1.03)]
CONDOR = [(-1.0, False, 0.97), (1.0, False, 0.93), (-1.0, True, 1.03), (1.0, True, 1.06)]
VOLATILITY, RATE, MULTIPLIER = 0.4, 0.03, 50.0
FLAT = np.empty((0, SMILE_WIDTH))


def as_the_function_says(
    rule: dict[str, Any], legs: Sequence[tuple[float, bool, float]]
) -> Callable[..., float]:
    own = {key: value for key, value in rule.items() if key != "rule"}
    units, calls = [leg[0] for leg in legs], [leg[1] for leg in legs]

    def of(spot: float, strikes: list[float], years: list[float], prices: list[float]) -> float:
        if rule["rule"] == "reg_t":
            return float(
                mc.option_margin(
                    spot, strikes, years, units, prices, call=calls, multiplier=MULTIPLIER, **own
                )
            )
        return float(
            mc.scan_margin(
                spot, strikes, years, units, VOLATILITY, call=calls, multiplier=MULTIPLIER,
                rate=RATE, **own,
            )
        )  # fmt: skip

    return of


def options_of(
    rule: Any, legs: Sequence[tuple[float, bool, float]], days: int = 21
) -> dict[str, Any]:
    return {
        **{"volatility": VOLATILITY, "rate": RATE, "multiplier": MULTIPLIER, "margin": rule},
        "legs": [
            {
                "side": "buy" if units > 0.0 else "sell",
                "right": "call" if call else "put",
                "otm": 100.0 * (share - 1.0) * (1.0 if call else -1.0),
                "ratio": abs(units),
                "days": days,
            }
            for units, call, share in legs
        ],
    }


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("legs", [STRANGLE, CONDOR])
def test_margin_at_every_bar_is_what_the_function_says(
    rule: dict[str, Any],
    legs: list[tuple[float, bool, float]],
    lognormal_closes: NDArray[np.float64],
) -> None:
    share = as_the_function_says(rule, legs)
    # Room for what the position asks for at entry and a little more: some are called.
    strikes = [80.0 * leg[2] for leg in legs]
    prices = [
        float(mc.black76(80.0, k, 21 / 252, VOLATILITY, rate=RATE, call=leg[1]).price)
        for k, leg in zip(strikes, legs, strict=True)
    ]
    cash = 1.25 * share(80.0, strikes, [21 / 252] * len(legs), prices)
    ran = run_on(lognormal_closes, OptionLegs, [{}], options_of(rule, legs), cash=cash)
    plain_legs = [
        (units, call, lambda f, share=share: f * share, 21) for units, call, share in legs
    ]
    terms = PlainTerms(
        VOLATILITY, 1 / 252, rate=RATE, multiplier=MULTIPLIER, cash=cash, margin_rule=share
    )
    called, rejected = 0, 0
    for path, closes in enumerate(lognormal_closes):
        plain = trade_plainly(closes.tolist(), plain_legs, terms)
        np.testing.assert_allclose(ran.equity[path, 0], plain.curve, rtol=1e-9)
        found = {name: values[path, 0] for name, values in ran.metrics.items()}
        assert found["max_margin_use"] == pytest.approx(plain.margin_use, rel=1e-9)
        assert found["rejected_orders"] == plain.rejected
        calls = sum(held["reason"] == "margin_call" for held in plain.positions)
        assert found["margin_calls"] == calls
        called, rejected = called + calls, rejected + plain.rejected
    # An iron condor's margin by the rules is its largest loss, of which nothing more is called.
    assert (called > 0) == (legs is STRANGLE or rule["rule"] == "scan")
    assert rejected > 0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("legs", [STRANGLE, CONDOR])
def test_margin_at_entry_is_what_the_function_says(
    rule: dict[str, Any], legs: list[tuple[float, bool, float]]
) -> None:
    cash = 1e6
    ran = run_on(np.full(2, 80.0), OptionLegs, [{}], options_of(rule, legs, days=1), cash=cash)
    strikes = [80.0 * share for _, _, share in legs]
    prices = [
        float(mc.black76(80.0, strike, 1 / 252, VOLATILITY, rate=RATE, call=leg[1]).price)
        for strike, leg in zip(strikes, legs, strict=True)
    ]
    expected = as_the_function_says(rule, legs)(80.0, strikes, [1 / 252] * len(legs), prices)
    assert expected > 0.0
    assert ran.metrics["max_margin_use"][0, 0] * cash == pytest.approx(expected, rel=1e-10)


@given(
    rule=st.sampled_from(RULES),
    put=st.floats(0.5, 15.0),
    call=st.floats(0.5, 15.0),
    sizes=st.tuples(st.floats(0.1, 20.0), st.floats(0.1, 20.0)),
)
def test_a_larger_position_never_asks_for_less(
    rule: dict[str, Any], put: float, call: float, sizes: tuple[float, float]
) -> None:
    small, large = sorted(sizes)
    sets = [
        {"dte": 1, "put_otm": put, "call_otm": call, "contracts": size} for size in (small, large)
    ]
    options = {"volatility": VOLATILITY, "margin": rule}
    ran = run_on(np.full(2, 80.0), ShortStrangle, sets, options, cash=1e9)
    use = ran.metrics["max_margin_use"][0]
    assert 0.0 < use[0] <= use[1] * (1.0 + 1e-12)


def test_legs_on_two_futures_are_scanned_as_if_both_moved_by_one_share() -> None:
    scan = {"rule": "scan", "price_range": 0.1, "volatility_shift": 0.3, "horizon": 0.0}
    settings_ = OptionSettings.model_validate(
        {"underlying": "future", "margin": scan, "multiplier": 10.0, "rate": 0.04}
    )
    terms, near, far = encode_terms(settings_, 1e5), 70.0, 77.0
    assert terms[OF_FUTURE] != 0.0
    series = np.zeros((SERIES_WIDTH, 1 + BLOCK))
    series[LOG_PRICE], series[LEVEL] = 0.0, 1.0
    tables = np.zeros((TABLES_WIDTH, 61 + BLOCK))
    tables[SPOT_LOADING] = 1.0
    years = np.array([20.0, 60.0]) / 252
    for column, future, left in ((40, near, years[0]), (0, far, years[1])):
        tables[GROWTH, column] = np.log(future)
        tables[DEVIATION, column] = 0.35 * np.sqrt(left)
    legs = np.zeros((2, LEG_WIDTH))
    legs[0, :5], legs[1, :5] = (-2.0, 1.0, 0.0, 0.0, 20.0), (1.0, 1.0, 0.0, 0.0, 60.0)
    held, rules = np.zeros((2, HELD_WIDTH)), np.ones(RULES_WIDTH)
    held[:, STRIKE] = 72.0, 80.0
    found = required_margin(
        series, tables, FLAT, 0, 0, 0, terms, rules, legs, held, np.zeros((LEG_ROOM + 2, BLOCK)),
        encode_margin(settings_, 1 / 252, 1.0), np.zeros(MARGIN_ROOM), np.zeros(2, dtype=np.bool_),
    )  # fmt: skip

    def value(move: float, volatility: float) -> float:
        futures = np.array([near, far]) * (1.0 + move)
        worth = mc.black76(futures, held[:, STRIKE], years, volatility, rate=0.04).price
        return float(np.dot([-2.0, 1.0], worth))

    now = value(0.0, 0.35)
    moves = 0.1 * np.arange(-3, 4) / 3.0
    losses = [now - value(m, 0.35 * shift) for m in moves for shift in (1.3, 0.7)]
    losses += [0.33 * (now - value(m, 0.35)) for m in (-0.3, 0.3)]
    assert found == pytest.approx(10.0 * max(losses), rel=1e-9)


def test_within_a_session_a_scan_is_made_anew_only_after_a_step_of_the_price() -> None:
    closes = np.array([80.0, 80.3, 82.0, 82.2, 82.2, 82.2, 82.2])
    margins = {}
    for rescan in (0.0, 0.01):
        rule = {"rule": "scan", **SCAN, "rescan": rescan}
        terms = OptionSettings.model_validate(options_of(rule, STRANGLE))
        legs = np.zeros((2, LEG_WIDTH))
        legs[0, :5], legs[1, :5] = (-1.0, 0.0, 0.0, 0.0, 60.0), (-1.0, 1.0, 0.0, 0.0, 60.0)
        series, tables = np.ones((SERIES_WIDTH, 7 + BLOCK)), np.zeros((TABLES_WIDTH, 61 + BLOCK))
        series[0, :7] = closes
        tables[DEVIATION] = VOLATILITY * np.sqrt(np.maximum(60 - np.arange(61 + BLOCK), 0) / 1000)
        held = np.array([[78.0, 0.0], [83.0, 0.0]])
        work, calls = np.zeros(MARGIN_ROOM), np.zeros(2, dtype=np.bool_)
        margins[rescan] = [
            required_margin(
                series, tables, FLAT, bar, bar, 0, encode_terms(terms, 1e5), np.ones(RULES_WIDTH),
                legs, held, np.zeros((LEG_ROOM + 2, BLOCK)), encode_margin(terms, 1 / 1000, 4.0),
                work, calls,
            )
            for bar in range(7)
        ]  # fmt: skip
    exact, seldom = margins[0.0], margins[0.01]
    # The last scan but one at a price stands until a session of four bars has passed.
    assert len(set(exact[:4])) == 4
    assert exact[3] == exact[4] == exact[6]
    assert seldom[0] == seldom[1] == exact[0]
    assert seldom[2:6] == [exact[2]] * 4
    assert seldom[6] not in {exact[2], exact[6]}


REFUSED = [
    ({"rule": "reg_t", "price_range": 0.1}, "margin.price_range: found unknown key, allowed"),
    ({"rule": "scan", "price_range": 0.1}, "margin.volatility_shift: this field is required"),
    ("span", "margin.rule: found 'span', allowed 'share', 'points', 'reg_t', 'scan'"),
    ({"rule": "reg_t", "rate": 2.0}, "margin.rate: found 2.0, allowed less than or equal to 1"),
    (-0.1, "margin: found -0.1, allowed greater than or equal to 0"),
    ({"rate": 0.2}, "margin.rule: this field is required"),
]


@pytest.mark.parametrize(("margin", "sentence"), REFUSED)
def test_a_rule_that_is_none_is_refused_in_one_sentence(margin: Any, sentence: str) -> None:
    study = mc.Study("margin", mc.GBM(), "short_put", options={"margin": margin}, steps=40, seeds=2)
    with pytest.raises(mc.Refusal) as refused:
        study.resolve()
    assert f"options.{sentence}" in str(refused.value)


def test_prices_below_zero_are_margined_by_a_share_or_an_amount_alone() -> None:
    options = {"pricing": "bachelier", "volatility": 20.0, "margin": "reg_t"}
    study = mc.Study("margin", mc.GBM(), "short_put", options=options, steps=40, seeds=2)
    with pytest.raises(mc.Refusal, match=r"options\.margin\.rule: found reg_t, allowed a share"):
        study.resolve()


def test_a_share_is_stored_as_the_number_that_it_is() -> None:
    assert OptionSettings.model_validate({"margin": 0.25}).model_dump(mode="json")["margin"] == 0.25
