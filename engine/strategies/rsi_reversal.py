"""Reversal at extremes of the relative strength index."""

from engine.strategies.hook_arguments import Account, Bar, Order
from engine.strategies.indicators import RSI
from engine.strategies.parameters import Choice, Float, Int
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy

__all__ = ["RsiReversal"]


class RsiReversal(Strategy):
    """Buy when the index comes back above the oversold level, leave above the overbought one.

    Sides "both" sells short when it comes back below the overbought level.

    References
    ----------
    Wilder, J. W. (1978), "New Concepts in Technical Trading Systems", Trend Research.
    """

    period = Int(14, low=2, high=200, log=True, doc="bars of the index")
    oversold = Float(30.0, low=1.0, high=50.0, doc="level to buy above")
    overbought = Float(70.0, low=50.0, high=99.0, doc="level to sell below")
    sides = Choice("long", ["long", "both"], doc="whether to sell short")
    index = RSI(period)

    def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
        """Trade the returns from the extremes."""
        if crossed_above(self.index, self.oversold):
            order.long()
        elif crossed_below(self.index, self.overbought):
            if self.sides == "both":
                order.short()
            elif account.position > 0.0:
                order.close()
