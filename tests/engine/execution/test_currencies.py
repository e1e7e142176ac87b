"""Instruments of several currencies in one account."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import CASH, EVENT_NAMES, ORDER_ROWS, TRADE_ROWS
from engine.strategies import Choice, Float, Strategy, backtest, prepare_strategy


def flat(*prices: float) -> list[tuple[float, float, float, float]]:
    return [(price,) * 4 for price in prices]


class Hold(Strategy):
    """Units of the first symbol from the first bar on, out of them after the fourth by option."""

    first = Float(1.0)
    out = Choice(0, [0, 1])

    def on_start(self, order):
        order[0].market(self.first)

    def on_bar(self, bar, order):
        if bar.index == 3 and self.out == 1:
            order[0].close()


class Both(Strategy):
    def on_start(self, order):
        order[0].market(1)
        order[1].market(1)


@pytest.fixture
def pair(make_bars: Any) -> list[Any]:
    return [
        make_bars(flat(100.0, 110.0), "EUR_STOCK"),
        make_bars(flat(15_000.0, 15_150.0), "JPY_STOCK"),
    ]


TERMS = {"EUR_STOCK": {"currency": "EUR"}, "JPY_STOCK": {"currency": "JPY"}}


def test_differing_currencies_without_a_rate_are_refused_in_one_sentence(pair: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"currencies EUR \(EUR_STOCK\), JPY \(JPY_STOCK\) in"):
        backtest(Both, pair, execution={"cash": 1e6, "instruments": TERMS})
    one = {"EUR_STOCK": {"currency": "EUR"}}
    with pytest.raises(ValueError, match=r"currencies EUR \(EUR_STOCK\), USD \(JPY_STOCK\) in"):
        backtest(Both, pair, execution={"cash": 1e6, "instruments": one})


def test_one_foreign_currency_needs_a_rate_where_the_account_names_its_own(
    pair: list[Any],
) -> None:
    terms = {"cash": 1e6, "instrument": {"currency": "EUR"}}
    assert backtest(Hold, pair[:1], execution=terms).metrics["net_pnl"] == 10.0
    with pytest.raises(ValueError, match="rates: found none for EUR, the currency of EUR_STOCK"):
        backtest(Hold, pair[:1], execution={**terms, "account": {"currency": "USD"}})


def test_constant_rates_convert_profits(pair: list[Any]) -> None:
    account = {"currency": "USD", "rates": {"EUR": 1.25, "JPY": 0.0078125}}
    settings = {"cash": 1e6, "instruments": TERMS, "account": account}
    found = backtest(Both, pair, execution=settings)
    assert found.metrics["net_pnl"] == 10.0 * 1.25 + 150.0 * 0.0078125


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"EUR": "EURUSD", "JPY": 0.01}, "rates.EUR: found symbol EURUSD, allowed EUR_STOCK"),
        ({"EUR": "JPY_STOCK", "JPY": 0.01}, "rates.EUR: found JPY_STOCK, allowed a pair of EUR"),
        ({"EUR": -1.0}, "greater than or equal to"),
    ],
)
def test_rates_that_make_no_sense_are_refused(pair: list[Any], rates: Any, message: str) -> None:
    account = {"currency": "USD", "rates": rates}
    terms = {"EUR_STOCK": {"currency": "EUR"}, "JPY_STOCK": {"currency": "JPY"}}
    with pytest.raises(ValueError, match=message):
        backtest(Both, pair, execution={"instruments": terms, "account": account})


@pytest.mark.parametrize(
    ("name", "quotes", "given"),
    [
        ("EURUSD", (1.25, 1.5), "EURUSD"),
        ("EUR/USD", (1.25, 1.5), "EUR/USD"),
        ("USDEUR=X", (0.8, 2.0 / 3.0), "USDEUR=X"),
        ("C:EURUSD", (1.25, 1.5), {"symbol": "C:EURUSD"}),
        ("PER_DOLLAR", (0.8, 2.0 / 3.0), {"symbol": "PER_DOLLAR", "inverse": True}),
    ],
)
def test_a_share_is_paid_at_the_rate_of_its_fill_and_worth_the_rate_of_the_moment(
    make_bars: Any, name: str, quotes: tuple[float, float], given: Any
) -> None:
    share = make_bars(flat(100.0, 100.0, 110.0, 110.0, 120.0), "SHARE")
    rate = make_bars(flat(quotes[0], quotes[0], quotes[1], quotes[1], quotes[1]), name)
    settings = {
        "cash": 10_000.0,
        "instrument": {"currency": "EUR"},
        "account": {"currency": "USD", "rates": {"EUR": given}},
        "commission": {"rate": 0.01, "per_unit": 0.5},
    }
    found = backtest(Hold, [share, rate], {"first": 10.0, "out": 1}, settings)
    bought = 10.0 * 100.0 * 1.25
    sold = 10.0 * 120.0 * 1.5
    fees = [0.01 * bought + 5.0, 0.01 * sold + 5.0]
    expected = [10_000.0 - fees[0]] * 2
    expected += [10_000.0 - fees[0] - bought + 10.0 * 110.0 * 1.5] * 2
    expected += [10_000.0 - sum(fees) - bought + sold]
    np.testing.assert_allclose(found.equity, expected)
    assert found.trades["pnl"][0] == pytest.approx(sold - bought - sum(fees))
    assert found.metrics["commission"] == pytest.approx(sum(fees))


def test_a_future_makes_profit_in_its_currency_at_the_rate_of_the_moment(make_bars: Any) -> None:
    future = make_bars(flat(100.0, 100.0, 110.0, 110.0, 120.0), "FDAX")
    rate = make_bars(flat(1.25, 1.25, 1.5, 1.5, 1.5), "EURUSD")
    terms = {
        "currency": "EUR",
        "multiplier": 5.0,
        "futures": True,
        "initial_margin": 0.0,
        "initial_margin_per_unit": 400.0,
        "maintenance_margin_per_unit": 300.0,
    }
    settings = {
        "cash": 1_000.0,
        "instrument": terms,
        "account": {"currency": "USD", "rates": {"EUR": "EURUSD"}},
    }
    found = backtest(Hold, [future, rate], {"first": 2.0, "out": 1}, settings)
    gains = np.array([0.0, 0.0, 2 * 5.0 * 10.0 * 1.5, 2 * 5.0 * 10.0 * 1.5, 2 * 5.0 * 20.0 * 1.5])
    np.testing.assert_allclose(found.equity, 1_000.0 + gains)
    assert found.trades["pnl"][0] == pytest.approx(300.0)
    # 400 EUR of margin a contract are 500 USD: two contracts, no third.
    over = backtest(Hold, [future, rate], {"first": 3.0}, settings)
    assert over.metrics["rejected_orders"] == 1.0


def test_dollar_yen_makes_its_profit_in_yen(make_bars: Any) -> None:
    tape = make_bars(flat(150.0, 150.0, 153.0, 153.0, 160.0), "USDJPY")
    settings = {"cash": 10_000.0, "instrument": "fx"}
    found = backtest(Hold, tape, {"first": 100_000.0, "out": 1}, settings)
    gains = [0.0, 0.0, 3e5 / 153.0, 3e5 / 153.0, 1e6 / 160.0]
    np.testing.assert_allclose(found.equity - 10_000.0, gains)
    assert found.trades["pnl"][0] == pytest.approx(1e6 / 160.0)
    # A dollar of the pair is a dollar of notional: 2 % of 500,000 is all the cash.
    most = backtest(Hold, tape, {"first": 500_000.0}, settings)
    assert most.metrics["rejected_orders"] == 0.0
    assert backtest(Hold, tape, {"first": 501_000.0}, settings).metrics["rejected_orders"] == 1.0


def test_a_yen_account_keeps_the_profit_and_a_third_currency_asks_for_a_rate(
    make_bars: Any,
) -> None:
    tape = make_bars(flat(150.0, 153.0), "USDJPY")
    settings = {"cash": 1e8, "instrument": "fx", "account": {"currency": "JPY"}}
    assert backtest(Hold, tape, {"first": 1000.0}, settings).metrics["net_pnl"] == 3000.0
    pounds = make_bars(flat(0.85, 0.86), "EURGBP")
    with pytest.raises(ValueError, match="found none for GBP, the currency of EURGBP"):
        backtest(Hold, pounds, {"first": 1000.0}, {"instrument": "fx"})
    cable = make_bars(flat(1.25, 1.25), "GBPUSD")
    both = backtest(Hold, [pounds, cable], {"first": 1000.0}, {"instrument": "fx"})
    assert both.metrics["net_pnl"] == pytest.approx(12.5)


def test_pairs_in_dollars_and_other_names_are_as_before(make_bars: Any) -> None:
    for name in ("EURUSD", "X", "SOMETHING"):
        tape = make_bars(flat(1.25, 1.26), name)
        found = backtest(Hold, tape, {"first": 1000.0}, {"instrument": "fx"})
        assert found.metrics["net_pnl"] == pytest.approx(10.0)


def test_a_levered_yen_position_is_called_where_yen_say_so(make_bars: Any) -> None:
    rows = [*flat(150.0, 150.0), (150.0, 150.0, 140.0, 150.0)]
    settings = {"cash": 10_000.0, "instrument": "fx"}
    found = backtest(Hold, make_bars(rows, "USDJPY"), {"first": 300_000.0}, settings)
    # 10,000 - 300,000 x (150 - p) / 150 = 0.01 x 300,000 x p / 150: the rate is the open's.
    price = (300_000.0 - 10_000.0) * 150.0 / 297_000.0
    fill = found.orders.filter(found.orders["event"] == "filled")["price"].to_list()[1]
    assert fill == math.floor(price * 10_000.0) / 10_000.0  # a tick of 0.0001 below


# --- against exact arithmetic -----------------------------------------------------------------

BARS = 30
FIELDS = (*BAR_FIELDS, "units")


class Script(Strategy):
    """Units of two symbols at each bar."""

    name = "two_currencies"

    def on_bar(self, bar, order):
        if bar[0].units != 0.0:
            order[0].market(bar[0].units)
        if bar[1].units != 0.0:
            order[1].market(bar[1].units)


@pytest.fixture(scope="module")
def engine() -> Any:
    settings = {
        "cash": 1e6,
        "instruments": {
            "SHARE": {"currency": "EUR"},
            "FUTURE": {"currency": "JPY", "futures": True, "initial_margin": 0.1},
        },
        "commission": {"rate": 0.0009765625},
        "account": {"currency": "USD", "rates": {"EUR": "EURUSD", "JPY": "USDJPY"}},
    }
    return prepare_strategy(
        Script,
        Execution.model_validate(settings),
        symbols=("SHARE", "FUTURE", "EURUSD", "USDJPY"),
        fields=FIELDS,
        steps=BARS,
        bars_per_year=252.0,
        record_trades=True,
    )


@settings(deadline=None)
@given(seed=st.integers(0, 2**31))
def test_every_sum_of_money_is_that_of_exact_arithmetic(engine: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.array([100.0, 20_000.0, 1.25, 150.0])
    opens = np.round(start[:, None] * np.exp(np.cumsum(rng.normal(0, 0.01, (4, BARS)), axis=1)), 4)
    close = np.round(opens * np.exp(rng.normal(0, 0.005, (4, BARS))), 4)
    block = np.zeros((1, 4, len(FIELDS), BARS))
    block[0, :, 0], block[0, :, 3] = opens, close
    block[0, :, 1], block[0, :, 2] = np.maximum(opens, close), np.minimum(opens, close)
    block[0, :, 4] = 1e6
    block[0, 0, 5] = rng.integers(-300, 301, BARS) * (rng.random(BARS) < 0.4)
    block[0, 1, 5] = rng.integers(-30, 31, BARS) * (rng.random(BARS) < 0.4)
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    engine.run(block, np.empty((1, 0)), metrics, np.empty((1, 1), dtype=np.int8), scratch)
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    queue = [row for row in log if EVENT_NAMES[int(row[4])] == "filled"]
    assert len(queue) > 5

    def rates(field: np.ndarray, bar: int) -> tuple[Fraction, Fraction]:
        return Fraction(field[2, bar]), 1 / Fraction(field[3, bar])

    cash, gained = Fraction(10**6), Fraction(0)
    lots: list[list[list[Fraction]]] = [[], []]
    for bar in range(BARS):
        while queue and queue[0][0] == bar:
            row = queue.pop(0)
            symbol, units, price = int(row[2]), Fraction(row[5]), Fraction(row[6])
            rate = rates(opens, bar)[symbol]
            fee = abs(units) * price * rate / 1024
            cash -= fee
            gained -= fee
            if symbol == 0:
                cash -= units * price * rate
            while lots[symbol] and units * lots[symbol][0][0] < 0:
                held, entry, then = lots[symbol][0]
                part = min(abs(held), abs(units)) * (1 if held > 0 else -1)
                gain = part * (price - entry) * rate
                if symbol == 1:
                    cash += gain
                else:
                    gain = part * (price * rate - entry * then)
                gained += gain
                units += part
                lots[symbol][0][0] -= part
                if not lots[symbol][0][0]:
                    lots[symbol].pop(0)
            if units:
                lots[symbol].append([units, price, rate])
        equity = cash
        for held, _, _ in lots[0]:
            equity += held * Fraction(close[0, bar]) * rates(close, bar)[0]
        for held, entry, _ in lots[1]:
            equity += held * (Fraction(close[1, bar]) - entry) * rates(close, bar)[1]
        assert state.curve[bar] == pytest.approx(float(equity), rel=1e-12)
    assert state.account[CASH] == pytest.approx(float(cash), rel=1e-12)
    closed = state.trades[: state.counts[TRADE_ROWS], 6].sum()
    paid = sum(  # commissions of lots that are still open
        abs(held) * entry * then / 1024 for side in lots for held, entry, then in side
    )
    assert closed == pytest.approx(float(gained + paid), abs=1e-6)
