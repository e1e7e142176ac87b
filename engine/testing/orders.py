"""Scripts of orders: what to do at each bar, and the strategy that does it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.strategies import Strategy
from engine.testing.examples import strategies
from engine.testing.prices import random_path, seeds

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["SCRIPT_FIELDS", "Scripted", "order_scripts", "orders_around"]

#: Fields of a script, after the five of a bar.
SCRIPT_FIELDS: Final = ("action", "units", "limit", "stop", "take", "loss", "tif")

# Shares of the actions 0 to 17 of `Scripted`.
_SHARES: Final = (
    *(0.2, 0.1, 0.13, 0.1, 0.06, 0.06, 0.02, 0.04, 0.04),
    *(0.04, 0.04, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02, 0.01),
)


class Scripted(Strategy):
    """Does at each bar what the bar's fields `SCRIPT_FIELDS` say.

    ``action`` is 0: nothing, 1: a market order, 2: a limit, 3: a stop, 4: a stop-limit, 5: close
    the position, 6: cancel all orders, 7: a target of units, 8: replace the exits, 9: the same by
    distances from the fills, 10: a limit and a stop of which one cancels the other, 11: a trailing
    stop, 12: exits of which the stop-loss trails, 13: a market order at the close, 14: a target
    with a stop, 15: one with a limit, 16: a market order for the open of the next session, 17:
    close the position at this close. ``take`` and ``loss`` are the exits of a bracket, NaN where
    there is none; ``tif`` is the time in force in bars (0: the session, -1: at once or never,
    infinity: good till cancelled).
    """

    name = "scripted"

    def on_bar(self, bar: Any, order: Any) -> None:
        """Send the order of this bar's script."""
        units, take, loss = bar.units, bar.take, bar.loss
        if bar.action == 1.0:
            order.market(units, take_profit=take, stop_loss=loss)
        elif bar.action == 2.0:
            order.limit(units, bar.limit, take_profit=take, stop_loss=loss, tif=bar.tif)
        elif bar.action == 3.0:
            order.stop(units, bar.stop, take_profit=take, stop_loss=loss, tif=bar.tif)
        elif bar.action == 4.0:
            order.stop_limit(
                units, bar.stop, bar.limit, take_profit=take, stop_loss=loss, tif=bar.tif
            )
        elif bar.action == 5.0:
            order.close()
        elif bar.action == 6.0:
            order.cancel_all()
        elif bar.action == 7.0:
            order.target(units)
        elif bar.action == 8.0:
            order.exit(take_profit=take, stop_loss=loss)
        elif bar.action == 9.0:
            gain, risk = abs(take - bar.close), abs(loss - bar.close)
            order.exit(take_profit=gain, stop_loss=risk, from_fill=True)
        elif bar.action == 10.0:
            first = order.limit(units, bar.limit, take_profit=take, stop_loss=loss)
            second = order.stop(-units, bar.stop, tif=bar.tif)
            order.one_cancels_other(first, second)
        elif bar.action == 11.0:
            order.trailing_stop(units, distance=abs(bar.stop - bar.close), tif=bar.tif)
        elif bar.action == 12.0:
            order.exit(take_profit=take, stop_loss=abs(loss - bar.close), trailing=True)
        elif bar.action == 13.0:
            order.market_on_close(units)
        elif bar.action == 14.0:
            order.target(units, stop=bar.stop, tif=bar.tif)
        elif bar.action == 15.0:
            order.target(units, limit=bar.limit, take_profit=take, stop_loss=loss, tif=bar.tif)
        elif bar.action == 16.0:
            order.market_on_open(units)
        elif bar.action == 17.0:
            order.close(now=True)


def order_scripts(
    count: int = 60, *, volatility: float = 0.02, lot: float = 5.0
) -> SearchStrategy[NDArray[np.float64]]:
    """Draw a path of bars with what `Scripted` does at each of them.

    A failing example is shrunk to one in which only the first few bars act.

    Parameters
    ----------
    count : int
        Bars of the path.
    volatility : float
        Standard deviation of the log return from close to close.
    lot : float
        Units of an order are multiples of it.

    Returns
    -------
    SearchStrategy of ndarray of float64, shape (12, count)
        The five fields of a bar, then `SCRIPT_FIELDS`: a block of one path and one symbol is
        ``script[None, None]``.
    """
    st = strategies()

    def script(draw: DrawFn) -> NDArray[np.float64]:
        # Two examples in three act on every bar; shrinking lowers the number.
        acting = min(count, draw(st.integers(0, 3 * count)))
        rng = np.random.default_rng(draw(seeds()))
        path = random_path(rng, count, volatility, volatility / 2)
        orders = orders_around(path[3], rng, lot=lot)
        orders[0, acting:] = 0.0
        return np.concatenate([path, orders])

    found: SearchStrategy[NDArray[np.float64]] = st.composite(script)()
    return found


def orders_around(
    close: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    spread: float = 0.02,
    lot: float = 5.0,
    tifs: Sequence[float] = (-1.0, 0.0, 1.0, 3.0, math.inf),
) -> NDArray[np.float64]:
    """Return orders at prices near a path's closes.

    Parameters
    ----------
    close : ndarray of float64, shape (bars,)
        Closes of the path.
    rng : Generator
        Draws the orders.
    spread : float
        Standard deviation, in logarithms, of limit and stop prices around the close; exits lie
        one and a half times as far above, and once below, for a long position.
    lot : float
        Units of an order are multiples of it, up to 59.
    tifs : sequence of float
        Times in force to draw from.

    Returns
    -------
    ndarray of float64, shape (7, bars)
        Rows `SCRIPT_FIELDS`.
    """
    bars = len(close)
    side = rng.choice([-1.0, 1.0], bars)
    has_exits = np.where(rng.random(bars) < 0.5, 1.0, math.nan)
    take = np.where(rng.random(bars) < 0.7, has_exits, math.nan)
    loss = np.where(rng.random(bars) < 0.7, has_exits, math.nan)
    return np.array(
        [
            rng.choice(len(_SHARES), bars, p=_SHARES),
            side * rng.integers(1, 60, bars) * lot,
            close * np.exp(rng.normal(0.0, spread, bars)),
            close * np.exp(rng.normal(0.0, spread, bars)),
            take * close * (1.0 + 1.5 * side * spread),
            loss * close * (1.0 - side * spread),
            rng.choice(np.asarray(tifs), bars),
        ]
    )
