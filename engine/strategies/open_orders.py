"""The orders that wait behind the last bar of a backtest, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.execution.layout import (
    IMMEDIATE,
    KIND_NAMES,
    ORDER_BAR,
    ORDER_EXPIRY,
    ORDER_FROM_FILL,
    ORDER_GROUP,
    ORDER_ID,
    ORDER_KIND,
    ORDER_LIMIT,
    ORDER_MODE,
    ORDER_PARENT,
    ORDER_PARTS,
    ORDER_QUANTITY,
    ORDER_STATE,
    ORDER_STOP,
    ORDER_STOP_LOSS,
    ORDER_SYMBOL,
    ORDER_TAG,
    ORDER_TAKE_PROFIT,
    SIZE_NAMES,
    WHOLE,
)

__all__ = ["open_orders"]

# Which prices an order of a kind has.
_LIMITS: Final = ("limit", "stop_limit")
_STOPS: Final = ("stop", "stop_limit")


def open_orders(rows: NDArray[np.float64], symbols: Sequence[str], first_bar: int) -> pl.DataFrame:
    """Return the book of a simulation that has ended; `Backtest.open_orders` tells its columns.

    Parameters
    ----------
    rows : ndarray of float64, shape (orders, ORDER_WIDTH)
        Orders that wait behind its last bar.
    symbols : sequence of str
        Names of its symbols.
    first_bar : int
        The bar that is number 0.
    """
    kinds = [KIND_NAMES[int(kind)] for kind in rows[:, ORDER_KIND]]
    limited = np.array([kind in _LIMITS for kind in kinds], dtype=bool)
    stopped = np.array([kind in _STOPS for kind in kinds], dtype=bool)
    expiry = rows[:, ORDER_EXPIRY] - first_bar
    expiry[np.isinf(expiry)] = np.nan
    columns: dict[str, Any] = {
        "bar": rows[:, ORDER_BAR].astype(np.int64) - first_bar,
        "order": rows[:, ORDER_ID].astype(np.int64),
        "symbol": [symbols[int(index)] for index in rows[:, ORDER_SYMBOL]],
        "kind": kinds,
        "size": [SIZE_NAMES[int(mode)] for mode in rows[:, ORDER_MODE]],
        "units": rows[:, ORDER_QUANTITY],
        "limit": np.where(limited, rows[:, ORDER_LIMIT], np.nan),
        "stop": np.where(stopped, rows[:, ORDER_STOP], np.nan),
        "take_profit": rows[:, ORDER_TAKE_PROFIT],
        "stop_loss": rows[:, ORDER_STOP_LOSS],
        "exits_from_fill": rows[:, ORDER_FROM_FILL] != 0.0,
        "parent": rows[:, ORDER_PARENT].astype(np.int64),
        "group": rows[:, ORDER_GROUP].astype(np.int64),
        "expiry": np.where(expiry == np.floor(expiry), expiry, np.nan),
        "immediate": rows[:, ORDER_STATE] == IMMEDIATE,
        "whole": rows[:, ORDER_PARTS] == WHOLE,
        "tag": rows[:, ORDER_TAG],
    }
    words = dict.fromkeys(("symbol", "kind", "size"), pl.String)
    return pl.DataFrame(columns, schema_overrides=words)
