"""The engine of ticks: what jobs ask of an engine, answered for a stream behind the bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics, asked_metrics, group_versions
from engine.execution.metric_names import EXCURSIONS
from engine.execution.settings import Execution
from engine.strategies.strategy import Strategy
from engine.ticks.bars import BAR_SPAN
from engine.ticks.chunk import TickStream
from engine.ticks.metrics import marks_in
from engine.ticks.prepared import PreparedTicks
from engine.ticks.realism import TickSource
from engine.ticks.settings import TickSettings

__all__ = ["TICKS_VERSION", "TickEngine"]

#: Raised when the same study of ticks would give other numbers: the plain twin guards it.
TICKS_VERSION: Final = "1"

# What else an `Execution` sets is of orders on bars.
_READ: Final = frozenset({"cash", "risk_free_rate"})


@dataclass(frozen=True)
class TickEngine:
    """What jobs ask of an engine (`engine.jobs.engine.Engine`), answered for ticks.

    The bars that jobs bring say which part of the stream is run: from the opening of the first
    that trades to the end of the last. So hold-outs, windows and walk-forward cut ticks as they
    cut bars.

    Parameters
    ----------
    terms : TickSettings
        The section `ticks` of a study.
    stream : TickStream or TickSource, optional
        The ticks, or what makes them of a seed; without them nothing can run.
    """

    terms: TickSettings = field(default_factory=lambda: TickSettings.model_validate({}))
    stream: TickStream | TickSource | None = None

    #: Whether it may be given bars of closes: it reads their times alone.
    closes_suffice: bool = False
    #: Whether paths must bring the constants of their model.
    reads_dynamics: bool = False

    @property
    def version(self) -> str:
        """Numerical version of the loop."""
        return f"ticks-{TICKS_VERSION}"

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers beside execution and strategy: the terms, and the stream."""
        ticks = self.stream
        if isinstance(ticks, TickSource):
            ticks = ticks.ticks(0, seconds=1.0)
        identity = None if ticks is None else ticks.identity
        return {"ticks": self.terms.told(), "stream": identity}

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metrics of every group."""
        return tuple(all_metrics())

    @property
    def range_metrics(self) -> tuple[str, ...]:
        """Metrics that ask how far prices went inside a bar."""
        return EXCURSIONS

    def on(self, stream: TickStream | TickSource, terms: TickSettings) -> TickEngine:
        """Return the engine with ticks and settings."""
        return replace(self, stream=stream, terms=terms)

    def with_options(self, options: Mapping[str, Any]) -> TickEngine:
        """Refuse settings of options."""
        raise Refusal(
            "options", "settings of options beside a strategy of ticks", "an option strategy"
        )

    def asked_metrics(self, asked: Sequence[str], field: str) -> tuple[str, ...]:
        """Return the metrics that groups and metrics by name come to."""
        return asked_metrics(asked, field)

    def returns_in(self, steps: int) -> int:
        """Return the returns of a simulation: from mark to mark, whatever the bars are."""
        return marks_in(steps * BAR_SPAN)

    def group_versions(self, metrics: Sequence[str]) -> dict[str, int]:
        """Return the versions of the groups that some metrics belong to."""
        return group_versions(metrics)

    def check(
        self, strategy: type[Strategy], execution: Execution, parameters: Any, **paths: Any
    ) -> None:
        """Refuse what no simulation could run on; see `engine.jobs.engine.Engine`."""
        if self.stream is None:
            raise Refusal(
                "source",
                f"bars for {strategy.name}, which hears ticks",
                "ticks: a file or folder as `ticks: {path: ...}`, or a stream in Python",
            )
        usual = Execution().model_dump()
        for name, value in execution.model_dump().items():
            if name not in _READ and value != usual[name]:
                raise Refusal(
                    f"execution.{name}",
                    "a setting of orders on bars",
                    ", ".join(sorted(_READ)),
                    hint="fees, latency and contract of ticks stand in `ticks`",
                )

    def prepare(
        self, strategy: type[Strategy], execution: Execution, **shape: Any
    ) -> PreparedTicks:
        """Bind it to a strategy and a world."""
        shape.pop("history", None)  # a stream has one clock
        assert self.stream is not None
        return PreparedTicks(strategy, self.stream, self.terms, execution, **shape)
