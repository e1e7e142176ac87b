"""A strategy prepared for one shape of price block: what a study's workers call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import Bars, split_fields
from engine.clock import time_between
from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.linking import address_of_compiled
from engine.errors import Refusal
from engine.execution.columns import check_volumes, read_columns
from engine.execution.layout import (
    FIRST_SUB_BAR,
    RAISED,
    STATUS_TEXTS,
    SUB_BARS,
    TRADE_ROWS,
    TRADE_WIDTH,
)
from engine.execution.linked import metric_calls
from engine.execution.metric_groups import ORDER_ENGINE
from engine.execution.own_bars import own_bars_of
from engine.execution.settings import Execution
from engine.execution.state import frame_of, new_simulation
from engine.strategies.clock_reads import clock_of
from engine.strategies.compiler_errors import explain
from engine.strategies.compiling import compile_strategy
from engine.strategies.failures import raised, raised_by_indicator
from engine.strategies.indicator_code import WORK_ROWS
from engine.strategies.kernel import SIMULATE_ARGUMENTS
from engine.strategies.longer_bars import Timeline
from engine.strategies.loop import path_loop
from engine.strategies.rows import RowPlan, plan_rows
from engine.strategies.scratch import Scratch, identities_of
from engine.strategies.session_reads import lives_by_sessions
from engine.strategies.strategy import Strategy
from engine.strategies.trade_columns import trade_columns
from engine.strategies.trade_tape import TradeTape
from engine.timeframes import bar_minutes
from engine.window import Window

__all__ = ["StrategyEngine"]

_MOST_PLANS: Final = 1024
_NO_TRADES: Final = np.empty((TRADE_WIDTH, 0))
_NO_ENDS: Final = np.empty(0, dtype=np.int64)


class StrategyEngine:
    """A strategy bound to execution settings and the shape of a price block; immutable."""

    def __init__(
        self,
        cls: type[Strategy],
        execution: Execution,
        *,
        symbols: tuple[str, ...],
        fields: tuple[str, ...],
        steps: int,
        bars_per_year: float,
        bars_per_session: float = 1.0,
        warm_up: int = 0,
        record_equity: int = 0,
        record_trades: bool = False,
        groups: Sequence[str] = (ORDER_ENGINE,),
        timestamps: NDArray[np.int64] | None = None,
        exchange: str | None = None,
        timeframe: str | None = None,
        history: Sequence[Bars] | None = None,
    ) -> None:
        self.strategy = cls
        self.execution = execution
        self.symbols = tuple(symbols)
        self.fields = tuple(fields)
        self.steps = steps
        self.window = Window.of(warm_up, steps - warm_up, execution.at_end)
        self.record_trades = record_trades
        self.parameter_names = tuple(cls.parameters)
        self.metric_names, self._groups = metric_calls(groups)
        self.raised = RAISED
        self.sets_at_once: int | None = None
        trading_bars = self.window.trading_bars
        count = min(record_equity, trading_bars)
        self.sample_bars = np.array(
            [(k + 1) * trading_bars // count - 1 for k in range(count)], dtype=np.int64
        )
        self._rules = execution.rules(self.symbols, bars_per_year, bars_per_session)
        whole, sub_bars = split_fields(self.fields)
        read_columns(self._rules, execution, self.symbols, whole)
        self._rules[:, SUB_BARS] = sub_bars
        self._rules[:, FIRST_SUB_BAR] = len(whole) if sub_bars > 1 else 0
        minutes = None if timeframe is None else bar_minutes(timeframe)
        own_bars = None if history is None else own_bars_of(history, steps)
        # A calendar takes seconds to build: only for those whose orders live by it.
        by_sessions = execution.flat_at == "close" or lives_by_sessions(cls)
        when = (timestamps, exchange if by_sessions else None, minutes, own_bars)
        self._closed = execution.closed(self.symbols, *when)
        self._last_bars = execution.last_bars(self.symbols, *when)
        self._elapsed = None if timestamps is None else time_between(timestamps, bars_per_year)
        # What lies inside a bar is for the order engine: strategies see whole bars.
        self._event_loop = compile_strategy(cls, whole, len(self.symbols))
        self._clock = clock_of(cls, self.fields, timestamps, exchange)
        self._timeline = Timeline.of(
            timeframe,
            exchange,
            steps,
            first_trading_bar=warm_up,
            bars_per_session=bars_per_session,
            timestamps=timestamps,
        )
        self._plans: dict[tuple[int, bytes], RowPlan] = {}

    def encode(self, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return a parameter set as numbers; defaults fill the gaps.

        Returns
        -------
        ndarray of float64, shape (parameters,)
            In the order of `parameter_names`.

        Raises
        ------
        ValueError
            If a name is unknown or a value is not allowed.
        """
        declared = self.strategy.parameters
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise Refusal(
                self.strategy.name, f"parameter {', '.join(unknown)}", ", ".join(declared) or "none"
            )
        return np.array(
            [p.encode(parameters.get(name, p.default)) for name, p in declared.items()],
            dtype=np.float64,
        )

    def scratch(
        self,
        *,
        record_orders: bool = False,
        fills: NDArray[np.float64] | None = None,
        recorded_bars: int = 0,
    ) -> Scratch:
        """Return work space for one worker.

        Parameters
        ----------
        record_orders : bool
            Whether the fate of every order is logged.
        fills : ndarray of float64, shape (fills, TAPE_WIDTH), optional
            Recorded fills, which take the place of modelled ones (`engine.execution.tape`).
        recorded_bars : int
            Bars that they cover.
        """
        path = np.zeros((len(self.symbols), len(self.fields), self.steps))
        capacity = 4 * self.steps + 64 if self.record_trades else 0
        # A record may have many fills in a bar, each of which may close or open a lot.
        more = 0 if fills is None else len(fills)
        simulation = new_simulation(
            path,
            self._rules,
            self._closed,
            self._last_bars,
            self._elapsed,
            self._clock,
            first_trading_bar=self.window.first_trading_bar,
            trade_capacity=capacity + (2 * more if self.record_trades else 0),
            event_capacity=24 * self.steps + 64 + 8 * more if record_orders else 0,
            lot_capacity=self.steps + 64 + more if more else None,
            tape=fills,
            recorded_bars=recorded_bars,
        )
        return Scratch(simulation, frame_of(simulation))

    def run(
        self,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: Scratch,
        equity: NDArray[np.float64] | None = None,
        trades: TradeTape | None = None,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> None:
        """Run every parameter set on every path; the GIL is released.

        Parameters
        ----------
        values : ndarray of float64, shape (paths, symbols, fields, bars)
            Price block, C-contiguous.
        parameters : ndarray of float64, shape (sets, parameters)
            Rows of `encode`.
        metrics : ndarray of float64, shape (paths, sets, metrics)
            Output; NaN where a metric is undefined.
        status : ndarray of int8, shape (paths, sets)
            Output; 0 is ok, else see `status_text`.
        scratch : Scratch
            The worker's own.
        equity : ndarray of float64, shape (paths, sets, samples), optional
            Output; equity at the bars `sample_bars`, counted from the first trading bar.
        trades : TradeTape, optional
            Output; the trades of every simulation, of an engine that records them.
        seeds, paths : ndarray of uint64, shape (paths,), optional
            Seed of each path, and its number within the seed: fills by chance depend on them.
        """
        self._check(values, parameters)
        identities = identities_of(len(values), seeds, paths)
        parameters = np.ascontiguousarray(parameters)
        if equity is None:
            equity = np.empty((len(values), len(parameters), 0))
        samples = self.sample_bars if equity.shape[2] else self.sample_bars[:0]
        arrays = (values, identities, parameters, metrics, status, scratch, samples, equity)
        self._call(*arrays, trades)

    def tape(self) -> TradeTape:
        """Return an empty tape of trades for one worker."""
        return TradeTape()

    def trade_columns(
        self, columns: NDArray[np.float64], first_bar: int, *, with_ranges: bool
    ) -> list[pl.Series]:
        """Return the columns of a tape, shape (columns, trades), as a table has them."""
        return trade_columns(columns, self.symbols, first_bar, with_ranges=with_ranges)

    def status_text(self, code: int) -> str:
        """Return what a status code means."""
        return STATUS_TEXTS[int(code)]

    def failure(
        self,
        code: int,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        scratch: Scratch,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> str:
        """Return why a simulation failed; one whose strategy raised is run again to tell what.

        Parameters
        ----------
        code : int
            Its status.
        values : ndarray of float64, shape (1, symbols, fields, steps)
            Its path.
        parameters : ndarray of float64, shape (1, parameters)
            Its encoded parameters.
        scratch : Scratch
            The worker's own.
        seeds, paths : ndarray of uint64, shape (1,), optional
            What its path is, as `run` was told.
        """
        text = self.status_text(code)
        if code != RAISED:
            return text
        metrics = np.empty((1, 1, len(self.metric_names)))
        status = np.empty((1, 1), dtype=np.int8)
        self.run(values, parameters, metrics, status, scratch, seeds=seeds, paths=paths)
        # That has filled the indicator rows, which the form that raises reads again.
        parameters = np.ascontiguousarray(parameters)
        planned = self._planned(parameters)
        rows, work = self._rows(planned, scratch)
        failed = raised_by_indicator(
            self.strategy, planned, scratch.frame, rows, work, scratch.failed
        )
        if failed is not None:
            return failed
        arrays = (scratch.frame, rows, parameters, planned.row_of, metrics)
        frame, row_values, encoded, read, out = (array.ctypes.data for array in arrays)
        try:
            self._event_loop.simulate_raising(frame, row_values, rows.size, encoded, read, out)
        except Exception as error:
            return raised("the strategy", error)
        return text

    def _call(
        self,
        values: NDArray[np.float64],
        identities: NDArray[np.int64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: Scratch,
        samples: NDArray[np.int64],
        equity: NDArray[np.float64],
        tape: TradeTape | None,
    ) -> None:
        simulations = len(values) * len(parameters)
        if simulations == 0:
            return
        planned = self._planned(parameters)
        rows, work = self._rows(planned, scratch)
        if tape is not None:
            tape.begin(simulations)
        done = 0
        while done < simulations:
            done = path_loop()(
                self._address,
                values,
                identities,
                parameters,
                planned.row_of,
                planned.plans,
                rows,
                work,
                scratch.failed,
                scratch.frame,
                metrics,
                status,
                samples,
                equity,
                _NO_TRADES if tape is None else tape.columns,
                _NO_ENDS if tape is None else tape.ends,
                self._groups,
                done,
            )
            if tape is not None and done < simulations:
                used = int(tape.ends[done - 1]) if done > 0 else 0
                tape.grow(used, int(scratch.simulation.counts[TRADE_ROWS]))

    def _planned(self, parameters: NDArray[np.float64]) -> RowPlan:
        """Return `plan_rows` of a group of parameter sets, which come again with every chunk."""
        # Sets without parameters have no bytes: their number tells them apart.
        key = (len(parameters), parameters.tobytes())
        planned = self._plans.get(key)
        if planned is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            planned = plan_rows(self.strategy, self.fields, parameters, self._timeline)
            self._plans[key] = planned
        return planned

    def _rows(
        self, planned: RowPlan, scratch: Scratch
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return room for the rows of values, and to work in."""
        # The vector form fills a row of targets for each symbol, behind the indicators.
        own = len(planned.plans) + self._target_rows
        rows = scratch.rows_for(own + WORK_ROWS, self.steps)
        return rows[:own], rows[own:]

    @cached_property
    def _target_rows(self) -> int:
        return len(self.symbols) if "signals" in self.strategy.hooks() else 0

    @cached_property
    def _address(self) -> int:
        try:
            return address_of_compiled(self._event_loop.simulate, SIMULATE_ARGUMENTS)
        except COMPILER_ERRORS as error:
            raise explain(error, self.strategy) from error

    def _check(self, values: NDArray[np.float64], parameters: NDArray[np.float64]) -> None:
        expected = (len(self.symbols), len(self.fields), self.steps)
        if values.shape[1:] != expected or not values.flags.c_contiguous:
            raise Refusal(
                "values",
                f"shape {values.shape}",
                f"(paths, {expected[0]}, {expected[1]}, {expected[2]}) in C order",
            )
        check_volumes(values, self.execution, self.symbols)
        if parameters.shape[1:] != (len(self.parameter_names),):
            raise Refusal(
                "parameters", f"shape {parameters.shape}", f"(sets, {len(self.parameter_names)})"
            )
