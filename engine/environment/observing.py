"""What an agent sees: a row of normalised features of the bar, and the state of the account."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.compiled.views import address_of, singles_at
from engine.environment.layout import (
    FAILED,
    LARGEST,
    PEAK,
    START,
)
from engine.execution.calling import part
from engine.execution.layout import RAISED, UNITS
from engine.execution.readings import account_unrealised
from engine.execution.state import first_trading_bar

__all__ = ["fill_table", "normalised", "observe"]


@part
def normalised(value: float, mean: float, scale: float) -> Any:
    """Return a feature as it is observed: 0 where it has no value yet."""
    found = (value - mean) * scale
    if found != found:
        return np.float32(0.0)
    return np.float32(min(max(found, -LARGEST), LARGEST))


@part
def fill_table(e: Any, number: int, s: Any, frame: int, fill_rows: Any) -> None:
    """Write the features of every bar of a path, in the order in which they are observed."""
    bars, market = s.path.shape[2], e.row_of.shape[0]
    failures = fill_rows(
        frame,
        address_of(e.plans),
        e.plans.shape[0],
        e.plans.shape[1],
        address_of(e.rows),
        address_of(e.work),
        address_of(e.failed),
    )
    if failures > 0:
        e.flags[number, FAILED] = RAISED
    table = singles_at(e.table_at[number], bars * market)
    for feature in range(market):
        row, mean, scale = e.row_of[feature], e.mean[feature], e.scale[feature]
        if row >= 0:
            for bar in range(bars):
                table[bar * market + feature] = normalised(e.rows[row, bar], mean, scale)
        else:
            first = e.first_bars[number]
            for bar in range(bars):
                value = e.clock[-1 - row, first + bar]
                table[bar * market + feature] = normalised(value, mean, scale)


@part
def observe(e: Any, number: int, s: Any, bar: int, equity: float) -> None:
    """Write the observation of an environment at the close of `bar`."""
    market, symbols = e.row_of.shape[0], s.path.shape[0]
    table = singles_at(e.table_at[number] + 4 * bar * market, market)
    seen = e.observations[number]
    for feature in range(market):
        seen[feature] = table[feature]
    kept = e.kept[number]
    start = kept[START]
    open_gain = 0.0
    for symbol in range(symbols):
        units = s.positions[symbol, UNITS]
        seen[market + symbol] = np.float32(units / e.limits[symbol])
        open_gain += account_unrealised(s, bar, symbol)
    after = market + symbols
    seen[after] = normalised(equity / start, 1.0, 1.0)
    seen[after + 1] = normalised(open_gain / start, 0.0, 1.0)
    seen[after + 2] = normalised((kept[PEAK] - equity) / start, 0.0, 1.0)
    last, first = s.path.shape[2] - 1, first_trading_bar(s)
    seen[after + 3] = np.float32((last - bar) / (last - first))
