"""One strategy with one parameter set over one stream of ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.execution.metric_groups import ORDER_ENGINE
from engine.execution.settings import Execution
from engine.strategies.registry import get_strategy
from engine.strategies.strategy import Strategy
from engine.ticks.chunk import ArrayTicks, TickStream
from engine.ticks.metrics import GROUP, TickMeasures
from engine.ticks.price_steps import check_tick
from engine.ticks.running import TickRun
from engine.ticks.settings import TickSettings

__all__ = ["TickBacktest", "backtest_ticks", "encoded", "stream_of"]


@dataclass(frozen=True)
class TickBacktest:
    """What one simulation of ticks came to.

    Attributes
    ----------
    metrics : dict of str to float or None
        Those of trading, and the group ``ticks``; None where one is undefined.
    fills : polars.DataFrame
        One row per fill: ``stamp`` (exchange) and ``heard`` in nanoseconds, ``order``, ``symbol``,
        ``maker``, ``units`` (negative: sold), ``price``, ``fee``, and behind it ``position``,
        ``cash`` and the ``pnl`` of what it closed, net of fees.
    orders : polars.DataFrame
        One row per event of an order, in their order: ``stamp`` (of what is sent that of the
        strategy, of what comes of it that of the exchange), ``order``, ``symbol``, ``event``
        (submitted, amend sent, cancel sent, amended, filled, or ended, where it was cancelled,
        expired or was not to rest), ``units``, ``price``.
    equity : polars.DataFrame
        Equity at equal times and at the end: ``stamp``, ``equity``.
    """

    metrics: dict[str, float | None]
    fills: pl.DataFrame
    orders: pl.DataFrame
    equity: pl.DataFrame


def backtest_ticks(
    strategy: type[Strategy] | str,
    ticks: TickStream | pl.DataFrame,
    parameters: Mapping[str, Any] | None = None,
    settings: TickSettings | Mapping[str, Any] | None = None,
    *,
    execution: Execution | None = None,
    seed: int = 0,
) -> TickBacktest:
    """Run a strategy over a stream of quote ticks.

    Parameters
    ----------
    strategy : type or str
        A strategy with ``on_tick``, or its registry name.
    ticks : TickStream or DataFrame
        Events; a table has the columns of `ArrayTicks.from_frame`.
    parameters : mapping, optional
        Parameter values by name; defaults fill the gaps.
    settings : TickSettings or mapping, optional
        Latency, queue, fees, contract, limits.
    execution : Execution, optional
        Cash and risk-free rate; the rest is of bars.
    seed : int, optional
        What delays are drawn by.

    Raises
    ------
    Refusal
        If the strategy hears no ticks, or what is given is no stream of them.
    ValueError
        If the strategy fails.

    Examples
    --------
    >>> import engine as mc
    >>> class Join(mc.Strategy):
    ...     def on_tick(self, tick, order, account):
    ...         if account.position == 0.0 and account.open_buys == 0:
    ...             order.post_only(1.0, tick.bid)
    >>> ticks = mc.ArrayTicks([1, 2, 3], [9.9, 9.9, 9.8], [10.0, 10.0, 9.9], [5, 5, 5], [4, 4, 4])
    >>> mc.backtest_ticks(Join, ticks).fills.select("units", "price", "maker").rows()
    [(1.0, 9.9, True)]
    """
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    stream = stream_of(cls, ticks)
    if not isinstance(settings, TickSettings):
        settings = TickSettings.of(settings or {}, "settings")
    check_tick(stream, settings.tick)
    execution = execution or Execution()
    rows = encoded(cls, parameters or {})
    run = TickRun(cls, rows, settings, execution.cash, stream.symbols, seed=seed, record_fills=True)
    run.follow(stream)
    if run.events == 0:
        raise Refusal("ticks", "a stream without events", "one or more")
    if run.failed[0]:
        raise ValueError(f"{cls.name}: {run.failure(stream, 0)}")
    measures = TickMeasures((ORDER_ENGINE, GROUP), execution)
    row = measures.row(run.desks, 0)
    return TickBacktest(
        metrics={
            name: None if np.isnan(value) else float(value)
            for name, value in zip(measures.names, row, strict=True)
        },
        fills=run.fills(0),
        orders=run.orders(0),
        equity=run.equity(0),
    )


def encoded(cls: type[Strategy], parameters: Mapping[str, Any]) -> Any:
    """Return one parameter set as numbers, shape (1, parameters); defaults fill the gaps.

    Raises
    ------
    Refusal
        If a name is unknown or a value is not allowed.
    """
    unknown = sorted(set(parameters) - set(cls.parameters))
    if unknown:
        allowed = ", ".join(cls.parameters) or "none"
        raise Refusal(cls.name, f"parameter {', '.join(unknown)}", allowed)
    declared = cls.parameters.items()
    return np.array([[p.encode(parameters.get(name, p.default)) for name, p in declared]])


def stream_of(cls: type[Strategy], ticks: Any) -> TickStream:
    """Return what was given as a stream, if the strategy and it go together.

    Raises
    ------
    Refusal
        If the strategy hears no ticks, or what is given is none.
    """
    if not cls.hears_ticks():
        raise Refusal(
            "strategy",
            f"{cls.name}, which trades on bars",
            "a strategy with on_tick",
            hint="mc.backtest(strategy, bars) runs it",
        )
    if isinstance(ticks, pl.DataFrame):
        return ArrayTicks.from_frame(ticks)
    if not hasattr(ticks, "chunks"):
        raise Refusal(
            "ticks",
            f"{type(ticks).__name__} for {cls.name}, which hears ticks",
            "a stream of ticks or a table with ts, bid_px, ask_px, bid_sz and ask_sz",
        )
    found: TickStream = ticks
    return found
