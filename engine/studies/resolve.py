"""From a study as written to a job: names become bars, parameters, sets and seeds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import Calibration
from engine.compiled import source_hash
from engine.compiled.version import ENGINE_VERSION
from engine.execution import Execution
from engine.sources import Source, get_source, load_user_sources, make_source, source_names
from engine.strategies import Strategy, get_strategy, load_user_strategies, strategy_names
from engine.studies.constraint import ConstraintLike
from engine.studies.definition import SourceDefinition
from engine.studies.draw import ParameterDraw
from engine.studies.errors import ConfigurationError
from engine.studies.fingerprint import fingerprint
from engine.studies.frames import SCHEMA_VERSION
from engine.studies.job import PART_LIMITS, Job
from engine.studies.loader import configuration_error
from engine.studies.market_data import MarketData
from engine.studies.path_metrics import PathMetric
from engine.studies.space import MODEL_PREFIX, ParameterSpace, expand
from engine.studies.values import Distribution, Scalar

__all__ = [
    "ResolvedSource",
    "default_steps",
    "resolve_execution",
    "resolve_job",
    "resolve_source",
    "resolve_strategy",
]

Values = Mapping[str, list[Scalar] | Distribution]


@dataclass(frozen=True)
class ResolvedSource:
    """The source of a study file.

    Parameters
    ----------
    source : Source
        With calibrated and fixed parameters.
    swept : mapping
        Values of source parameters that have several, or a distribution.
    calendar : BarCalendar
        Of the bars, or as the study says.
    draw : ParameterDraw, optional
        For ``parameters: draw``.
    last_close : tuple of float, optional
        Last close of each symbol that the source was allowed to know.
    """

    source: Source
    swept: Values
    calendar: BarCalendar
    draw: ParameterDraw | None
    last_close: tuple[float, ...] | None


def resolve_strategy(strategy: str | type[Strategy], file: Path | None = None) -> type[Strategy]:
    """Find a strategy by name, after loading the user's file if one is given.

    Raises
    ------
    ConfigurationError
        If there is no strategy of that name.
    """
    if not isinstance(strategy, str):
        return strategy
    if file is not None:
        _load("strategy.file", file, load_user_strategies)
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


def resolve_source(
    definition: SourceDefinition, market_data: MarketData | None, folder: Path | None = None
) -> ResolvedSource:
    """Make the source of a study file, with the parameters that it sweeps taken out.

    Raises
    ------
    ConfigurationError
        If the model is unknown, or its bars, calibration or parameters do not fit.
    """
    if definition.file is not None:
        file = (folder or Path()) / definition.file
        _load("source.file", file, load_user_sources)
    if definition.model not in source_names():
        raise ConfigurationError("source.model", repr(definition.model), ", ".join(source_names()))
    bars = _bars(definition, market_data)
    calibration = _calibration(definition, market_data)
    parameters: dict[str, Any] = {}
    draw = None
    if calibration is not None:
        parameters = dict(calibration.parameters)
        if definition.parameters == "draw":
            draw = ParameterDraw.from_calibration(calibration)
        # What came after the calibration's date is not known yet.
        bars = tuple(series.up_to(_end_of_day(calibration.as_of)) for series in bars)
    given: dict[str, Any] = (
        {} if isinstance(definition.parameters, str) else dict(definition.parameters)
    )
    swept = {
        name: values
        for name, values in given.items()
        if isinstance(values, Distribution) or len(values) > 1
    }
    fixed = {name: values[0] for name, values in given.items() if name not in swept}
    declared = get_source(definition.model).parameters
    for name in given:
        if name not in declared:
            raise ConfigurationError(
                f"source.parameters.{name}", "an unknown parameter", ", ".join(declared) or "none"
            )
    # A swept parameter starts from its first value, so that the source can be made at all.
    start = {n: v[0] if isinstance(v, list) else v.value(0.0) for n, v in swept.items()}
    source = _make(definition, parameters | fixed | start, bars)
    calendar = bars[0].calendar if bars else _calendar(definition)
    last_close = tuple(float(series.close[-1]) for series in bars) or None
    return ResolvedSource(source, swept, calendar, draw, last_close)


def default_steps(source: Source) -> int:
    """Bars of a path of a source that has its own horizon, such as history.

    Raises
    ------
    ConfigurationError
        If it has none.
    """
    try:
        return source.prepare().steps
    except ValueError as error:
        raise _source_error(error) from None


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
    space = _space(source, swept, strategy, parameters, constraints, search)
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
        calendar=calendar,
        equity_samples=equity_samples,
        record_trades=record_trades,
        failure_allowance=failure_allowance,
        until=until,
        metrics=dict(metrics),
        definition=definition,
        file=None if file is None else str(file.resolve()),
    )
    return replace(job, fingerprint=fingerprint(_deciding(job)))


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
        "calendar": [job.calendar.exchange, job.calendar.timeframe],
    }


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
            checked[name] = [_checked(strategy, name, value) for value in values]
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
                raise _source_error(error) from None
        of_set[index] = positions[own]
    return tuple(sources), of_set


def _make(
    definition: SourceDefinition, parameters: dict[str, Any], bars: tuple[Bars, ...]
) -> Source:
    one: Bars | tuple[Bars, ...] | None = bars or None
    if len(bars) == 1:
        one = bars[0]
    try:
        return make_source(definition.model, parameters, bars=one, options=definition.options)
    except (TypeError, ValueError) as error:
        raise _source_error(error) from None


def _load(field: str, file: Path, load: Callable[[Path], object]) -> None:
    """Import a user's file, whatever is wrong with it."""
    if not file.exists():
        raise ConfigurationError(field, f"no file {file}", "a Python file or folder")
    try:
        load(file)
    except Exception as error:
        raise ConfigurationError(
            field, f"{file}, which fails with {type(error).__name__}: {error}", "a file that loads"
        ) from error


