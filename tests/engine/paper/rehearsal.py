"""Sessions on made-up bars, driven bar by bar: what the tests of this folder share."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from engine.bars import BAR_FIELDS, Bars
from engine.execution import Execution
from engine.files import FileStore, MemoryFiles
from engine.paper import Limits, ScriptedBroker, Terms, Trader, Unanswered
from engine.paper.broker import leg_id
from engine.strategies import Strategy
from engine.testing.prices import random_path

DAY = 86_400_000_000
#: Monday, 5 January 2015, 00:00 UTC.
START = 16_440 * DAY
WARM = 3


class Orders(Strategy):
    """Does what the columns of the bars say; 1 market, 2 limit, 3 stop, 4 close, 5 cancel all."""

    name = "orders_of_columns"

    def on_bar(self, bar: Any, order: Any) -> None:
        units = bar.units
        if bar.action == 1.0:
            order.market(units, take_profit=bar.take, stop_loss=bar.loss)
        elif bar.action == 2.0:
            order.limit(units, bar.limit, take_profit=bar.take, stop_loss=bar.loss)
        elif bar.action == 3.0:
            order.stop(units, bar.stop)
        elif bar.action == 4.0:
            order.close()
        elif bar.action == 5.0:
            order.cancel_all()
        elif bar.action == 6.0:
            order.trailing_stop(units, distance=abs(bar.stop - bar.close))
        elif bar.action == 7.0:
            order.long()


COLUMNS = ("action", "units", "limit", "stop", "take", "loss")


def scripted_bars(seed: int, count: int, *, actions: Sequence[int] = (0, 1, 2, 3, 4, 5)) -> Bars:
    """Bars of business days with orders around their closes."""
    rng = np.random.default_rng(seed)
    path = random_path(rng, count, 0.02, 0.01)
    close = path[3]
    days = np.busday_offset("2015-01-05", np.arange(count)).astype("datetime64[us]")
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    bracket = rng.random(count) < 0.5
    columns = {
        "action": rng.choice(actions, count).astype(float),
        "units": side * rng.integers(1, 6, count),
        "limit": np.round(close * (1 - side * rng.exponential(0.01, count)), 2),
        "stop": np.round(close * (1 + side * rng.exponential(0.01, count)), 2),
        "take": np.where(bracket, np.round(close * (1 + side * 0.03), 2), np.nan),
        "loss": np.where(bracket, np.round(close * (1 - side * 0.02), 2), np.nan),
    }
    return Bars("X", days.astype(np.int64), *path, columns=columns)


def terms_on(strategy: type[Strategy] = Orders, **execution: Any) -> Terms:
    """The terms of a session."""
    settings = Execution.model_validate({"cash": 1e6, **execution})
    return Terms("rehearsal", "0123456789abcdef", strategy, {}, settings, ("X",))


def close_of(bars: Bars, index: int) -> datetime.datetime:
    """Ten minutes after a daily bar of New York has closed."""
    midnight = datetime.datetime.fromtimestamp(int(bars.timestamps[index]) / 1e6, datetime.UTC)
    return midnight + datetime.timedelta(hours=22, minutes=10)


class Rehearsal:
    """A session on the bars of one symbol, one bar at a time."""

    def __init__(
        self,
        bars: Bars,
        broker: ScriptedBroker,
        *,
        terms: Terms | None = None,
        files: FileStore | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.bars, self.broker = bars, broker
        self.terms = terms or terms_on()
        self.files = files or MemoryFiles()
        self.limits = limits or Limits(loss=1.0, stale_bars=50, rejections=1_000)
        self.index = WARM
        self.trader = self.fresh()

    def fresh(self) -> Trader:
        """A trader as a new process has it: nothing but the journal."""
        return Trader(
            self.terms,
            self.broker,
            self.files,
            limits=self.limits,
            clock=lambda: self.broker.now,
            sleep=lambda _: None,
        )

    def at(self, index: int) -> None:
        """Be at the close of a bar."""
        self.index = index
        self.broker.now = close_of(self.bars, index)

    def step(self, looks: int = 1) -> Any:
        """Look at the market until the broker answers."""
        last: Exception | None = None
        for _ in range(looks):
            try:
                return self.trader.step([self.bars])
            except Unanswered as none:
                last = none
        assert last is not None
        raise last

    def trade(self, index: int, share: float = 1.0) -> None:
        """Let the broker see a bar, in the middle of its day."""
        self.broker.now = close_of(self.bars, index) - datetime.timedelta(hours=5)
        bar = tuple(float(getattr(self.bars, name)[index]) for name in BAR_FIELDS[:4])
        self.broker.trade({"X": bar}, share)  # type: ignore[dict-item]


def as_the_engine(rehearsal: Rehearsal, index: int) -> None:
    """Fill at the broker what the engine fills in a bar, at its prices and costs."""
    from engine.paper.booking import first_bar_of
    from engine.strategies import backtest

    trader, bars = rehearsal.trader, rehearsal.bars
    rehearsal.broker.now = close_of(bars, index) - datetime.timedelta(hours=5)
    first = first_bar_of(trader.books, [bars[: index + 1]])
    last = index - first
    terms = trader.terms
    model = backtest(
        terms.strategy,
        bars[: index + 1],
        terms.parameters,
        terms.execution,
        warm_up=first,
        fills=trader.books.tape(last - 1),
    )
    fills = model.orders.filter((pl.col("event") == "filled") & (pl.col("bar") == last))
    entries = _entries(model.orders)
    for row in fills.iter_rows(named=True):
        name = _open_ticket(trader, row["order"], entries)
        rehearsal.broker.fill(name, row["units"], row["price"], commission=row["commission"])


def _entries(orders: pl.DataFrame) -> Mapping[int, tuple[int, str]]:
    found: dict[int, tuple[int, str]] = {}
    latest = 0
    for row in orders.iter_rows(named=True):
        if row["event"] == "submitted" and row["size"] == "bracket":
            role = "take_profit" if row["kind"] == "limit" else "stop_loss"
            found[row["order"]] = (latest, role)
        elif row["event"] == "filled" and row["order"] not in found:
            latest = row["order"]
    return found


def _open_ticket(trader: Trader, order: int, entries: Mapping[int, tuple[int, str]]) -> str:
    own = [s for s in trader.books.of_order(order) if not s.is_final]
    if own:
        return own[-1].ticket.client_order_id
    entry, role = entries[order]
    return leg_id(trader.books.of_order(entry)[-1].ticket.client_order_id, role)


Drive = Callable[[Rehearsal, int], None]
