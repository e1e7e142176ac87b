"""Whether a strategy asks what time it is, and the answers for the bars of a history."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    asked = {one for name, hook in cls.hooks().items() for one in _reads_of(name, hook)}
    return tuple(sorted(f"{owner}.{name}" for owner, name in asked if name not in fields))


@lru_cache(maxsize=256)  # a session on paper asks at each of its replays
def _reads_of(name: str, function: Callable[..., Any]) -> frozenset[tuple[str, str]]:
    """Return what a hook reads of the clock, as owners and names."""
    definition = HookText(function).definition()
    found = set()
    # The second argument of `signals` may be called as one likes.
    bars = [item.arg for item in definition.args.args][1:2] if name == "signals" else ["bar"]
    for node in ast.walk(definition):
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_NAMES:
            owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            if isinstance(owner, ast.Name) and owner.id in bars:
                found.add((owner.id, node.attr))
        elif isinstance(node, ast.Attribute) and node.attr == _INSTANT:
            found.add(("order", _INSTANT))
    return frozenset(found)


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
