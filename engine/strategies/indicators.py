"""Indicators a strategy declares; each distinct one is computed once per path.

A declaration names an indicator, its periods (numbers or declared parameters) and the bar field
it is computed from. Parameter sets that share an indicator and its periods share its values.
A value is NaN until there are bars enough for it.
"""

# The indicators are named as traders name them.

from __future__ import annotations

from typing import Any, Final, NamedTuple

from engine.strategies.parameters import Parameter
from engine.strategies.source_text import declaration_error

__all__ = [
    "ATR",
    "EMA",
    "HMA",
    "MACD",
    "RSI",
    "SMA",
    "WMA",
    "BollingerBands",
    "Donchian",
    "Highest",
    "Indicator",
    "Lowest",
    "Momentum",
    "Output",
    "StandardDeviation",
    "TrueRange",
    "ZScore",
    "periods_of",
]

# Numbers of the formulas in `engine.strategies.indicator_rows`.
KINDS: Final = {
    name: number
    for number, name in enumerate(
        (
            "sma",
            "ema",
            "wma",
            "hma",
            "true_range",
            "atr",
            "deviation",
            "rsi",
            "macd_line",
            "macd_signal",
            "macd_histogram",
            "bollinger",
            "highest",
            "lowest",
            "middle",
            "z_score",
            "momentum",
        )
    )
}

Period = int | Parameter
Number = float | Parameter


class Output(NamedTuple):
    """One row of values of an indicator.

    Parameters
    ----------
    kind : int
        A value of `KINDS`.
    arguments : tuple
        Numbers or declared parameters.
    """

    kind: int
    arguments: tuple[Number, ...]


class Indicator:
    """A declared indicator.

    Parameters
    ----------
    field : str
        Field of the bars it is computed from.
    symbol : int
        Position of the symbol.
    **outputs : Output
        Its rows by name; an indicator of one row calls it ``value``.
    """

    def __init__(self, field: str = "close", symbol: int = 0, **outputs: Output) -> None:
        self.field = field
        self.symbol = symbol
        self.outputs = outputs

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return the declaration; in a hook the name stands for the values."""
        return self


def periods_of(kind: str, arguments: tuple[Number, ...]) -> tuple[Number, ...]:
    """Return the arguments of an output that are numbers of bars."""
    return arguments if kind.startswith("macd") else arguments[:1]


def _output(kind: str, *arguments: Number) -> Output:
    for argument in arguments:
        if isinstance(argument, Parameter):
            continue
        if isinstance(argument, bool) or not isinstance(argument, int | float):
            raise declaration_error(
                f"indicator: found {argument!r}, allowed a number or a parameter declared above"
            )
    for period in periods_of(kind, arguments):
        if not isinstance(period, Parameter) and not (period >= 1 and period == int(period)):
            raise declaration_error(
                f"indicator: found period {period!r}, allowed a whole number >= 1"
            )
    return Output(KINDS[kind], arguments)


def SMA(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the simple moving average: the mean of the last `period` bars."""
    return Indicator(field, symbol, value=_output("sma", period))


def EMA(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the exponential moving average with weight ``2 / (period + 1)``.

    It starts as the mean of the first `period` bars.
    """
    return Indicator(field, symbol, value=_output("ema", period))


def WMA(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the linearly weighted moving average; the current bar weighs `period`."""
    return Indicator(field, symbol, value=_output("wma", period))


def HMA(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return Hull's moving average, ``WMA(2 WMA(n / 2) - WMA(n), sqrt(n))`` (Hull, 2005).

    Half and root of the period are rounded down.
    """
    return Indicator(field, symbol, value=_output("hma", period))


def TrueRange(symbol: int = 0) -> Indicator:
    """Return Wilder's true range: the bar's range, extended to the previous close (1978)."""
    return Indicator("close", symbol, value=_output("true_range"))


def ATR(period: Period = 14, symbol: int = 0) -> Indicator:
    """Return Wilder's average true range: smoothed with weight ``1 / period`` (1978).

    It starts as the mean of the first `period` true ranges.
    """
    return Indicator("close", symbol, value=_output("atr", period))


def StandardDeviation(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the standard deviation of the last `period` bars (divided by ``period - 1``)."""
    return Indicator(field, symbol, value=_output("deviation", period, 1.0))


def RSI(period: Period = 14, field: str = "close", symbol: int = 0) -> Indicator:
    """Return Wilder's relative strength index, 0 to 100 (1978).

    Mean gains and losses start as means of the first `period` changes and are smoothed with
    weight ``1 / period``; 50 where nothing has changed.
    """
    return Indicator(field, symbol, value=_output("rsi", period))


def MACD(
    fast: Period = 12,
    slow: Period = 26,
    signal: Period = 9,
    field: str = "close",
    symbol: int = 0,
) -> Indicator:
    """Return Appel's MACD (1979), rows ``line``, ``signal`` and ``histogram``."""
    return Indicator(
        field,
        symbol,
        line=_output("macd_line", fast, slow, signal),
        signal=_output("macd_signal", fast, slow, signal),
        histogram=_output("macd_histogram", fast, slow, signal),
    )


def BollingerBands(
    period: Period = 20, width: Any = 2.0, field: str = "close", symbol: int = 0
) -> Indicator:
    """Return Bollinger's bands (2001), rows ``upper``, ``middle`` and ``lower``.

    The mean of the last `period` bars and `width` standard deviations (divided by ``period``)
    on either side.
    """
    return Indicator(
        field,
        symbol,
        upper=_output("bollinger", period, width, 1.0),
        middle=_output("sma", period),
        lower=_output("bollinger", period, width, -1.0),
    )


def Highest(period: Period, field: str = "high", symbol: int = 0) -> Indicator:
    """Return the highest value of the last `period` bars, the current one included."""
    return Indicator(field, symbol, value=_output("highest", period))


def Lowest(period: Period, field: str = "low", symbol: int = 0) -> Indicator:
    """Return the lowest value of the last `period` bars, the current one included."""
    return Indicator(field, symbol, value=_output("lowest", period))


def Donchian(period: Period = 20, symbol: int = 0) -> Indicator:
    """Return Donchian's channel, rows ``upper``, ``middle`` and ``lower``.

    Highest high, lowest low and their mean over the last `period` bars, the current one
    included: for a breakout compare with the channel one bar ago.
    """
    return Indicator(
        "high",
        symbol,
        upper=_output("highest", period),
        middle=_output("middle", period),
        lower=_output("lowest", period, 2.0),
    )


def ZScore(period: Period = 20, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the distance to the mean of the last `period` bars in standard deviations.

    The deviation is divided by ``period - 1``; NaN where it is zero.
    """
    return Indicator(field, symbol, value=_output("z_score", period))


def Momentum(period: Period, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the relative change over `period` bars."""
    return Indicator(field, symbol, value=_output("momentum", period))
