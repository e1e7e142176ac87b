"""From a study as written to a job: names become bars, parameters, sets and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.metric_groups import ORDER_ENGINE, asked_metrics
from engine.jobs.columns import KEY_COLUMNS
from engine.jobs.engine import Engine
from engine.jobs.job import Job
from engine.jobs.lineage import Lineage
from engine.jobs.path_metrics import PathMetric
from engine.jobs.rare_events import check_rare_events
from engine.jobs.settings import JobSettings, PathSettings, Record
from engine.jobs.space import MODEL_PREFIX, ParameterSets
from engine.jobs.world import World
from engine.market_data import MarketData
from engine.sources import Historical, Source
from engine.sources.dynamics import dynamics_of
from engine.strategies import Strategy, get_strategy, load_user_strategies, strategy_names
from engine.strategies.bar_engine import engine_of
from engine.strategies.clock_reads import clock_reads
from engine.strategies.warm_up import check_timeframes
from engine.studies.asked_statistics import check_statistics
from engine.studies.bar_form import bar_form, reads_of_ranges, searched_bounds
from engine.studies.definition import StudyDefinition
from engine.studies.live import Live
from engine.studies.resolve_source import (
    ResolvedSource,
    default_steps,
    load_file,
    resolve_source,
    source_error,
)
from engine.studies.resolve_space import check_sources, fit_distributions, resolve_space
from engine.studies.resolve_window import bars_before, resolve_warm_up
from engine.studies.seeds import resolve_seeds
from engine.studies.trained_policies import trained_policy

__all__ = ["resolve", "resolve_strategy", "strategy_of"]

# More are weeks of every core: a mistake.
_SIMULATION_LIMIT = 10**11


def resolve(
    definition: StudyDefinition,
    live: Live,
    file: Path | None,
    market_data: MarketData | None,
) -> Job:
    """Resolve every name of a study.

    Parameters
    ----------
    definition : StudyDefinition
        The study as written.
    live : Live
        Python objects that stand for names of the definition.
    file : Path, optional
        The study file; it anchors relative paths.
    market_data : MarketData, optional
        Where symbols are looked up.

    Raises
    ------
    Refusal
        If one cannot be.
    """
    _check_search(definition, file)
    in_python = live.source is not None
    if definition.ticks:
        from engine.studies.tick_streams import with_ticks  # loads a room that few studies need

        live = with_ticks(definition, live, file)
    execution = _execution(definition, live)
    origin = _source(definition, live, file, market_data, execution)
    source = origin.source
    strategy = strategy_of(definition, live, file)
    _check_execution(execution, source)
    _check_clock(strategy, source)
    check_timeframes(strategy.name, strategy.indicators, origin.calendar)
    engine = _engine(definition, strategy, live, None if file is None else file.parent)
    _check_columns(strategy, engine, live.metrics, definition.record)
    check_statistics(definition, engine, live.metrics)
    parameters = fit_distributions(strategy, definition.strategy.parameters)
    space = resolve_space(
        source,
        origin.swept,
        strategy,
        parameters,
        [*definition.constraint, *live.constraint],
        _points(definition),
    )
    check_sources(source, space)
    sets = ParameterSets.of(space, strategy)
    _check_engine(engine, sets, execution, origin, definition.source.steps)
    warm_up = resolve_warm_up(
        definition.source.warm_up,
        strategy,
        parameters,
        sets,
        origin.calendar,
        source.bars_per_session(origin.calendar),
    )
    reads: tuple[str, ...] = (f"the engine of {strategy.name}",)
    if engine.closes_suffice:
        searched = searched_bounds(sets, parameters)
        reads = reads_of_ranges(searched, execution, definition.until, live.metrics)
    path = _path(definition.source, origin, warm_up, reads)
    seeds = resolve_seeds(definition.seeds, file)
    assert path.steps is not None
    job = Job(
        study=definition.name,
        world=World(
            source=source,
            swept=tuple(
                name.removeprefix(MODEL_PREFIX)
                for name in space.names
                if name.startswith(MODEL_PREFIX)
            ),
            draw=origin.draw,
            strategy=strategy,
            engine=engine,
            execution=execution,
            path=path,
            paths_per_seed=definition.paths_per_seed,
            calendar=origin.calendar,
            history=bars_before(source, origin.history, warm_up),
        ),
        space=space,
        seeds=seeds,
        first_seeds=len(seeds),
        settings=_job_settings(definition, path.steps),
        metrics=live.metrics,
        definition=None if in_python else definition.model_dump(mode="json"),
        file=None if file is None else str(file.resolve()),
        lineage=origin.lineage,
        reads_of_ranges=reads,
        asked_by="grid" if definition.search is None else definition.search.method,
    )
    check_rare_events(job)
    if job.simulations > _SIMULATION_LIMIT:
        raise Refusal("study", f"{job.simulations:,} simulations", f"at most {_SIMULATION_LIMIT:,}")
    return job


def resolve_strategy(strategy: str, file: Path | None = None) -> type[Strategy]:
    """Find a strategy by name, after loading the user's file if one is given.

    Raises
    ------
    Refusal
        If there is no strategy of that name.
    """
    if file is not None:
        load_file("strategy.file", file, load_user_strategies)
    if strategy not in strategy_names():
        raise Refusal("strategy.name", repr(strategy), ", ".join(strategy_names()))
    found: type[Strategy] = get_strategy(strategy)
    return found


def _check_search(definition: StudyDefinition, file: Path | None) -> None:
    """Refuse to list the sets of a search for the best: they follow from one another."""
    wanted = definition.search is not None and definition.search.objective is not None
    if wanted:
        raise Refusal(
            "search.objective",
            "a search for the best set, which no list of sets stands for",
            hint="mc optimise run " + (str(file) if file is not None else definition.name),
        )
    if definition.when:
        raise Refusal("when", ", ".join(definition.when), "beside an objective of the search alone")
    if definition.require:
        raise Refusal(
            "require", ", ".join(definition.require), "beside an objective of the search alone"
        )


def _points(definition: StudyDefinition) -> dict[str, Any]:
    """Return how points of the space are drawn; empty for a grid."""
    search = definition.search
    if search is None:
        return {}
    return {"method": search.method, "count": search.count, "seed": search.seed}


def _source(
    definition: StudyDefinition,
    live: Live,
    file: Path | None,
    market_data: MarketData | None,
    execution: Execution,
) -> ResolvedSource:
    if live.source is None:
        folder = file.parent if file is not None else None
        return resolve_source(definition.source, market_data, folder, execution)
    calendar = live.calendar or _calendar(live.source)
    assert not isinstance(definition.source.parameters, str)
    swept = definition.source.parameters
    return ResolvedSource(
        live.source, swept, calendar, None, None, Lineage.of(_held_bars(live.source))
    )


def _calendar(source: Source) -> BarCalendar:
    """Return the calendar of a source made in Python: that of its bars, where it holds any."""
    bars = _held_bars(source)
    return bars[0].calendar if bars else getattr(source, "calendar", None) or BarCalendar()


def _held_bars(source: Source) -> list[Bars]:
    held = getattr(source, "bars", ())
    bars = held if isinstance(held, tuple) else (held,)
    return [series for series in bars if isinstance(series, Bars)]


def strategy_of(definition: StudyDefinition, live: Live, file: Path | None) -> type[Strategy]:
    """Return the strategy of a study.

    Raises
    ------
    Refusal
        If there is none of that name.
    """
    if live.strategy is not None:
        if not (isinstance(live.strategy, type) and issubclass(live.strategy, Strategy)):
            raise Refusal(
                "strategy", repr(live.strategy), "a registered name or a subclass of Strategy"
            )
        return live.strategy
    asked = definition.strategy
    if asked.policy is not None:
        return resolve_strategy(asked.name, trained_policy(asked.policy))
    folder = file.parent if file is not None else Path()
    return resolve_strategy(asked.name, None if asked.file is None else folder / asked.file)


def _path(
    settings: PathSettings, origin: ResolvedSource, warm_up: int, reads: tuple[str, ...]
) -> PathSettings:
    """Return the path's settings with horizon, bars before, start price and bars known."""
    source = origin.source
    if settings.sub_bars > 1 and not source.has_sub_bars:
        raise Refusal(
            "source.sub_bars",
            f"{settings.sub_bars} for {source.name}",
            "1: only models know the path inside a bar",
        )
    steps = settings.steps if settings.steps is not None else default_steps(source, warm_up)
    known = {name: getattr(settings, name) for name in PathSettings.model_fields}
    s0 = settings.s0 if settings.s0 is not None else origin.last_close
    try:
        source.start_prices(s0)
    except ValueError as error:
        raise source_error(error) from None
    bars = bar_form(settings.bars, source, reads)
    found = {"steps": int(steps), "s0": s0, "warm_up": warm_up, "bars": bars}
    return PathSettings.model_validate(known | found)


