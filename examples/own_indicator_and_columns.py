"""An indicator of one's own, and a column of numbers that were known at the close of their bar."""

from pathlib import Path

import numpy as np

import engine as mc
from engine.strategies import Bar, Float, Indicator, Int, Order, Strategy

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"


class Change(Indicator):
    """Relative change over `period` bars."""

    period = Int(20, low=1, high=500)
    reads = ("close",)

    @staticmethod
    def fill(close, period, out):
        for bar in range(period, out.size):
            out[bar] = close[bar] / close[bar - period] - 1.0


class CalmTrend(Strategy):
    """Hold what has risen, while the mood, a column beside the prices, is good enough."""

    change = Change(60)
    least = Float(0.0, low=-5.0, high=5.0)

    def on_bar(self, bar: Bar, order: Order) -> None:
        good = bar.mood > self.least and self.change > 0.0
        order.target_percent(1.0 if good else 0.0)


bars = mc.read_csv(SAMPLE)
# In place of a feature or the predictions of a model: how far the close is above its open.
bars = bars.with_columns({"mood": 100.0 * (bars.close / bars.open - 1.0)})
found = mc.backtest(CalmTrend, bars, {"least": -0.5})
print(f"Sharpe {found.metrics['sharpe']:.2f} over {found.metrics['trades']:.0f} trades")

# A bootstrap draws the column with its bar.
study = mc.Study(
    "calm",
    mc.Bootstrap(bars),
    CalmTrend,
    {"least": list(np.linspace(-1, 1, 3))},
    steps=252,
    seeds=100,
)
print(study.run().best("sharpe", n=3).select("parameter_set", "estimate", "ci_low", "ci_high", "n"))
