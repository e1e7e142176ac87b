"""From a study as written to a job: names become bars, parameters, sets and seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from engine.calendar import BarCalendar
from engine.compiled import source_hash
from engine.compiled.version import ENGINE_VERSION
from engine.execution import Execution
from engine.execution.metrics import METRIC_NAMES
from engine.sources import Source
from engine.strategies import Strategy, get_strategy, load_user_strategies, strategy_names
from engine.studies.constraint import ConstraintLike
from engine.studies.draw import ParameterDraw
from engine.studies.errors import ConfigurationError
from engine.studies.fingerprint import fingerprint
from engine.studies.frames import KEY_COLUMNS, SCHEMA_VERSION
from engine.studies.job import PART_LIMITS, Job
from engine.studies.loader import configuration_error
from engine.studies.path_metrics import PathMetric
from engine.studies.resolve_source import load_file, source_error
from engine.studies.space import MODEL_PREFIX, ParameterSpace, expand
from engine.studies.statistics import STATISTICS
from engine.studies.values import Distribution, Scalar

__all__ = ["resolve_execution", "resolve_job", "resolve_strategy"]

# More are weeks of every core: a slip of the pen.
_SIMULATION_LIMIT = 10**11

Values = Mapping[str, list[Scalar] | Distribution]


def resolve_strategy(strategy: str | type[Strategy], file: Path | None = None) -> type[Strategy]:
    """Find a strategy by name, after loading the user's file if one is given.

    Raises
    ------
    ConfigurationError
        If there is no strategy of that name.
    """
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        return strategy
    if not isinstance(strategy, str):
        raise ConfigurationError(
            "strategy", repr(strategy), "a registered name or a subclass of Strategy"
        )
    if file is not None:
        load_file("strategy.file", file, load_user_strategies)
    if strategy not in strategy_names():
        raise ConfigurationError("strategy.name", repr(strategy), ", ".join(strategy_names()))
    found: type[Strategy] = get_strategy(strategy)
    return found


def resolve_execution(execution: Execution | Mapping[str, Any]) -> Execution:
    """Check execution settings.

    Raises
    ------
    ConfigurationError
        If one is unknown or out of bounds.
    """
    if isinstance(execution, Execution):
        return execution
    try:
        return Execution.model_validate(dict(execution))
    except ValidationError as error:
        raise configuration_error(error, Execution, prefix="execution") from None


def resolve_job(
    *,
    name: str,
    source: Source,
    swept: Values,
    calendar: BarCalendar,
    draw: ParameterDraw | None,
    steps: int,
    s0: float | tuple[float, ...] | None,
    bars: Literal["ohlc", "close"],
    sub_bars: int,
    strategy: type[Strategy],
    parameters: Values,
    constraints: list[ConstraintLike],
    search: Mapping[str, Any],
    execution: Execution,
    seeds: np.ndarray,
    paths_per_seed: int,
    equity_samples: int,
    record_trades: bool,
    failure_allowance: float,
    until: dict[str, Any] | None,
    metrics: Mapping[str, PathMetric],
    definition: dict[str, Any],
    file: Path | None,
) -> Job:
    """Expand the parameter space and take the fingerprint."""
    _check_columns(strategy, metrics)
    _check_until(until, metrics)
    space = _space(source, _swept(source, swept), strategy, parameters, constraints, search)
    sources, source_of_set = _sources(source, space)
    if equity_samples > steps:
        equity_samples = steps
    job = Job(
        study=name,
        fingerprint="",
        sources=sources,
        source_of_set=source_of_set,
        draw=draw,
        strategy=strategy,
        execution=execution,
        space=space,
        seeds=seeds,
        rounds=(len(seeds),),
        paths_per_seed=paths_per_seed,
        steps=steps,
        s0=s0,
        bars=bars,
        sub_bars=sub_bars,
        calendar=calendar,
        equity_samples=equity_samples,
        record_trades=record_trades,
        failure_allowance=failure_allowance,
        until=until,
        metrics=dict(metrics),
        definition=definition,
        file=None if file is None else str(file.resolve()),
    )
    if job.simulations > _SIMULATION_LIMIT:
        raise ConfigurationError(
            "study", f"{job.simulations:,} simulations", f"at most {_SIMULATION_LIMIT:,}"
        )
    return replace(job, fingerprint=fingerprint(_deciding(job)))


def _check_columns(strategy: type[Strategy], metrics: Mapping[str, PathMetric]) -> None:
    """Check that no parameter and no own metric takes the column of something else."""
    taken = {*KEY_COLUMNS, *METRIC_NAMES}
    allowed = f"a name other than the results' columns {', '.join(sorted(taken))}"
    for name in strategy.parameters:
        if name in taken:
            raise ConfigurationError(
                f"strategy.parameters.{name}", f"a parameter of {strategy.name} so named", allowed
            )
    for name in metrics:
        if name in taken or name in strategy.parameters:
            raise ConfigurationError("metrics", repr(name), allowed)


def _check_until(until: Mapping[str, Any] | None, metrics: Mapping[str, PathMetric]) -> None:
    """Check the statistic before anything is simulated."""
    known = list(dict.fromkeys([*STATISTICS, *METRIC_NAMES, *metrics]))
    if until is not None and until["statistic"] not in known:
        raise ConfigurationError("until.statistic", repr(until["statistic"]), ", ".join(known))


def _deciding(job: Job) -> dict[str, Any]:
    """Return everything that decides the numbers, and nothing else."""
    return {
        "engine_version": ENGINE_VERSION,
        "schema_version": SCHEMA_VERSION,
        "part_limits": PART_LIMITS,
        "study": job.study,
        "paths": _deciding_paths(job),
        "strategy": job.strategy.name,
        "strategy_source": job.strategy.source_hash(),
        "execution": job.execution.model_dump(mode="json"),
        "names": job.space.names,
        "sets": job.space.sets,
        "seeds": job.seeds,
        "paths_per_seed": job.paths_per_seed,
        "equity_samples": job.equity_samples,
        "record_trades": job.record_trades,
        "until": job.until,
        "metrics": {name: source_hash(function) for name, function in job.metrics.items()},
    }


def _deciding_paths(job: Job) -> dict[str, Any]:
    """Return everything that decides which path a seed and a source's parameters make."""
    source = job.sources[0].fingerprint()
    kind = type(job.sources[0])
    if not kind.__module__.startswith("engine."):
        # Our own sources state their version; a user's is what its code says today.
        source["code"] = source_hash(kind)
    for name in job.space.names:
        # The first set's value of a swept parameter says nothing about the others.
        if name.startswith(MODEL_PREFIX):
            source.pop(name.removeprefix(MODEL_PREFIX), None)
    return {
        "source": source,
        "draw": job.draw.fingerprint() if job.draw is not None else None,
        "steps": job.steps,
        "s0": job.s0,
        "bars": job.bars,
        "sub_bars": job.sub_bars,
        "calendar": [job.calendar.exchange, job.calendar.timeframe],
    }


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
            raise ConfigurationError(field, f"{value!r} twice", "each value once")


