"""The book of option positions: it agrees with the loop, and its rules are those of its page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import OptionLegs, ShortPut, ShortStrangle
from engine.options.layout import TAPE_COLUMNS
from tests.engine.options.conftest import Ran, run_on

FEES = {"multiplier": 50.0, "commission": 1.25, "exercise_fee": 2.0, "spread": {"percent": 6.0}}
SCAN = {"rule": "scan", "price_range": 0.1, "volatility_shift": 0.2, "rescan": 0.02}
SETS = [
    {"profit_target": 0.3, "put_otm": 1.5},
    {"stop_loss": 0.5, "dte": 10},
    {"entry_every": 13, "dte": 9, "roll_at_dte": 3},
]
PROFITS = ("delta_pnl", "gamma_pnl", "theta_pnl", "vega_pnl", "rest_pnl")
Closes = NDArray[np.float64]


def rows_of(ran: Ran) -> dict[str, NDArray[np.float64]]:
    """Columns of the tape."""
    return dict(zip(TAPE_COLUMNS, ran.tape.columns[:, : ran.tape.count], strict=True))


def profit_of_rows(ran: Ran) -> NDArray[np.float64]:
    """Profit of all rows of each simulation."""
    ends = [0, *ran.tape.ends.tolist()]
    pnl = ran.tape.columns[TAPE_COLUMNS.index("pnl")]
    return np.array([pnl[begin:end].sum() for begin, end in pairwise(ends)])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"margin": "reg_t"},
        {"margin": SCAN},
        {"pricing": "bachelier", "volatility": 30.0},
        {"pricing": "black_scholes", "dividend": 0.02, "strike_step": 0.5},
        {"volatility": {"kind": "realised", "lookback": 10}},
    ],
)
def test_the_book_trades_as_the_loop_does_to_the_bit(
    more: dict[str, Any], lognormal_closes: Closes
) -> None:
    options = {"volatility": 0.4, "rate": 0.03, **FEES, **more}
    loop = run_on(lognormal_closes, ShortStrangle, SETS, options, cash=5000.0)
    book = run_on(lognormal_closes, ShortStrangle, SETS, options | {"greeks": True}, cash=5000.0)
    assert loop.equity.tobytes() == book.equity.tobytes()
    for name, values in loop.metrics.items():
        if name not in PROFITS:
            np.testing.assert_allclose(book.metrics[name], values, rtol=1e-9, atol=1e-9)
    left, right = rows_of(loop), rows_of(book)
    for name in TAPE_COLUMNS[:14]:
        np.testing.assert_allclose(left[name], right[name], rtol=1e-9, atol=1e-9)


def test_a_smile_is_the_same_in_the_book(lognormal_closes: Closes) -> None:
    smile = {"kind": "smile", "value": 0.4, "skew": -0.2, "curvature": 0.8}
    options = {"volatility": smile, **FEES}
    sets = [{"strikes": "delta", "put_otm": 0.3, "call_otm": 0.2}]
    loop, book = (
        run_on(lognormal_closes, ShortStrangle, sets, options | {"greeks": greeks})
        for greeks in (False, True)
    )
    np.testing.assert_allclose(loop.equity, book.equity, rtol=1e-12)


@pytest.mark.parametrize("kind", ["constant", "realised", "smile"])
def test_profit_by_greek_sums_to_the_profit(kind: str, lognormal_closes: Closes) -> None:
    volatility = {
        "constant": 0.4,
        "realised": {"kind": "realised", "lookback": 10},
        "smile": {"kind": "smile", "value": 0.4, "skew": -0.2},
    }[kind]
    options = {"volatility": volatility, "greeks": True, "rate": 0.03, **FEES}
    ran = run_on(lognormal_closes, ShortStrangle, SETS, options)
    found = sum(ran.metrics[name] for name in PROFITS)
    np.testing.assert_allclose(found, ran.metrics["net_pnl"], atol=1e-9)
    np.testing.assert_allclose(profit_of_rows(ran), ran.metrics["net_pnl"].ravel(), atol=1e-9)
    rows = rows_of(ran)
    by_greek = sum(rows[name] for name in PROFITS[:4])
    costs = rows["commission"] + rows["slippage"]
    # What greeks of second order leave of daily moves is small beside the premium.
    rest = rows["pnl"] + costs - by_greek
    assert abs(rest).mean() < 0.1 * abs(rows["units"] * rows["entry_price"] * 50.0).mean()
    moved = ran.metrics["vega_pnl"]
    assert (abs(moved) < 1e-6).all() if kind == "constant" else (abs(moved) > 1.0).any()


def test_greeks_at_entry_are_those_of_the_formula(lognormal_closes: Closes) -> None:
    options = {"volatility": 0.4, "greeks": True, "rate": 0.03}
    rows = rows_of(run_on(lognormal_closes, ShortStrangle, [{}], options))
    price = lognormal_closes[0, rows["entry_bar"][:6].astype(int)]
    for place in range(6):
        left = (rows["expiry_bar"][place] - rows["entry_bar"][place]) / 252
        expected = mc.black76(
            *(price[place], rows["strike"][place], left, 0.4),
            rate=0.03,
            call=bool(rows["call"][place]),
        )
        for name in ("delta", "gamma", "theta", "vega"):
            assert rows[name][place] == pytest.approx(float(getattr(expected, name)), rel=1e-10)


def test_without_greeks_no_profit_by_greek_is_told(lognormal_closes: Closes) -> None:
    ran = run_on(lognormal_closes[:1], ShortStrangle, [{}, {"positions": 2}], {"volatility": 0.4})
    for name in PROFITS:
        assert np.isnan(ran.metrics[name]).all()
    assert np.isnan(rows_of(ran)["delta"]).all()


def test_a_ladder_is_the_sum_of_its_rungs(lognormal_closes: Closes) -> None:
    options = {"volatility": 0.4, "margin": 0.0, **FEES}
    ladder = run_on(
        lognormal_closes, ShortStrangle, [{"positions": 4, "entry_every": 5, "dte": 20}], options
    )
    rungs = [
        run_on(
            np.ascontiguousarray(lognormal_closes[:, 5 * rung :]), ShortStrangle,
            [{"entry_every": 20, "dte": 20}], options,
        )
        for rung in range(4)
    ]  # fmt: skip
    total = sum(rung.metrics["net_pnl"] for rung in rungs)
    np.testing.assert_allclose(ladder.metrics["net_pnl"], total, atol=1e-8)
    count = sum(rung.metrics["trades"] for rung in rungs)
    assert (ladder.metrics["trades"] == count).all()
    rows = rows_of(ladder)
    open_now = [
        ((rows["entry_bar"] <= bar) & (rows["exit_bar"] > bar) & (rows["leg"] == 0)).sum()
        for bar in range(100)
    ]
    assert max(open_now) == 4 * len(lognormal_closes)


@pytest.mark.parametrize(
    ("sizing", "expected"),
    [
        ("value", lambda equity, price, premium: 2.0 * equity / (price * 50.0)),
        # Ten percent of the underlying and what buying back costs.
        ("margin", lambda equity, price, premium: 2.0 * equity / (50.0 * (0.1 * price + premium))),
        ("risk", lambda equity, price, premium: 2.0 * equity / (1.5 * premium * 50.0)),
    ],
)
def test_a_position_is_sized_in_whole_contracts_by_its_rule(
    sizing: str, expected: Any, lognormal_closes: Closes
) -> None:
    chosen = {"sizing": sizing, "size": 2.0, "stop_loss": 1.5, "put_otm": 0.0}
    options = {"volatility": 0.4, "multiplier": 50.0, "margin": 0.1}
    if sizing == "risk":
        options["margin"] = 0.0
    chosen["size"] = 2.0 if sizing == "value" else 0.5
    ran = run_on(lognormal_closes, ShortPut, [chosen], options)
    rows = rows_of(ran)
    price = lognormal_closes[0, 0]
    premium = float(mc.black76(price, price, 21 / 252, 0.4, call=False).price)
    wanted = expected(100_000.0, price, premium) * chosen["size"] / 2.0
    assert rows["units"][0] == -np.floor(wanted)
    assert len(set(rows["units"].tolist())) > 3


def test_kellys_rule_follows_what_positions_have_brought(lognormal_closes: Closes) -> None:
    chosen = {"sizing": "kelly", "size": 0.5, "dte": 5, "put_otm": 0.0}
    ran = run_on(lognormal_closes, ShortPut, [chosen], {"volatility": 0.6, "margin": 0.0})
    rows = rows_of(ran)
    first = rows["position"] < 20
    assert (rows["units"][first] == -1.0).all()
    each = rows["pnl"][:20] / -rows["units"][:20]
    equity = 100_000.0 + rows["pnl"][:20].sum()
    wanted = np.floor(max(0.5 * equity * each.mean() / each.var(), 0.0))
    if wanted > 0.0:
        assert rows["units"][20] == -wanted
    later = rows["units"][rows["position"] >= 20]
    assert len(set(later.tolist())) > 3


def test_positions_open_on_their_weekday(lognormal_closes: Closes) -> None:
    ran = run_on(
        lognormal_closes, ShortStrangle, [{"weekday": "wednesday", "dte": 3}], {"volatility": 0.4}
    )
    assert set((rows_of(ran)["entry_bar"] % 5).tolist()) == {2.0}


def test_positions_wait_for_a_high_volatility(lognormal_closes: Closes) -> None:
    options = {"volatility": {"kind": "realised", "lookback": 10}}
    ran = run_on(lognormal_closes, ShortStrangle, [{"volatility_rank": 0.8, "dte": 3}], options)
    rows = rows_of(ran)
    moves = np.diff(np.log(lognormal_closes[0])) ** 2
    levels = np.array(
        [np.nan if bar < 10 else moves[bar - 10 : bar].sum() ** 0.5 for bar in range(200)]
    )
    entries = rows["entry_bar"][: ran.tape.ends[0]].astype(int)
    assert len(entries) > 4
    for bar in set(entries.tolist()):
        seen = levels[10:bar]
        assert len(seen) > 0
        assert (seen <= levels[bar]).mean() >= 0.8


def test_each_rule_of_leaving_says_why(lognormal_closes: Closes) -> None:
    sets = [{"exit_delta": 0.6}, {"exit_touch": "yes"}, {"exit_days": 4}]
    ran = run_on(lognormal_closes, ShortStrangle, sets, {"volatility": 0.4, "greeks": True})
    for place, name in enumerate(("exits_delta_breach", "exits_touch", "exits_days_held")):
        assert ran.metrics[name][:, place].sum() > 20
    rows = rows_of(ran)
    held = rows["exit_bar"] - rows["entry_bar"]
    assert (held[rows["reason"] == 8] == 4).all()
    ends = np.concatenate([[0], ran.tape.ends])
    path = np.searchsorted(ends, np.arange(ran.tape.count), side="right") - 1
    price = lognormal_closes[path // 3, rows["exit_bar"].astype(int)]
    beyond = np.where(rows["call"] == 1, price - rows["strike"], rows["strike"] - price)
    touched = rows["reason"] == 7
    farthest: dict[Any, float] = {}
    of_position = zip(path[touched], rows["position"][touched], strict=True)
    for position, value in zip(of_position, beyond[touched].tolist(), strict=True):
        farthest[position] = max(value, farthest.get(position, value))
    assert min(farthest.values()) >= 0.0


def test_a_roll_keeps_its_strikes_or_waits_for_a_credit(lognormal_closes: Closes) -> None:
    sets = [{"roll_at_dte": 7, "roll": roll} for roll in ("recentre", "same_strikes", "credit")]
    ran = run_on(lognormal_closes, ShortPut, sets, {"volatility": 0.4, "spread": {"percent": 2}})
    rows, ends = rows_of(ran), [0, *ran.tape.ends.tolist()]
    kept, paid = [], []
    for simulation, (begin, end) in enumerate(pairwise(ends)):
        strikes, bought = rows["strike"][begin:end], rows["exit_price"][begin:end]
        sold, why = rows["entry_price"][begin:end], rows["reason"][begin:end]
        if simulation % 3 == 1:
            kept.append((strikes[1:] == strikes[:-1])[why[:-1] == 4].all())
        elif simulation % 3 == 2:
            rolled = why[:-1] == 4
            paid += (sold[1:] - bought[:-1])[rolled].tolist()
            kept.append((strikes[1:] == strikes[:-1])[rolled].all())
    assert all(kept)
    assert len(paid) > 20
    assert min(paid) >= 0.0


def test_a_strike_by_premium_costs_that_premium(lognormal_closes: Closes) -> None:
    legs = [
        {"side": "sell", "right": right, "by": "premium", "otm": 1.25} for right in ("put", "call")
    ]
    ran = run_on(lognormal_closes, OptionLegs, [{}], {"volatility": 0.4, "legs": legs})
    np.testing.assert_allclose(rows_of(ran)["entry_price"], 1.25, rtol=1e-9)


def test_spreads_widen_out_of_the_money_and_near_expiry() -> None:
    closes = np.full(40, 100.0)
    options = {"volatility": 0.3, "spread": {"points": 0.2, "crossed": 1.0}, "multiplier": 1.0}
    deviation = 0.3 * np.sqrt(21 / 252)
    away = 4.0 / (100.0 * deviation)
    for more, expected in (
        ({}, 0.1),
        ({"wider_otm": 0.5}, 0.1 * (1.0 + 0.5 * away)),
        ({"wider_near": 2.0}, 0.1 * (1.0 + 2.0 / 21)),
    ):
        spread = options["spread"] | more  # type: ignore[operator]
        ran = run_on(
            closes, ShortPut, [{"put_otm": 4.0, "exit_days": 30}], options | {"spread": spread}
        )
        middle = float(mc.black76(100.0, 96.0, 21 / 252, 0.3, call=False).price)
        assert middle - rows_of(ran)["entry_price"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "parameters", "message"),
    [
        ({}, {"sizing": "risk"}, "sizing: found risk without stop_loss"),
        ({}, {"positions": 17}, "positions: found 17"),
        ({"pricing": "bachelier", "volatility": 9.0, "exercise": "american"}, {}, "exercise"),
        ({"underlying": "future"}, "wheel", "future with wheel"),
    ],
)
def test_what_the_book_cannot_hold_is_refused(
    settings: dict[str, Any], parameters: Any, message: str
) -> None:
    name = parameters if isinstance(parameters, str) else "short_put"
    source = mc.Schwartz1F(mu=4.0) if settings.get("underlying") else mc.GBM(mu=0.0)
    study = mc.Study(
        "refused", source, name, parameters if isinstance(parameters, dict) else {},
        options=settings, seeds=2, steps=64,
    )  # fmt: skip
    with pytest.raises(ValueError, match=message):
        study.run(workers=1)
