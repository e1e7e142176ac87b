"""``flat_at: close``: every session ends without a position, whatever the strategy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.execution import Execution
from engine.execution.layout import EVENT_COLUMNS, EVENT_NAMES, ORDER_ROWS
from engine.strategies import Int, Strategy, backtest, prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, execution_settings, order_scripts
from tests.engine.session_stamps import bars_of_sessions

FIELDS = BAR_FIELDS + SCRIPT_FIELDS
FLAT = {"cash": 10_000.0, "flat_at": "close"}


def hourly(first: str, last: str, exchange: str = "XNYS", symbol: str = "X") -> Bars:
    """Hourly bars that rise by one from open to open."""
    stamps = bars_of_sessions(exchange, first, last, 60)
    opens = 100.0 + np.arange(len(stamps))
    columns = opens, opens + 0.75, opens - 0.25, opens + 0.5, np.full(len(stamps), 1e4)
    return Bars(symbol, stamps, *columns, BarCalendar(exchange, "1h"))


def filled(orders: pl.DataFrame) -> list[tuple[int, float, float]]:
    done = orders.filter(event="filled")
    return list(zip(done["bar"], done["units"], done["price"], strict=True))


class BuyOnce(Strategy):
    """Buys ten at the close of one bar and never sells."""

    at = Int(1)
    stop = 0.0

    def on_bar(self, bar, order):
        if bar.index == self.at:
            order.market(10)


def test_what_is_held_is_closed_at_the_close_of_the_last_bar_of_the_session() -> None:
    # Seven hourly bars a session; the last is half an hour.
    found = backtest(BuyOnce, hourly("2024-03-04", "2024-03-06"), execution=FLAT)
    assert filled(found.orders) == [(2, 10.0, 102.0), (6, -10.0, 106.5)]
    assert found.trades["exit_price"].to_list() == [106.5]
    np.testing.assert_allclose(
        found.equity[[1, 2, 5, 6, 20]], 10_000 + np.array([0, 5, 35, 45, 45])
    )
    never = backtest(BuyOnce, hourly("2024-03-04", "2024-03-06"), execution={"cash": 10_000.0})
    assert filled(never.orders) == [(2, 10.0, 102.0)]


def test_a_half_day_ends_at_its_own_close_and_costs_are_those_of_a_market_order() -> None:
    # Four bars on the Friday after Thanksgiving.
    costs = {"commission": {"per_unit": 0.1}, "slippage": {"bps": 10.0}}
    found = backtest(BuyOnce, hourly("2023-11-22", "2023-11-27"), {"at": 7}, execution=FLAT | costs)
    done = found.orders.filter(event="filled")
    assert done["bar"].to_list() == [8, 10]
    assert done["price"].to_list() == pytest.approx([108.0 * 1.001, 110.5 * 0.999])
    assert done["commission"].to_list() == pytest.approx([1.0, 1.0])
    assert done["kind"].to_list() == ["market", "market"]


def test_what_is_decided_at_the_last_close_is_for_the_next_session() -> None:
    found = backtest(BuyOnce, hourly("2024-03-04", "2024-03-05"), {"at": 6}, execution=FLAT)
    assert filled(found.orders) == [(7, 10.0, 107.0), (13, -10.0, 113.5)]


def test_orders_at_the_last_close_that_would_open_a_position_are_rejected() -> None:
    same = FLAT | {"fill": "same_close"}
    bars = hourly("2024-03-04", "2024-03-05")
    found = backtest(BuyOnce, bars, {"at": 6}, execution=same)
    assert found.orders["event"].to_list() == ["submitted", "rejected: halted"]
    assert filled(backtest(BuyOnce, bars, {"at": 5}, execution=same).orders) == [
        (5, 10.0, 105.5),
        (6, -10.0, 106.5),
    ]

    class AtTheClose(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 2:
                order.market_on_close(10)

    found = backtest(AtTheClose, bars, execution=FLAT)
    assert found.orders["event"].to_list() == ["submitted", "rejected: halted"]
    assert found.metrics["rejected_orders"] == 1


def test_no_order_rests_over_the_end_of_a_session() -> None:
    class Rests(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 1:
                order.market(10, take_profit=500.0, stop_loss=1.0)
                order.stop(-10, 50.0)
                order.limit(5, 20.0, tif=40)

    bars = hourly("2024-03-04", "2024-03-06")
    found = backtest(Rests, bars, execution=FLAT)
    last = found.orders.filter(pl.col("event").is_in(["expired", "cancelled"]))
    # Exits leave the book with their position: those of the bracket, and the stop that reduces it.
    assert sorted(zip(last["event"], last["bar"], strict=True)) == [
        ("cancelled", 6), ("cancelled", 6), ("cancelled", 6), ("expired", 6)
    ]  # fmt: skip
    kept = backtest(Rests, bars, execution={"cash": 10_000.0}).orders
    assert kept.filter(event="expired").height == 0


def test_sessions_of_a_model_are_counted_from_the_first_bar_that_trades() -> None:
    engine = prepare_strategy(
        BuyOnce,
        Execution.model_validate(FLAT),
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=25,
        bars_per_year=252.0 * 6.5,
        bars_per_session=6.5,
        warm_up=4,
        record_trades=True,
    )
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    block = np.full((1, 1, 5, 25), 100.0)
    engine.run(block, np.array([[8.0]]), metrics, np.empty((1, 1), np.int8), scratch)
    events = scratch.simulation.events[: scratch.simulation.counts[ORDER_ROWS]]
    # Bought at bar 9 from the first that trades on, closed with the second session's seventh.
    assert events[events[:, 4] == 1.0, 0].tolist() == [4 + 9, 4 + 13]


def test_daily_bars_are_closed_where_they_are_opened() -> None:
    stamps = np.arange(6) * 86_400_000_000
    opens = 100.0 + np.arange(6)
    bars = Bars("X", stamps, opens, opens + 2, opens - 1, opens + 1, np.full(6, 1e4))

    class Always(Strategy):
        def on_bar(self, bar, order):
            order.target_percent(1.0)

    found = backtest(Always, bars, execution=FLAT)
    assert found.trades["entry_bar"].to_list() == found.trades["exit_bar"].to_list()
    assert found.trades.height == 5
    assert found.trades["entry_price"].to_list() == opens[1:].tolist()
    assert found.trades["exit_price"].to_list() == (opens[1:] + 1).tolist()


def test_each_symbol_ends_with_the_session_of_its_own_hours() -> None:
    class Both(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 0:
                order[0].market(10)
                order[1].market(-10)

    bars = hourly("2024-03-04", "2024-03-05"), hourly("2024-03-04", "2024-03-05", symbol="Y")
    short = {"zone": "America/New_York", "open": "09:30", "close": "12:30"}
    found = backtest(Both, bars, execution=FLAT | {"instruments": {"Y": {"session": short}}})
    done = found.orders.filter(event="filled")
    assert sorted(zip(done["symbol"], done["bar"], done["units"], strict=True)) == [
        ("X", 1, 10.0), ("X", 6, -10.0), ("Y", 1, -10.0), ("Y", 2, 10.0)
    ]  # fmt: skip


class ByHand(Strategy):
    """Long in the morning; gives an order for the close of each session."""

    def on_bar(self, bar, order, account):
        if bar.index % 7 == 1:
            order.market(10)
        elif bar.index % 7 == 5:
            order.market_on_close(-10)


class Mornings(Strategy):
    def on_bar(self, bar, order, account):
        if bar.index % 7 == 1:
            order.market(10)


def test_the_trades_are_those_of_orders_for_the_close() -> None:
    bars = hourly("2024-03-04", "2024-03-28")
    costs = {"commission": {"rate": 0.001}, "slippage": {"ticks": 2.0}}
    by_hand = backtest(ByHand, bars, execution={"cash": 10_000.0} | costs)
    found = backtest(Mornings, bars, execution=FLAT | costs)
    assert found.trades.height == 19
    assert found.trades.equals(by_hand.trades)
    np.testing.assert_array_equal(found.equity, by_hand.equity)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(
    script=order_scripts(80),
    execution=execution_settings(cash=1e6),
    session=st.sampled_from([1, 4, 7]),
)
def test_every_session_of_any_script_ends_flat_and_nothing_outlives_it(
    script, execution, session
) -> None:
    engine = prepare_strategy(
        Scripted,
        execution.model_copy(update={"flat_at": "close"}),
        symbols=("X",),
        fields=FIELDS,
        steps=80,
        bars_per_year=252.0 * session,
        bars_per_session=session,
        record_trades=True,
    )
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(np.ascontiguousarray(script[None, None]), np.empty((1, 0)), metrics, status, scratch)
    assert status[0, 0] == 0
    state = scratch.simulation
    names = dict(enumerate(EVENT_NAMES))
    events = pl.DataFrame(state.events[: state.counts[ORDER_ROWS]], schema=list(EVENT_COLUMNS))
    events = events.with_columns(pl.col("event").cast(pl.Int64).replace_strict(names))
    held, rest = np.zeros(80), 0.0
    fills = events.filter(event="filled")
    for bar in range(80):
        rest += fills.filter(pl.col("bar") == bar)["units"].sum()
        held[bar] = rest
    ends = np.arange(session - 1, 80, session)
    np.testing.assert_allclose(held[ends], 0.0, atol=1e-9)
    born = dict(events.filter(event="submitted").select("order", "bar").iter_rows())
    gone = events.filter(pl.col("event") != "submitted")
    for order, bar in gone.select("order", "bar").iter_rows():
        # Sent at a close, an order lives through the session of the next bar at most.
        assert bar <= (born[order] + 1) // session * session + session - 1


def test_a_study_of_a_model_is_flat_over_every_night() -> None:
    study = mc.Study(
        name="flat",
        source=mc.GBM(sigma=0.3),
        calendar=BarCalendar("XNYS", "1h"),
        steps=70,
        s0=100.0,
        strategy="buy_and_hold",
        seeds=3,
        execution={"flat_at": "close"},
        record={"trades": True},
    )
    trades = study.run().trades()
    assert trades.height == 3
    assert trades["exit_bar"].to_list() == [6, 6, 6]


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="'never' or 'close'"):
        Execution.model_validate({"flat_at": "noon"})
