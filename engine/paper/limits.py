"""The kill switch: what stops a session, and whether it then closes its positions."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.bars import Bars
from engine.files import FileStore
from engine.local_time import latest_closes
from engine.paper.books import Books, microseconds
from engine.paper.sending import Desk
from engine.paper.terms import Terms

__all__ = ["Limits", "breach"]


class Limits(BaseModel):
    """What stops a session.

    Parameters
    ----------
    loss : float
        Largest loss since it began, as a share of its starting cash.
    stale_bars : float
        Bars, in lengths of one, that may be missing behind the newest while the market is open.
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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
    behind = _bars_behind(bars, now)
    if behind > limits.stale_bars and desk.ask(desk.broker.is_market_open):
        found = f"stale data: the newest bar closed {behind:.1f} bars ago, allowed "
        return f"{found}{limits.stale_bars:g}", limits.flatten
    return None


def _bars_behind(bars: Sequence[Bars], now: datetime.datetime) -> float:
    """Time since the newest close, in lengths of the shortest step between bars."""
    stamps: Any = bars[0].timestamps
    if len(stamps) < 2:
        return 0.0
    length = int((stamps[1:] - stamps[:-1])[-100:].min())
    newest = int(latest_closes(stamps[-1:], bars[0].calendar)[0])
    return (microseconds(now) - newest) / length
