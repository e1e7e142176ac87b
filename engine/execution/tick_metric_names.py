"""The group ``ticks``: metrics of trading on quote ticks, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["GROUP", "METRICS"]

#: What each metric is, in the order in which `engine.ticks.metrics` has them.
METRICS: Final = MappingProxyType(
    {
        "fills": "fills, parts of orders counted each",
        "fill_ratio": "share of the units of orders sent that filled",
        "maker_share": "share of the units filled that had rested",
        "spread_earned": "units filled times what each was better than the middle of the touch",
        "adverse_1s": "mean move of the middle against a unit filled, within 1 s, in price",
        "adverse_10s": "the same within 10 s",
        "adverse_1m": "the same within 1 minute",
        "quote_to_trade": "orders sent, amended and cancelled for each fill",
        "mean_inventory": "mean units held, long or short, over time",
        "max_inventory": "most units held of a symbol",
        "fees_paid": "fees paid less rebates",
        "funding_paid": "funding paid, negative where received",
        "events": "events of the feed that the strategy was told of",
    }
)

GROUP: Final = MetricGroup("ticks", 1, METRICS, "engine.ticks.metrics:no_ticks")
