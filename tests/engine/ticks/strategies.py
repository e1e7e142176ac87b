"""Strategies that the tests of ticks run, in the engine and in its plain twin."""

from __future__ import annotations

import engine as mc

__all__ = ["Busy", "Ofi"]


class Ofi(mc.Strategy):
    """Rests at the touch on the side that order flow imbalance points to, up to half a coin."""

    threshold = mc.Float(0.3, low=0.0, high=100.0)
    most = mc.Float(0.5, low=0.0, high=100.0)
    seen = False
    bid = 0.0
    ask = 0.0
    bid_size = 0.0
    ask_size = 0.0
    flow = 0.0

    def on_tick(self, tick, order, account):
        if self.seen:
            change = 0.0
            if tick.bid >= self.bid:
                change += tick.bid_size
            if tick.bid <= self.bid:
                change -= self.bid_size
            if tick.ask <= self.ask:
                change -= tick.ask_size
            if tick.ask >= self.ask:
                change += self.ask_size
            self.flow = 0.98 * self.flow + change
        self.seen = True
        self.bid = tick.bid
        self.ask = tick.ask
        self.bid_size = tick.bid_size
        self.ask_size = tick.ask_size
        if abs(self.flow) > self.threshold and abs(account.position) < self.most:
            if self.flow > 0.0 and account.open_buys == 0:
                order.post_only(0.05, tick.bid)
                self.flow = 0.0
            elif self.flow < 0.0 and account.open_sells == 0:
                order.post_only(-0.05, tick.ask)
                self.flow = 0.0


class Busy(mc.Strategy):
    """Does a little of everything, by the count of ticks."""

    every = mc.Int(3, low=1, high=50)
    far = mc.Float(0.1, low=0.0, high=5.0)
    count = 0
    last = 0
    heard = 0
    since = 0

    def on_tick(self, tick, order, account):
        self.count += 1
        self.since = tick.time
        turn = self.count % (8 * self.every)
        if turn == 0:
            order.market(0.03 if account.position <= 0.0 else -0.05)
        elif turn == self.every:
            self.last = order.limit(0.07, tick.bid)
        elif turn == 2 * self.every:
            order.post_only(-0.04, tick.ask + self.far)
        elif turn == 3 * self.every and self.last > 0:
            order.amend(self.last, 0.05, tick.bid - self.far)
        elif turn == 4 * self.every:
            order.gtd(-0.06, tick.ask, 0.15)
        elif turn == 5 * self.every:
            order.ioc(0.5, tick.ask)
        elif turn == 6 * self.every:
            order.fok(-0.02, tick.bid)
        elif turn == 7 * self.every:
            order.cancel(self.last)
            order.limit(-0.02, tick.ask, tif=0.4)

    def on_fill(self, fill, order, account):
        self.heard += 1
        if fill.maker and self.heard % 3 == 0:
            order.ioc(-fill.units, fill.price)
