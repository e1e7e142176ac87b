"""Bars of several symbols on a common clock."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from engine.bars import Bars
from engine.errors import Refusal

__all__ = ["aligned"]


def aligned(bars: Any) -> tuple[Bars, ...]:
    """Keep the bars whose timestamps all symbols share.

    Parameters
    ----------
    bars : Bars or sequence of Bars
        History of one or several symbols.

    Returns
    -------
    tuple of Bars
        Equally long.

    Raises
    ------
    ValueError
        If there are no bars, symbols repeat, calendars differ or no timestamp is shared.
    """
    history = (bars,) if isinstance(bars, Bars) else tuple(bars or ())
    for item in history:
        if not isinstance(item, Bars):
            raise Refusal("bars", str(type(item).__name__), "Bars")
    if not history:
        raise Refusal("bars", "none", "the bars of at least one symbol")
    names = [item.symbol for item in history]
    if len(set(names)) != len(names):
        raise Refusal("bars", f"symbols {', '.join(names)}", "each symbol once")
    calendars = {item.calendar for item in history}
    if len(calendars) != 1:
        raise Refusal("bars", f"calendars {sorted(map(str, calendars))}", "one")
    shared = reduce(np.intersect1d, [item.timestamps for item in history])
    if shared.size == 0:
        raise Refusal("bars", f"no shared timestamp of {', '.join(names)}", ">= 1")
    for item in history[1:]:
        if item.fields != history[0].fields:
            raise Refusal(
                "bars",
                f"columns {', '.join(item.columns) or 'none'} of {item.symbol}",
                f"those of {names[0]} ({', '.join(history[0].columns) or 'none'})",
            )
    return tuple(
        item if len(item) == shared.size else item[np.isin(item.timestamps, shared)]
        for item in history
    )
