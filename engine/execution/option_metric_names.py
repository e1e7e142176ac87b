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
        "legs_in_the_money": "legs that were settled in the money, in cash or by delivery",
        "exits_expiry": "positions that were held to the expiry of a leg",
        "exits_margin_call": "positions that were closed by a margin call",
        "exits_stop_loss": "positions that were closed by `stop_loss`",
        "exits_profit_target": "positions that were closed by `profit_target`",
        "exits_days_left": "positions that were closed by `roll_at_dte`",
        "exits_early_exercise": "positions whose last leg was exercised before its expiry",
        "exits_delta_breach": "positions that were closed by `exit_delta`",
        "exits_touch": "positions that were closed by `exit_touch`",
        "exits_days_held": "positions that were closed by `exit_days`",
        "exits_order": "positions that the strategy closed by `order.close_legs`",
        "hedges": "trades in the underlying",
        "underlying_pnl": "profit of hedges and of the underlying that was held, after costs",
        "assignments": "legs sold that were exercised, at expiry or before",
        "early_exercises": "legs that were exercised before their expiry",
        "unquoted": "entries and exits for which a chain had no quote",
        "carried_marks": "closes at which a leg kept the last quote that it had",
        "delta_pnl": "profit by delta, that of the underlying held with it; with `greeks: true`",
        "gamma_pnl": "profit by gamma; with `greeks: true`",
        "theta_pnl": "profit by theta; with `greeks: true`",
        "vega_pnl": "profit by vega; with `greeks: true`",
        "rest_pnl": "what is left of the profit, costs among it; with `greeks: true`",
    }
)

GROUP: Final = MetricGroup("options", 3, METRICS, "engine.options.metrics:no_options")
