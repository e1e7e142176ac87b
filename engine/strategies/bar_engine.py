"""The engine of bars: runs the strategies whose hooks are called at the close of a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.compiled.version import ENGINE_VERSION
from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics, asked_metrics, group_versions
from engine.execution.metric_names import EXCURSIONS
from engine.execution.settings import Execution
from engine.strategies.engine import StrategyEngine
from engine.strategies.prepare import prepare_strategy
from engine.strategies.strategy import Strategy

__all__ = ["BarEngine", "engine_of"]


@dataclass(frozen=True)
class BarEngine:
    """What jobs ask of an engine (`engine.jobs.engine.Engine`), answered for bars."""

    #: Whether the text of a strategy's hooks tells what it reads of a bar.
    closes_suffice: bool = True
    #: Whether paths must bring the constants of their model.
    reads_dynamics: bool = False

    @property
    def version(self) -> str:
        """Numerical version of everything compiled."""
        return ENGINE_VERSION

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metrics of every group."""
        return tuple(all_metrics())

    @property
    def range_metrics(self) -> tuple[str, ...]:
        """Metrics that ask how far prices went inside a bar."""
        return EXCURSIONS

    @property
    def settings(self) -> dict[str, Any]:
        """No section of its own: `execution` is for bars."""
        return {}

    def with_options(self, options: Mapping[str, Any]) -> BarEngine:
        """Refuse settings of options."""
        raise Refusal(
            "options", "settings of options beside a strategy of bars", "an option strategy"
        )

    def check(
        self, strategy: type[Strategy], execution: Execution, parameters: Any, **paths: Any
    ) -> None:
        """Accept any paths: what a strategy reads of them is checked by its text."""

    def asked_metrics(self, asked: Sequence[str], field: str) -> tuple[str, ...]:
        """Return the metrics that groups and metrics by name come to."""
        return asked_metrics(asked, field)

    def returns_in(self, steps: int) -> int:
        """Return the returns of a simulation: one of every bar."""
        return steps

    def group_versions(self, metrics: Sequence[str]) -> dict[str, int]:
        """Return the versions of the groups that some metrics belong to."""
        return group_versions(metrics)

    def prepare(
        self, strategy: type[Strategy], execution: Execution, **shape: Any
    ) -> StrategyEngine:
        """Return `prepare_strategy` of the same arguments."""
        return prepare_strategy(strategy, execution, **shape)


def engine_of(strategy: type[Strategy]) -> Any:
    """Return the engine that a strategy names; that of bars where it names none."""
    return BarEngine() if strategy.engine is None else strategy.engine
