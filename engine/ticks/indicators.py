"""Indicators over ticks and time, declared in the body of a strategy and read by name.

Each has a few numbers in the state of a simulation, which an event moves before ``on_tick`` runs;
the first of them is its value. Spans are of the time at which events happened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.elementary import exp
from engine.errors import Refusal
from engine.execution.calling import part
from engine.strategies.strategy import Strategy
from engine.ticks.durations import nanoseconds_of

__all__ = [
    "EWMA",
    "OFI",
    "PLAN",
    "VWAP",
    "Imbalance",
    "RealisedVolatility",
    "TickIndicator",
    "indicators_of",
    "planned",
    "span_of",
    "starting_numbers",
]

_LOG_2: Final = 0.6931471805599453
_YEAR: Final = 365.25 * 86_400.0
#: Where among the whole numbers of an indicator its plan stands; those before are its own.
PLAN: Final = 2
_PRICES: Final = ("mid", "microprice", "spread")


class TickIndicator:
    """What every indicator of ticks is.

    Attributes
    ----------
    start : tuple of float
        Its numbers before the first event.
    span : float
        Its span in nanoseconds, 0 without one.
    told_of_ticks : str
        What it computes: part of the strategy's fingerprint.
    """

    start: tuple[float, ...] = ()
    step: ClassVar[Any] = None
    span: float = 0.0
    option: int = 0

    def __init__(self, symbol: int = 0) -> None:
        if symbol < 0:
            raise Refusal("symbol", str(symbol), "0 or more")
        self.symbol = symbol

    def moved_by(self, parameters: Sequence[str]) -> Any:
        """Return what moves it with an event: a piece of ``(s, t, base, span, option, p)``.

        Parameters
        ----------
        parameters : sequence of str
            Names of the strategy's parameters, in the order of ``p``.
        """
        return type(self).step

    def plan(self, parameters: Mapping[str, float]) -> tuple[int, tuple[int, ...]]:
        """Return what one parameter set asks for.

        Parameters
        ----------
        parameters : mapping of str to float
            Of the strategy, encoded.

        Returns
        -------
        int
            Numbers that it keeps beside those it begins with.
        tuple of int
            What compiled code is told: behind where those begin, in whole numbers of its place.
        """
        return 0, ()

    @property
    def told_of_ticks(self) -> str:
        """Name and arguments."""
        return f"{type(self).__name__}({self.span:g}, {self.option}, {self.symbol})"


@part
def _faded(s: Any, t: int, base: int, span: float) -> float:
    """Return what is left of a number since the last event, by the half-life `span`."""
    passed = s.stamps[t] - s.whole_state[base]
    s.whole_state[base] = s.stamps[t]
    return exp(-_LOG_2 * passed / span)


@part
def _average(s: Any, t: int, base: int, span: float, option: int, p: Any) -> None:
    bid, ask = s.bid[t], s.ask[t]
    price = 0.5 * (bid + ask)
    if option == 1:
        price = (bid * s.ask_size[t] + ask * s.bid_size[t]) / (s.bid_size[t] + s.ask_size[t])
    elif option == 2:
        price = ask - bid
    if math.isnan(price):
        return
    left = _faded(s, t, base, span)
    before = s.state[base]
    s.state[base] = price if math.isnan(before) else price + left * (before - price)


@part
def _flow(s: Any, t: int, base: int, span: float, option: int, p: Any) -> None:
    bid, ask, bid_size, ask_size = s.bid[t], s.ask[t], s.bid_size[t], s.ask_size[t]
    if math.isnan(bid) or math.isnan(ask):
        return
    before = s.state
    change = 0.0
    if not math.isnan(before[base + 1]):
        if bid >= before[base + 1]:
            change += bid_size
        if bid <= before[base + 1]:
            change -= before[base + 3]
        if ask <= before[base + 2]:
            change -= ask_size
        if ask >= before[base + 2]:
            change += before[base + 4]
    left = 1.0
    if span > 0.0:
        left = _faded(s, t, base, span)
    s.state[base] = left * s.state[base] + change
    s.state[base + 1], s.state[base + 2] = bid, ask
    s.state[base + 3], s.state[base + 4] = bid_size, ask_size


@part
def _imbalance(s: Any, t: int, base: int, span: float, option: int, p: Any) -> None:
    shown = s.bid_size[t] + s.ask_size[t]
    s.state[base] = (s.bid_size[t] - s.ask_size[t]) / shown


@part
def _mean_price(s: Any, t: int, base: int, span: float, option: int, p: Any) -> None:
    if math.isnan(s.trade_price[t]):
        return
    interval = s.stamps[t] // int(span)
    if interval != s.whole_state[base]:
        s.whole_state[base] = interval
        s.state[base + 1] = s.state[base + 2] = 0.0
    s.state[base + 1] += s.trade_price[t] * s.trade_size[t]
    s.state[base + 2] += s.trade_size[t]
    s.state[base] = s.state[base + 1] / s.state[base + 2]


@part
def _volatility(s: Any, t: int, base: int, span: float, option: int, p: Any) -> None:
    mid = 0.5 * (s.bid[t] + s.ask[t])
    if math.isnan(mid):
        return
    before = s.state[base + 3]
    passed = (s.stamps[t] - s.whole_state[base]) / 1e9
    left = _faded(s, t, base, span)
    if not math.isnan(before):
        change = mid / before - 1.0
        s.state[base + 1] = left * s.state[base + 1] + change * change
        s.state[base + 2] = left * s.state[base + 2] + passed
        if s.state[base + 2] > 0.0:
            s.state[base] = math.sqrt(s.state[base + 1] / s.state[base + 2] * _YEAR)
    s.state[base + 3] = mid


class EWMA(TickIndicator):
    """Exponentially weighted mean of a price over time; NaN before the first quote of both sides.

    With the time dt since the event before, x_n = p_n + 2^(-dt / halflife) (x_(n-1) - p_n).

    Parameters
    ----------
    halflife : str
        Span after which a price weighs half, such as ``"5s"``.
    of : {"mid", "microprice", "spread"}
        The price.
    symbol : int
        Of the stream.
    """

    start = (math.nan,)
    step = _average

    def __init__(self, halflife: str, of: str = "mid", symbol: int = 0) -> None:
        super().__init__(symbol)
        if of not in _PRICES:
            raise Refusal("of", repr(of), ", ".join(_PRICES))
        self.span, self.option = span_of(halflife, "halflife"), _PRICES.index(of)


class OFI(TickIndicator):
    """Order flow imbalance: sizes that come to the bid and leave the ask less the reverse, summed.

    Cont, Kukanov and Stoikov, The price impact of order book events, Journal of Financial
    Econometrics 12 (2014): e_n = 1{b_n >= b_(n-1)} q_n^b - 1{b_n <= b_(n-1)} q_(n-1)^b
    - 1{a_n <= a_(n-1)} q_n^a + 1{a_n >= a_(n-1)} q_(n-1)^a.

    Parameters
    ----------
    halflife : str, optional
        Span after which an event counts half; by default all count.
    symbol : int
        Of the stream.
    """

    start = (0.0, math.nan, math.nan, 0.0, 0.0)
    step = _flow

    def __init__(self, halflife: str | None = None, symbol: int = 0) -> None:
        super().__init__(symbol)
        self.span = 0.0 if halflife is None else span_of(halflife, "halflife")


class Imbalance(TickIndicator):
    """Size at the bid less that at the ask over their sum, -1 to 1; NaN where a side is empty."""

    start = (math.nan,)
    step = _imbalance


class VWAP(TickIndicator):
    """Mean price of the trades since the last whole interval UTC, weighted by their units.

    Parameters
    ----------
    interval : str
        Such as ``"1m"``: begins anew with the first trade of every minute.
    symbol : int
        Of the stream.
    """

    start = (math.nan, 0.0, 0.0)
    step = _mean_price

    def __init__(self, interval: str, symbol: int = 0) -> None:
        super().__init__(symbol)
        self.span = span_of(interval, "interval")


class RealisedVolatility(TickIndicator):
    """Annual volatility of the middle: squared returns over time, both faded by a half-life.

    Parameters
    ----------
    halflife : str
        Span after which a return weighs half.
    symbol : int
        Of the stream.
    """

    start = (math.nan, 0.0, 0.0, math.nan)
    step = _volatility

    def __init__(self, halflife: str, symbol: int = 0) -> None:
        super().__init__(symbol)
        self.span = span_of(halflife, "halflife")


def indicators_of(cls: type[Strategy]) -> dict[str, tuple[TickIndicator, int]]:
    """Return the indicators of a strategy by name, each with the place of its numbers."""
    declared = {
        name: value
        for base in reversed(cls.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, TickIndicator)
    }
    found, place = {}, len(cls.state)
    for name, indicator in declared.items():
        found[name] = (indicator, place)
        place += len(indicator.start)
    return found


def starting_numbers(cls: type[Strategy]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what stands behind the state of a strategy before the first event."""
    values = [value for indicator, _ in indicators_of(cls).values() for value in indicator.start]
    return np.array(values, dtype=np.float64)


