"""Scripted strategies whose result rows are held by `golden_rows`.

Together they call every order, read every account figure and every indicator, and fail in every
way. What they do is drawn by whole numbers, so that it is the same on every machine.
"""

from __future__ import annotations

import numpy as np

from engine.strategies import (
    ATR,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    WMA,
    BollingerBands,
    Choice,
    Donchian,
    Float,
    Highest,
    Int,
    Lowest,
    Momentum,
    StandardDeviation,
    Strategy,
    TrueRange,
    ZScore,
    crossed_above,
    crossed_below,
)

NAN = float("nan")


def next_draw(draw):
    """Step of a linear congruential generator."""
    return (draw * 1103515245 + 12345) % 2147483648


def one_of(draw, count):
    """A whole number below `count`; the low bits of such a generator repeat."""
    return (draw // 65536) % count


def time_in_force(number):
    """Good till cancelled, for the session, at once, or for a few bars."""
    if number == 0:
        return np.inf
    if number == 1:
        return 0.0
    if number == 2:
        return -1.0
    return 3.0


class EveryOrder(Strategy):
    """Draws orders of every kind, side, size and time in force for each symbol."""

    script = Int(1, low=0)
    symbols = Int(1, low=1)
    width = Float(0.01, low=0)
    units = Float(100.0, low=0)
    grid = Float(0.0, low=0, doc="distance of prices, where width is not to decide")
    draw = 0
    latest = 0.0

    def on_start(self, order):
        self.draw = self.script
        order.market(self.units)

    def on_bar(self, bar, order, account):
        for k in range(self.symbols):
            self.draw = next_draw(self.draw)
            action = one_of(self.draw, 24)
            self.draw = next_draw(self.draw)
            side = 1.0 if one_of(self.draw, 2) == 0 else -1.0
            self.draw = next_draw(self.draw)
            units = side * self.units * (1 + one_of(self.draw, 100)) / 100.0
            self.draw = next_draw(self.draw)
            exits = one_of(self.draw, 4)
            self.draw = next_draw(self.draw)
            tif = time_in_force(one_of(self.draw, 4))
            close = bar[k].close
            step = self.grid if self.grid > 0.0 else self.width * max(abs(close), 1.0)
            take = close + side * 3.0 * step
            loss = close - side * 2.0 * step
            if exits == 0 or exits == 2:
                take = NAN
            if exits == 0 or exits == 1:
                loss = NAN
            if action == 0:
                order[k].market(units, take_profit=take, stop_loss=loss)
            elif action == 1:
                self.latest = order[k].limit(
                    units, close - side * step, take_profit=take, stop_loss=loss, tif=tif
                )
            elif action == 2:
                self.latest = order[k].stop(
                    units, close + side * step, take_profit=take, stop_loss=loss, tif=tif
                )
            elif action == 3:
                # The limit lies beyond the stop, at it, or before it.
                limit = close + side * step * (2.0 - exits)
                self.latest = order[k].stop_limit(
                    units, close + side * step, limit, take_profit=take, stop_loss=loss, tif=tif
                )
            elif action == 4:
                order[k].bracket(units, close + side * 2.0 * step, close - side * step)
            elif action == 5:
                order[k].target(units, take_profit=take, stop_loss=loss)
            elif action == 6:
                order[k].target_percent(side * 0.3 * (1 + exits), take_profit=take, stop_loss=loss)
            elif action == 7:
                order[k].percent(side * 0.2 * (1 + exits), take_profit=take, stop_loss=loss)
            elif action == 8 or action == 9:
                order[k].long(take_profit=close + 3.0 * step, stop_loss=close - 2.0 * step)
            elif action == 10 or action == 11:
                order[k].short(take_profit=close - 3.0 * step, stop_loss=close + 2.0 * step)
            elif action == 12:
                order[k].close()
            elif action == 13:
                if order[k].cancel(self.latest):
                    order[k].market(units / 2.0)
            elif action == 14:
                order[k].market(float(order[k].cancel_all()))
            elif action == 15:
                order[k].limit(units, close + side * step, tif="gtc")
            elif action == 16:
                order[k].limit(units, close - side * step / 4.0, tif="day")
            elif action == 17:
                order[k].limit(units, close + side * step / 8.0, tif="ioc")
            elif action == 18:
                order[k].stop(units, close, tif=5)
            elif action == 19:
                # Too small, too large, undefined, or for more than the equity.
                size = units / 1e6
                if exits == 1:
                    size = units * 1e6
                elif exits == 2:
                    size = NAN
                elif exits == 3:
                    size = side * account[k].equity / max(abs(close), 1e-3) * 1.01
                order[k].market(size)
            elif action == 20:
                # The log of orders tells the price: any figure of the account, to the last bit.
                figure = account[k].cash
                if exits == 1:
                    figure = account[k].equity
                elif exits == 2:
                    figure = account[k].average_price
                elif exits == 3:
                    figure = account[k].unrealised
                order[k].limit(units / 10.0, figure, tif="ioc")
            elif action == 21:
                figure = account[k].realised
                if exits == 1:
                    figure = account[k].position
                elif exits == 2:
                    figure = float(account[k].open_orders)
                elif exits == 3:
                    figure = float(account[k].trades)
                order[k].stop(units / 10.0, figure, tif="ioc")


class EveryIndicator(Strategy):
    """Places a limit order at the value of one indicator, which the log of orders tells."""

    which = Int(0, low=0, high=24)
    period = Int(9, low=1)
    simple = SMA(period)
    simple_of_highs = SMA(period, field="high")
    exponential = EMA(period)
    weighted = WMA(period)
    hull = HMA(period)
    true_range = TrueRange()
    average_range = ATR(period)
    deviation = StandardDeviation(period)
    strength = RSI(period)
    macd = MACD(5, 12, period)
    bands = BollingerBands(period, 1.5)
    highest = Highest(period)
    lowest = Lowest(period)
    lowest_close = Lowest(period, field="close")
    channel = Donchian(period)
    distance = ZScore(period)
    momentum = Momentum(period)

    def on_bar(self, bar, order):
        value = self.simple
        if self.which == 1:
            value = self.simple_of_highs
        elif self.which == 2:
            value = self.exponential
        elif self.which == 3:
            value = self.weighted
        elif self.which == 4:
            value = self.hull
        elif self.which == 5:
            value = self.true_range
        elif self.which == 6:
            value = self.average_range
        elif self.which == 7:
            value = self.deviation
        elif self.which == 8:
            value = self.strength
        elif self.which == 9:
            value = self.macd.line
        elif self.which == 10:
            value = self.macd.signal
        elif self.which == 11:
            value = self.macd.histogram
        elif self.which == 12:
            value = self.bands.upper
        elif self.which == 13:
            value = self.bands.middle
        elif self.which == 14:
            value = self.bands.lower
        elif self.which == 15:
            value = self.highest
        elif self.which == 16:
            value = self.lowest
        elif self.which == 17:
            value = self.lowest_close
        elif self.which == 18:
            value = self.channel.upper
        elif self.which == 19:
            value = self.channel.middle
        elif self.which == 20:
            value = self.channel.lower
        elif self.which == 21:
            value = self.distance
        elif self.which == 22:
            value = self.momentum
        elif self.which == 23:
            value = self.momentum[2]
        elif self.which == 24:
            value = bar.high[1] - bar.low + bar.open + bar.volume[3]
        order.limit(1.0 if bar.index % 2 == 0 else -1.0, value, tif="ioc")


class DollarNeutral(Strategy):
    """Holds equal values of two symbols against each other, sized by their momentum."""

    period = Int(10, low=1)
    first = Momentum(period)
    second = Momentum(period, symbol=1)
    spread = ZScore(period, symbol=1)
    entries = 0

    def on_bar(self, bar, order, account):
        if self.first > self.second and account[0].position <= 0.0:
            order[0].target_percent(0.45)
            order[1].target_percent(-0.45)
            self.entries += 1
        elif self.first < self.second and account[0].position >= 0.0:
            order[0].target_percent(-0.45)
            order[1].target_percent(0.45)
            self.entries += 1
        elif abs(self.spread) > 1.9 and bar.index % 5 == 0:
            order[0].close()
            order[1].close()

    def on_finish(self, account):
        self.entries = account.trades


class AtTheMean(Strategy):
    """Trades at the average itself, so that its last bit is in the result."""

    period = Int(5, low=1)
    mean = SMA(period)

    def on_bar(self, bar, order):
        order.limit(7.0 if bar.index % 2 == 0 else -7.0, self.mean, tif=1)


class NearItsMargin(Strategy):
    """Holds nearly what the margin allows, and cancels each bar what can be cancelled."""

    share = Float(1.9, low=0)

    def on_bar(self, bar, order, account):
        order.cancel_all()
        if bar.index % 8 == 7:
            order.close()
        elif account.position == 0.0:
            order.percent(self.share if bar.index % 16 < 8 else -self.share)
        order.limit(1.0, 0.5 * bar.close)


class Crossing(Strategy):
    """Goes long and short by the sizing rule, with and without exits, where averages cross."""

    fast = Int(4, low=1)
    slow = Int(11, low=1)
    exits = Choice("both", ["both", "loss", "none"])
    fast_mean = EMA(fast)
    slow_mean = SMA(slow)

    def on_bar(self, bar, order):
        loss = 0.03 * bar.close
        if crossed_above(self.fast_mean, self.slow_mean):
            if self.exits == "both":
                order.long(take_profit=bar.close + 2.0 * loss, stop_loss=bar.close - loss)
            elif self.exits == "loss":
                order.long(stop_loss=bar.close - loss)
            else:
                order.long()
        elif crossed_below(self.fast_mean, self.slow_mean):
            if self.exits == "both":
                order.short(take_profit=bar.close - 2.0 * loss, stop_loss=bar.close + loss)
            elif self.exits == "loss":
                order.short(stop_loss=bar.close + loss)
            else:
                order.short()


class VectorForm(Strategy):
    """Whole-path targets of one symbol; NaN leaves the target as it is."""

    period = Int(8, low=1)
    mean = SMA(period)
    bands = BollingerBands(period, 1.0)

    def signals(self, bars, target):
        target[:] = np.where(bars.close > self.mean, 0.8, -0.4)
        target[bars.close > self.bands.upper] = NAN
        target[bars.volume < 300.0] = 0.0


class VectorFormOfTwo(Strategy):
    """Whole-path targets of two symbols."""

    def signals(self, bars, target):
        target[0] = np.where(bars[0].close > bars[0].open, 0.5, -0.5)
        target[1] = -target[0]
        target[1][bars[1].high > 1.02 * bars[1].open] = NAN


class EveryFailure(Strategy):
    """Ends each simulation in another way."""

    how = Int(0, low=0, high=7)

    def on_bar(self, bar, order):
        if self.how == 1 and bar.index == 3 and bar.close[-self.how] > 0.0:
            order.close()
        if self.how == 2 and bar.index == 5:
            raise ValueError("as it was told")
        if self.how == 3 and bar.index == 0:
            order.market(1e12)  # worth more than a float64 can say once the price has risen
        if self.how == 4:
            for _ in range(200):
                order.limit(1.0, 1e-6)
        if self.how == 5 and bar.index == 0:
            for _ in range(400):
                order.market(0.001)
        if self.how == 6 and bar.index < 3:
            for _ in range(200):
                order.market(0.001)
                order.market(-0.001)
        if self.how == 7:
            order.market(bar[bar.index].close)
        if self.how == 0 and bar.index == 1:
            order.target_percent(0.5)
