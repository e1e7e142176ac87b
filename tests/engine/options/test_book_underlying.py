"""The underlying in the book: hedges, deliveries, exercise before expiry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import OptionLegs, ShortPut, ShortStrangle
from engine.strategies import get_strategy
from tests.engine.options.conftest import run_on
from tests.engine.options.test_book import profit_of_rows, rows_of

Closes = NDArray[np.float64]


def hedged_once_a_day_plainly(closes: list[float], sigma: float, days: int) -> float:
    """Profit of short puts at the money, hedged at every close, one after the other."""
    profit, bar = 0.0, 0
    while bar + days < len(closes):
        strike, held = closes[bar], 0.0
        profit += float(mc.black76(closes[bar], strike, days / 252, sigma, call=False).price)
        for now in range(bar, bar + days):
            left = (bar + days - now) / 252
            found = mc.black76(closes[now], strike, left, sigma, call=False)
            held = float(found.delta)
            profit += held * (closes[now + 1] - closes[now])
        profit -= max(strike - closes[bar + days], 0.0)
        bar += days
    return profit


def test_a_hedge_is_that_of_a_plain_program(lognormal_closes: Closes) -> None:
    options = {"volatility": 0.4, "multiplier": 1.0, "spread": {"percent": 0}, "margin": 0.0}
    ran = run_on(lognormal_closes, ShortPut, [{"put_otm": 0.0, "hedge_every": 1}], options)
    for path, closes in enumerate(lognormal_closes):
        expected = hedged_once_a_day_plainly(closes.tolist(), 0.4, 21)
        assert ran.metrics["net_pnl"][path, 0] == pytest.approx(expected, rel=1e-8, abs=1e-9)
    np.testing.assert_allclose(profit_of_rows(ran), ran.metrics["net_pnl"].ravel(), atol=1e-9)


def test_costs_of_hedging_are_those_of_its_trades(lognormal_closes: Closes) -> None:
    free = {"volatility": 0.4, "multiplier": 10.0, "margin": 0.0}
    dear = free | {"underlying_costs": {"points": 0.04, "commission": 0.5}}
    sets = [{"hedge_every": 2}]
    without, ran = (run_on(lognormal_closes, ShortStrangle, sets, each) for each in (free, dear))
    lost = without.metrics["net_pnl"] - ran.metrics["net_pnl"]
    paid = ran.metrics["commission"] + ran.metrics["slippage"]
    np.testing.assert_allclose(lost, paid, rtol=1e-9)
    rows = rows_of(ran)
    stretches = rows["call"] == 2
    # Commission is 0.5 and slippage 0.02 x 10 for each contract's worth that changed hands.
    ratio = rows["commission"][stretches] / rows["slippage"][stretches]
    np.testing.assert_allclose(ratio, 2.5)
    np.testing.assert_allclose(profit_of_rows(ran), ran.metrics["net_pnl"].ravel(), atol=1e-9)
    assert (ran.metrics["hedges"] > 80).all()


def test_a_band_is_hedged_only_beyond_it(lognormal_closes: Closes) -> None:
    sets = [{"hedge_band": band} for band in (0.0, 0.1, 0.3)]
    ran = run_on(lognormal_closes, ShortStrangle, sets, {"volatility": 0.4})
    hedges = ran.metrics["hedges"].mean(axis=0)
    assert hedges[0] > 1.5 * hedges[1] > 2.5 * hedges[2] > 0
    rows = rows_of(run_on(lognormal_closes[:1], ShortStrangle, [sets[1]], {"volatility": 0.4}))
    held, position = rows["units"][rows["call"] == 2], rows["position"][rows["call"] == 2]
    same = position[1:] == position[:-1]
    assert (abs(np.diff(held))[same] > 0.1).all()


def test_hedging_on_a_geometric_walk_has_no_mean_and_a_variance_that_falls_as_one_over_hedges() -> (
    None
):
    study = mc.Study(
        "hedged", mc.GBM(mu=0.0, sigma=0.3), "short_straddle",
        {"dte": 64, "hedge_every": [1, 4, 16]}, seeds=4000, steps=65, s0=100.0,
        options={"multiplier": 1.0, "margin": 0.0}, record={"metrics": ["bar_trading"]},
    )  # fmt: skip
    rows = study.run(workers=2).frame
    spread = []
    for every in (1, 4, 16):
        profit = rows.filter(rows["hedge_every"] == every)["net_pnl"].to_numpy()
        assert abs(profit.mean()) < 4 * profit.std() / np.sqrt(len(profit))
        spread.append(profit.var())
    # Boyle and Emanuel (1980): the variance goes with the length of a step.
    for fine, coarse in ((0, 1), (1, 2)):
        assert spread[coarse] / spread[fine] == pytest.approx(4.0, rel=0.25)


def test_hedging_in_a_models_future_takes_out_its_risk() -> None:
    oil = mc.Schwartz2F(
        mu=0.05, r=0.05, kappa=1.876, sigma_spot=0.393, sigma_yield=0.527, rho=0.766
    )
    study = mc.Study(
        "hedged", oil, "short_strangle", {"hedge_every": [0, 1]}, seeds=400, steps=64, s0=75.0,
        options={"underlying": "future", "future_days": 3, "multiplier": 1.0, "margin": 0.0},
        record={"metrics": ["bar_trading", "options"]},
    )  # fmt: skip
    rows = study.run(workers=2).frame
    bare, hedged = (rows.filter(rows["hedge_every"] == e)["net_pnl"].to_numpy() for e in (0, 1))
    assert hedged.std() < 0.35 * bare.std()
    assert abs(hedged.mean()) < 4 * hedged.std() / np.sqrt(len(hedged))


def test_a_covered_call_is_the_put_of_its_strike(lognormal_closes: Closes) -> None:
    options = {"volatility": 0.4, "pricing": "black_scholes", "margin": 0.0}
    call, put = (
        run_on(lognormal_closes, get_strategy(name), [{"call_otm": 0.0, "put_otm": 0.0}], options)
        for name in ("covered_call", "short_put")
    )
    last = 9 * 21 + 1  # the close of the last position; what is held stays
    np.testing.assert_allclose(call.equity[..., :last], put.equity[..., :last], rtol=1e-11)
    assert call.metrics["hedges"].tolist() == [[1.0]] * len(lognormal_closes)


def test_a_collar_loses_no_more_than_to_its_put(lognormal_closes: Closes) -> None:
    options = {"volatility": 0.4, "pricing": "black_scholes", "multiplier": 1.0}
    sets = [{"put_otm": 3.0, "call_otm": 3.0, "dte": 21}]
    ran = run_on(lognormal_closes, get_strategy("collar"), sets, options)
    rows = rows_of(ran)
    puts = rows["call"] == 0
    assert puts.sum() == len(lognormal_closes) * 9
    start = lognormal_closes[:, 0] * 0.97
    np.testing.assert_allclose(rows["strike"][puts][::9], start)
    first = ran.equity[:, 0, 21] - ran.equity[:, 0, 0]
    assert (first >= -0.031 * lognormal_closes[:, 0] - 1.0).all()
    np.testing.assert_allclose(profit_of_rows(ran), ran.metrics["net_pnl"].ravel(), atol=1e-9)


def test_a_wheel_sells_puts_until_one_is_assigned_and_then_calls(
    lognormal_closes: Closes,
) -> None:
    options = {"volatility": 0.4, "pricing": "black_scholes", "exercise_fee": 1.0}
    ran = run_on(lognormal_closes, get_strategy("wheel"), [{"dte": 7}], options)
    rows, begin = rows_of(ran), 0
    seen = set()
    for end in ran.tape.ends.tolist():
        holding = False
        order = np.lexsort((rows["call"][begin:end] == 2, rows["position"][begin:end]))
        for place in begin + order:
            kind = rows["call"][place]
            if kind == 2:
                continue
            assert kind == (1.0 if holding else 0.0)
            seen.add((kind, rows["exit_price"][place] > 0.0))
            if rows["exit_price"][place] > 0.0:
                holding = not holding
        begin = end
    assert len(seen) == 4
    np.testing.assert_allclose(profit_of_rows(ran), ran.metrics["net_pnl"].ravel(), atol=1e-8)


def test_secured_puts_ask_for_their_strikes() -> None:
    closes = np.full(30, 100.0)
    options = {"volatility": 0.3, "margin": 0.0}
    for cash, trades in ((9_700.0, 0.0), (9_900.0, 1.0)):
        ran = run_on(closes, get_strategy("cash_secured_put"), [{}], options, cash=cash)
        assert ran.metrics["trades"].tolist() == [[trades]]


def test_delivery_ends_as_cash_does_but_for_the_costs_of_the_underlying(
    lognormal_closes: Closes,
) -> None:
    options = {"volatility": 0.4, "underlying_costs": {"points": 0.1}, "multiplier": 10.0}
    cash, physical = (
        run_on(lognormal_closes, ShortStrangle, [{}], options | {"settlement": settlement})
        for settlement in ("cash", "physical")
    )
    delivered = physical.metrics["assignments"]
    assert (delivered > 0).all()
    lost = cash.metrics["net_pnl"] - physical.metrics["net_pnl"]
    np.testing.assert_allclose(lost, delivered * 10.0 * 0.05, atol=1e-8)
    np.testing.assert_allclose(
        profit_of_rows(physical), physical.metrics["net_pnl"].ravel(), atol=1e-9
    )


AMERICAN = {"volatility": 0.4, "exercise": "american", "pricing": "black_scholes", "rate": 0.08}


def test_american_options_are_priced_and_exercised_by_their_boundary(
    lognormal_closes: Closes,
) -> None:
    legs: list[dict[str, Any]] = [{"side": "buy", "right": "put", "otm": -12.0, "days": 42}]
    ran = run_on(lognormal_closes[:6], OptionLegs, [{}], AMERICAN | {"legs": legs})
    rows, ends = rows_of(ran), [0, *ran.tape.ends.tolist()]
    early = 0
    for path in range(6):
        for place in range(ends[path], ends[path + 1]):
            entry, end = int(rows["entry_bar"][place]), int(rows["exit_bar"][place])
            strike, expiry = rows["strike"][place], int(rows["expiry_bar"][place])
            closes = lognormal_closes[path]
            held = np.arange(entry, end)
            found = mc.american(
                closes[held],
                strike,
                (expiry - held) / 252,
                0.4,
                model="black_scholes",
                rate=0.08,
                call=False,
            )
            assert rows["entry_price"][place] == pytest.approx(float(found.price[0]), rel=1e-9)
            # Until the last close it was not worth more exercised, from the entry on.
            assert (closes[held[1:]] > found.boundary[1:] - 1e-6).all()
            if end < expiry:
                last = mc.american(
                    *(closes[end], strike, (expiry - end) / 252, 0.4),
                    model="black_scholes",
                    rate=0.08,
                    call=False,
                )
                assert closes[end] <= float(last.boundary) + 1e-6
                assert rows["exit_price"][place] == pytest.approx(strike - closes[end])
                early += 1
    assert early > 5
    assert ran.metrics["early_exercises"].sum() == early
    assert ran.metrics["exits_early_exercise"].sum() == early


def test_who_sold_is_assigned_when_who_bought_exercises(lognormal_closes: Closes) -> None:
    legs = {"right": "put", "otm": -12.0, "days": 42}
    found = [
        run_on(
            lognormal_closes[:4], OptionLegs, [{}],
            AMERICAN | {"margin": 0.0, "legs": [legs | {"side": side}]},
        )
        for side in ("buy", "sell")
    ]  # fmt: skip
    bought, sold = (ran.metrics for ran in found)
    np.testing.assert_allclose(bought["net_pnl"], -sold["net_pnl"], atol=1e-8)
    assert (bought["assignments"] == 0).all()
    assert (sold["assignments"] >= sold["early_exercises"]).all()
    assert sold["early_exercises"].sum() > 0


def test_profit_by_greek_of_american_options_sums_to_the_profit(lognormal_closes: Closes) -> None:
    ran = run_on(lognormal_closes[:2], ShortStrangle, [{}], AMERICAN | {"greeks": True})
    found = sum(ran.metrics[f"{name}_pnl"] for name in ("delta", "gamma", "theta", "vega", "rest"))
    np.testing.assert_allclose(found, ran.metrics["net_pnl"], atol=1e-9)
    small = abs(ran.metrics["rest_pnl"]) < 0.2 * abs(ran.metrics["theta_pnl"])
    assert small.all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("covered_call", {"call_otm": 2.0, "dte": 15}),
        ("collar", {"put_otm": 3.0, "call_otm": 3.0, "dte": 15}),
        ("short_strangle", {"hedge_every": 1, "dte": 15}),
        ("wheel", {"dte": 7}),
    ],
)
def test_cash_and_positions_of_either_kind_are_equity_at_every_close(
    name: str, parameters: dict[str, Any], lognormal_closes: Closes
) -> None:
    options = {
        "volatility": 0.4, "pricing": "black_scholes", "multiplier": 1.0, "margin": 0.0,
        "spread": {"percent": 2},
    }  # fmt: skip
    closes = lognormal_closes[:1]
    ran = run_on(closes, get_strategy(name), [parameters], options)
    rows, equity = rows_of(ran), ran.equity[0, 0]
    kinds, bars = set(rows["call"].tolist()), np.arange(equity.size)
    profits = np.zeros(equity.size)
    for row in range(len(rows["call"])):
        entry, end = int(rows["entry_bar"][row]), int(rows["exit_bar"][row])
        held, units = bars[entry:end], rows["units"][row]
        marks = closes[0, held]
        if rows["call"][row] != 2:
            left = (rows["expiry_bar"][row] - held) / 252
            call = bool(rows["call"][row])
            marks = mc.black76(marks, rows["strike"][row], left, 0.4, call=call).price
        profits[entry:end] += units * (marks - rows["entry_price"][row])
        profits[end:] += rows["pnl"][row]
    start = float(ran.metrics["final_equity"][0, 0] - ran.metrics["net_pnl"][0, 0])
    assert 2 in kinds
    assert kinds & {0, 1}
    np.testing.assert_allclose(equity, start + profits, rtol=0.0, atol=1e-9)
