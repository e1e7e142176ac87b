"""Groups of metrics, named and versioned: the only place that lists them.

A line says where a group is declared, without importing it: the group called ``bar_trading`` is
the `GROUP` of the module in its line. Declarations load no compiler; the code that computes a
group is named in them, and is compiled where a study asks for the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from engine.errors import Refusal, did_you_mean

__all__ = [
    "BUILT_IN",
    "ORDER_ENGINE",
    "MetricGroup",
    "all_metrics",
    "asked_metrics",
    "group_versions",
    "metric_groups",
]

#: Where each group is declared.
BUILT_IN: Final[dict[str, str]] = {
    "bar_trading": "engine.execution.metric_names",
    "equity_curve": "engine.execution.curve_metric_names",
    "benchmark": "engine.execution.benchmark_metric_names",
    "financing": "engine.execution.financing_metric_names",
    "options": "engine.execution.option_metric_names",
}

#: The group that the order engine computes itself at the end of each simulation.
ORDER_ENGINE: Final = "bar_trading"


@dataclass(frozen=True)
class MetricGroup:
    """Metrics that are computed together.

    Parameters
    ----------
    name : str
        As a study names it.
    version : int
        Raised when the same simulation would give other numbers: stored parts that hold another
        version are computed again.
    metrics : mapping of str to str
        What each metric is, in the order in which the code writes them; no other group has a
        metric of the same name.
    code : str
        ``module:function`` of the function that writes them, compiled as a part of the order
        engine: ``(simulation, out)``, with NaN where a metric is undefined.
    """

    name: str
    version: int
    metrics: Mapping[str, str]
    code: str

    @property
    def function(self) -> Any:
        """The compiled function; loads the compiler."""
        module, _, name = self.code.partition(":")
        return getattr(import_module(module), name)


def metric_groups() -> dict[str, MetricGroup]:
    """Return every group by name, that of the order engine first."""
    return {name: import_module(module).GROUP for name, module in BUILT_IN.items()}


def all_metrics() -> dict[str, str]:
    """Return what each metric of every group is, by name."""
    return {
        name: text for group in metric_groups().values() for name, text in group.metrics.items()
    }


def group_versions(metrics: Sequence[str]) -> dict[str, int]:
    """Return the versions of the groups that some metrics belong to, by name.

    Examples
    --------
    >>> group_versions(["net_pnl", "trades"])
    {'bar_trading': 1}
    """
    return {
        name: group.version
        for name, group in metric_groups().items()
        if not group.metrics.keys().isdisjoint(metrics)
    }


def asked_metrics(asked: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the metrics that groups and metrics by name come to, in the order of the groups.

    Parameters
    ----------
    asked : sequence of str
        Names of groups, which stand for all of their metrics, and of metrics.
    field : str
        What asks, for the error.

    Raises
    ------
    Refusal
        If there is no such group or metric.

    Examples
    --------
    >>> asked_metrics(["trades", "net_pnl"], "record.metrics")
    ('net_pnl', 'trades')
    """
    groups, known = metric_groups(), all_metrics()
    wanted: set[str] = set()
    for name in asked:
        if name in groups:
            wanted.update(groups[name].metrics)
        elif name in known:
            wanted.add(name)
        else:
            hint = did_you_mean(name, [*groups, *known])
            raise Refusal(
                field,
                f"no group or metric {name!r}{hint}",
                f"groups {', '.join(groups)}; metrics {', '.join(known)}",
            )
    return tuple(name for name in known if name in wanted)
