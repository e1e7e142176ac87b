"""Buy and hold."""

from engine.strategies.hook_arguments import Bar, Order
from engine.strategies.parameters import Float
from engine.strategies.strategy import Strategy

__all__ = ["BuyAndHold"]


class BuyAndHold(Strategy):
    """Buy at the first opportunity and hold to the end: the benchmark of every other strategy."""

    weight = Float(1.0, low=0.0, high=1.0, doc="share of equity invested")

    def on_bar(self, bar: Bar, order: Order) -> None:
        """Buy after the first bar."""
        if bar.index == 0:
            order.target_percent(self.weight)
