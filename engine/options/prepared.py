"""An option strategy bound to settings and the shape of a price block: what workers call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.columns import read_columns
from engine.execution.layout import NOT_FINITE, SAME_CLOSE
from engine.execution.linked import metric_calls
from engine.execution.metric_groups import ORDER_ENGINE
from engine.execution.option_metric_names import METRICS
from engine.execution.settings import Execution
from engine.execution.state import Simulation, frame_of, new_simulation
from engine.options.book import book_call
from engine.options.book_american import american_call
from engine.options.book_exits import close_call
from engine.options.book_hooks import hooked_book_call
from engine.options.book_layout import (
    AMERICAN,
    AMERICAN_CODE,
    CLOSE_CODE,
    CODES_WIDTH,
    MARK_CODE,
    OWN_FRAME,
    RULE_MARGIN_CODE,
    TRADE_CODE,
    BookArrays,
)
from engine.options.book_market import contracts_of_path
from engine.options.book_marks import mark_call
from engine.options.book_rule_margin import rule_margin_call
from engine.options.book_terms import asks_for_book, encode_own
from engine.options.book_underlying import trade_call
from engine.options.handles import MOST_REQUESTS
from engine.options.hooks import HOOK_RAISED, HOOK_TEXTS, OptionHooks
from engine.options.layout import (
    BLOCK,
    BOOKED,
    HELD_WIDTH,
    LEG_BARS,
    LEG_ROOM,
    LEG_WIDTH,
    MARGIN_RULE,
    NOT_PRICED,
    OK,
    RULES_WIDTH,
    SERIES_WIDTH,
    TABLES_WIDTH,
    TAPE_WIDTH,
    TOTALS_WIDTH,
)
from engine.options.legs import Leg
from engine.options.loop import run_paths
from engine.options.path_margin import MARGIN_ROOM, encode_margin
from engine.options.path_reads import PathReads
from engine.options.rules import encode_set, encode_terms
from engine.options.settings import OptionSettings
from engine.options.smile_rows import SMILE_WIDTH
from engine.options.smile_settings import SmileVolatility, SurfaceVolatility
from engine.options.tape import LegTape, trade_columns
from engine.options.volatility import DYNAMICS
from engine.strategies.clock_reads import clock_of
from engine.strategies.longer_bars import Timeline
from engine.strategies.scratch import identities_of
from engine.strategies.strategy import Strategy
from engine.window import Window

__all__ = ["PreparedOptions"]

_MOST_PLANS: Final = 1024
_GROUP: Final = "options"
_NO_TAPE: Final = np.empty((0, 0))
_NO_ENDS: Final = np.empty(0, dtype=np.int64)
_NO_ROWS: Final = np.empty((TAPE_WIDTH, 0))
_NO_FRAME: Final = np.empty(0, dtype=np.int64)
_WEEK: Final = 5
_DAYS: Final = 7
_THURSDAY: Final = 3  # of 1970-01-01, counted from Monday
_STATUS_TEXTS: Final = {
    OK: "",
    NOT_PRICED: "a future or a strike at or below zero has no lognormal price: found by points out "
    "of the money, options.strike_step or the prices; options.pricing: bachelier has one",
    NOT_FINITE: "net_pnl is not finite",
    **HOOK_TEXTS,
}


@dataclass
class _Scratch:
    simulation: Simulation
    frame: NDArray[np.int64]
    series: NDArray[np.float64]
    room: NDArray[np.float64]
    held: NDArray[np.float64]
    margin_room: NDArray[np.float64]
    calls: NDArray[np.bool_]
    totals: NDArray[np.float64]
    #: Made by the first parameter set that asks for it.
    book: BookArrays | None


class PreparedOptions:
    """`engine.jobs.engine.PreparedEngine` for options; immutable."""

    def __init__(
        self,
        strategy: type[Strategy],
        legs: tuple[Leg, ...],
        settings: OptionSettings,
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
        self.strategy, self._legs, self._settings = strategy, legs, settings
        self._symbols, self._fields, self._steps = symbols, fields, steps
        self._bars_per_session = max(bars_per_session, 1.0)
        self._window = Window.of(warm_up, steps - warm_up)
        # The group `options` is written by the loop itself, last in a row.
        rest = [name for name in groups if name != _GROUP]
        self.metric_names, self._groups = metric_calls(rest)
        self._options_at = -1
        if _GROUP in groups:
            self._options_at = len(self.metric_names)
            self.metric_names += tuple(METRICS)
        self.raised = HOOK_RAISED
        self.sets_at_once: int | None = None
        bars = self._window.trading_bars
        count = min(record_equity, bars)
        self.sample_bars = np.array([(k + 1) * bars // count - 1 for k in range(count)], np.int64)
        self._rules = execution.rules(symbols, bars_per_year, bars_per_session)
        read_columns(self._rules, execution, symbols, fields)
        self._terms = encode_terms(settings, execution.cash)
        self._always_booked = asks_for_book(strategy, legs, settings)
        self._plans: dict[tuple[int, bytes], tuple[NDArray[np.float64], int]] = {}
        self._set_market(bars_per_year)
        days, self._contracts = contracts_of_path(
            settings, legs, timestamps, exchange, timeframe, steps, self._bars_per_session
        )
        if days is not None:
            self._weekdays = np.ascontiguousarray((days.astype(np.int64) + _THURSDAY) % _DAYS)
        timeline = Timeline.of(
            timeframe, exchange, steps, first_trading_bar=warm_up,
            bars_per_session=bars_per_session, timestamps=timestamps,
        )  # fmt: skip
        self._reads = PathReads(strategy, fields, steps, timeline)
        self._hooks = OptionHooks(strategy, fields, settings) if strategy.hooks() else None
        self._clock = clock_of(strategy, fields, timestamps, exchange)

    def _set_market(self, bars_per_year: float) -> None:
        """Find the fields that the loop reads, and the numbers that its tables are made of."""
        settings, fields = self._settings, self._fields
        volatility = settings.volatility
        self._of_model = volatility.kind == "model"
        found = 0
        for place, names in enumerate(DYNAMICS):
            found = place if names and set(names) <= set(fields) else found
        self._dynamics = found
        self._constant_fields = np.array([fields.index(n) for n in DYNAMICS[found]], np.int64)
        of_future = settings.underlying == "future"
        spot = "spot" if of_future and "spot" in fields else "close"
        self._price_field = fields.index(spot)
        own = "convenience_yield"
        self._yield_field = fields.index(own) if of_future and own in fields else -1
        bar_years = 1.0 / bars_per_year
        self._margin = encode_margin(settings, bar_years, self._bars_per_session)
        self._own = encode_own(
            self.strategy, self._legs, settings, bar_years, self._bars_per_session
        )
        session = np.arange(self._steps) // round(self._bars_per_session)
        self._weekdays = np.ascontiguousarray(session % _WEEK, dtype=np.int64)
        lag = settings.future_days * self._bars_per_session * bar_years
        carry = settings.rate - settings.dividend if settings.pricing == "black_scholes" else 0.0
        level, window, premium = 1.0, 0.0, 1.0
        self._surface = np.empty((0, SMILE_WIDTH))
        if volatility.kind == "constant":
            level = volatility.value
        elif volatility.kind == "model":
            level = volatility.premium
        elif isinstance(volatility, SmileVolatility | SurfaceVolatility):
            level = volatility.premium
            self._surface = np.ascontiguousarray(volatility.surface().rows)
        else:
            window, premium = float(volatility.lookback), volatility.premium
        self._market = np.array([bar_years, lag, settings.rate, carry, level, window, premium])

    def scratch(self) -> _Scratch:
        """Return work space for one worker."""
        path = np.zeros((1, len(self._fields), self._steps))
        first = self._window.first_trading_bar
        simulation = new_simulation(
            path, self._rules, clock=self._clock, first_trading_bar=first,
            order_capacity=MOST_REQUESTS, lot_capacity=1,
        )  # fmt: skip
        # Requests of a hook are for the close at which they are placed.
        simulation.rules[0, SAME_CLOSE] = 0.0 if self._hooks is None else 1.0
        legs = len(self._legs)
        return _Scratch(
            simulation,
            np.append(frame_of(simulation), 0),  # the address of the book
            np.zeros((SERIES_WIDTH, self._steps + BLOCK)),
            np.zeros((LEG_ROOM + legs, BLOCK)),
            np.zeros((legs, HELD_WIDTH)),
            np.zeros(MARGIN_ROOM),
            np.zeros(legs, dtype=np.bool_),
            np.zeros(TOTALS_WIDTH),
            None,
        )

    def tape(self) -> LegTape:
        """Return an empty tape of legs for one worker."""
        return LegTape()

    def run(
        self,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: _Scratch,
        equity: NDArray[np.float64] | None = None,
        trades: LegTape | None = None,
        *,
        seeds: NDArray[np.uint64] | None = None,
        paths: NDArray[np.uint64] | None = None,
    ) -> None:
        """Run every parameter set on every path; see `engine.jobs.engine.PreparedEngine`."""
        shape = (1, len(self._fields), self._steps)
        if values.shape[1:] != shape or not values.flags.c_contiguous:
            raise Refusal("values", f"shape {values.shape}", f"(paths, {shape}) in C order")
        simulations = len(values) * len(parameters)
        if simulations == 0:
            return
        plans, longest = self._planned(np.ascontiguousarray(parameters))
        if equity is None:
            equity = np.empty((len(values), len(parameters), 0))
        samples = self.sample_bars if equity.shape[2] else self.sample_bars[:0]
        tables = np.empty((TABLES_WIDTH, longest + 1 + BLOCK))
        if trades is not None:
            trades.begin(simulations)
        book, booked = 0, bool((plans[:, BOOKED] != 0.0).any())
        if booked:
            book = book_call() if self._hooks is None else hooked_book_call()
            scratch.book = scratch.book or self._book(scratch)
            for name, array in (("tables", tables), ("plans", plans)):
                scratch.book.put(name, array)
            parameters = np.ascontiguousarray(parameters)
            if self._reads.any or self._hooks is not None:
                rows = self._reads.planned(parameters)
                self._reads.put(scratch.book, rows, scratch.frame)
            if self._hooks is not None:
                self._hooks.put(scratch.book, parameters, scratch.frame)
        done = 0
        while done < simulations:
            if scratch.book is not None and booked:
                scratch.book.put("tape", _NO_ROWS if trades is None else trades.columns)
            done = run_paths(
                values,
                identities_of(len(values), seeds, paths),
                self._price_field,
                self._yield_field,
                self._constant_fields,
                self._dynamics,
                self._of_model,
                self._market,
                self._window.first_trading_bar,
                self._terms,
                plans,
                scratch.series,
                tables,
                self._surface,
                scratch.room,
                scratch.held,
                self._margin,
                scratch.margin_room,
                scratch.calls,
                scratch.totals,
                scratch.frame,
                metrics,
                status,
                samples,
                equity,
                _NO_TAPE if trades is None else trades.columns,
                _NO_ENDS if trades is None else trades.ends,
                self._groups,
                self._options_at,
                self._settings.greeks,
                book,
                _NO_FRAME if scratch.book is None else scratch.book.frame,
                done,
            )
            if trades is not None and done < simulations:
                trades.grow(int(trades.ends[done - 1]) if done > 0 else 0)

    def status_text(self, code: int) -> str:
        """Return what a status means."""
        return _STATUS_TEXTS[int(code)]

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
        """Return why one simulation failed; one whose hook raised is run again to tell what."""
        if code != HOOK_RAISED or self._hooks is None:
            return self.status_text(code)
        metrics = np.empty((1, 1, len(self.metric_names)))
        status = np.empty((1, 1), dtype=np.int8)
        self.run(values, parameters, metrics, status, scratch, seeds=seeds, paths=paths)
        parameters = np.ascontiguousarray(parameters)
        planned = self._reads.planned(parameters)
        return self._hooks.failure(scratch.book, parameters, planned, scratch.frame, self._steps)

    def trade_columns(
        self, columns: NDArray[np.float64], first_bar: int, *, with_ranges: bool
    ) -> list[pl.Series]:
        """Return the columns of a tape as a table has them."""
        return trade_columns(columns, first_bar)

    def _book(self, scratch: _Scratch) -> BookArrays:
        """Return the arrays of a book that shares what the loop fills for a path."""
        codes = np.zeros(CODES_WIDTH, dtype=np.int64)
        codes[MARK_CODE], codes[CLOSE_CODE] = mark_call(), close_call()
        codes[TRADE_CODE] = trade_call()
        if self._own[AMERICAN] != 0.0:
            codes[AMERICAN_CODE] = american_call()
        if self._margin[MARGIN_RULE] != 0.0:
            codes[RULE_MARGIN_CODE] = rule_margin_call()
        made = BookArrays(
            series=scratch.series,
            surface=self._surface,
            terms=self._terms,
            own=self._own,
            totals=scratch.totals,
            curve=scratch.simulation.curve,
            margin=self._margin,
            weekdays=self._weekdays,
            codes=codes,
            **self._contracts,
        )
        codes[OWN_FRAME] = made.frame.ctypes.data
        return made

    def _planned(self, parameters: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        """Return a group of parameter sets as numbers, and the bars of their longest leg."""
        key = (len(parameters), parameters.tobytes())
        planned = self._plans.get(key)
        if planned is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            declared = self.strategy.parameters
            rows = []
            for row in parameters.tolist():
                pairs = zip(declared.items(), row, strict=True)
                values = {name: item.decode(code) for (name, item), code in pairs}
                rows.append(
                    encode_set(
                        values, self._legs, self._settings, self._bars_per_session,
                        booked=self._always_booked,
                    )
                )  # fmt: skip
            plans = np.array(rows)
            legs = plans[:, RULES_WIDTH:].reshape(len(plans), -1, LEG_WIDTH)
            longest = int(legs[:, :, LEG_BARS].max())
            planned = plans, self._steps if self._contracts else longest
            self._plans[key] = planned
        return planned