def _job_settings(definition: StudyDefinition, steps: int) -> JobSettings:
    """Return what the job carries as it was written; of equity no more points than bars."""
    own = {name: getattr(definition, name) for name in JobSettings.model_fields}
    points = min(definition.record.equity, steps)
    return JobSettings.model_validate(
        own | {"record": definition.record.model_copy(update={"equity": points})}
    )


def _execution(definition: StudyDefinition, live: Live) -> Execution:
    if live.execution is not None:
        return live.execution
    return Execution.of(definition.execution, "execution")


def _engine(
    definition: StudyDefinition, strategy: type[Strategy], live: Live, folder: Path | None
) -> Engine:
    """Return the engine of a strategy with what the study says to it; files begin at `folder`."""
    engine: Engine = engine_of(strategy)
    if live.ticks is not None:
        from engine.studies.tick_streams import on_ticks

        engine = on_ticks(definition, strategy, engine, live.ticks)
    if not definition.options:
        return engine
    options = dict(definition.options)
    chain = options.get("chain")
    if folder is not None and isinstance(chain, Mapping) and isinstance(chain.get("file"), str):
        options["chain"] = {**chain, "file": str((folder / chain["file"]).absolute())}
    return engine.with_options(options)


def _check_engine(
    engine: Engine,
    sets: ParameterSets,
    execution: Execution,
    origin: ResolvedSource,
    steps: int | None,
) -> None:
    """Check that the engine can run the strategy on the paths of the source."""
    source = origin.source
    lows = [float(np.min(bars.low)) for bars in _held_bars(source)]
    engine.check(
        sets.strategy,
        execution,
        sets.of_strategy,
        source=source.name,
        symbols=source.symbols,
        fields=(*BAR_FIELDS, *source.states, *dynamics_of(source)),
        lowest=min(lows, default=float("inf")),
        steps=default_steps(source, 0) if steps is None else steps,
        bars_per_session=source.bars_per_session(origin.calendar),
    )