def planned(
    cls: type[Strategy], rows: NDArray[np.float64], first: int
) -> tuple[int, list[tuple[int, int, int]]]:
    """Return what the indicators of parameter sets keep beside the numbers they begin with.

    Parameters
    ----------
    cls : type
        The strategy.
    rows : ndarray of float64, shape (sets, parameters)
        Encoded.
    first : int
        The first place behind the numbers that every set has.

    Returns
    -------
    int
        The first place behind all: that of the set with the most.
    list of tuple of int
        Set, place and value of whole numbers that compiled code is told: where the numbers of an
        indicator begin, and what else it plans.
    """
    plans, most = [], first
    for number, row in enumerate(rows.tolist()):
        parameters = dict(zip(cls.parameters, row, strict=True))
        begin = first
        for indicator, place in indicators_of(cls).values():
            count, told = indicator.plan(parameters)
            if told:
                plans += [(number, place + PLAN + i, v) for i, v in enumerate((begin, *told))]
            begin += count
        most = max(most, begin)
    return most, plans


def span_of(text: object, field: str) -> float:
    """Return the nanoseconds of a span above zero, such as ``5s``.

    Raises
    ------
    Refusal
        If it is none; names the field.
    """
    found = nanoseconds_of(text, field)
    if found == 0:
        raise Refusal(field, repr(text), "a span above 0")
    return float(found)
