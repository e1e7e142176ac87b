"""The crossover of two averages in NumPy, vectorbt and backtesting.py.

All buy with everything at the open after fast crosses above slow, sell at the open after it crosses
below, and pay 0.1 % and a basis point of slippage. Averages are computed once per period, and all
parameter sets of a path at once where the program can.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["backtesting_py", "numpy_sets", "vectorbt_sets"]

_RATE, _SLIPPAGE, _CASH = 0.001, 1e-4, 1e6
Sets = Sequence[tuple[int, int]]


def numpy_sets(bars: NDArray[np.float64], sets: Sets) -> NDArray[np.float64]:
    """Return five metrics of each parameter set on one path, by array operations over all sets.

    Parameters
    ----------
    bars : ndarray of float64, shape (fields, bars)
        Open, high, low, close, volume.
    sets : sequence of (int, int)
        Bars of the fast and of the slow average.

    Returns
    -------
    ndarray of float64, shape (5, sets)
        Profit, trades, win rate, Sharpe ratio, largest drawdown.
    """
    opens, close = bars[0], bars[3]
    count = len(close)
    sums = np.concatenate([[0.0], np.cumsum(close)])
    means = {}
    for period in {period for pair in sets for period in pair}:
        means[period] = np.full(count, np.nan)
        means[period][period - 1 :] = (sums[period:] - sums[:-period]) / period
    fast = np.stack([means[pair[0]] for pair in sets])
    slow = np.stack([means[pair[1]] for pair in sets])
    above = fast > slow
    # A position begins at a crossing, not where the averages begin with fast above slow.
    first = np.argmax(np.isfinite(slow), axis=1)
    began_above = above[np.arange(len(sets)), first]
    never_below = np.logical_and.accumulate(above | (np.arange(count) < first[:, None]), axis=1)
    above &= ~(never_below & began_above[:, None])
    held = np.zeros(above.shape)
    held[:, 1:] = above[:, :-1]
    change = np.diff(held, axis=1, prepend=0.0)
    before = np.concatenate([[opens[0]], close[:-1]])
    growth = np.where(held > 0.0, close / before, 1.0)
    growth = np.where(change > 0.0, close / opens, growth)
    growth = np.where(change < 0.0, opens / before, growth)
    growth *= 1.0 - (_RATE + _SLIPPAGE) * np.abs(change)
    curve = _CASH * np.cumprod(growth, axis=1)
    returns = growth - 1.0
    peak = np.maximum.accumulate(curve, axis=1)
    sharpe = returns.mean(axis=1) / returns.std(axis=1, ddof=1) * np.sqrt(252.0)
    trades, wins = np.empty(len(sets)), np.empty(len(sets))
    for row in range(len(sets)):
        entered = np.flatnonzero(change[row] > 0.0)
        left = np.flatnonzero(change[row] < 0.0)
        # From the close before the entry, as costs count, to the bar of the exit.
        gains = curve[row, left] > curve[row, entered[: len(left)] - 1]
        trades[row], wins[row] = len(left), gains.mean() if len(left) else 0.0
    return np.stack([curve[:, -1] - _CASH, trades, wins, sharpe, (curve / peak - 1.0).min(axis=1)])


def vectorbt_sets(walks: NDArray[np.float64], sets: Sets, *, metrics: bool) -> Any:
    """Return a portfolio of all parameter sets on some paths, and metrics if they are asked.

    A column for each: with a path at a time it takes three times as long. Needs the dependency
    group ``peers``.

    Parameters
    ----------
    walks : ndarray of float64, shape (paths, fields, bars)
        Open, high, low, close, volume.
    sets : sequence of (int, int)
        Bars of the fast and of the slow average.
    metrics : bool
        Whether to compute twenty metrics of each.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _vectorbt_sets(walks, sets, metrics=metrics)


def _vectorbt_sets(walks: NDArray[np.float64], sets: Sets, *, metrics: bool) -> Any:
    import pandas as pd
    import vectorbt as vbt

    index = pd.date_range("2000-01-01", periods=walks.shape[2])
    close = pd.DataFrame(walks[:, 3].T, index=index)
    fast = vbt.MA.run(close, [pair[0] for pair in sets], short_name="fast")
    slow = vbt.MA.run(close, [pair[1] for pair in sets], short_name="slow")
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    columns = {"index": index, "columns": entries.columns}
    portfolio = vbt.Portfolio.from_signals(
        pd.DataFrame(np.tile(close.to_numpy(), (1, len(sets))), **columns),
        entries.vbt.fshift(1),
        exits.vbt.fshift(1),
        price=np.tile(walks[:, 0].T, (1, len(sets))),
        init_cash=_CASH,
        fees=_RATE,
        slippage=_SLIPPAGE,
        freq="1D",
    )
    if not metrics:
        return portfolio
    trades = portfolio.trades
    return (
        *(portfolio.total_profit(), portfolio.total_return(), portfolio.annualized_return()),
        *(portfolio.annualized_volatility(), portfolio.sharpe_ratio(), portfolio.sortino_ratio()),
        *(portfolio.calmar_ratio(), portfolio.omega_ratio(), portfolio.max_drawdown()),
        *(portfolio.drawdowns.max_duration(), trades.count(), trades.win_rate()),
        *(trades.winning.pnl.mean(), trades.losing.pnl.mean(), trades.profit_factor()),
        *(trades.expectancy(), trades.duration.mean(), trades.duration.max()),
        *(portfolio.position_coverage(), portfolio.final_value()),
    )


def backtesting_py(bars: NDArray[np.float64], pair: tuple[int, int]) -> Any:
    """Return the statistics of one parameter set on one path.

    Needs the dependency group ``peers``.
    """
    import pandas as pd
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    class Crossover(Strategy):  # type: ignore[misc,unused-ignore]
        def init(self) -> None:
            close = pd.Series(self.data.Close)
            self.fast = self.I(lambda: close.rolling(pair[0]).mean())
            self.slow = self.I(lambda: close.rolling(pair[1]).mean())

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()

    index = pd.date_range("2000-01-01", periods=bars.shape[1])
    frame = pd.DataFrame(bars.T, columns=["Open", "High", "Low", "Close", "Volume"], index=index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Backtest(frame, Crossover, cash=_CASH, commission=_RATE).run()
