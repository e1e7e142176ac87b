"""A strategy over one historical path, with everything that happened on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, Bars
from engine.errors import Refusal
from engine.execution.layout import (
    EVENT_COLUMNS,
    EVENT_NAMES,
    ORDER_ROWS,
    SIZE_NAMES,
    TRADE_COLUMNS,
    TRADE_ROWS,
)
from engine.execution.settings import Execution
from engine.strategies.engine import prepare_strategy
from engine.strategies.strategy import Strategy

__all__ = ["Backtest", "backtest"]

_KINDS = ("market", "limit", "stop", "stop_limit")


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a strategy did on one path.

    Parameters
    ----------
    metrics : dict of str to float or None
        The metrics of `engine.statistics.performance`; None where undefined.
    trades : polars.DataFrame
        One row per closed lot, oldest exit first: ``symbol``, ``units``, ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price``, ``pnl``, ``commission``, ``mfe``, ``mae``.
    equity : ndarray of float64, shape (bars,)
        Equity at each close.
    orders : polars.DataFrame
        One row per event of an order (submitted, filled, cancelled, expired or rejected with its
        reason): ``bar``, ``order``, ``symbol``, ``kind``, ``event``, ``units``, ``price``,
        ``commission``, ``size``. Units of a submitted order are as it was given: `size` says
        whether they are units, a target, a share of equity or the side of a position that the
        sizing rule makes. Its price is its limit or stop.
    """

    metrics: dict[str, float | None]
    trades: pl.DataFrame
    equity: NDArray[np.float64]
    orders: pl.DataFrame


def backtest(
    strategy: type[Strategy] | str,
    bars: Bars | Sequence[Bars],
    parameters: Mapping[str, Any] | None = None,
    execution: Execution | Mapping[str, Any] | None = None,
) -> Backtest:
    """Run a strategy over historical bars.

    Parameters
    ----------
    strategy : type or str
        A strategy class or its registry name.
    bars : Bars or sequence of Bars
        One symbol, or several with the same timestamps.
    parameters : mapping, optional
        Values of declared parameters; defaults fill the gaps.
    execution : Execution or mapping, optional
        Execution settings.

    Raises
    ------
    ValueError
        If a parameter or setting is not allowed, a symbol is missing or there twice, the symbols'
        timestamps differ, or the simulation fails.
    """
    series = (bars,) if isinstance(bars, Bars) else tuple(bars)
    names = [item.symbol for item in series]
    if not series or len(set(names)) < len(names):
        raise Refusal("bars", f"symbols {', '.join(names) or 'none'}", "one or several different")
    first = series[0]
    for other in series[1:]:
        if not np.array_equal(other.timestamps, first.timestamps):
            raise Refusal(
                "bars",
                f"timestamps of {other.symbol} that differ from {first.symbol}'s",
                "equal ones",
            )
    if not isinstance(execution, Execution):
        execution = Execution.model_validate(dict(execution or {}))
    columns = [[getattr(item, name) for name in BAR_FIELDS] for item in series]
    values = np.ascontiguousarray(np.array(columns, dtype=np.float64)[None])
    engine = prepare_strategy(
        strategy,
        execution,
        symbols=tuple(item.symbol for item in series),
        fields=BAR_FIELDS,
        steps=len(first),
        bars_per_year=first.bars_per_year,
        bars_per_session=first.bars_per_session,
        record_trades=True,
        timestamps=first.timestamps,
        exchange=first.calendar.exchange,
    )
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    scratch = engine.scratch(record_orders=True)
    encoded = engine.encode(parameters or {})[None]
    engine.run(values, encoded, metrics, status, scratch)
    if status[0, 0] != 0:
        reason = engine.failure(int(status[0, 0]), values, encoded, scratch)
        raise ValueError(f"{engine.strategy.name}: {reason}")
    simulation = scratch.simulation
    counts = simulation.counts
    return Backtest(
        metrics={
            name: None if np.isnan(value) else float(value)
            for name, value in zip(engine.metric_names, metrics[0, 0], strict=True)
        },
        trades=_trade_frame(simulation.trades[: counts[TRADE_ROWS]], engine.symbols, first),
        equity=simulation.curve.copy(),
        orders=_order_frame(simulation.events[: counts[ORDER_ROWS]], engine.symbols, first),
    )


def _trade_frame(rows: NDArray[np.float64], symbols: tuple[str, ...], bars: Bars) -> pl.DataFrame:
    columns: dict[str, Any] = dict(zip(TRADE_COLUMNS, rows.T, strict=True))
    columns["symbol"] = [symbols[int(index)] for index in columns["symbol"]]
    for moment in ("entry", "exit"):
        index = columns[f"{moment}_bar"].astype(np.int64)
        columns[f"{moment}_bar"] = index
        columns[f"{moment}_time"] = _instants(bars, index)
    return pl.DataFrame(columns, schema_overrides={"symbol": pl.String})


def _order_frame(rows: NDArray[np.float64], symbols: tuple[str, ...], bars: Bars) -> pl.DataFrame:
    columns: dict[str, Any] = dict(zip(EVENT_COLUMNS, rows.T, strict=True))
    columns["symbol"] = [symbols[int(index)] for index in columns["symbol"]]
    columns["kind"] = [_KINDS[int(index)] for index in columns["kind"]]
    columns["event"] = [EVENT_NAMES[int(index)] for index in columns["event"]]
    columns["size"] = [SIZE_NAMES[int(index)] for index in columns["size"]]
    columns["bar"] = columns["bar"].astype(np.int64)
    columns["order"] = columns["order"].astype(np.int64)
    columns["time"] = _instants(bars, columns["bar"])
    words = dict.fromkeys(("symbol", "kind", "event", "size"), pl.String)
    return pl.DataFrame(columns, schema_overrides=words)


def _instants(bars: Bars, index: NDArray[np.int64]) -> pl.Series:
    """Return the opening instants of bars; what happens before the first counts to it."""
    stamps = pl.Series(bars.timestamps[np.maximum(index, 0)], dtype=pl.Int64)
    return stamps.cast(pl.Datetime("us", "UTC"))
