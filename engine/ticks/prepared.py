"""A strategy of ticks bound to a stream and to the bars that say which part of it: for workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.metric_groups import ORDER_ENGINE
from engine.execution.settings import Execution
from engine.strategies.strategy import Strategy
from engine.strategies.trade_columns import trade_columns
from engine.ticks import layout as at
from engine.ticks.bars import BAR_SPAN
from engine.ticks.chunk import TickStream
from engine.ticks.keeping import RunKeeper, StatePlace
from engine.ticks.metrics import TickMeasures
from engine.ticks.realism import TickSource
from engine.ticks.round_trips import TickTape, round_trips
from engine.ticks.running import TickRun
from engine.ticks.settings import TickSettings
from engine.ticks.subsets import TickSubset
from engine.window import Window

__all__ = ["PreparedTicks"]

_MICROSECOND: Final = 1_000
# One decode feeds as many sets; their state stays in the cache.
_SETS_AT_ONCE: Final = 16


class PreparedTicks:
    """`engine.jobs.engine.PreparedEngine` for ticks; immutable."""

    sets_at_once: int | None = _SETS_AT_ONCE

    def __init__(
        self,
        strategy: type[Strategy],
        ticks: TickStream | TickSource,
        settings: TickSettings,
        execution: Execution,
        *,
        symbols: tuple[str, ...],
        fields: tuple[str, ...],
        steps: int,
        bars_per_year: float,
        bars_per_session: float,
        warm_up: int,
        record_equity: int,
        record_trades: bool,
        groups: Sequence[str] = (ORDER_ENGINE,),
        timestamps: NDArray[np.int64] | None = None,
        exchange: str | None = None,
        timeframe: str | None = None,
    ) -> None:
        self.strategy, self._settings, self._execution = strategy, settings, execution
        bars = Window.of(warm_up, steps - warm_up).trading_bars
        self._stream_of: Callable[[int], TickStream]
        if isinstance(ticks, TickSource):
            source, seconds = ticks, steps * BAR_SPAN / at.NANOSECONDS
            self._stream_of = lambda seed: source.ticks(seed, seconds=seconds)
            self._opens = np.arange(steps) * BAR_SPAN
        else:
            assert timestamps is not None, "history has times"
            first = int(timestamps[warm_up]) * _MICROSECOND
            end = int(timestamps[-1]) * _MICROSECOND + BAR_SPAN
            subset = TickSubset(ticks, [(first, end)])
            self._stream_of = lambda _: subset
            self._opens = timestamps * _MICROSECOND
        self._symbols = self._stream_of(0).symbols
        self._measures = TickMeasures(groups, execution)
        self.metric_names = self._measures.names
        self.raised = at.RAISED
        count = min(record_equity, bars)
        self.sample_bars = np.array([(k + 1) * bars // count - 1 for k in range(count)], np.int64)
        self._bars = bars

    def scratch(self) -> None:
        """Return work space for one worker: every run has its own."""

    def tape(self) -> TickTape:
        """Return an empty tape of trades for one thread."""
        return TickTape()

    def run(
        self,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: Any,
        equity: NDArray[np.float64] | None = None,
        trades: TickTape | None = None,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
        unfinished: StatePlace | None = None,
    ) -> None:
        """Run every parameter set on every path; see `engine.jobs.engine.PreparedEngine`."""
        if trades is not None:
            trades.begin()
        for path in range(len(values)):
            run = self._run(parameters, seeds, paths, path, record_fills=trades is not None)
            keeper = None if unfinished is None else RunKeeper(unfinished, run.name)
            run.follow(self._stream_of(run.seed), keeper)
            status[path] = run.failed
            for number in range(len(parameters)):
                if run.events == 0:
                    raise Refusal("ticks", "a stream without events in these bars", "one or more")
                if trades is not None:
                    made = round_trips(run, number, self._opens, self._settings.lot)
                    trades.add(made[:, :0] if run.failed[number] != at.OK else made)
                    trades.tell_of(run, number, self._opens)
                if run.failed[number] != at.OK:
                    metrics[path, number] = np.nan
                    continue
                metrics[path, number] = self._measures.row(run.desks, number)
                if equity is not None and equity.shape[2]:
                    curve = run.equity(number)["equity"].to_numpy()
                    share = (self.sample_bars + 1) / self._bars
                    place = np.ceil(share * len(curve)).astype(np.int64) - 1
                    equity[path, number] = curve[place]

    def status_text(self, code: int) -> str:
        """Return what a status means."""
        return at.STATUS_TEXTS[int(code)]

    def failure(
        self,
        code: int,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        scratch: Any,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> str:
        """Return why a simulation failed; one whose strategy raised is run again to tell what."""
        if code != at.RAISED:
            return self.status_text(code)
        run = self._run(parameters, seeds, paths, 0)
        run.failed[0] = code
        return run.failure(self._stream_of(run.seed), 0)

    def trade_columns(
        self, columns: NDArray[np.float64], first_bar: int, *, with_ranges: bool
    ) -> list[pl.Series]:
        """Return the columns of a tape as a table has them; ticks tell no excursions."""
        return trade_columns(columns, self._symbols, first_bar, with_ranges=False)

    def _run(
        self,
        parameters: NDArray[np.float64],
        seeds: NDArray[np.uint64] | None,
        paths: NDArray[np.uint64] | None,
        path: int,
        *,
        record_fills: bool = False,
    ) -> TickRun:
        return TickRun(
            self.strategy,
            parameters,
            self._settings,
            self._execution.cash,
            self._symbols,
            seed=0 if seeds is None else int(seeds[path]),
            path=0 if paths is None else int(paths[path]),
            record_fills=record_fills,
        )
