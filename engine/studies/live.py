"""What a study made in Python has beside its definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.calendar import BarCalendar

if TYPE_CHECKING:
    from engine.execution import Execution
    from engine.jobs.path_metrics import PathMetric
    from engine.sources import Source
    from engine.strategies import Strategy
    from engine.ticks import TickSource, TickStream

__all__ = ["Live"]


@dataclass(frozen=True)
class Live:
    """Python objects that a study has beside its definition, which no file can hold.

    Parameters
    ----------
    source : Source, optional
        Where the paths come from.
    strategy : type of Strategy, optional
        What trades.
    calendar : BarCalendar, optional
        Length of a bar.
    execution : Execution, optional
        Costs, fills, sizing.
    constraint : tuple of callable
        Functions of the mapping of parameter values.
    metrics : dict of str to callable
        Own metrics.
    ticks : TickStream or TickSource, optional
        What a strategy of ticks hears, or what makes it of a seed; the source is bars of it.
    """

    source: Source | None = None
    strategy: type[Strategy] | None = None
    calendar: BarCalendar | None = None
    execution: Execution | None = None
    constraint: tuple[Callable[[Any], bool], ...] = ()
    metrics: Mapping[str, PathMetric] = field(default_factory=dict)
    ticks: TickStream | TickSource | None = None
