"""Momentum of a price against its own past."""

from engine.strategies.expression import Close
from engine.strategies.hook_arguments import Account, Bar, Order
from engine.strategies.indicators import Momentum
from engine.strategies.parameters import Choice, Int
from engine.strategies.strategy import Strategy

__all__ = ["TimeSeriesMomentum"]


class TimeSeriesMomentum(Strategy):
    """Hold what has risen over the last bars, the newest left out; leave it when it has fallen.

    Sides "both" sells short what has fallen.

    References
    ----------
    Moskowitz, T. J., Ooi, Y. H. and Pedersen, L. H. (2012), "Time series momentum", Journal of
    Financial Economics 104(2), 228-250. Leaving out the newest month: Jegadeesh, N. and Titman, S.
    (1993), "Returns to buying winners and selling losers", Journal of Finance 48(1), 65-91.
    """

    name = "momentum"

    period = Int(120, low=2, high=400, log=True, doc="bars of the change")
    skip = Int(0, low=0, high=60, doc="newest bars left out of it")
    sides = Choice("long", ["long", "both"], doc="whether to sell short")
    change = Momentum(Close()[skip], period)

    def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
        """Hold the side of the change."""
        if self.change > 0.0:
            if account.position <= 0.0:
                order.long()
        elif self.change < 0.0:
            if self.sides == "both":
                if account.position >= 0.0:
                    order.short()
            elif account.position > 0.0:
                order.close()
