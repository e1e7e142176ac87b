"""The same crossover in vectorbt, in backtesting.py and here: next open, 5 bp commission."""

from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

import engine as mc

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"
FAST, SLOW, CASH, RATE = 10, 50, 1_000_000, 0.0005

frame = pd.read_csv(SAMPLE, index_col="Date", parse_dates=True).loc["2009":]


def ours() -> float:
    """Decide at the close, fill at the next open."""
    costs = {"cash": CASH, "commission": {"rate": RATE}}
    return mc.backtest("sma_crossover", frame, {"fast": FAST, "slow": SLOW}, costs).metrics[
        "total_return"
    ]


def of_vectorbt() -> float:
    """Signals of one bar trade at the open of the next."""
    fast, slow = (frame["Close"].rolling(window).mean() for window in (FAST, SLOW))
    above = (fast > slow).shift(1, fill_value=False)
    portfolio = vbt.Portfolio.from_signals(
        frame["Close"], above, ~above, price=frame["Open"], fees=RATE, init_cash=CASH, freq="1D"
    )
    return float(portfolio.total_return())


class Crossover(Strategy):
    """As the manual of backtesting.py writes it."""

    def init(self) -> None:
        closes = self.data.Close
        self.fast = self.I(lambda: pd.Series(closes).rolling(FAST).mean())
        self.slow = self.I(lambda: pd.Series(closes).rolling(SLOW).mean())

    def next(self) -> None:
        if crossover(self.fast, self.slow):
            self.buy()
        elif crossover(self.slow, self.fast):
            self.position.close()


def of_backtesting() -> float:
    """Orders fill at the next open."""
    found = Backtest(frame, Crossover, cash=CASH, commission=RATE, finalize_trades=True).run()
    return float(found["Return [%]"]) / 100.0


returns = {"here": ours(), "vectorbt": of_vectorbt(), "backtesting.py": of_backtesting()}
for program, value in returns.items():
    print(f"{program:<15} {value:8.2%}")
print(f"largest difference {np.ptp(list(returns.values())):.2%}")
