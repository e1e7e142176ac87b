"""The parameter sets of a study, checked against what source and strategy declare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.errors import Refusal
from engine.jobs.space import MODEL_PREFIX, ParameterSpace, Scalar
from engine.sources import Source
from engine.strategies import Strategy
from engine.studies.constraint import ConstraintLike
from engine.studies.expand import expand
from engine.studies.resolve_source import source_error
from engine.studies.values import Distribution

__all__ = ["check_sources", "resolve_space"]

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
