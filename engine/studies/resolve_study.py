"""From a `Study` to its `Job`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.execution import Execution
from engine.sources import Historical, Source
from engine.studies.definition import SeedRange
from engine.studies.errors import ConfigurationError
from engine.studies.job import Job
from engine.studies.market_data import MarketData
from engine.studies.resolve import resolve_execution, resolve_job, resolve_strategy
from engine.studies.resolve_source import default_steps, resolve_source
from engine.studies.seeds import SEED_LIMIT, check_seeds, load_seeds
from engine.studies.space import MODEL_PREFIX
from engine.studies.values import Distribution, Scalar

if TYPE_CHECKING:
    from engine.studies.study import Study

__all__ = ["resolve_seeds", "resolve_study"]


def resolve_study(study: Study, market_data: MarketData | None) -> Job:
    """Resolve every name of a study.

    Raises
    ------
    ConfigurationError
        If one cannot be.
    """
    folder = study.file.parent if study.file is not None else None
    swept: Mapping[str, list[Scalar] | Distribution] = {}
    draw = None
    s0: float | tuple[float, ...] | None = study.s0
    strategy_file = None
    if study.definition is not None:
        resolved = resolve_source(study.definition.source, market_data, folder)
        source, swept, calendar = resolved.source, resolved.swept, resolved.calendar
        draw = resolved.draw
        if s0 is None:
            s0 = resolved.last_close
        if study.definition.strategy.file is not None:
            strategy_file = (folder or Path()) / study.definition.strategy.file
    else:
        source = study.source
        calendar = study.calendar or getattr(source, "calendar", None) or BarCalendar()
    own = {n: v for n, v in study.parameters.items() if not n.startswith(MODEL_PREFIX)}
    of_model = {
        n.removeprefix(MODEL_PREFIX): v
        for n, v in study.parameters.items()
        if n.startswith(MODEL_PREFIX)
    }
    steps = study.steps if study.steps is not None else default_steps(source)
    search = study.search.model_dump() if study.search is not None else {}
    return resolve_job(
        name=study.name,
        source=source,
        swept={**swept, **of_model},
        calendar=calendar,
        draw=draw,
        steps=int(steps),
        s0=s0,
        bars=study.bars,
        sub_bars=_sub_bars(study.sub_bars, source),
        strategy=resolve_strategy(study.strategy, strategy_file),
        parameters=own,
        constraints=study.constraints,
        search=search,
        execution=_execution(study, source),
        seeds=resolve_seeds(study.seeds, study.file),
        paths_per_seed=study.paths_per_seed,
        equity_samples=study.record.equity,
        record_trades=study.record.trades,
        failure_allowance=study.failure_allowance,
        until=study.until.model_dump() if study.until is not None else None,
        metrics=study.metrics,
        definition=_as_written(study),
        file=study.file,
    )


def resolve_seeds(seeds: Any, file: Path | None = None) -> NDArray[np.uint64]:
    """Read seeds in any of their forms; names of files may be relative to the study file.

    Raises
    ------
    ConfigurationError
        If there are none, or one is not a seed.
    """
    if isinstance(seeds, str | Path):
        beside = file.parent / seeds if file is not None else None
        return load_seeds(beside if beside is not None and beside.is_file() else seeds)
    if isinstance(seeds, SeedRange):
        if seeds.start + seeds.count > SEED_LIMIT:
            raise ConfigurationError(
                "seeds", f"{seeds.count} seeds from {seeds.start}", "seeds up to 2**64 - 1"
            )
        return np.arange(seeds.start, seeds.start + seeds.count, dtype=np.uint64)
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 1:
            raise ConfigurationError("seeds", str(seeds), "at least 1")
        return np.arange(seeds, dtype=np.uint64)
    if isinstance(seeds, np.ndarray) and seeds.dtype == np.uint64:
        return check_seeds(seeds.tolist())
    if not isinstance(seeds, Iterable):
        raise ConfigurationError("seeds", repr(seeds), "a seed set, a count or whole numbers")
    return check_seeds(seeds)


def _execution(study: Study, source: Source) -> Execution:
    execution = resolve_execution(study.execution)
    for terms in (execution.instrument, *execution.instruments.values()):
        if terms.session is not None and not isinstance(source, Historical):
            raise ConfigurationError(
                "execution.instrument.session",
                f"bars of {source.name}, which have no times of day",
                "history; a simulated path is of trading hours only",
            )
    return execution


def _sub_bars(count: int, source: Source) -> int:
    if count > 1 and not source.has_sub_bars:
        raise ConfigurationError(
            "source.sub_bars",
            f"{count} for {source.name}",
            "1: only models know the path inside a bar",
        )
    return count


def _as_written(study: Study) -> dict[str, Any]:
    if study.definition is not None:
        return study.definition.model_dump(mode="json")
    return {"name": study.name}
