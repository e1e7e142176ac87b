"""A job whose fills are recorded as long as the record lasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.strategies.bar_engine import BarEngine
from engine.strategies.recorded_engine import recorded_engine

__all__ = ["with_fills"]


def with_fills(job: Job, fills: Any, *, in_memory: bool) -> Job:
    """Return the job on a record of fills.

    Parameters
    ----------
    job : Job
        A study of history.
    fills : FillTape or DataFrame
        The record.
    in_memory : bool
        Whether its results stay in memory: no file could say what the record was.

    Raises
    ------
    Refusal
        If the study is not of bars of history or is stored, or the record is not of its bars.
    """
    world = job.world
    if not in_memory:
        raise Refusal("fills", "recorded fills beside a data root", "a run in memory")
    if not (world.is_history and isinstance(world.engine, BarEngine)):
        raise Refusal("fills", f"a study of {world.source.name!r}", "one of bars, on history")
    source: Any = world.source
    series = [bars[-world.window.bar_count :] for bars in source.bars]
    engine = recorded_engine(fills, series, world.window.first_trading_bar)
    return replace(job, world=replace(world, engine=engine))