def _source_error(error: Exception) -> ConfigurationError:
    head, separator, allowed = str(error).partition(", allowed ")
    field, found_word, found = head.partition(": found ")
    if separator and found_word:
        return ConfigurationError(f"source.{field}", found, allowed)
    return ConfigurationError("source", str(error), "settings that the source takes")


def _bars(definition: SourceDefinition, market_data: MarketData | None) -> tuple[Bars, ...]:
    symbols = definition.symbol
    if symbols is None:
        return ()
    if market_data is None:
        raise ConfigurationError(
            "source.symbol", repr(symbols), "with market data: study.run(market_data=...)"
        )
    names = [symbols] if isinstance(symbols, str) else symbols
    try:
        return tuple(market_data.bars(name, definition.timeframe) for name in names)
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise ConfigurationError(
            "source.symbol", repr(symbols), f"a series with bars ({error})"
        ) from None


def _calibration(
    definition: SourceDefinition, market_data: MarketData | None
) -> Calibration | None:
    if definition.calibration is None:
        return None
    if not isinstance(definition.symbol, str):
        raise ConfigurationError(
            "source.calibration", repr(definition.calibration), "with one `symbol`"
        )
    assert market_data is not None
    try:
        calibration = market_data.calibration(
            definition.symbol, definition.timeframe, definition.model, definition.calibration
        )
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise ConfigurationError(
            "source.calibration", str(definition.calibration), f"an existing calibration ({error})"
        ) from None
    if calibration.status != "ok":
        raise ConfigurationError(
            "source.calibration",
            f"a failed calibration of {calibration.model} ({calibration.reason})",
            "one that succeeded",
        )
    return calibration


def _end_of_day(day: datetime.date) -> int:
    """Return the last microsecond of a day, since 1970-01-01 UTC."""
    return ((day - datetime.date(1970, 1, 1)).days + 1) * 86_400_000_000 - 1


def _calendar(definition: SourceDefinition) -> BarCalendar:
    try:
        return BarCalendar(definition.exchange, definition.timeframe)
    except ValueError as error:
        raise _source_error(error) from None
