"""A first backtest: a table of prices, a strategy of ten lines, what it would have made."""

from pathlib import Path

import pandas as pd

import engine as mc
from engine.strategies import SMA, Bar, Int, Order, Strategy

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"


class BuyTheDip(Strategy):
    """Hold while the close is below its average."""

    period = Int(20, low=2, high=200)
    mean = SMA(period)

    def on_bar(self, bar: Bar, order: Order) -> None:
        order.target_percent(1.0 if bar.close < self.mean else 0.0)


frame = pd.read_csv(SAMPLE, index_col="Date", parse_dates=True)
costs = {"cash": 100_000, "commission": {"rate": 0.0005}, "slippage": {"bps": 1}}
found = mc.backtest(BuyTheDip, frame, {"period": 50}, costs)

print(f"{found.metrics['net_pnl']:,.0f} net of costs, Sharpe {found.metrics['sharpe']:.2f}")
print(found.trades.select("entry_time", "exit_time", "units", "pnl").head(3))