def _check_execution(execution: Execution, source: Source) -> None:
    """Check that the bars of a source have what the settings follow: times of day, volumes."""
    volumes = [item.volume for item in _held_bars(source)]
    volumes = volumes or [getattr(source, "volume", np.ones(1))]
    if execution.volume_limit is not None and not all((item > 0.0).any() for item in volumes):
        raise Refusal(
            "execution.volume_limit",
            f"bars of {source.name} without volume",
            "bars with volumes, or no limit",
        )
    for terms in (execution.instrument, *execution.instruments.values()):
        if terms.session is not None and not isinstance(source, Historical):
            raise Refusal(
                "execution.instrument.session",
                f"bars of {source.name}, which have no times of day",
                "history; a simulated path is of trading hours only",
            )


def _check_clock(strategy: type[Strategy], source: Source) -> None:
    """Check that a strategy that asks for the time of a bar has bars with times."""
    reads = clock_reads(strategy, source.states)
    if reads and not isinstance(source, Historical):
        raise Refusal(
            "strategy",
            f"{', '.join(reads)} on paths of {source.name}, which have no times of day",
            "history",
        )


def _check_columns(
    strategy: type[Strategy], engine: Engine, metrics: Mapping[str, PathMetric], record: Record
) -> None:
    """Check that no parameter and no own metric takes the column of something else.

    Metrics of groups that the study does not record have none.
    """
    kept = {*asked_metrics((ORDER_ENGINE,), ""), *asked_metrics(record.metrics, "record.metrics")}
    taken = {*KEY_COLUMNS, *(name for name in engine.metric_names if name in kept)}
    allowed = f"a name other than the results' columns {', '.join(sorted(taken))}"
    for name in strategy.parameters:
        if name in taken:
            raise Refusal(
                f"strategy.parameters.{name}", f"a parameter of {strategy.name} so named", allowed
            )
    for name in metrics:
        if name in taken or name in strategy.parameters:
            raise Refusal("metrics", repr(name), allowed)
