"""Resting on the side to which order flow imbalance points."""

from __future__ import annotations

from engine.strategies.parameters import Float
from engine.strategies.strategy import Strategy
from engine.ticks.hook_arguments import Tick, TickAccount, TickOrder

__all__ = ["OrderFlowImbalance"]


class OrderFlowImbalance(Strategy):
    """Rests at the touch on the side to which order flow imbalance points.

    The imbalance of an event is that of Cont, Kukanov and Stoikov, The price impact of order book
    events, Journal of Financial Econometrics 12 (2014): sizes that come to the bid and leave the
    ask less those that leave the bid and come to the ask. What it adds up to fades by `decay` with
    every event; beyond `threshold` displayed sizes, as they are on average, an order of `size`
    rests at the bid or the ask, up to `most` units held.
    """

    name = "ofi"

    threshold = Float(2.0, low=0.1, high=20.0, doc="imbalance in mean displayed sizes")
    decay = Float(0.95, low=0.5, high=0.999, doc="what of it is left an event later")
    size = Float(0.05, low=0.01, high=1.0, doc="units of an order")
    most = Float(0.2, low=0.01, high=10.0, doc="most units held, long or short")
    seen = False
    bid = 0.0
    ask = 0.0
    bid_size = 0.0
    ask_size = 0.0
    usual = 0.0
    flow = 0.0

    def on_tick(self, tick: Tick, order: TickOrder, account: TickAccount) -> None:
        """Follow the imbalance, and rest on its side."""
        if tick.bid > 0.0 and tick.ask > tick.bid:
            shown = 0.5 * (tick.bid_size + tick.ask_size)
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
                self.flow = self.decay * self.flow + change
                self.usual += 0.001 * (shown - self.usual)
            else:
                self.usual = shown
                self.seen = True
            self.bid = tick.bid
            self.ask = tick.ask
            self.bid_size = tick.bid_size
            self.ask_size = tick.ask_size
            bound = self.threshold * self.usual
            if self.flow > bound and account.position + self.size <= self.most:
                if account.open_sells > 0:
                    order.cancel_all()
                elif account.open_buys == 0:
                    order.post_only(self.size, tick.bid)
            elif self.flow < -bound and account.position - self.size >= -self.most:
                if account.open_buys > 0:
                    order.cancel_all()
                elif account.open_sells == 0:
                    order.post_only(-self.size, tick.ask)
