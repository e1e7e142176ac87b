"""The look-ahead audit: whether the past of a strategy depends on its future.

Every order up to a bar must stay the same when the bars after it are replaced, when the path is
run again, and whatever is run beside it. What a strategy carries with it, such as a table
of prices, cannot be replaced, so the audit names it.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS
from engine.calendar import BarCalendar
from engine.execution.layout import (
    EVENT_NAMES,
    FUTURE_READ,
    NOT_FINITE,
    OK,
    ORDER_ROWS,
    READ_AHEAD,
    STATUS,
)
from engine.execution.settings import Execution
from engine.strategies.audit_time import audited_calendar, time_of
from engine.strategies.captured import captured_values, taken_from
from engine.strategies.column_reads import column_reads
from engine.strategies.engine import StrategyEngine
from engine.strategies.indicator import indicators_in
from engine.strategies.indicator_code import users_fill
from engine.strategies.prepare import prepare_strategy
from engine.strategies.purity import pieces_of
from engine.strategies.registry import get_strategy
from engine.strategies.scratch import Scratch
from engine.strategies.strategy import Strategy

__all__ = ["AuditReport", "Finding", "audit_strategy", "with_other_future"]

# Most numbers that a table may hold without being taken for a path.
_LARGEST_TABLE: Final = 64


@dataclass(frozen=True)
class Finding:
    """An earlier decision that changed with the future.

    Parameters
    ----------
    path : int
        Number of the audited path.
    cut : int
        Last bar that the two runs share.
    bar : int
        Bar at whose close the decision was taken.
    order : int
        Number of the order.
    was, became : str
        The decision on the path and on the path with another future.
    """

    path: int
    cut: int
    bar: int
    order: int
    was: str
    became: str

    def __str__(self) -> str:
        return (
            f"path {self.path}: at bar {self.bar}, order {self.order} was {self.was}; with other "
            f"bars after bar {self.cut} it became {self.became}"
        )


@dataclass(frozen=True)
class AuditReport:
    """Result of an audit.

    Parameters
    ----------
    strategy : str
        Name of the strategy.
    paths, cuts : int
        Paths audited, and bars on each after which the future was replaced.
    orders : int
        Orders submitted on the untouched paths; 0 means that the audit has seen nothing.
    findings : tuple of Finding
        Decisions that looked ahead.
    alone_differs : bool
        Whether a path gives other metrics when it runs beside others.
    repeat_differs : bool
        Whether a path gives other orders when it runs again.
    reads_ahead : tuple of str
        Bars at which a hook asked for a later one, by path.
    tables : tuple of str
        Long tables that hooks read: they come from outside the paths and may hold the future.
    """

    strategy: str
    paths: int
    cuts: int
    orders: int
    findings: tuple[Finding, ...]
    alone_differs: bool
    repeat_differs: bool
    reads_ahead: tuple[str, ...]
    tables: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found and there was something to find."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the strategy failed, a sentence each; empty if it passed."""
        reasons = [*self.reads_ahead, *self.tables, *map(str, self.findings)]
        if self.repeat_differs:
            reasons.append("the orders on a path differ when it is run again")
        if self.alone_differs:
            reasons.append("the metrics of a path depend on the paths run beside it")
        if self.orders == 0:
            reasons.append("no order was submitted, so nothing was audited")
        return tuple(reasons)


