"""Scripted strategies whose rows `golden_rows` holds: linked orders, exits, moments of a day."""

from __future__ import annotations

from engine.strategies import Float, Int, Strategy
from tests.engine.execution.golden_strategies import NAN, next_draw, one_of


class EveryExit(Strategy):
    """Draws entries of both sides, exits that replace others, and pairs of linked orders."""

    script = Int(1, low=0)
    symbols = Int(1, low=1)
    width = Float(0.01, low=0)
    units = Float(100.0, low=0)
    draw = 0
    latest = 0.0

    def on_bar(self, bar, order, account):
        for k in range(self.symbols):
            self.draw = next_draw(self.draw + self.script)
            action = one_of(self.draw, 12)
            self.draw = next_draw(self.draw)
            side = 1.0 if one_of(self.draw, 2) == 0 else -1.0
            self.draw = next_draw(self.draw)
            given = one_of(self.draw, 4)
            units = side * self.units * (1 + given) / 4.0
            close = bar[k].close
            step = self.width * max(abs(close), 1.0)
            held = 1.0 if account[k].position > 0.0 else -1.0
            gain, risk = (NAN if given == 1 else 2.0 * step), (NAN if given == 2 else step)
            if action == 0:
                order[k].market(units)
            elif action == 1:
                self.latest = order[k].limit(units, close - side * step)
            elif action == 2:
                self.latest = order[k].stop(units, close + side * step)
            elif action == 3 or action == 4:
                order[k].exit(take_profit=close + held * gain, stop_loss=close - held * risk)
            elif action == 5 or action == 6:
                order[k].exit(take_profit=gain, stop_loss=risk, from_fill=True)
            elif action == 7:
                order[k].long()
                order[k].exit(take_profit=gain, stop_loss=step, from_fill=True)
            elif action == 8:
                order[k].exit()
            elif action == 9 or action == 10:
                limit = order[k].limit(units, close - side * step, tif=5)
                stop = order[k].stop(-units, close - side * 1.5 * step)
                order[k].one_cancels_other(limit, stop)
                if order[k].one_cancels_other(stop, self.latest):
                    order[k].market(float(account[k].open_lots))
            else:
                order[k].close()


class EveryGroup(Strategy):
    """Draws orders of one or two symbols that fill together or not at all, some with exits."""

    script = Int(1, low=0)
    symbols = Int(1, low=1)
    width = Float(0.01, low=0)
    units = Float(100.0, low=0)
    draw = 0
    latest = 0.0

    def on_bar(self, bar, order, account):
        self.draw = next_draw(self.draw + self.script)
        action = one_of(self.draw, 9)
        self.draw = next_draw(self.draw)
        side = 1.0 if one_of(self.draw, 2) == 0 else -1.0
        self.draw = next_draw(self.draw)
        given = one_of(self.draw, 4)
        units = side * self.units * (1 + given) / 4.0
        k = int(self.symbols) - 1
        close, other = bar[0].close, bar[k].close
        step = self.width * max(abs(close), 1.0)
        if action == 0:
            first = order[0].market(units)
            order.all_or_none(first, order[k].limit(-units, other + side * step))
        elif action == 1 or action == 2:
            first = order[0].limit(units, close - side * step, stop_loss=close - 3 * side * step)
            second = order[k].stop(-units, other - side * step, tif=5)
            order.all_or_none(first, second)
            self.latest = second
        elif action == 3:
            order.all_or_none(self.latest, order[0].target_percent(side * 0.2))
        elif action == 4:
            first = order[0].target(units, limit=close + side * step)
            order.all_or_none(first, order[k].stop_limit(units, other + step, other + 2.0 * step))
        elif action == 5:
            first = order[0].market_on_close(units)
            order.all_or_none(first, order[k].market_on_close(-units / 2.0))
        elif action == 6:
            order.cancel(self.latest)
        elif action == 7:
            order.all_or_none(order[0].close(), order[k].market(units))
        else:
            order[k].exit(take_profit=2.0 * step, stop_loss=step, from_fill=True)


class EveryRestingOrder(Strategy):
    """Draws stops that trail, orders for the close, and sizes that are known when they fill."""

    script = Int(1, low=0)
    symbols = Int(1, low=1)
    width = Float(0.01, low=0)
    units = Float(100.0, low=0)
    draw = 0

    def on_bar(self, bar, order, account):
        for k in range(self.symbols):
            self.draw = next_draw(self.draw + self.script)
            action = one_of(self.draw, 14)
            self.draw = next_draw(self.draw)
            side = 1.0 if one_of(self.draw, 2) == 0 else -1.0
            self.draw = next_draw(self.draw)
            given = one_of(self.draw, 4)
            units = side * self.units * (1 + given) / 4.0
            close = bar[k].close
            step = self.width * max(abs(close), 1.0)
            limit, stop = close - side * step, close + side * step
            if action == 0:
                order[k].tag(order[k].market(units), 1 + given)
            elif action == 1:
                number = order[k].trailing_stop(-units, distance=step)
                order[k].good_till(number, bar[k].time + given * 1e5)
            elif action == 2:
                order[k].trailing_stop(units, share=self.width, tif=5)
            elif action == 3:
                order[k].trailing_stop(units, distance=step, share=self.width / 2.0)
            elif action == 4 or action == 5:
                order[k].exit(take_profit=2.0 * step, stop_loss=step, from_fill=True, trailing=True)
            elif action == 6:
                order[k].exit(stop_loss=step * (1 + given), trailing=True)
            elif action == 7:
                order[k].market_on_close(units)
            elif action == 8:
                order[k].target(units, limit=limit)
            elif action == 9:
                order[k].target_percent(side * 0.3 * (1 + given), stop=stop, tif="day")
            elif action == 10:
                order[k].percent(side * 0.2 * (1 + given), stop=stop, limit=stop + side * step)
            elif action == 11:
                order[k].long(limit=close - step, stop_loss=close - 2.0 * step, tif=4)
            elif action == 12:
                order[k].short(stop=close - step, stop_loss=close + step, tif="fok")
            else:
                order[k].close()


class EveryMoment(Strategy):
    """Draws orders for the open, for this very close and for the one after it, and limits."""

    script = Int(1, low=0)
    symbols = Int(1, low=1)
    width = Float(0.01, low=0)
    units = Float(100.0, low=0)
    draw = 0

    def on_bar(self, bar, order):
        for k in range(self.symbols):
            self.draw = next_draw(self.draw + self.script)
            action = one_of(self.draw, 8)
            self.draw = next_draw(self.draw)
            side = 1.0 if one_of(self.draw, 2) == 0 else -1.0
            self.draw = next_draw(self.draw)
            units = side * self.units * (1 + one_of(self.draw, 4)) / 4.0
            close = bar[k].close
            step = self.width * max(abs(close), 1.0)
            if action == 0:
                order[k].market_on_open(units)
            elif action == 1:
                order[k].close(now=True)
            elif action == 2:
                order[k].limit(units, close - side * step, tif=6)
            elif action == 3:
                order[k].limit(units, close + side * step, tif="ioc")
            elif action == 4:
                order[k].stop(units, close - side * step)
            elif action == 5:
                order[k].long()
            elif action == 6:
                order[k].target_percent(side * 0.4, limit=close - side * step, tif="fok")
            else:
                order[k].market_on_close(units)
