"""A strategy to begin with: change it, and `mc run dip` computes what has become other."""

from engine.strategies import SMA, Bar, Int, Order, Strategy


class BuyTheDip(Strategy):
    """Hold while the close is below its average."""

    period = Int(20, low=2, high=200)
    mean = SMA(period)

    def on_bar(self, bar: Bar, order: Order) -> None:
        """Decide at the close of each bar."""
        order.target_percent(1.0 if bar.close < self.mean else 0.0)
