"""Positions on a path: the loop agrees with a plain one, and its books with themselves."""

from __future__ import annotations

import pickle
from itertools import pairwise
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import OptionLegs, ShortStrangle
from engine.options.layout import (
    BLOCK,
    EXIT_REASONS,
    HELD_WIDTH,
    LEG_ROOM,
    LEG_WIDTH,
    RULES_WIDTH,
    SERIES_WIDTH,
    TABLES_WIDTH,
    TAPE_COLUMNS,
    TAPE_WIDTH,
    TOTALS_WIDTH,
)
from engine.options.legs import Leg
from engine.options.path_margin import MARGIN_ROOM, encode_margin
from engine.options.positions import trade_path
from engine.options.rules import encode_set, encode_terms
from engine.options.settings import OptionSettings
from engine.options.volatility import fill_series, fill_tables
from engine.strategies import get_strategy
from engine.strategies.option_builders import OF_OPTIONS
from tests.engine.options.conftest import run_on
from tests.engine.options.plain import PlainTerms, trade_plainly

FEES = {"multiplier": 50.0, "commission": 1.25, "exercise_fee": 2.0, "spread": {"percent": 6.0}}
VOLATILITY = 0.4
SCAN = {"rule": "scan", "price_range": 0.1, "volatility_shift": 0.2, "rescan": 0.02}

RULES: list[dict[str, Any]] = [
    {},
    {"profit_target": 0.2},
    {"profit_target": 0.5, "stop_loss": 0.5},
    {"stop_loss": 0.25, "roll_at_dte": 7},
    {"entry_every": 13, "dte": 9},
    {"dte": 45, "profit_target": 0.6},
    {"dte": 1},
]


