"""The group ``bar_trading``: metrics of trading on bars, by name, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["EXCURSIONS", "GROUP", "METRICS", "METRIC_NAMES"]

#: What each metric is, in the order in which `engine.execution.metrics.summarise` writes them.
METRICS: Final = MappingProxyType(
    {
        "net_pnl": "final equity less starting cash, after all costs",
        "total_return": "final equity over starting cash, less 1",
        "cagr": "compound annual growth rate",
        "volatility": "annual standard deviation of the returns from bar to bar",
        "sharpe": "annual mean over standard deviation of the returns above `risk_free_rate`",
        "sortino": "annual mean over downside deviation of the returns above `risk_free_rate`",
        "calmar": "cagr over the depth of the largest drawdown",
        "max_drawdown": "deepest fall of equity below its peak, a fraction of the peak, at most 0",
        "max_drawdown_duration": "most bars in a row below the peak",
        "trades": "closed trades",
        "win_rate": "share of closed trades with a profit after costs",
        "average_win": "mean profit of the trades that won",
        "average_loss": "mean loss of the trades that lost, below 0",
        "profit_factor": "sum of profits over sum of losses of closed trades",
        "expectancy": "mean profit of a closed trade after costs",
        "average_trade_duration": "mean bars from entry to exit",
        "longest_trade_duration": "most bars from entry to exit",
        "exposure": "share of bars that closed with a position",
        "turnover": "value bought and sold over mean equity, per year",
        "commission": "commissions paid",
        "slippage": "paid for fills worse than the price they were asked at",
        "max_consecutive_losses": "most losing trades in a row",
        "average_mfe": "mean of the largest unrealised profit of each trade; needs ranges",
        "average_mae": "mean of the largest unrealised loss of each trade; needs ranges",
        "rejected_orders": "orders that were refused, each with a reason",
        "margin_calls": "forced liquidations",
        "final_equity": "equity at the last close",
        "return_sum": "sum of the returns above `risk_free_rate`, up to that which takes the last",
        "return_squares": "sum of their squares",
        "downside_squares": "sum of the squares of those below 0",
        "upside_sum": "sum of those above 0",
        "risk_free_rate": "mean annual rate above which returns count in ratios and sums",
    }
)

METRIC_NAMES: Final = tuple(METRICS)

GROUP: Final = MetricGroup("bar_trading", 1, METRICS, "engine.execution.metrics:summarise")

#: Metrics that only the ranges of bars give.
EXCURSIONS: Final = ("average_mfe", "average_mae")
