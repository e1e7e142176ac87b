"""The kill switch: what stops a session, and whether it then closes its positions."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import Field

from engine.bars import Bars
from engine.calendar import EXCHANGES
from engine.files import FileStore
from engine.local_time import days_of_bars, instants_of, latest_closes, session_days
from engine.paper.books import Books, microseconds
from engine.paper.sending import Desk
from engine.paper.terms import Terms
from engine.settings import SettingsGroup
from engine.timeframes import intraday_minutes

__all__ = ["Limits", "bars_missing", "breach"]


class Limits(SettingsGroup):
    """What stops a session.

    Parameters
    ----------
    loss : float
        Largest loss since it began, as a share of its starting cash.
    stale_bars : float
        Bars that may be missing behind the newest while the market is open (`bars_missing`).
    clock_skew : float
        Seconds by which this machine's clock and the broker's may differ.
    rejections : int
        Orders that the broker may refuse before it stops.
    flatten : bool
        Whether positions are closed when one of these is reached.

    Examples
    --------
    >>> Limits(loss=0.1).loss_reached(equity=89_000.0, cash=100_000.0)
    ('loss: 11.0 % of the starting cash, allowed 10.0 %', False)
    """

    loss: float = Field(default=0.2, gt=0, le=1)
    stale_bars: float = Field(default=3.0, gt=0, le=1_000)
    clock_skew: float = Field(default=30.0, gt=0, le=86_400)
    rejections: int = Field(default=5, ge=1, le=10_000)
    flatten: bool = False

    def loss_reached(self, equity: float, cash: float) -> tuple[str, bool] | None:
        """Return why equity stops a session, and whether positions are closed; None if not."""
        lost = 1.0 - equity / cash
        if lost < self.loss:
            return None
        said = f"loss: {lost:.1%} of the starting cash, allowed {self.loss:.1%}"
        return said.replace("%", " %"), self.flatten

    @staticmethod
    def stop_key(terms: Terms) -> str:
        """Return the file under the data root whose presence stops a session."""
        return f"paper/{terms.session}/stop"

    @staticmethod
    def flatten_key(terms: Terms) -> str:
        """Return the file whose presence stops a session and closes its positions."""
        return f"paper/{terms.session}/flatten"


def breach(
    limits: Limits,
    books: Books,
    terms: Terms,
    bars: Sequence[Bars],
    desk: Desk,
    now: datetime.datetime,
    files: FileStore,
) -> tuple[str, bool] | None:
    """Return what stops a session before it decides, and whether positions are closed.

    Parameters
    ----------
    limits : Limits
        What is allowed.
    books : Books
        What the broker has refused so far.
    terms : Terms
        What is traded.
    bars : sequence of Bars
        Closed bars.
    desk : Desk
        Asks the broker for its clock, and whether the market is open.
    now : datetime
        Of this machine, UTC.
    files : FileStore
        Where a file may ask for a stop.
    """
    there = set(files.list(f"paper/{terms.session}/"))
    if limits.flatten_key(terms) in there:
        return "asked to, and to close positions", True
    if limits.stop_key(terms) in there:
        return "asked to", False
    skew = abs((desk.ask(desk.broker.time) - now).total_seconds())
    if skew > limits.clock_skew:
        found = f"clock skew: {skew:.0f} s from the broker's, allowed {limits.clock_skew:g} s"
        return found, limits.flatten
    if books.rejections >= limits.rejections:
        found = f"rejected orders: {books.rejections}, allowed {limits.rejections - 1}"
        return found, limits.flatten
    behind = bars_missing(bars[0], now)
    if behind > limits.stale_bars and desk.ask(desk.broker.is_market_open):
        found = f"stale data: {behind:.1f} bars are missing, allowed {limits.stale_bars:g}"
        return found, limits.flatten
    return None


def bars_missing(bars: Bars, now: datetime.datetime) -> float:
    """Return how many bars should have come behind the newest, by the exchange's nominal hours.

    Of bars within a session the time since the newest close, or since today's open where that is
    later, in bars: a night is none. Of days, weeks and months the weekdays between, today's not
    counted: a holiday counts as one.

    Parameters
    ----------
    bars : Bars
        Closed bars.
    now : datetime
        UTC.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.bars import Bars
    >>> friday = np.array(["2026-01-16"], dtype="datetime64[us]").astype(np.int64)
    >>> one = Bars("X", friday, *(np.ones(1) for _ in range(5)))
    >>> bars_missing(one, datetime.datetime(2026, 1, 20, 15, tzinfo=datetime.UTC))
    1.0
    """
    calendar, instant = bars.calendar, np.array([microseconds(now)])
    terms, newest = EXCHANGES[calendar.exchange], bars.timestamps[-1:]
    minutes = intraday_minutes(calendar.timeframe)
    if minutes is None:
        first = days_of_bars(newest, calendar.exchange)[0]
        last = session_days(instant, calendar.exchange)[0]
        between = np.array([first, last]).astype("datetime64[D]")
        whole = terms.days_per_week == _EVERY_DAY
        count = int(last - first) if whole else int(np.busday_count(between[0], between[1]))
        return max(count - 1, 0) / max(1.0 / calendar.bars_per_session, 1.0)
    since = int(latest_closes(newest, calendar)[0])
    if terms.days_per_week != _EVERY_DAY:
        day = session_days(instant, calendar.exchange)
        opening = instants_of(day * _DAY + terms.parts[0][0] * _MINUTE, terms.zone)
        since = max(since, int(opening[0]))
    return max(microseconds(now) - since, 0) / (minutes * _MINUTE)


_MINUTE: Final = 60_000_000
_DAY: Final = 1_440 * _MINUTE
_EVERY_DAY: Final = 7
