"""Scripted strategies that read the indicators that `golden_strategies` does not, and expressions.

Each places a limit order at one value, which the log of orders tells.
"""

from __future__ import annotations

from engine.strategies import (
    ADX,
    DMI,
    EMA,
    MACD,
    RSI,
    SMA,
    VWAP,
    Close,
    Field,
    Float,
    High,
    Int,
    Keltner,
    LinearRegression,
    Low,
    RollingVWAP,
    Stochastic,
    Strategy,
    Supertrend,
    Volume,
    crossed_above,
    crossed_below,
)


class EveryTrend(Strategy):
    """Reads one row of an indicator of ranges, trends or volume."""

    which = Int(0, low=0, high=14)
    period = Int(9, low=2)
    stochastic = Stochastic(period, 2, 4)
    index = ADX(period)
    directions = DMI(period)
    supertrend = Supertrend(period, 1.5)
    session = VWAP()
    rolling = RollingVWAP(period)
    regression = LinearRegression(period)
    channel = Keltner(period, 1.5, 7)

    def on_bar(self, bar, order):
        value = self.stochastic.k
        if self.which == 1:
            value = self.stochastic.d
        elif self.which == 2:
            value = self.index
        elif self.which == 3:
            value = self.directions.plus
        elif self.which == 4:
            value = self.directions.minus
        elif self.which == 5:
            value = self.directions.adx
        elif self.which == 6:
            value = self.supertrend.line
        elif self.which == 7:
            value = bar.close + self.supertrend.direction
        elif self.which == 8:
            value = self.session
        elif self.which == 9:
            value = self.rolling
        elif self.which == 10:
            value = self.regression.line
        elif self.which == 11:
            value = bar.close + self.regression.slope
        elif self.which == 12:
            value = self.channel.upper
        elif self.which == 13:
            value = self.channel.middle
        elif self.which == 14:
            value = self.channel.lower
        order.limit(1.0 if bar.index % 2 == 0 else -1.0, value, tif="ioc")


class EveryExpression(Strategy):
    """Reads one expression, on bars of the path or on longer ones."""

    which = Int(0, low=0, high=9)
    period = Int(9, low=2)
    width = Float(1.5)
    smooth = SMA(RSI(period), 4)
    spread = EMA(Close() - SMA(period), 5) + Close()
    range = 100.0 + SMA(High() / Low() - 1.0, period) * width
    signal = Close() + EMA(MACD(4, 9, 3).line, 3)[2]
    weighted = SMA(Close() * Volume(), period) / SMA(Volume(), period)
    hours = SMA(period, timeframe="3h")
    days = EMA(RSI(3), 4, timeframe="1d")
    top = High(timeframe="1d") - width
    turnover = Close() + Volume(timeframe="1w") / 1e6
    day = Field("session") + 90.0

    def on_bar(self, bar, order):
        value = self.smooth
        if self.which == 1:
            value = self.spread
        elif self.which == 2:
            value = self.range
        elif self.which == 3:
            value = self.signal
        elif self.which == 4:
            value = self.weighted
        elif self.which == 5:
            value = self.hours
        elif self.which == 6:
            value = self.days
        elif self.which == 7:
            value = self.top
        elif self.which == 8:
            value = self.turnover
        elif self.which == 9:
            value = self.day
        order.limit(1.0 if bar.index % 2 == 0 else -1.0, value, tif="ioc")


class Touching(Strategy):
    """Goes long and flat where prices on a grid cross, a touch counted."""

    mean = SMA(4)

    def on_bar(self, bar, order):
        if crossed_above(bar.close, self.mean, touch=True):
            order.target_percent(0.8)
        elif crossed_below(bar.close, self.mean, touch=True):
            order.close()