def _space(
    source: Source,
    swept: Values,
    strategy: type[Strategy],
    parameters: Values,
    constraints: list[ConstraintLike],
    search: Mapping[str, Any],
) -> ParameterSpace:
    declared = strategy.parameters
    for name in parameters:
        if name not in declared:
            raise ConfigurationError(
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
        constraints=constraints,
        known=known,
        **search,
    )
    for name, values in parameters.items():
        if isinstance(values, Distribution):
            for value in space.column(name):
                _checked(strategy, name, value)
    return space


def _checked(strategy: type[Strategy], name: str, value: Scalar) -> Scalar:
    """One value as its parameter takes it: 20.0 from a linspace is 20 for an integer."""
    try:
        parameter = strategy.parameters[name]
        result: Scalar = parameter.decode(parameter.encode(value))
    except ValueError as error:
        head, separator, allowed = str(error).partition(", allowed ")
        found = head.rpartition("found ")[2] if separator else repr(value)
        raise ConfigurationError(
            f"strategy.parameters.{name}", found, allowed if separator else str(error)
        ) from None
    return result


def _sources(source: Source, space: ParameterSpace) -> tuple[tuple[Source, ...], np.ndarray]:
    names = [name for name in space.names if name.startswith(MODEL_PREFIX)]
    if not names:
        return (source,), np.zeros(len(space), dtype=np.int64)
    positions: dict[tuple[Scalar, ...], int] = {}
    sources: list[Source] = []
    of_set = np.empty(len(space), dtype=np.int64)
    for index, values in enumerate(space.sets):
        own = values[: len(names)]
        if own not in positions:
            positions[own] = len(sources)
            plain: dict[str, Any] = {
                n.removeprefix(MODEL_PREFIX): v for n, v in zip(names, own, strict=True)
            }
            try:
                sources.append(source.with_parameters(**plain))
            except (TypeError, ValueError) as error:
                raise source_error(error, source.parameters) from None
        of_set[index] = positions[own]
    return tuple(sources), of_set
