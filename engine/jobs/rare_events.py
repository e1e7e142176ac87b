"""Rare events of a study: from paths of another drift, on which they are less rare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.plan import make_plan
from engine.jobs.pool import PartPool
from engine.jobs.store import MemoryStore
from engine.jobs.threshold import Threshold
from engine.sources import GBM
from engine.statistics.rare_events import rare_event

__all__ = ["SCHEMA", "check_rare_events", "rare_event_table"]

Floats = NDArray[np.float64]

#: Columns of the table.
SCHEMA: Final = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "event": pl.String(),
    "probability": pl.Float64(),
    "std_error": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "method": pl.String(),
    "paths": pl.Int64(),
    "seen": pl.Int64(),
    "plain_paths": pl.Float64(),
    "work_saved": pl.Float64(),
    "mean_weight": pl.Float64(),
    "mean_weight_error": pl.Float64(),
}

_EVENT: Final = re.compile(r"\s*([a-z_]\w*)\s*(.+)")

_MOST_SIMULATIONS: Final = 20_000_000
# Seeds whose paths are held at once.
_CHUNK: Final = 256


def check_rare_events(job: Job) -> None:
    """Refuse rare events that a job cannot tell.

    Parameters
    ----------
    job : Job
        A study that is resolved.

    Raises
    ------
    Refusal
        If its paths are of no geometric Brownian motion with stated parameters, an event is none
        of its metrics, or there are too many simulations.
    """
    asked, world = job.settings.rare_events, job.world
    if asked is None:
        return
    source = world.source
    if not isinstance(source, GBM):
        raise Refusal(
            "rare_events",
            f"paths of {source.name}",
            "source gbm, whose paths are weighted",
            hint="of other sources plain `seeds` tell it: 100 / p of them know a probability p to "
            "a tenth, `statistics: [probability_total_return_at_most_-0.5]`",
        )
    if world.swept or world.draw is not None:
        raise Refusal("rare_events", "source parameters that vary", "one value for each")
    if source.sampling not in ("random", "antithetic"):
        raise Refusal("rare_events", f"{source.sampling} sampling", "sampling random or antithetic")
    if source.start_variance:
        raise Refusal("rare_events", "a start_variance", "none, for weights of paths")
    if list(asked.sampled) != ["mu"]:
        found = ", ".join(asked.sampled) or "nothing"
        raise Refusal("rare_events.sampled", found, "mu, the drift of the paths that are run")
    for event in asked.events:
        parsed_event(event, job.holds.metrics)
    simulations = asked.paths * len(job.space)
    if simulations > _MOST_SIMULATIONS:
        raise Refusal(
            "rare_events.paths",
            f"{asked.paths:,} paths of {len(job.space):,} parameter sets",
            f"at most {_MOST_SIMULATIONS:,} simulations",
        )


def parsed_event(event: str, metrics: tuple[str, ...]) -> tuple[str, Threshold]:
    """Read an event: a metric, and what it is compared with.

    Parameters
    ----------
    event : str
        Such as ``total_return <= -0.5``.
    metrics : tuple of str
        Those that are kept.

    Returns
    -------
    metric, threshold : str, Threshold
        Its parts.

    Raises
    ------
    Refusal
        If it is none, or of a metric that is not kept.

    Examples
    --------
    >>> parsed_event("total_return <= -0.5", ("total_return",))
    ('total_return', Threshold(comparison='<=', bound=-0.5))
    """
    found = _EVENT.fullmatch(event)
    threshold = None if found is None else Threshold.read(found[2])
    if found is None or threshold is None:
        raise Refusal(
            "rare_events.events", repr(event), "METRIC <=, >=, < or > NUMBER: total_return <= -0.5"
        )
    if found[1] not in metrics:
        raise Refusal("rare_events.events", repr(found[1]), ", ".join(metrics))
    return found[1], threshold


def rare_event_table(job: Job) -> pl.DataFrame | None:
    """Estimate the rare events of a job by importance sampling.

    All parameter sets run on paths whose drift is that of ``sampled``; each path counts with its
    likelihood in the study's own world over that in the other (`engine.statistics.rare_events`).

    Parameters
    ----------
    job : Job
        A study that is resolved.

    Returns
    -------
    polars.DataFrame or None
        One row per parameter set and event: ``study``, ``world``, ``parameter_set``, ``set_id``,
        ``event``, ``probability`` with ``std_error``, ``ci_low``, ``ci_high`` and ``method``;
        ``paths`` that were run, ``seen`` those that met the event; ``plain_paths``, as many as
        plain simulation would need for the same error, ``work_saved``, these over the paths that
        were run; ``mean_weight`` and its error, 1 on average: where the two worlds are far apart,
        nearly all of its sum lies in paths that are hardly ever drawn. None of a job that asks for
        none.

    Raises
    ------
    Refusal
        As `check_rare_events`.
    """
    asked = job.settings.rare_events
    if asked is None:
        return None
    check_rare_events(job)
    world = job.world
    assert isinstance(world.source, GBM)
    seeds = np.arange(-(-asked.paths // world.paths_per_seed), dtype=np.uint64)
    other = world.source.with_parameters(**asked.sampled)
    record = job.settings.record.model_copy(update={"equity": 0, "trades": False})
    changed = {"record": record, "until": None, "rare_events": None, "failure_allowance": 1.0}
    settings = job.settings.model_copy(update=changed)
    companion = replace(
        job,
        world=replace(world, source=other),
        seeds=seeds,
        first_seeds=len(seeds),
        settings=settings,
        metrics={},
        seeds_of_set=None,
    )
    weights = np.concatenate([*_log_weights(world.source, companion)])
    tables = []
    for number, met, kept in _outcomes(companion, asked.events):
        for event, each in met.items():
            found = rare_event(each[kept], weights[kept], unit=world.paths_per_unit)
            made = found.probability
            tables.append(
                {
                    "study": job.study,
                    "world": world.id,
                    "parameter_set": number,
                    "set_id": str(job.sets.ids[number]),
                    "event": event,
                    "probability": made.value,
                    "std_error": made.std_error,
                    "ci_low": made.low,
                    "ci_high": made.high,
                    "method": made.method,
                    "paths": int(kept.sum()),
                    "seen": found.seen,
                    "plain_paths": found.plain_paths,
                    "work_saved": found.work_saved,
                    "mean_weight": found.mean_weight,
                    "mean_weight_error": found.mean_weight_error,
                }
            )
    return pl.DataFrame(tables, schema=SCHEMA).with_columns(
        pl.col(name).fill_nan(None) for name, kind in SCHEMA.items() if kind == pl.Float64
    )


def _log_weights(source: GBM, companion: Job) -> Iterator[Floats]:
    """Yield the logarithms of the weights of the companion's paths, in their order."""
    world, seeds = companion.world, companion.seeds
    assert isinstance(world.source, GBM)
    for first in range(0, len(seeds), _CHUNK):
        block = world.source.paths(
            seeds=seeds[first : first + _CHUNK].tolist(),
            steps=world.steps,
            s0=world.path.s0,
            calendar=world.calendar,
            bars="close",
            paths_per_seed=world.paths_per_seed,
            sub_bars=world.path.sub_bars,
        )
        yield source.log_weights(block, sampled=world.source)


def _outcomes(
    companion: Job, events: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, NDArray[np.bool_]], NDArray[np.bool_]]]:
    """Yield of each set whether every path met each event, and which units of paths succeeded."""
    store = MemoryStore()
    pool = PartPool(make_plan(companion, ()).parts, store)
    pool.work()
    pool.raise_first()
    parsed = {event: parsed_event(event, companion.holds.metrics) for event in events}
    names = sorted({name for name, _ in parsed.values()})
    rows = store.scan("simulations", store.manifests(companion.world.id))
    frame = rows.select("set_id", "seed", "path", "status", *names).collect()
    of_set = frame.partition_by("set_id", as_dict=True)
    unit = companion.world.paths_per_unit
    for number, set_id in enumerate(companion.sets.ids.tolist()):
        own = of_set[(set_id,)].sort("seed", "path")
        values = {name: own[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names}
        met = {event: threshold.holds(values[name]) for event, (name, threshold) in parsed.items()}
        succeeded = (own["status"] == "ok").to_numpy().reshape(-1, unit).all(axis=1)
        yield number, met, np.repeat(succeeded, unit)