@pytest.mark.parametrize("rules", RULES)
def test_a_strangle_is_traded_as_a_plain_program_trades_it(
    rules: dict[str, Any], lognormal_closes: NDArray[np.float64]
) -> None:
    chosen = {"put_otm": 1.5, "call_otm": 3.0, **rules}
    ran = run_on(
        lognormal_closes, ShortStrangle, [chosen], {"volatility": VOLATILITY, **FEES, "rate": 0.03}
    )
    plain_rules = {
        name: rules[name]
        for name in ("profit_target", "stop_loss", "roll_at_dte", "entry_every")
        if name in rules
    }
    bars = rules.get("dte", 21)
    legs = [(-1.0, False, lambda f: f * 0.985, bars), (-1.0, True, lambda f: f * 1.03, bars)]
    terms = PlainTerms(
        VOLATILITY, 1 / 252, rate=0.03, multiplier=50.0, spread=0.06, commission=1.25,
        exercise_fee=2.0, **plain_rules,
    )  # fmt: skip
    reasons = set()
    for path, closes in enumerate(lognormal_closes):
        plain = trade_plainly(closes.tolist(), legs, terms)
        np.testing.assert_allclose(ran.equity[path, 0], plain.curve, rtol=1e-11)
        found = {name: values[path, 0] for name, values in ran.metrics.items()}
        pnls = np.array([held["pnl"] for held in plain.positions])
        assert found["trades"] == len(pnls)
        assert found["win_rate"] == pytest.approx((pnls > 0.0).mean())
        assert found["worst_position"] == pytest.approx(min(pnls.min(), 0.0), rel=1e-9)
        assert found["net_pnl"] == pytest.approx(pnls.sum(), rel=1e-8)
        credits = np.array([held["credit"] for held in plain.positions])
        assert found["premium"] == pytest.approx(credits.sum(), rel=1e-10)
        assert found["premium_kept"] == pytest.approx(pnls.sum() / credits.sum(), rel=1e-8)
        assert found["worst_to_premium"] == pytest.approx(min((pnls / credits).min(), 0), rel=1e-8)
        for reason in EXIT_REASONS:
            count = sum(held["reason"] == reason for held in plain.positions)
            assert found[f"exits_{reason}"] == count
            reasons |= {reason} if count else set()
    if "profit_target" in rules:
        assert "profit_target" in reasons
    if "roll_at_dte" in rules:
        assert "days_left" in reasons


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pricing", "margin", "smiles", "strikes"),
    [
        ("black76", 0.1, 0, {"strikes": "deviations", "put_otm": 0.7}),
        ("bachelier", 0.1, 0, {"strikes": "deviations", "put_otm": 0.7}),
        ("black76", "reg_t", 0, {"strikes": "points", "put_otm": 1.0}),
        ("black76", SCAN, 2, {"strikes": "delta", "put_otm": 0.3, "call_otm": 0.2}),
    ],
)
def test_the_loop_is_its_own_plain_python_to_the_bit(
    pricing: str,
    margin: Any,
    smiles: int,
    strikes: dict[str, Any],
    lognormal_closes: NDArray[np.float64],
) -> None:
    smile = mc.VolatilitySurface.from_smile([0.05, 0.2], [0.4, 0.35], skew=-0.2, curvature=0.8)
    surface = smile.rows[:smiles]
    volatility = 0.4 if pricing == "black76" else 30.0
    options = {"volatility": volatility, "pricing": pricing, "strike_step": 0.5, **FEES}
    options["margin"] = margin
    settings = OptionSettings.model_validate(options)
    values = {name: item.default for name, item in ShortStrangle.parameters.items()}
    values |= {"profit_target": 0.4, "dte": 30} | strikes
    plan = encode_set(values, ShortStrangle.legs, settings, 1.0)
    legs = plan[RULES_WIDTH:].reshape(-1, LEG_WIDTH)
    plainly = FunctionType(
        trade_path.py_func.__code__,
        trade_path.py_func.__globals__ | {"borrow": lambda array: array},
    )
    for closes in lognormal_closes[:3]:
        series, tables = np.empty((SERIES_WIDTH, 200 + BLOCK)), np.empty((TABLES_WIDTH, 31 + BLOCK))
        fill_series(closes, closes[:0], False, 1.0 if smiles else volatility, series)
        fill_tables(0, np.empty(0), False, False, 1 / 252, 0.0, 0.02, 0.0, tables)
        found = []
        for trade in (trade_path, plainly):
            totals, curve = np.zeros(TOTALS_WIDTH), np.zeros(200)
            tape, used = np.zeros((TAPE_WIDTH, 64)), np.zeros(1)
            room, held = np.zeros((LEG_ROOM + 2, BLOCK)), np.zeros((2, HELD_WIDTH))
            code = trade(
                series, tables, surface, 0, encode_terms(settings, 1e5), plan[:RULES_WIDTH], legs,
                room, held, encode_margin(settings, 1 / 252, 1.0), np.zeros(MARGIN_ROOM),
                np.zeros(2, dtype=np.bool_), totals, curve, tape, used,
            )  # fmt: skip
            assert code == 0
            assert used[0] >= 12
            found.append(np.concatenate([totals, curve, tape.ravel()]))
        assert found[0].tobytes() == found[1].tobytes()


def test_a_margin_call_closes_at_the_worse_side_of_the_market() -> None:
    closes = np.concatenate([np.full(5, 100.0), np.full(30, 140.0)])
    options = {"volatility": 0.3, "margin": 0.2, **FEES}
    ran = run_on(closes, ShortStrangle, [{"dte": 21}], options, cash=1900.0)
    terms = PlainTerms(
        0.3, 1 / 252, multiplier=50.0, spread=0.06, commission=1.25, exercise_fee=2.0,
        margin=0.2, cash=1900.0,
    )  # fmt: skip
    legs = [(-1.0, False, lambda f: f * 0.98, 21), (-1.0, True, lambda f: f * 1.02, 21)]
    plain = trade_plainly(closes.tolist(), legs, terms)
    assert [held["reason"] for held in plain.positions] == ["margin_call"]
    assert ran.metrics["margin_calls"].tolist() == [[1.0]]
    assert ran.metrics["rejected_orders"].tolist() == [[float(plain.rejected)]]
    assert plain.rejected > 0
    np.testing.assert_allclose(ran.equity[0, 0], plain.curve, rtol=1e-11)


