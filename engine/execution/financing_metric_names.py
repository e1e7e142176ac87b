"""The group ``financing``: what holding cost and paid, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["GROUP"]

GROUP: Final = MetricGroup(
    "financing",
    1,
    MappingProxyType(
        {
            "cash_interest": "received on cash above 0",
            "margin_interest": "paid on cash below 0",
            "borrow_fees": "paid on short positions",
            "funding": "paid on perpetual contracts, less received",
            "dividends": "received on long positions, less paid on short ones",
            "net_financing": "`cash_interest` and `dividends` less what was paid; in `net_pnl`",
        }
    ),
    "engine.execution.financing_metrics:measure",
)
