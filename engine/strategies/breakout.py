"""Breakout of Donchian's channel."""

from engine.strategies.hook_arguments import Account, Bar, Order
from engine.strategies.indicators import Donchian
from engine.strategies.parameters import Choice, Int
from engine.strategies.strategy import Strategy

__all__ = ["Breakout"]


class Breakout(Strategy):
    """Follow a close beyond the channel of earlier bars; leave at the shorter channel.

    References
    ----------
    Faith, C. (2003), "The Original Turtle Trading Rules": entry at 20 days, exit at 10.
    """

    entry = Int(20, low=2, high=400, log=True, doc="bars of the channel to enter")
    leave = Int(10, low=2, high=400, log=True, doc="bars of the channel to leave")
    sides = Choice("long", ["long", "both"], doc="whether to sell short")
    outer = Donchian(entry)
    inner = Donchian(leave)

    def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
        """Compare the close with the channels up to the bar before."""
        if account.position > 0.0:
            if bar.close < self.inner.lower[1]:
                order.close()
        elif account.position < 0.0:
            if bar.close > self.inner.upper[1]:
                order.close()
        elif bar.close > self.outer.upper[1]:
            order.long()
        elif self.sides == "both" and bar.close < self.outer.lower[1]:
            order.short()
