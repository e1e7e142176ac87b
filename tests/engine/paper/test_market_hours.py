"""Which bars are decided on when: market hours, half days, the change of the clock."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.paper import ScriptedBroker
from engine.paper.history import closed_bars
from tests.engine.paper.rehearsal import WARM, Rehearsal, scripted_bars


def bars_at(timeframe: str, *opens: str, exchange: str = "XNYS") -> Bars:
    stamps = np.array(opens, dtype="datetime64[us]").astype(np.int64)
    prices = [np.ones(len(opens))] * 5
    return Bars("X", stamps, *prices, calendar=BarCalendar(exchange, timeframe))


@pytest.mark.parametrize(
    ("timeframe", "opens", "now", "closed"),
    [
        # A day of New York has closed at 16:00 there: 21:00 UTC in winter, 20:00 in summer.
        ("1d", ("2026-01-15", "2026-01-16"), "2026-01-16T20:59", 1),
        ("1d", ("2026-01-15", "2026-01-16"), "2026-01-16T21:00", 2),
        ("1d", ("2026-07-15", "2026-07-16"), "2026-07-16T20:00", 2),
        # Trading ends at 13:00, 18:00 UTC, on the day after Thanksgiving.
        ("1d", ("2026-11-25", "2026-11-27"), "2026-11-27T18:30", 1),
        ("1d", ("2026-11-25", "2026-11-27"), "2026-11-27T21:00", 2),
        # A minute has closed when the next begins.
        ("1m", ("2026-01-16T15:28", "2026-01-16T15:29"), "2026-01-16T15:29", 1),
        ("1m", ("2026-01-16T15:28", "2026-01-16T15:29"), "2026-01-16T15:30", 2),
        # A week has closed with its last day.
        ("1w", ("2026-01-05", "2026-01-12"), "2026-01-16T20:59", 1),
        ("1w", ("2026-01-05", "2026-01-12"), "2026-01-16T21:00", 2),
    ],
)
def test_a_bar_is_seen_once_it_has_closed(
    timeframe: str, opens: tuple[str, ...], now: str, closed: int
) -> None:
    bars = bars_at(timeframe, *opens)
    at = datetime.datetime.fromisoformat(f"{now}+00:00")
    assert len(closed_bars([bars], ["X"], at)[0].timestamps) == closed


def test_where_no_bar_has_closed_nothing_is_decided() -> None:
    at = datetime.datetime(2026, 1, 16, 15, tzinfo=datetime.UTC)
    with pytest.raises(Refusal, match="bars: none that has closed; `mc ingest` fetches them"):
        closed_bars([bars_at("1d", "2026-01-16")], ["X"], at)


def test_an_order_that_is_sent_after_the_close_waits_for_the_next_open() -> None:
    rehearsal = Rehearsal(scripted_bars(4, 8, actions=(1,)), ScriptedBroker())
    rehearsal.at(WARM)
    assert not rehearsal.broker.is_market_open()
    assert rehearsal.step().sent == 1
    (ticket,) = rehearsal.broker.accepted
    rehearsal.broker.now += datetime.timedelta(hours=12)  # the night: nothing is asked again
    assert rehearsal.step().sent == 0
    assert rehearsal.broker.order(ticket.client_order_id).status == "open"  # type: ignore[union-attr]
    rehearsal.trade(WARM + 1)
    rehearsal.at(WARM + 1)
    rehearsal.step()
    fills = [row for row in rehearsal.trader.desk.journal.rows if row["event"] == "filled"]
    opening = (ticket.client_order_id, ticket.units, rehearsal.bars.open[WARM + 1])
    assert tuple(fills[0][name] for name in ("client_order_id", "units", "price")) == opening
