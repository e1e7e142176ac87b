"""Whether the paths of a study need the range of every bar, or its close alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from engine.execution import Execution
from engine.execution.metric_names import EXCURSIONS
from engine.jobs.path_metrics import PathMetric
from engine.jobs.settings import Until
from engine.jobs.space import ParameterSets
from engine.sources import Source
from engine.strategies.range_reads import Values, range_reads

__all__ = ["bar_form", "reads_of_ranges"]


def bar_form(
    wanted: Literal["auto", "ohlc", "close"], source: Source, reads: tuple[str, ...]
) -> Literal["ohlc", "close"]:
    """Return how the bars of a study's paths are made.

    Parameters
    ----------
    wanted : {"auto", "ohlc", "close"}
        What the study says.
    source : Source
        Only our models, whose prices are positive and drawn inside a bar as well, make bars of
        closes by themselves; what has bars keeps them.
    reads : tuple of str
        Of `reads_of_ranges`.
    """
    if wanted != "auto":
        return wanted
    ours = all(kind.__module__.startswith("engine.") for kind in source.classes)
    return "close" if ours and source.has_sub_bars and not reads else "ohlc"


def reads_of_ranges(
    sets: ParameterSets,
    execution: Execution,
    until: Until | None,
    metrics: Mapping[str, PathMetric],
) -> tuple[str, ...]:
    """Return what of a study needs the ranges of bars, in the words of its file.

    Parameters
    ----------
    sets : ParameterSets
        All that will be run: a word that all of them choose decides which orders are sent.
    execution : Execution
        Its costs and margins.
    until : Until, optional
        What is asked.
    metrics : mapping of str to callable
        Own metrics, which are given whole bars.
    """
    found = [
        *range_reads(sets.strategy, _values(sets), shortable=execution.shortable),
        *(f"execution.{name}" for name in execution.range_reads()),
        *(f"metrics.{name}" for name in metrics),
    ]
    if until is not None and until.statistic in EXCURSIONS:
        found.append(f"until.{until.statistic}")
    return tuple(found)


def _values(sets: ParameterSets) -> Values:
    """Least and largest value of each parameter of the strategy."""
    if not len(sets):
        return {}
    own = sets.of_strategy
    least, largest = np.min(own, axis=0).tolist(), np.max(own, axis=0).tolist()
    return dict(zip(sets.strategy.parameters, zip(least, largest, strict=True), strict=True))
