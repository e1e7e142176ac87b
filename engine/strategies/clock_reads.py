"""Whether a strategy asks what time it is, and the answers for the bars of a history."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES
from engine.errors import Refusal
from engine.execution.layout import CLOCK_NAMES
from engine.local_time import wall_clock
from engine.strategies.hook_text import HookText

if TYPE_CHECKING:
    from engine.strategies.strategy import Strategy

__all__ = ["clock_of", "clock_reads", "clock_rows"]

_INSTANT = "good_till"  # an order that names one
_MINUTE = 60_000_000
_DAY = 1440 * _MINUTE


def clock_reads(cls: type[Strategy], fields: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return what of a strategy's hooks needs the clock, such as ``bar.hour``.

    Parameters
    ----------
    cls : type
        The strategy.
    fields : tuple of str
        Of its bars: a price model's own state may have such a name.
    """
    names = set(CLOCK_NAMES) - set(fields)
    found = set()
    for name, function in cls.hooks().items():
        definition = HookText(function).definition()
        # The second argument of `signals` may be called as one likes.
        bars = [item.arg for item in definition.args.args][1:2] if name == "signals" else ["bar"]
        for node in ast.walk(definition):
            if isinstance(node, ast.Attribute) and node.attr in names:
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                if isinstance(owner, ast.Name) and owner.id in bars:
                    found.add(f"{owner.id}.{node.attr}")
            elif isinstance(node, ast.Attribute) and node.attr == _INSTANT:
                found.add(f"order.{_INSTANT}")
    return tuple(sorted(found))


def clock_of(
    cls: type[Strategy],
    fields: tuple[str, ...],
    timestamps: NDArray[np.int64] | None,
    exchange: str | None,
) -> NDArray[np.float64] | None:
    """Return what the clock says at each bar, where a strategy asks.

    Parameters
    ----------
    cls : type
        The strategy; its ``time_zone`` is the clock's, or else that of the exchange.
    fields : tuple of str
        Of its bars.
    timestamps : ndarray of int64, shape (bars,), optional
        Opening instants, microseconds since 1970-01-01 UTC.
    exchange : str, optional
        A key of `engine.calendar.EXCHANGES`.

    Returns
    -------
    ndarray of float64, shape (4, bars), optional
        As of `clock_rows`; None where the strategy does not ask.

    Raises
    ------
    Refusal
        If it asks and the bars have no times.
    """
    reads = clock_reads(cls, fields)
    if not reads:
        return None
    if timestamps is None:
        raise Refusal(
            f"strategy {cls.name}",
            f"{', '.join(reads)} on bars without times",
            "history, whose bars have them",
        )
    of_exchange = EXCHANGES[exchange].zone if exchange is not None else "UTC"
    return clock_rows(timestamps, cls.time_zone or of_exchange)


def clock_rows(timestamps: NDArray[np.int64], zone: str) -> NDArray[np.float64]:
    """Return the values of `CLOCK_NAMES` at each bar.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,)
        Opening instants, microseconds since 1970-01-01 UTC.
    zone : str
        IANA zone of hour, minute and weekday.

    Returns
    -------
    ndarray of float64, shape (4, bars)
        Seconds since 1970-01-01 UTC; hour, minute; days since Monday.
    """
    wall = wall_clock(timestamps, zone)
    minute = wall % _DAY // _MINUTE
    # 1970-01-01 was a Thursday.
    weekday = (wall // _DAY + 3) % 7
    return np.stack([timestamps / 1e6, minute // 60, minute % 60, weekday]).astype(np.float64)
