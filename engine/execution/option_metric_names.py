"""The group ``options``: metrics of option positions, declared without a compiler."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.execution.metric_groups import MetricGroup

__all__ = ["GROUP", "METRICS"]

#: What each metric is, in the order in which `engine.options.metrics.write_options` has them.
METRICS: Final = MappingProxyType(
    {
        "premium": "premium that positions received at entry, less what they paid",
        "premium_kept": "profit of all positions over what each received or paid, summed",
        "worst_position": "profit of the worst position, at most 0",
        "worst_to_premium": "least profit of a position over its premium, at most 0",
        "max_margin_use": "largest margin over equity at a close",
        "legs_in_the_money": "legs that expired in the money and were settled in cash",
        "exits_expiry": "positions that were held to the expiry of a leg",
        "exits_margin_call": "positions that were closed by a margin call",
        "exits_stop_loss": "positions that were closed by `stop_loss`",
        "exits_profit_target": "positions that were closed by `profit_target`",
        "exits_days_left": "positions that were closed by `roll_at_dte`",
    }
)

GROUP: Final = MetricGroup("options", 1, METRICS, "engine.options.metrics:no_options")
