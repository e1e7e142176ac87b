"""Mean reversion by z-score."""

from engine.strategies.hook_arguments import Account, Bar, Order
from engine.strategies.indicators import ZScore
from engine.strategies.parameters import Choice, Float, Int
from engine.strategies.strategy import Strategy

__all__ = ["MeanReversion"]


class MeanReversion(Strategy):
    """Buy far below the mean and sell near it; sides "both" sells short far above as well.

    The entry level is Bollinger's band of that many standard deviations.

    References
    ----------
    Bollinger, J. (2001), "Bollinger on Bollinger Bands", McGraw-Hill.
    """

    period = Int(20, low=2, high=400, log=True, doc="bars of mean and deviation")
    entry = Float(2.0, low=0.1, high=6.0, doc="standard deviations away from the mean to enter")
    leave = Float(0.0, low=-2.0, high=3.0, doc="standard deviations away from the mean to leave")
    sides = Choice("long", ["long", "both"], doc="whether to sell short")
    score = ZScore(period)

    def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
        """Enter beyond the band, leave at the mean."""
        if account.position == 0.0:
            if self.score < -self.entry:
                order.long()
            elif self.sides == "both" and self.score > self.entry:
                order.short()
        elif account.position > 0.0:
            if self.score > -self.leave:
                order.close()
        elif self.score < self.leave:
            order.close()
