"""The parameter sets of a study, checked against what source and strategy declare."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.errors import Refusal
from engine.jobs.space import MODEL_PREFIX, ParameterSpace, Scalar
from engine.sources import Source
from engine.strategies import Strategy
from engine.strategies.parameters import Int, Parameter
from engine.studies.constraint import ConstraintLike
from engine.studies.expand import expand
from engine.studies.resolve_source import source_error
from engine.studies.values import Distribution, integer, log_integer, normal

__all__ = ["check_sources", "fit_distributions", "resolve_space"]

Values = Mapping[str, list[Scalar] | Distribution]


def resolve_space(
    source: Source,
    swept: Values,
    strategy: type[Strategy],
    parameters: Values,
    constraint: Sequence[ConstraintLike],
    search: Mapping[str, Any],
) -> ParameterSpace:
    """Make the parameter sets.

    Parameters
    ----------
    source : Source
        With a value for every parameter.
    swept : mapping
        Values or distributions of source parameters that become part of the sets.
    strategy : type of Strategy
        Declares the other parameters.
    parameters : mapping
        Values or distributions of the strategy's.
    constraint : sequence of str or callable
        A set is kept if all hold.
    search : mapping
        ``method``, ``count`` and ``seed``, or empty.

    Raises
    ------
    Refusal
        If a parameter is unknown or a value out of bounds, or no set is left.
    """
    swept = _swept(source, swept)
    declared = strategy.parameters
    for name in parameters:
        if name not in declared:
            raise Refusal(
                f"strategy.parameters.{name}", "an unknown parameter", ", ".join(declared) or "none"
            )
    checked: dict[str, list[Scalar] | Distribution] = {}
    for name, values in parameters.items():
        if isinstance(values, Distribution):
            checked[name] = values
        else:
            grid = [_checked(strategy, name, value) for value in values]
            _check_once(f"strategy.parameters.{name}", grid)
            checked[name] = grid
    known: dict[str, Any] = {n: p.default for n, p in declared.items() if n not in parameters}
    known |= {MODEL_PREFIX + n: v for n, v in source.values.items() if n not in swept}
    space = expand(
        {MODEL_PREFIX + n: v for n, v in swept.items()} | checked,
        constraint=constraint,
        known=known,
        **search,
    )
    for name, values in parameters.items():
        if isinstance(values, Distribution):
            for value in space.column(name):
                _checked(strategy, name, value)
    return space


def fit_distributions(strategy: type[Strategy], parameters: Values) -> dict[str, Any]:
    """Let distributions draw what the parameters of a strategy take.

    A whole number is searched on whole numbers, with the same mass per unit or, in the logarithm,
    per ratio; a normal law is cut off at the declared bounds.

    Raises
    ------
    Refusal
        If a distribution has no whole number, or a normal law is asked for one.
    """
    return {
        name: _fitted(f"strategy.parameters.{name}", strategy.parameters[name], values)
        if isinstance(values, Distribution) and name in strategy.parameters
        else values
        for name, values in parameters.items()
    }


def _fitted(field: str, declared: Parameter, drawn: Distribution) -> Distribution:
    if drawn.kind == "choice":
        return drawn
    try:
        if isinstance(declared, Int) and not drawn.is_whole:
            if drawn.kind == "normal":
                raise Refusal("", "a normal law for a whole number", "integer or log_integer")
            low, high = drawn.bounds
            return (log_integer if drawn.kind == "log_uniform" else integer)(
                math.ceil(low), math.floor(high)
            )
        if drawn.kind == "normal":
            mean, deviation, low, high = map(float, drawn.arguments)  # type: ignore[arg-type]
            least = low if declared.low is None else max(low, declared.low)
            most = high if declared.high is None else min(high, declared.high)
            return normal(mean, deviation, least, most)
    except Refusal as refusal:
        raise refusal.within(field) from None
    return drawn


def check_sources(source: Source, space: ParameterSpace) -> None:
    """Make the source of every set once, so that values that do not fit together are named.

    Raises
    ------
    Refusal
        If a set asks for a source that cannot be.
    """
    names = [name for name in space.names if name.startswith(MODEL_PREFIX)]
    for own in dict.fromkeys(values[: len(names)] for values in space.sets) if names else ():
        plain: dict[str, Any] = {
            name.removeprefix(MODEL_PREFIX): value for name, value in zip(names, own, strict=True)
        }
        try:
            source.with_parameters(**plain)
        except (TypeError, ValueError) as error:
            raise source_error(error, source.parameters) from None


def _swept(source: Source, swept: Values) -> dict[str, list[Scalar] | Distribution]:
    """Check the values of swept source parameters; texts of numbers become numbers."""

    def number(name: str, value: Scalar) -> Scalar:
        try:
            checked = source.parameters[name].check(value)
        except KeyError:
            return value  # no parameter: making the source says so
        except ValueError as error:
            raise source_error(error, source.parameters) from None
        return checked if isinstance(value, str) else value

    found: dict[str, list[Scalar] | Distribution] = {}
    for name, values in swept.items():
        if isinstance(values, Distribution):
            arguments = values.arguments
            if values.kind == "choice":
                arguments = tuple(number(name, value) for value in arguments)
            found[name] = replace(values, arguments=arguments)
        else:
            found[name] = [number(name, value) for value in values]
            _check_once(f"source.parameters.{name}", found[name])
    return found


def _check_once(field: str, grid: Any) -> None:
    for value, times in Counter(grid).items():
        if times > 1:
            raise Refusal(field, f"{value!r} twice", "each value once")


def _checked(strategy: type[Strategy], name: str, value: Scalar) -> Scalar:
    """One value as its parameter takes it: 20.0 from a linspace is 20 for an integer."""
    try:
        parameter = strategy.parameters[name]
        result: Scalar = parameter.decode(parameter.encode(value))
    except Refusal as refusal:
        raise Refusal(f"strategy.parameters.{name}", refusal.found, refusal.allowed) from None
    return result