def audit_strategy(
    strategy: type[Strategy] | str,
    values: NDArray[np.float64] | None = None,
    *,
    symbols: tuple[str, ...] = ("X",),
    fields: tuple[str, ...] | None = None,
    parameters: Mapping[str, Any] | None = None,
    execution: Execution | None = None,
    warm_up: int = 0,
    cuts: int = 500,
    seed: int = 1,
    calendar: BarCalendar | None = None,
) -> AuditReport:
    """Rerun a strategy on paths whose future was replaced after a bar, for many bars.

    Every order submitted up to that bar, and everything that happened to orders up to it, must
    stay the same. The results of a path must not depend on the paths run beside it either.

    Parameters
    ----------
    strategy : type or str
        A strategy class or its registry name.
    values : ndarray of float64, shape (paths, symbols, fields, bars), optional
        Paths to audit on; by default random walks, with random numbers in the columns beside
        prices that the strategy reads.
    symbols, fields : tuple of str
        Names along the axes of `values`; fields are those of a bar by default.
    parameters : mapping, optional
        Parameter values.
    execution : Execution, optional
        Execution settings.
    warm_up : int
        Bars before the first on which the strategy trades. Bars of findings are counted from the
        start of the path.
    cuts : int
        Futures replaced per path, each after another bar: all of them where a path has no more,
        else random ones.
    seed : int
        Seed of the cuts and of the random walks.
    calendar : BarCalendar, optional
        Of the bars; by default `audited_calendar` where indicators ask for longer bars.
    """
    rng = np.random.default_rng(seed)
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    if values is None:
        columns = column_reads(cls)
        fields = (*BAR_FIELDS, *columns)
        values = _random_walks(rng, paths=4, symbol_count=len(symbols), bar_count=500)
        beside = rng.normal(size=(*values.shape[:2], len(columns), values.shape[3]))
        values = np.concatenate([values, beside], axis=2)
    fields = fields or BAR_FIELDS
    paths, _, _, bars = values.shape
    engine = prepare_strategy(
        cls,
        execution,
        symbols=symbols,
        fields=fields,
        steps=bars,
        bars_per_year=252.0,
        warm_up=warm_up,
        record_trades=True,
        **time_of(cls, fields, bars, calendar or audited_calendar(cls)),
    )
    encoded = engine.encode(parameters or {})[None]
    scratch = engine.scratch(record_orders=True)
    findings: list[Finding] = []
    reads_ahead: list[str] = []
    orders = 0
    repeat_differs = False
    for path in range(paths):
        one = np.ascontiguousarray(values[path : path + 1])
        before, ahead = _events(engine, one, encoded, scratch)
        again, _ = _events(engine, one, encoded, scratch)
        repeat_differs |= not np.array_equal(before, again, equal_nan=True)
        if ahead is not None:
            reads_ahead.append(f"path {path}: {ahead}")
        orders += int((before[:, 4] == 0).sum())
        changed: dict[tuple[int, int], Finding] = {}
        for cut in np.sort(rng.permutation(bars - 1)[:cuts]):
            for widened in (False, True):
                other = with_other_future(one, int(cut), rng, widened=widened)
                after, _ = _events(engine, other, encoded, scratch)
                found = _first_difference(before, after, path, int(cut))
                if found is not None:
                    changed.setdefault((found.bar, found.order), found)
        findings += changed.values()
    return AuditReport(
        strategy=engine.strategy.name,
        paths=paths,
        cuts=min(cuts, bars - 1),
        orders=orders,
        findings=tuple(findings),
        alone_differs=_depends_on_company(engine, values, encoded),
        repeat_differs=repeat_differs,
        reads_ahead=tuple(reads_ahead),
        tables=tuple(_long_tables(engine.strategy)),
    )


def _events(
    engine: StrategyEngine,
    values: NDArray[np.float64],
    parameters: NDArray[np.float64],
    scratch: Scratch,
) -> tuple[NDArray[np.float64], str | None]:
    """Return the log of orders of one path, and where a hook asked for a later bar."""
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(values, parameters, metrics, status, scratch)
    state = scratch.simulation
    if status[0, 0] not in (OK, FUTURE_READ, NOT_FINITE):
        text = engine.failure(int(status[0, 0]), values, parameters, scratch)
        raise ValueError(f"{engine.strategy.name}: {text} during the audit")
    events = state.events[: state.counts[ORDER_ROWS]].copy()
    if state.counts[STATUS] != FUTURE_READ:
        return events, None
    bar = int(state.counts[READ_AHEAD])
    placed = events[(events[:, 0] == bar) & (events[:, 4] == 0), 1]
    order = f"order {int(placed[0])}" if len(placed) else "no order"
    return events, f"at bar {bar} the strategy asked for a later bar and placed {order}"


def _long_tables(strategy: type[Strategy]) -> Iterator[str]:
    """Describe what hooks, indicators and helpers read that is long enough to hold a path."""
    known: set[int] = set()
    kinds = indicators_in(*strategy.indicators.values())
    fills = [fill for fill in map(users_fill, kinds) if fill is not None]
    for written in (*strategy.hooks().values(), *fills):
        for function in pieces_of(written):
            for name, value in _captured(function):
                count = _numbers_in(value)
                if count > _LARGEST_TABLE and id(value) not in known:
                    known.add(id(value))
                    yield (
                        f"{function.__qualname__} reads {name}, {count} values from outside the "
                        "paths, which may hold the future; allowed at most "
                        f"{_LARGEST_TABLE}"
                    )