CONDOR = [
    {"side": "sell", "right": "put", "otm": 2.0, "days": 21},
    {"side": "buy", "right": "put", "otm": 5.0, "days": 21},
    {"side": "sell", "right": "call", "otm": 2.0, "days": 21},
    {"side": "buy", "right": "call", "otm": 5.0, "days": 21},
]


def opposite(legs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sides = {"buy": "sell", "sell": "buy"}
    return [leg | {"side": sides[leg["side"]]} for leg in legs]


def test_buying_and_selling_the_same_legs_sums_to_minus_costs(
    lognormal_closes: NDArray[np.float64],
) -> None:
    options = {"volatility": 0.4, "margin": 0.0, **FEES}
    found = [
        run_on(lognormal_closes, OptionLegs, [{}], options | {"legs": legs})
        for legs in (CONDOR, opposite(CONDOR))
    ]
    profit = sum(ran.metrics["net_pnl"] for ran in found)
    costs = sum(ran.metrics["commission"] + ran.metrics["slippage"] for ran in found)
    assert (costs > 0.0).all()
    np.testing.assert_allclose(profit, -costs, atol=1e-9 * 100_000.0)


def test_long_call_and_short_put_of_a_strike_move_as_their_future(
    lognormal_closes: NDArray[np.float64],
) -> None:
    legs = [
        {"side": "buy", "right": "call", "otm": 0.0, "days": 21},
        {"side": "sell", "right": "put", "otm": 0.0, "days": 21},
    ]
    options = {"volatility": 0.4, "legs": legs, "multiplier": 1.0, "rate": 0.05, "margin": 0.0}
    ran = run_on(lognormal_closes, OptionLegs, [{}], options)
    for path, closes in enumerate(lognormal_closes):
        expected, settled = [], 100_000.0
        for bar in range(len(closes)):
            entry = bar - bar % 21
            left = 21 - bar % 21
            if bar % 21 == 0 and bar > 0:
                settled += closes[bar] - closes[bar - 21]
            open_now = entry + 21 < len(closes)
            gain = np.exp(-0.05 * left / 252) * (closes[bar] - closes[entry]) if open_now else 0.0
            expected.append(settled + gain)
        np.testing.assert_allclose(ran.equity[path, 0], expected, rtol=1e-9 / 1000)


def test_what_is_recorded_of_the_legs_adds_up_to_the_profit(
    lognormal_closes: NDArray[np.float64],
) -> None:
    sets = [{"profit_target": 0.3}, {"dte": 10, "stop_loss": 1.0}, {}]
    ran = run_on(lognormal_closes, ShortStrangle, sets, {"volatility": 0.4, **FEES})
    row = dict(zip(TAPE_COLUMNS, ran.tape.columns[:, : ran.tape.count], strict=True))
    ends = np.concatenate([[0], ran.tape.ends])
    for simulation, (begin, end) in enumerate(pairwise(ends.tolist())):
        net = ran.metrics["net_pnl"].ravel()[simulation]
        assert row["pnl"][begin:end].sum() == pytest.approx(net, abs=1e-7)
        paid = ran.metrics["commission"].ravel()[simulation]
        assert row["commission"][begin:end].sum() == pytest.approx(paid)
        count = ran.metrics["trades"].ravel()[simulation]
        assert len(np.unique(row["position"][begin:end])) == count
    assert ran.tape.count > 1024 / 4


def test_a_later_bar_changes_nothing_before_it(lognormal_closes: NDArray[np.float64]) -> None:
    sets = [{"profit_target": 0.3}, {"dte": 30, "strikes": "deviations"}]
    for options in ({"volatility": 0.4}, {"volatility": {"kind": "realised", "lookback": 10}}):
        whole = run_on(lognormal_closes, ShortStrangle, sets, options)
        changed = lognormal_closes.copy()
        changed[:, 120:] *= 1.3
        other = run_on(changed, ShortStrangle, sets, options)
        assert (whole.equity[:, :, :120] == other.equity[:, :, :120]).all()
        assert (whole.equity[:, :, 120] != other.equity[:, :, 120]).any()


@pytest.mark.parametrize("greeks", [False, True])
def test_calls_less_puts_are_discounted_futures_less_strikes_along_every_path(
    lognormal_closes: NDArray[np.float64], greeks: bool
) -> None:
    """By the loop and by the book, whose one position ends with the path."""
    closes, strike, rate = lognormal_closes[:, :31], 83.0, 0.05
    legs = [
        Leg(side=side, right=right, by="absolute", otm=strike, days=30).model_dump()
        for side, right in (("buy", "call"), ("sell", "put"))
    ]
    options = {"volatility": 0.4, "rate": rate, "legs": legs, "margin": 0.0, "greeks": greeks}
    found = run_on(closes, OptionLegs, [{}], options).equity[:, 0]
    discounts = np.exp(-rate * np.arange(30, -1, -1) / 252)
    parity = 100.0 * discounts * (closes - strike)
    np.testing.assert_allclose(found - 100_000.0, parity - parity[:, :1], rtol=0.0, atol=1e-9)


def test_a_calendar_spread_sells_its_far_leg_when_the_near_one_expires() -> None:
    closes = np.full(60, 100.0)
    legs = [
        Leg(side="sell", right="call", days=10).model_dump(),
        Leg(side="buy", right="call", days=30).model_dump(),
    ]
    options = {"volatility": 0.4, "legs": legs, "multiplier": 1.0, "commission": 0.5}
    ran = run_on(closes, OptionLegs, [{"entry_every": 60}], options)
    row = dict(zip(TAPE_COLUMNS, ran.tape.columns[:, : ran.tape.count], strict=True))
    assert row["exit_bar"].tolist() == [10.0, 10.0]
    far = mc.black76(100.0, 100.0, 20 / 252, 0.4).price
    assert row["exit_price"].tolist() == pytest.approx([0.0, far])
    assert row["commission"].tolist() == [0.5, 1.0]


def test_an_iron_butterfly_earns_what_the_butterfly_of_its_strikes_earns(
    lognormal_closes: NDArray[np.float64],
) -> None:
    options = {"volatility": 0.4, "margin": 0.0}
    iron, plain = (
        run_on(lognormal_closes, get_strategy(name), [{}], options).equity
        for name in ("iron_butterfly", "butterfly")
    )
    np.testing.assert_allclose(iron, plain, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(OF_OPTIONS.keys() - {"option_legs"}))
def test_every_built_in_begins_by_its_name_and_trades(
    name: str, lognormal_closes: NDArray[np.float64]
) -> None:
    built = getattr(mc.Strategy, name)().contracts(2.0).build()
    ran = run_on(lognormal_closes, built, [{}], {"volatility": 0.4, "margin": 0.0})
    single = run_on(lognormal_closes, get_strategy(name), [{}], {"volatility": 0.4, "margin": 0.0})
    assert (ran.metrics["trades"] >= 7).all()
    np.testing.assert_allclose(ran.metrics["net_pnl"], 2.0 * single.metrics["net_pnl"], rtol=1e-9)


def test_a_chain_of_calls_sets_defaults_and_names_what_it_may_set() -> None:
    built = mc.Strategy.short_strangle().put_otm(3.0).call_otm(1.0).roll_at_dte(2).build()
    assert built.name == "short_strangle"
    assert built.parameters["put_otm"].default == 3.0
    assert built.code_hash() == ShortStrangle.code_hash()
    assert ShortStrangle.parameters["put_otm"].default == 2.0
    elsewhere = pickle.loads(pickle.dumps(built))
    assert elsewhere.parameters["call_otm"].default == 1.0
    assert elsewhere.code_hash() == built.code_hash()
    with pytest.raises(AttributeError, match="found 'putotm', allowed"):
        mc.Strategy.short_strangle().putotm(3.0)
    with pytest.raises(mc.Refusal, match="put_otm: found -1, allowed a number >= 0"):
        mc.Strategy.short_strangle().put_otm(-1)


@pytest.mark.parametrize("leg_count", [9])
def test_more_legs_than_there_is_room_for_are_refused(leg_count: int) -> None:
    legs = [{"side": "buy", "right": "call"}] * leg_count
    with pytest.raises(ValueError, match="legs: found 9, allowed 1 to 8"):
        run_on(np.full(60, 100.0), OptionLegs, [{}], {"volatility": 0.3, "legs": legs})
