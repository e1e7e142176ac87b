"""How many bars a study's indicators see before the first bar that counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.jobs.space import ParameterSets, Scalar
from engine.sources import Source
from engine.strategies import Strategy
from engine.strategies.parameters import Choice
from engine.strategies.warm_up import bars_before as bars_before_value
from engine.studies.values import Distribution

__all__ = ["bars_before", "resolve_warm_up"]

Values = Mapping[str, list[Scalar] | Distribution]


def resolve_warm_up(
    setting: int | Literal["auto"],
    strategy: type[Strategy],
    parameters: Values,
    sets: ParameterSets,
    calendar: BarCalendar,
    bars_per_session: float,
) -> int:
    """Return the bars to warm up on.

    ``auto`` is what the slowest indicator needs at the upper bounds of the parameters that the
    study searches, so that every set is judged on the same bars and a further set within the bounds
    makes no new world.

    Parameters
    ----------
    setting : int or "auto"
        As the study says; 0 lets indicators warm up on the path itself.
    strategy : type of Strategy
        Declares the indicators.
    parameters : mapping
        Values or distributions of its parameters.
    sets : ParameterSets
        The study's.
    calendar : BarCalendar
        Of the bars.
    bars_per_session : float
        Of the sessions as they are.

    Raises
    ------
    Refusal
        If a set needs more bars than the study gives.
    """
    if setting == 0:
        return 0
    time = calendar, bars_per_session
    needed, worst = _needed(strategy, sets.of_strategy, *time)
    if setting == "auto":
        bounds = _upper_bounds(strategy, parameters, sets.of_strategy)
        return max(needed, _needed(strategy, bounds, *time)[0])
    if needed > setting:
        names = ", ".join(
            f"{name}={declared.decode(value)}"
            for (name, declared), value in zip(
                strategy.parameters.items(), sets.of_strategy[worst].tolist(), strict=True
            )
        )
        raise Refusal(
            "source.warm_up",
            str(setting),
            f"at least {needed}, the bars before the first value of an indicator with {names}; "
            "auto; or 0, which warms up on the path itself",
        )
    return setting


def bars_before(source: Source, history: tuple[Bars, ...], warm_up: int) -> tuple[Bars, ...]:
    """Return the bars of a history that a source's paths continue, if it does not hold them.

    A source with states of its own, which history does not have, draws the bars before its paths,
    as does one whose history is too short.
    """
    holds = bool(getattr(source, "bars", ()))
    known = len(history) == len(source.symbols) and all(len(bars) >= warm_up for bars in history)
    if warm_up == 0 or holds or source.states or not known:
        return ()
    return tuple(bars[len(bars) - warm_up :] for bars in history)


def _needed(
    strategy: type[Strategy],
    encoded: NDArray[np.float64],
    calendar: BarCalendar,
    bars_per_session: float,
) -> tuple[int, int]:
    """Bars before every indicator of every set has a value, and the set that needs most."""
    most, worst = 0, 0
    names = list(strategy.parameters)
    for indicator in strategy.indicators.values():
        columns = [names.index(item.name) for item in indicator.parameters_of()]
        distinct, first = np.unique(encoded[:, columns], axis=0, return_index=True)
        for row, place in zip(distinct.tolist(), first.tolist(), strict=True):
            given = {names[column]: value for column, value in zip(columns, row, strict=True)}
            bars = bars_before_value(indicator, given, calendar, bars_per_session)
            # A period of None has no value at all.
            if bars is not None and bars > most:
                most, worst = bars, place
    return most, worst


def _upper_bounds(
    strategy: type[Strategy], parameters: Values, encoded: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Largest code of each parameter that the study allows, shape (rows, parameters).

    Of timeframes the last is not the longest: a row for each that the study may choose.
    """
    with np.errstate(all="ignore"):
        bounds: NDArray[np.float64] = np.array(np.fmax.reduce(encoded, axis=0))
    for position, (name, declared) in enumerate(strategy.parameters.items()):
        given: Any = parameters.get(name)
        if isinstance(given, Distribution) and given.kind != "choice":
            bounds[position] = max(bounds[position], declared.encode(given.bounds[1]))
    rows = bounds.reshape(1, -1)
    chosen = {part.timeframe for item in strategy.indicators.values() for part in item.walk()}
    for position, (name, declared) in enumerate(strategy.parameters.items()):
        if isinstance(declared, Choice) and declared in chosen:
            drawn = isinstance(parameters.get(name), Distribution)
            codes = range(len(declared.choices)) if drawn else np.unique(encoded[:, position])
            rows = np.repeat(rows, len(codes), axis=0)
            rows[:, position] = np.resize(codes, len(rows))
    return rows
