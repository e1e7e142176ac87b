"""Whether the paths of a study need the range of every bar, or its close alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from engine.execution import Execution
from engine.execution.metric_names import EXCURSIONS
from engine.jobs.path_metrics import PathMetric
from engine.jobs.settings import Until
from engine.jobs.space import ParameterSets, Scalar
from engine.sources import Source
from engine.strategies.parameters import Choice, Parameter
from engine.strategies.range_reads import Values, range_reads
from engine.studies.values import Distribution

__all__ = ["bar_form", "reads_of_ranges", "searched_bounds"]


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


def searched_bounds(
    sets: ParameterSets, parameters: Mapping[str, list[Scalar] | Distribution]
) -> ParameterSets:
    """Return sets at the least and the largest code of each parameter that a study searches.

    What a distribution may draw counts, whether it was drawn or not, so that every further set of a
    search is judged on the same bars.

    Parameters
    ----------
    sets : ParameterSets
        Those that the study lists.
    parameters : mapping
        Values or distributions of the strategy's parameters.
    """
    rows = [sets.of_strategy]
    for place, (name, declared) in enumerate(sets.strategy.parameters.items()):
        given = parameters.get(name)
        if isinstance(given, Distribution) and len(sets):
            codes = _codes(declared, given)
            more = np.repeat(sets.of_strategy[:1], len(codes), axis=0)
            more[:, place] = codes
            rows.append(more)
    every = np.concatenate(rows)
    return ParameterSets(sets.strategy, (), every, np.empty((len(every), 0)))


def _codes(declared: Parameter, drawn: Distribution) -> list[float]:
    """Return the codes of what a distribution may draw, or of its bounds."""
    if isinstance(declared, Choice):
        return [declared.encode(value) for value in drawn.arguments if value in declared.choices]
    values: Any = drawn.arguments if drawn.kind == "choice" else drawn.bounds
    return [math.nan if value is None else float(value) for value in values]


def _values(sets: ParameterSets) -> Values:
    """Least and largest value of each parameter of the strategy."""
    if not len(sets):
        return {}
    own = sets.of_strategy
    least, largest = np.min(own, axis=0).tolist(), np.max(own, axis=0).tolist()
    return dict(zip(sets.strategy.parameters, zip(least, largest, strict=True), strict=True))
