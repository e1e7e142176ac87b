"""Position slots that are no symbols: bought at the ask, sold at the bid, valued at the mark."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.compiled.kernel import kernel
from engine.compiled.views import address_of
from engine.errors import Refusal
from engine.execution import Commission, Execution, Instrument
from engine.execution.handles import (
    order_all_or_none,
    order_close,
    order_exit,
    order_limit,
    order_market,
    order_market_on_close,
    order_stop,
)
from engine.execution.layout import (
    ASK,
    BID,
    CASH,
    FILLED,
    FUNDING_FIELD,
    MARGIN_CALLS,
    ORDER_ROWS,
    PENDING,
    SAME_CLOSE,
    TRADE_PNL,
    TRADE_ROWS,
)
from engine.execution.linked import broker_calls, settle_call
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.state import Simulation, frame_of, new_simulation, simulation_at

NAN = float("nan")
CONTRACT = Instrument(multiplier=100.0)
MARKET, LIMIT, STOP, CLOSE_IT, TOGETHER, EXITS = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0


@cache
def book() -> Any:
    """A book of contracts: at each bar it writes the quotes, trades, and does what a table says.

    Rows of the table are bar, action, slot, units, price and the row of marks that the slot names;
    an action of 0 settles the slot at the price.
    """
    open_path, start, trade_bar, trade_close, finish = broker_calls()
    settle = settle_call()

    @kernel
    def run(
        frame: int,
        quotes: NDArray[np.float64],
        table: NDArray[np.float64],
        metrics: NDArray[np.float64],
    ) -> int:
        s = simulation_at(frame)
        open_path(frame)
        start(frame)
        for bar in range(s.path.shape[2]):
            for row in range(quotes.shape[0]):
                for column in range(3):
                    s.marks[row, column, bar] = quotes[row, column, bar]
            trade_bar(frame, bar)
            for entry in range(table.shape[0]):
                if table[entry, 0] != bar:
                    continue
                action, slot, units = table[entry, 1], int(table[entry, 2]), table[entry, 3]
                price = table[entry, 4]
                if slot > 0:
                    s.mark_rows[slot - 1] = int(table[entry, 5])
                if action == MARKET:
                    order_market(s, bar, slot, units)
                elif action == LIMIT:
                    order_limit(s, bar, slot, units, price)
                elif action == STOP:
                    order_stop(s, bar, slot, units, price)
                elif action == CLOSE_IT:
                    order_close(s, bar, slot)
                elif action == EXITS:
                    order_exit(s, bar, slot, price, units)
                elif action == TOGETHER:
                    first = order_market(s, bar, slot, units)
                    second = order_limit(s, bar, slot + 1, -units, price)
                    order_all_or_none(s, bar, slot, first, second)
                    hedge = order_market_on_close(s, bar, 0, units)
                    order_all_or_none(s, bar, slot, second, hedge)
                else:
                    settle(frame, slot, bar, address_of(table[entry, 4:5]))
            if s.rules[0, SAME_CLOSE] != 0.0 and s.counts[PENDING] != 0:
                trade_close(frame, bar)
        finish(frame, address_of(metrics))
        return 0

    return run


def traded(
    quotes: Any, table: Any, closes: Any = None, *, slots: int = 1, rows: int = 1, **execution: Any
) -> tuple[Simulation, dict[str, float]]:
    quotes = np.ascontiguousarray(quotes, dtype=np.float64).reshape(rows, 3, -1)
    bars = quotes.shape[2]
    closes = np.full(bars, 50.0) if closes is None else np.asarray(closes, dtype=np.float64)
    path = np.ascontiguousarray(np.stack([closes] * 4 + [np.full(bars, 1e6)])[None])
    names = ["S", *(f"C{k}" for k in range(slots))]
    terms = dict.fromkeys(names[1:], CONTRACT)
    rules = Execution(**{"cash": 10_000.0, "instruments": terms, **execution}).rules(
        tuple(names), 252.0
    )
    state = new_simulation(path, rules, trade_capacity=99, event_capacity=999, mark_capacity=rows)
    frame, metrics = frame_of(state), np.empty(len(METRIC_NAMES))
    book()(int(frame.ctypes.data), quotes, np.array(table, dtype=np.float64), metrics)
    return state, dict(zip(METRIC_NAMES, metrics.tolist(), strict=True))


def fills(state: Simulation) -> list[tuple[float, ...]]:
    log = state.events[: state.counts[ORDER_ROWS]]
    return [(row[0], row[2], row[5], row[6]) for row in log if row[4] == FILLED]


def quotes_of(*marks: float, spread: float = 0.1) -> list[list[float]]:
    mark = np.array(marks)
    return [(mark - spread / 2).tolist(), (mark + spread / 2).tolist(), mark.tolist()]


def test_a_contract_is_bought_at_the_ask_sold_at_the_bid_marked_and_settled_to_the_cent() -> None:
    bid = [1.10, 1.15, 1.40, 1.85, 2.05, 2.20]
    ask = [1.20, 1.25, 1.55, 1.95, 2.15, 2.40]
    mark = [1.15, 1.20, 1.47, 1.90, 2.10, 2.31]
    table = [(1, MARKET, 1, 3, NAN, 0), (3, MARKET, 1, -1, NAN, 0), (5, 0, 1, 0, 2.37, 0)]
    fee = Commission(per_unit=0.65)
    state, metrics = traded([bid, ask, mark], table, commission=fee)
    assert fills(state) == [(2.0, 1.0, 3.0, 1.55), (4.0, 1.0, -1.0, 2.05)]
    cent = Decimal("0.01")
    bought = Decimal(10_000) - 3 * 100 * Decimal("1.55") - 3 * Decimal("0.65")
    sold = bought + 100 * Decimal("2.05") - Decimal("0.65")
    expected = [
        Decimal(10_000),
        Decimal(10_000),
        bought + 3 * 100 * Decimal("1.47"),
        bought + 3 * 100 * Decimal("1.90"),
        sold + 2 * 100 * Decimal("2.10"),
        sold + 2 * 100 * Decimal("2.37"),
    ]
    assert [Decimal(value).quantize(cent) for value in state.curve] == [
        value.quantize(cent) for value in expected
    ]
    earned = expected[-1] - 10_000
    assert Decimal(metrics["net_pnl"]).quantize(cent) == earned.quantize(cent)
    pnl = state.trades[: state.counts[TRADE_ROWS], TRADE_PNL]
    assert Decimal(pnl.sum()).quantize(cent) == earned.quantize(cent)
    assert metrics["trades"] == 2.0
    assert metrics["commission"] == pytest.approx(4 * 0.65)


def test_limits_and_stops_of_a_contract_fill_by_its_quotes() -> None:
    quotes = quotes_of(1.0, 1.0, 0.8, 1.0, 1.3, 1.0)
    table = [(0, LIMIT, 1, 2, 0.9, 0), (2, STOP, 1, -1, 0.9, 0), (2, STOP, 1, 1, 1.3, 0)]
    table += [(3, LIMIT, 1, -1, 1.2, 0)]
    state, _ = traded(quotes, table)
    assert fills(state) == [
        (2.0, 1.0, 2.0, pytest.approx(0.85)),
        (4.0, 1.0, 1.0, pytest.approx(1.35)),
        (4.0, 1.0, -1.0, pytest.approx(1.25)),
    ]


def test_a_contract_without_a_quote_does_not_trade_and_one_at_this_close_fills_there() -> None:
    quotes = quotes_of(1.0, NAN, 1.2)
    state, _ = traded(quotes, [(0, MARKET, 1, 1, NAN, 0)])
    assert fills(state) == [(2.0, 1.0, 1.0, pytest.approx(1.25))]
    state, _ = traded(quotes, [(0, MARKET, 1, 1, NAN, 0)], fill="same_close")
    assert fills(state) == [(0.0, 1.0, 1.0, pytest.approx(1.05))]


def test_exits_of_a_contract_are_watched_at_its_quotes() -> None:
    quotes = quotes_of(1.0, 1.0, 1.1, 1.4, 1.0)
    table = [(0, MARKET, 1, 1, NAN, 0), (1, EXITS, 1, 0.5, 1.3, 0)]
    state, _ = traded(quotes, table)
    assert fills(state)[1] == (3.0, 1.0, -1.0, pytest.approx(1.35))
    assert state.counts[PENDING] == 0


def test_a_short_contract_is_liquidated_at_the_ask_where_its_mark_breaks_the_margin() -> None:
    terms = {"C0": {"multiplier": 100.0, "initial_margin": 1.0, "maintenance_margin": 1.0}}
    quotes = quotes_of(10.0, 10.0, 12.0, 60.0, 12.0)
    state, metrics = traded(quotes, [(0, MARKET, 1, -2, NAN, 0)], cash=5_000.0, instruments=terms)
    assert state.counts[MARGIN_CALLS] == metrics["margin_calls"] == 1.0
    assert fills(state)[-1] == (3.0, 1.0, 2.0, pytest.approx(60.05))
    assert state.curve[-1] == pytest.approx(5_000 + 200 * (9.95 - 60.05))
    # Equity at the close before was that of the mark.
    assert state.curve[2] == pytest.approx(5_000 + 200 * (9.95 - 12.0))


@pytest.mark.parametrize("bid", [2.0, 2.15])
def test_legs_of_two_contracts_and_a_symbol_at_its_close_fill_together(bid: float) -> None:
    quotes = [quotes_of(1.0, 1.0, 1.0), quotes_of(2.0, bid + 0.05, bid + 0.05)]
    table = [(0, TOGETHER, 1, 1, 2.1, 0), (0, MARKET, 0, 1, NAN, 0)]
    state, _ = traded(quotes, table, slots=2, rows=2)
    alone, legs = (1.0, 0.0, 1.0, 50.0), [(1.0, 1.05), (-1.0, 2.15), (1.0, 50.0)]
    expected = [(1.0, slot, *leg) for slot, leg in zip((1.0, 2.0, 0.0), legs, strict=True)]
    # Without the price of one there is no fill, and what is for the close goes with its session.
    expected = [alone, *expected] if bid >= 2.1 else [alone]
    assert fills(state) == [pytest.approx(fill) for fill in expected]
    assert state.counts[PENDING] == 0


def test_a_slot_names_another_row_once_it_is_empty() -> None:
    quotes = [quotes_of(1.0, 1.1, 1.2, 1.3, 1.4, 1.5), quotes_of(5.0, 5.1, 5.2, 5.3, 5.4, 5.5)]
    table = [(0, MARKET, 1, 1, NAN, 0), (2, 0, 1, 0, 1.25, 0), (3, MARKET, 1, 1, NAN, 1)]
    state, _ = traded(quotes, table, rows=2)
    assert fills(state) == [(1.0, 1.0, 1.0, pytest.approx(1.15)), (4.0, 1.0, 1.0, 5.45)]
    earned = 100 * (1.25 - 1.15)
    assert state.curve[3] == pytest.approx(10_000 + earned)
    assert state.curve[5] == pytest.approx(10_000 + earned + 100 * (5.5 - 5.45))


@settings(deadline=None, database=None)
@given(seed=st.integers(0, 100_000), at_end=st.sampled_from(["mark", "close"]))
def test_a_book_of_contracts_and_a_symbol_is_worth_what_a_plain_account_says(
    seed: int, at_end: str
) -> None:
    rng = np.random.default_rng(seed)
    bars, slots = 30, 3
    closes = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    mark = np.abs(2 + np.cumsum(rng.normal(0, 0.2, (slots, bars)), axis=1)) + 0.2
    quotes = np.stack([mark - 0.05, mark + 0.05, mark], axis=1)
    table = [
        (bar, MARKET, slot, int(rng.integers(-3, 4)) or 1, NAN, slot - 1)
        for bar in range(bars - 1)
        for slot in range(slots + 1)
        if rng.random() < 0.3
    ]
    state, metrics = traded(quotes, table, closes, slots=slots, rows=slots, cash=1e6, at_end=at_end)
    cash, held = 1e6, np.zeros(slots + 1)
    point = np.array([1.0, *[100.0] * slots])
    for bar in range(bars):
        for placed, _, slot, units, _, _ in table:
            if placed == bar - 1:
                at = closes[bar]
                if slot:
                    at = quotes[slot - 1, ASK if units > 0 else BID, bar]
                cash -= units * at * point[slot]
                held[slot] += units
        prices = np.array([closes[bar], *mark[:, bar]])
        worth = cash + (held * point * prices).sum()
        if bar == bars - 1 and at_end == "close":
            out = [quotes[k, BID if held[k + 1] > 0 else ASK, bar] for k in range(slots)]
            worth = cash + (held * point * np.array([closes[bar], *out])).sum()
        assert state.curve[bar] == pytest.approx(worth, rel=1e-12)
    assert metrics["final_equity"] == state.curve[-1]
    assert len(fills(state)) >= len(table)


def test_a_simulation_of_symbols_alone_has_no_marks() -> None:
    rules = Execution().rules(("X", "Y"), 252.0)
    state = new_simulation(np.ones((2, 5, 9)), rules)
    assert state.marks.size == state.mark_rows.size == 0
    assert state.account[CASH] == 0.0


def test_slots_that_cannot_be_are_refused_in_one_sentence() -> None:
    rules = Execution().rules(("X", "Y"), 252.0)
    with pytest.raises(Refusal, match="rules: found 1 rows, allowed a row for each of 2 symbols"):
        new_simulation(np.ones((2, 5, 9)), rules[:1])
    with pytest.raises(Refusal, match="mark_capacity: found 0, allowed 1 or more"):
        new_simulation(np.ones((1, 5, 9)), rules, mark_capacity=0)
    rules[1, FUNDING_FIELD] = 5.0
    with pytest.raises(Refusal, match="rules: found a slot with quotes whose rules follow"):
        new_simulation(np.ones((1, 5, 9)), rules)
