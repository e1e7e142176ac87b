"""Simple moving average crossover."""

from engine.strategies.hook_arguments import Bar, Order
from engine.strategies.indicators import SMA
from engine.strategies.parameters import Int
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy

__all__ = ["SmaCrossover"]


class SmaCrossover(Strategy):
    """All in when the fast average crosses above the slow one, out when it crosses below.

    References
    ----------
    Brock, W., Lakonishok, J. and LeBaron, B. (1992), "Simple technical trading rules and the
    stochastic properties of stock returns", Journal of Finance 47(5), 1731-1764.
    """

    fast = Int(10, low=2, high=200, log=True, doc="bars of the fast average")
    slow = Int(30, low=2, high=400, log=True, doc="bars of the slow average")
    fast_mean = SMA(fast)
    slow_mean = SMA(slow)

    def on_bar(self, bar: Bar, order: Order) -> None:
        """Trade the crossings."""
        if crossed_above(self.fast_mean, self.slow_mean):
            order.target_percent(1.0)
        elif crossed_below(self.fast_mean, self.slow_mean):
            order.close()
