"""What stops a session, and what it does then."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.paper import BrokerInstrument, Limits, ScriptedBroker, Ticket, Trader
from engine.paper.limits import bars_missing
from engine.strategies import Strategy
from tests.engine.paper.rehearsal import WARM, Rehearsal, scripted_bars, terms_on

WIDE = {"loss": 1.0, "stale_bars": 50.0, "rejections": 1_000}


def begun(
    faults: Any = (), *, actions: tuple[int, ...] = (2,), bars: int = 12, **limits: Any
) -> Rehearsal:
    """A session behind its first decision, with an order that rests."""
    rehearsal = Rehearsal(
        scripted_bars(4, bars, actions=actions),
        ScriptedBroker(faults),
        limits=Limits(**(WIDE | limits)),
    )
    rehearsal.at(WARM)
    rehearsal.step()
    return rehearsal


def assert_stopped(rehearsal: Rehearsal, reason: str) -> None:
    step = rehearsal.step()
    assert step.stopped.startswith(reason)
    left = [order.client_order_id for order in rehearsal.broker.open_orders()]
    assert not [name for name in left if rehearsal.trader.books.sent[name].order > 0]
    with pytest.raises(Refusal, match=r"it was stopped: .*; `--resume` lets it trade again"):
        rehearsal.step()


def test_a_file_stops_it_and_another_one_closes_its_positions_too() -> None:
    rehearsal = begun(actions=(1,))
    rehearsal.trade(WARM + 1)
    rehearsal.at(WARM + 1)
    rehearsal.step()
    held = rehearsal.broker.positions()["X"]
    rehearsal.files.put_new(Limits.flatten_key(rehearsal.terms), b"")
    assert_stopped(rehearsal, "asked to, and to close positions")
    closing = rehearsal.broker.accepted[-1]
    assert (closing.units, closing.kind) == (-held, "market")


def test_the_clock_of_this_machine_may_not_be_far_from_the_brokers() -> None:
    rehearsal = begun()
    now = rehearsal.broker.now
    rehearsal.trader._clock = lambda: now + datetime.timedelta(seconds=31)
    assert_stopped(rehearsal, "clock skew: 31 s from the broker's, allowed 30 s")


def test_bars_that_stay_away_stop_it_only_while_the_market_is_open() -> None:
    rehearsal = begun(stale_bars=3.0)
    rehearsal.broker.now += datetime.timedelta(days=7)
    rehearsal.bars = rehearsal.bars[: WARM + 1]
    assert rehearsal.step().stopped == ""
    rehearsal.broker.market_open = True
    assert_stopped(rehearsal, "stale data: 4.0 bars are missing, allowed 3")


@pytest.mark.parametrize(
    ("timeframe", "newest", "now", "missing"),
    [
        # A weekend, and one that a holiday makes longer.
        ("1d", "2026-01-16T00:00", "2026-01-20T15:00", 1.0),
        ("1d", "2026-01-15T00:00", "2026-01-16T15:00", 0.0),
        # The night before the open, an hour behind it, and bars that come.
        ("1m", "2026-01-15T20:59", "2026-01-16T14:31", 1.0),
        ("1m", "2026-01-15T20:59", "2026-01-16T15:30", 60.0),
        ("1m", "2026-01-16T15:29", "2026-01-16T15:30", 0.0),
        # New York changes its clock on 8 March 2026: its open is an hour earlier in UTC.
        ("1m", "2026-03-06T20:59", "2026-03-09T13:32", 2.0),
    ],
)
def test_nights_weekends_and_the_change_of_the_clock_are_no_missing_bars(
    timeframe: str, newest: str, now: str, missing: float
) -> None:
    stamps = np.array([newest], dtype="datetime64[us]").astype(np.int64)
    prices = [np.ones(1)] * 5
    bars = Bars("X", stamps, *prices, calendar=BarCalendar("XNYS", timeframe))
    assert bars_missing(bars, datetime.datetime.fromisoformat(f"{now}+00:00")) == missing


def test_orders_that_the_broker_refuses_stop_it_after_a_number() -> None:
    rehearsal = begun(["ok"] * 4, actions=(1,), rejections=2)
    real = rehearsal.broker.submit

    def refusing(ticket: Ticket) -> Any:
        rehearsal.broker._faults = iter(["reject"])
        return real(ticket)

    rehearsal.broker.submit = refusing  # type: ignore[method-assign]
    for index in (WARM + 1, WARM + 2):
        rehearsal.at(index)
        rehearsal.step()
    rehearsal.at(WARM + 3)
    assert_stopped(rehearsal, "rejected orders: 2, allowed 1")


def test_a_loss_stops_it() -> None:
    bars = scripted_bars(4, 8, actions=(1,))
    bare = dict.fromkeys(("take", "loss"), np.full(8, np.nan))
    falls = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in falls.values():
        values[WARM + 2 :] /= 2.0
    falling = dataclasses.replace(
        bars, columns={**bars.columns, "units": np.full(8, 5.0), **bare}, **falls
    )
    terms = terms_on(cash=10.0 * bars.close[0])
    rehearsal = Rehearsal(falling, ScriptedBroker(), terms=terms, limits=Limits(loss=0.2))
    rehearsal.at(WARM)
    rehearsal.step()
    rehearsal.trade(WARM + 1)
    rehearsal.at(WARM + 1)
    rehearsal.step()
    rehearsal.at(WARM + 2)
    assert_stopped(rehearsal, "loss: ")


def test_positions_that_are_not_those_of_the_fills_stop_it_and_the_difference_is_said() -> None:
    rehearsal = begun()
    rehearsal.broker._units["X"] = 4.0
    with pytest.raises(Refusal, match="the broker holds 4 X, the fills come to 0; set the account"):
        rehearsal.step()
    assert rehearsal.trader.desk.journal.rows[-1]["event"] == "difference"
    sent = len(rehearsal.broker.accepted)
    with pytest.raises(Refusal, match="the broker holds 4 X"):
        rehearsal.fresh().step([rehearsal.bars])
    assert len(rehearsal.broker.accepted) == sent


def test_old_news_of_a_broker_is_waited_for_and_is_no_difference() -> None:
    """It tells the new position at once, and of the order for seconds what was so before."""
    rehearsal = Rehearsal(scripted_bars(1, 6, actions=(1,)), ScriptedBroker())
    broker, pauses = rehearsal.broker, list[float]()
    rehearsal.at(WARM)
    rehearsal.step()
    (ticket,) = broker.accepted
    before = broker.order(ticket.client_order_id)
    rehearsal.trade(WARM + 1)
    rehearsal.at(WARM + 1)
    told = broker.order
    broker.order = (  # type: ignore[method-assign]
        lambda name: before if sum(pauses) < 3.0 and name == ticket.client_order_id else told(name)
    )
    trader = Trader(
        rehearsal.terms,
        broker,
        rehearsal.files,
        limits=rehearsal.limits,
        clock=lambda: broker.now,
        sleep=pauses.append,
    )
    assert trader.step([rehearsal.bars]).decided
    assert trader.books.position("X") == broker.positions()["X"]
    assert 3.0 <= sum(pauses) < 8.0


def test_an_order_that_is_not_of_the_session_stops_it() -> None:
    rehearsal = begun()
    rehearsal.broker.submit(Ticket("by-hand", "X", 1.0, "limit", 0.01))
    rehearsal.broker.submit(Ticket("elsewhere", "Y", 1.0, "limit", 0.01))
    with pytest.raises(Refusal, match=r"an order of 1 X \(by-hand\) is not of the session; set"):
        rehearsal.step()


def test_a_session_begins_flat() -> None:
    rehearsal = Rehearsal(scripted_bars(4, 8), ScriptedBroker())
    rehearsal.broker._units["X"] = 1.0
    rehearsal.at(WARM)
    with pytest.raises(Refusal, match="the broker holds 1 X, the fills come to 0"):
        rehearsal.step()
    assert rehearsal.broker.accepted == []


def test_another_strategy_or_execution_does_not_go_on_with_a_session() -> None:
    rehearsal = begun()
    rehearsal.terms = terms_on(slippage={"bps": 1})
    with pytest.raises(Refusal, match="the strategy, its parameters or the execution have changed"):
        rehearsal.fresh().step([rehearsal.bars])


@pytest.mark.parametrize(
    ("instrument", "sentence"),
    [
        ({}, "instrument X: the broker has none of the name; after a change of symbol"),
        ({"X": BrokerInstrument(tradable=False)}, "instrument X: the broker does not trade it"),
        ({"X": BrokerInstrument(fractional=False)}, "the broker trades whole units alone"),
    ],
)
def test_what_the_broker_lacks_is_refused_before_anything_is_sent(
    instrument: dict[str, BrokerInstrument], sentence: str
) -> None:
    broker = ScriptedBroker(instruments=instrument)
    terms = terms_on(instrument={"lot_size": 0.0})
    rehearsal = Rehearsal(scripted_bars(4, 8), broker, terms=terms)
    rehearsal.at(WARM)
    with pytest.raises(Refusal, match=sentence):
        rehearsal.step()
    assert broker.accepted == []


def restated(rehearsal: Rehearsal, ratio: float) -> None:
    """Divide the prices of the bars so far, as a vendor does after a split or a dividend."""
    bars, upto = rehearsal.bars, rehearsal.index + 1
    scaled = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in scaled.values():
        values[:upto] /= ratio
    rehearsal.bars = dataclasses.replace(bars, **scaled)


def holding() -> Rehearsal:
    rehearsal = begun(actions=(1,))
    rehearsal.trade(WARM + 1)
    rehearsal.at(WARM + 1)
    rehearsal.step()
    return rehearsal


def test_a_split_overnight_carries_fills_in_the_new_units() -> None:
    rehearsal = holding()
    held = rehearsal.broker.positions()["X"]
    restated(rehearsal, 2.0)
    rehearsal.broker.split("X", 2.0)
    equity = rehearsal.step().equity
    assert rehearsal.trader.books.position("X") == 2 * held
    assert rehearsal.trader.desk.journal.rows[-1]["event"] != "difference"
    before = holding()
    assert equity == pytest.approx(before.step().equity, rel=1e-12)


def test_a_dividend_is_taken_out_of_the_prices_of_fills_as_well() -> None:
    rehearsal = holding()
    held = rehearsal.broker.positions()["X"]
    restated(rehearsal, 1.01)
    rehearsal.step()
    assert rehearsal.trader.books.position("X") == held
    assert "dividend" in [row["event"] for row in rehearsal.trader.desk.journal.rows]


@pytest.mark.parametrize("ratio", [2.0, 1.37, 0.5])
def test_a_history_that_was_rewritten_is_refused(ratio: float) -> None:
    rehearsal = holding()
    restated(rehearsal, ratio)
    with pytest.raises(
        Refusal, match=r"a close of X on 2015-.* that was .* when it was decided on"
    ):
        rehearsal.step()


def test_a_halt_is_a_bar_without_a_fill_and_the_order_waits() -> None:
    rehearsal = begun(actions=(1,), bars=8)
    rehearsal.at(WARM + 1)  # no trade reaches the order
    rehearsal.step()
    first = rehearsal.broker.accepted[0].client_order_id
    assert rehearsal.broker.order(first).status == "open"  # type: ignore[union-attr]
    rehearsal.trade(WARM + 2)
    rehearsal.at(WARM + 2)
    rehearsal.step()
    assert rehearsal.broker.order(first).status == "filled"  # type: ignore[union-attr]


class Guarded(Strategy):
    """Buys once, with exits at distances from the fill, which no bracket can say beforehand."""

    name = "guarded"

    def on_bar(self, bar: Any, order: Any) -> None:
        if bar.index == 0:
            order.market(4.0)
        elif bar.index == 1:
            order.exit(take_profit=5.0, stop_loss=5.0, from_fill=True)


def test_of_two_exits_that_were_sent_apart_the_other_goes_at_the_next_look() -> None:
    rehearsal = Rehearsal(
        scripted_bars(4, 10, actions=(0,)), ScriptedBroker(), terms=terms_on(Guarded)
    )
    broker = rehearsal.broker
    for index in (WARM, WARM + 1):
        rehearsal.at(index)
        if index > WARM:
            broker.fill(broker.accepted[0].client_order_id, 4.0, float(rehearsal.bars.open[index]))
        rehearsal.step()
    one, other = broker.accepted[1:]
    assert {one.kind, other.kind} == {"limit", "stop"}
    # In the middle of the next bar, which has not closed, one of them fills.
    broker.now += datetime.timedelta(hours=16)
    broker.fill(one.client_order_id, -4.0, float(rehearsal.bars.open[WARM + 2]))
    assert rehearsal.step().cancelled == 1
    assert broker.order(other.client_order_id).status == "cancelled"  # type: ignore[union-attr]
    rehearsal.at(WARM + 2)
    step = rehearsal.step()
    assert (step.decided, step.sent, rehearsal.trader.books.position("X")) == (True, 0, 0.0)
