"""A strategy over one historical path, with everything that happened on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.execution.layout import (
    EVENT_COLUMNS,
    EVENT_NAMES,
    KIND_NAMES,
    ORDER_ROWS,
    PENDING,
    SIZE_NAMES,
    TRADE_COLUMNS,
    TRADE_ROWS,
    UNITS,
)
from engine.execution.settings import Execution
from engine.own_data import bars_of
from engine.strategies.bars_table import bars_table
from engine.strategies.fill_tape import FillTape, not_taken
from engine.strategies.open_orders import open_orders
from engine.strategies.prepare import prepare_strategy
from engine.strategies.registry import get_strategy
from engine.strategies.strategy import Strategy

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.plots import Chart

__all__ = ["Backtest", "backtest"]


class _Ran(NamedTuple):
    """What tables are made of, when somebody reads them."""

    symbols: tuple[str, ...]
    bars: Bars  # of the first symbol
    values: NDArray[np.float64]  # (symbols, fields, bars)
    first_bar: int
    trades: NDArray[np.float64]  # (trades, TRADE_WIDTH)
    events: NDArray[np.float64]  # (events, EVENT_WIDTH)
    waiting: NDArray[np.float64]  # (orders, ORDER_WIDTH)


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a strategy did on one path.

    Parameters
    ----------
    metrics : dict of str to float or None
        The metrics of `engine.statistics.performance`; None where undefined.
    equity : ndarray of float64, shape (bars,)
        Equity at each close from the first trading bar on.
    positions : dict of str to float
        Units that are held behind the last bar, by symbol.

    Attributes
    ----------
    trades : polars.DataFrame
        One row per closed lot, oldest exit first: ``symbol``, ``units``, ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price``, ``pnl``, ``commission``, ``mfe``, ``mae``,
        ``entry_tag``, ``exit_tag``. Bars are counted from the first trading bar, here and in
        `orders`.
    orders : polars.DataFrame
        One row per event of an order (submitted, filled, cancelled, expired or rejected with its
        reason): ``bar``, ``order``, ``symbol``, ``kind``, ``event``, ``units``, ``price``,
        ``commission``, ``size``. Units of a submitted order are as it was given: `size` says
        whether they are units, units of an exit (`reduce`: at most what is held), a target, a
        share of equity or the side of a position that the sizing rule makes. Its price is its
        limit or stop.
    bars : polars.DataFrame
        Per bar and symbol: ``bar``, ``timestamp``, ``symbol``, ``open``, ``high``, ``low``,
        ``close``, ``volume`` and columns of one's own. Those to warm up on have numbers below 0.
    open_orders : polars.DataFrame
        One row per order that waits behind the last bar, oldest first: ``bar`` at whose close it
        was placed, ``order``, ``symbol``, ``kind``, ``size`` and ``units`` as in `orders`;
        ``limit`` and ``stop`` where its kind has them; ``take_profit`` and ``stop_loss``: prices
        or, where ``exits_from_fill``, distances from the fill, NaN for none; ``parent``, of an exit
        the order whose lot it closes; ``group`` (orders of one number cancel each other, below 0:
        they fill together); ``expiry`` (the last bar on which it may fill); ``immediate``;
        ``whole``; ``tag``.
    """

    metrics: dict[str, float | None]
    equity: NDArray[np.float64]
    positions: dict[str, float]
    _ran: _Ran

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row per closed lot, oldest exit first."""
        return _trade_frame(self._ran)

    @cached_property
    def orders(self) -> pl.DataFrame:
        """One row per event of an order."""
        return _order_frame(self._ran)

    @cached_property
    def bars(self) -> pl.DataFrame:
        """One row per bar and symbol."""
        ran = self._ran
        return bars_table(
            ran.values, ran.symbols, ran.bars.fields, ran.bars.timestamps, ran.first_bar
        )

    @property
    def waiting(self) -> int:
        """Number of orders that wait behind the last bar."""
        return len(self._ran.waiting)

    @cached_property
    def open_orders(self) -> pl.DataFrame:
        """One row per order that waits behind the last bar, oldest first."""
        return open_orders(self._ran.waiting, self._ran.symbols, self._ran.first_bar)

    @property
    def start(self) -> float:
        """Equity before the first trading bar, in account currency."""
        final, earned = self.metrics["final_equity"], self.metrics["net_pnl"]
        assert final is not None
        assert earned is not None
        return final - earned

    def plot(self, indicators: Mapping[str, ArrayLike] | None = None) -> Chart:
        """Draw candles with fills and indicators, equity and drawdown, zoomed together.

        Parameters
        ----------
        indicators : mapping of str to array_like of shape (bars,), optional
            As `indicator_values` returns them: one value per bar, those to warm up on included.
        """
        from engine.plots.simulation import simulation_chart

        title = f"{', '.join(self.bars['symbol'].unique(maintain_order=True))}: backtest"
        return simulation_chart(title, self.bars, self.equity, self.orders, self.start, indicators)

    def _repr_html_(self) -> str:
        from engine.plots.snippet import facts, sparkline

        names = ("net_pnl", "total_return", "sharpe", "max_drawdown", "trades")
        shown = {name.replace("_", " "): self.metrics.get(name) for name in names}
        return facts("Backtest", shown, sparkline(self.equity, label="equity"))


def backtest(
    strategy: type[Strategy] | str,
    bars: Any,
    parameters: Mapping[str, Any] | None = None,
    execution: Execution | Mapping[str, Any] | None = None,
    *,
    warm_up: int | Literal["auto"] = 0,
    fills: FillTape | pl.DataFrame | None = None,
) -> Backtest:
    """Run a strategy over historical bars.

    Parameters
    ----------
    strategy : type or str
        A strategy class or its registry name.
    bars : Bars, DataFrame or table, sequence or mapping of these
        One symbol, or several with the same timestamps: ``{"A": bars, "B": frame}``.
    parameters : mapping, optional
        Values of declared parameters; defaults fill the gaps.
    execution : Execution or mapping, optional
        Execution settings.
    warm_up : int or "auto"
        Bars that indicators see before the first on which the strategy trades; ``"auto"``: as many
        as the slowest indicator needs. Metrics and equity count from the first trading bar.
    fills : FillTape or DataFrame, optional
        Recorded fills. Up to the last bar that they cover nothing else fills: an order of the
        strategy that the bars would fill does so only if there is a fill of it, with its units,
        price and commission; a fill that names no order is of one of its symbol and side that would
        fill in the bar, else a trade of its own at the close of the bar. Rejections, expiries,
        interest and margin calls stay modelled, and what follows is modelled with the positions,
        the cash, the orders and the trades that there are then.

    Raises
    ------
    ValueError
        If a parameter or setting is not allowed, a symbol is missing or there twice, the symbols'
        timestamps differ, no bar is left to trade on, a recorded fill is not of these bars and
        orders, or the simulation fails.

    Examples
    --------
    >>> from engine.bars import Bars
    >>> from engine.sources import GBM
    >>> block = GBM(sigma=0.2).paths(seeds=[1], steps=300)
    >>> stamps = np.arange(300) * 86_400_000_000
    >>> bars = Bars("X", stamps, *(block.field(name)[0] for name in block.fields))
    >>> whole = backtest("sma_crossover", bars, {"fast": 10, "slow": 50})
    >>> warm = backtest("sma_crossover", bars, {"fast": 10, "slow": 50}, warm_up="auto")
    >>> len(whole.equity), len(warm.equity)
    (300, 251)
    """
    series = bars_of(bars)
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
                hint="`joined` puts symbols of several calendars on one clock",
            )
    if not isinstance(execution, Execution):
        execution = Execution.of(execution or {}, "execution")
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    before = warm_up
    if warm_up == "auto":
        before = cls.warm_up(parameters, first.calendar, first.bars_per_session)
    if not isinstance(before, int) or isinstance(before, bool) or not 0 <= before < len(first):
        found = "" if warm_up == before else f" ({warm_up})"
        raise Refusal(
            "warm_up", f"{before!r}{found}", f"0 to {len(first) - 1} of {len(first)} bars"
        )
    fields = first.fields
    for other in series[1:]:
        if other.fields != fields:
            raise Refusal(
                "bars",
                f"columns {', '.join(other.columns) or 'none'} of {other.symbol}",
                f"those of {first.symbol} ({', '.join(first.columns) or 'none'})",
            )
    columns = [[item.field(name) for name in fields] for item in series]
    values = np.ascontiguousarray(np.array(columns, dtype=np.float64)[None])
    engine = prepare_strategy(
        cls,
        execution,
        symbols=tuple(item.symbol for item in series),
        fields=fields,
        steps=len(first),
        # Growth and its kin are those of the bars on which the strategy trades.
        bars_per_year=first[before:].bars_per_year,
        bars_per_session=first.bars_per_session,
        warm_up=before,
        record_trades=True,
        timestamps=first.timestamps,
        exchange=first.calendar.exchange,
        timeframe=first.calendar.timeframe,
        history=series,
    )
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    if fills is None:
        scratch = engine.scratch(record_orders=True)
    else:
        record = fills if isinstance(fills, FillTape) else FillTape(fills)
        taken, covered = record.rows(series, before)
        scratch = engine.scratch(record_orders=True, fills=taken, recorded_bars=covered)
    encoded = engine.encode(parameters or {})[None]
    engine.run(values, encoded, metrics, status, scratch)
    if status[0, 0] != 0:
        reason = engine.failure(int(status[0, 0]), values, encoded, scratch)
        raise ValueError(f"{engine.strategy.name}: {reason}")
    simulation = scratch.simulation
    refusal = not_taken(simulation.tape, before)
    if refusal is not None:
        raise refusal
    counts = simulation.counts
    return Backtest(
        metrics={
            name: None if np.isnan(value) else float(value)
            for name, value in zip(engine.metric_names, metrics[0, 0], strict=True)
        },
        equity=simulation.curve.copy(),
        positions=dict(zip(names, simulation.positions[:, UNITS].tolist(), strict=True)),
        _ran=_Ran(
            tuple(names),
            first,
            values[0],
            before,
            simulation.trades[: counts[TRADE_ROWS]].copy(),
            simulation.events[: counts[ORDER_ROWS]].copy(),
            simulation.orders[: counts[PENDING]].copy(),
        ),
    )


def _trade_frame(ran: _Ran) -> pl.DataFrame:
    columns: dict[str, Any] = dict(zip(TRADE_COLUMNS, ran.trades.T, strict=True))
    columns["symbol"] = [ran.symbols[int(index)] for index in columns["symbol"]]
    for moment in ("entry", "exit"):
        index = columns[f"{moment}_bar"].astype(np.int64)
        columns[f"{moment}_bar"] = index - ran.first_bar
        columns[f"{moment}_time"] = _instants(ran.bars, index)
    return pl.DataFrame(columns, schema_overrides={"symbol": pl.String})


def _order_frame(ran: _Ran) -> pl.DataFrame:
    columns: dict[str, Any] = dict(zip(EVENT_COLUMNS, ran.events.T, strict=True))
    columns["symbol"] = [ran.symbols[int(index)] for index in columns["symbol"]]
    columns["kind"] = [KIND_NAMES[int(index)] for index in columns["kind"]]
    columns["event"] = [EVENT_NAMES[int(index)] for index in columns["event"]]
    columns["size"] = [SIZE_NAMES[int(index)] for index in columns["size"]]
    index = columns["bar"].astype(np.int64)
    columns["bar"] = index - ran.first_bar
    columns["order"] = columns["order"].astype(np.int64)
    columns["time"] = _instants(ran.bars, index)
    words = dict.fromkeys(("symbol", "kind", "event", "size"), pl.String)
    return pl.DataFrame(columns, schema_overrides=words)


def _instants(bars: Bars, index: NDArray[np.int64]) -> pl.Series:
    """Return the opening instants of bars; what happens before the first counts to it."""
    stamps = pl.Series(bars.timestamps[np.maximum(index, 0)], dtype=pl.Int64)
    return stamps.cast(pl.Datetime("us", "UTC"))