def _captured(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the values that a function brings with it, by name."""
    for name, value in captured_values(function).items():
        yield name, value
        if isinstance(value, types.ModuleType):
            for attribute, taken in taken_from(value, function).items():
                yield f"{name}.{attribute}", taken
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            yield f"the default of {name}", parameter.default
    for constant in function.__code__.co_consts:
        if constant != function.__doc__:
            yield "a constant", constant


def _numbers_in(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.size)
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, tuple | list | frozenset):
        return sum(_numbers_in(item) for item in value)
    return int(isinstance(value, int | float))


def with_other_future(
    values: NDArray[np.float64], cut: int, rng: np.random.Generator, *, widened: bool
) -> NDArray[np.float64]:
    """Replace the bars after `cut` by their mirror image, or by moves three times as wide.

    The mirror turns the change at each bar round, so that whoever looked at it decides otherwise;
    wider moves also change what a mirror keeps, such as a standard deviation.
    """
    other = values.copy()
    prices = other[:, :, :4, cut + 1 :]
    level = values[:, :, 3:4, cut : cut + 1]
    turned = 2.0 * level - prices * rng.uniform(0.9, 1.1)
    if widened:
        turned = level + 3.0 * (prices - level)
    positive = np.where(turned > 0.01 * np.abs(level), turned, 0.01 * np.abs(level))
    prices[:, :, [0, 3]] = positive[:, :, [0, 3]]
    prices[:, :, 1] = positive.max(axis=2)
    prices[:, :, 2] = positive.min(axis=2)
    other[:, :, 4:5, cut + 1 :] *= rng.uniform(0.2, 0.8)
    # States and the user's own columns may have any sign: one that is looked at must change.
    states = other[:, :, 5:, cut + 1 :]
    if widened:
        now = values[:, :, 5:, cut : cut + 1]
        states[:] = now + 3.0 * (states - now)
    else:
        states *= -rng.uniform(0.9, 1.1)
    return other


def _first_difference(
    before: NDArray[np.float64], after: NDArray[np.float64], path: int, cut: int
) -> Finding | None:
    one, two = before[before[:, 0] <= cut], after[after[:, 0] <= cut]
    common = min(len(one), len(two))
    same = (one[:common] == two[:common]) | (np.isnan(one[:common]) & np.isnan(two[:common]))
    different = np.flatnonzero(~same.all(axis=1))
    if len(different) == 0 and len(one) == len(two):
        return None
    index = int(different[0]) if len(different) else common
    was = one[index] if index < len(one) else None
    became = two[index] if index < len(two) else None
    known = min((item for item in (was, became) if item is not None), key=lambda row: row[0])
    bar, order = int(known[0]), int(known[1])
    return Finding(path, cut, bar, order, _in_words(was), _in_words(became))


def _in_words(event: NDArray[np.float64] | None) -> str:
    if event is None:
        return "absent"
    text = f"{EVENT_NAMES[int(event[4])]} at bar {int(event[0])} for {event[5]:g} units"
    return text if np.isnan(event[6]) else f"{text} at {event[6]:g}"


def _depends_on_company(
    engine: StrategyEngine, values: NDArray[np.float64], parameters: NDArray[np.float64]
) -> bool:
    """Whether the metrics of the last path change when it runs alone."""
    names = len(engine.metric_names)
    both = np.repeat(parameters, 2, axis=0)
    together = np.empty((len(values), 2, names))
    alone = np.empty((1, 1, names))
    scratch = engine.scratch()
    engine.run(
        np.ascontiguousarray(values), both, together, np.empty((len(values), 2), np.int8), scratch
    )
    last = np.ascontiguousarray(values[-1:])
    engine.run(last, parameters, alone, np.empty((1, 1), np.int8), engine.scratch())
    return not np.array_equal(together[-1, 1], alone[0, 0], equal_nan=True)


def _random_walks(
    rng: np.random.Generator, *, paths: int, symbol_count: int, bar_count: int
) -> NDArray[np.float64]:
    """Return bars of geometric random walks, shape (paths, symbols, 5, bars)."""
    shape = (paths, symbol_count, bar_count)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, shape), axis=2))
    opens = np.concatenate([np.full((paths, symbol_count, 1), 100.0), close[..., :-1]], axis=2)
    opens = opens * np.exp(rng.normal(0.0, 0.003, shape))
    spread = np.exp(np.abs(rng.normal(0.0, 0.005, (2, *shape))))
    high = np.maximum(opens, close) * spread[0]
    low = np.minimum(opens, close) / spread[1]
    volume = rng.uniform(1e5, 1e6, shape)
    return np.ascontiguousarray(np.stack([opens, high, low, close, volume], axis=2))
