"""Which runs there are and were: the job records of the data folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import polars as pl

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.jobs.record import JobRecord

__all__ = ["list_runs"]

log = logging.getLogger(__name__)

# Of several blocks the run has the first of these that one of them has.
_STATES: Final = ("running", "queued", "failed", "stopped", "killed", "lost", "finished")

_SCHEMA: Final = pl.Schema(
    {
        "started": pl.Datetime("us", "UTC"),
        "study": pl.String(),
        "kind": pl.String(),
        "state": pl.String(),
        "done": pl.Int64(),
        "of": pl.Int64(),
        "failed": pl.Int64(),
        "cells": pl.Int64(),
        "seconds": pl.Float64(),
        "who": pl.String(),
        "error": pl.String(),
        "ended": pl.Datetime("us", "UTC"),
        "world": pl.String(),
        "fingerprint": pl.String(),
        "id": pl.String(),
    }
)


def list_runs(project: Project, study: str | None = None) -> pl.DataFrame:
    """List the runs of studies, whoever began them, the newest first.

    Parameters
    ----------
    project : Project
        Where everything lies.
    study : str, optional
        Only the runs of this study.

    Returns
    -------
    polars.DataFrame
        ``started``, ``study``, ``kind`` (``study``, or how many blocks of it one run of Dagster
        made), ``state`` (as it is now: ``queued``, ``running``, ``finished``, ``failed``,
        ``stopped``, ``killed``, ``lost``), ``done`` and ``of`` (simulations), ``failed``,
        ``cells`` (of the whole study), ``seconds``, ``who``, ``error``, ``ended``, ``world``,
        ``fingerprint`` (of what was asked), ``id``.
    """
    from engine.jobs.record import read_records

    records, damages = read_records(project.results_root)
    for damage in damages:
        log.warning("%s", damage)
    runs: dict[tuple[str, ...], list[JobRecord]] = {}
    for record in records:
        if study in (None, record.study):
            is_block = record.kind.startswith("block ")
            key = (record.study, record.who) if is_block else (record.id,)
            runs.setdefault(key, []).append(record)
    return pl.DataFrame([_row(run) for run in runs.values()], schema=_SCHEMA, orient="row")


def _row(records: list[JobRecord]) -> tuple[object, ...]:
    """Return the row of a run, which is one record, or those of the blocks that it made."""
    last, first = records[0], records[-1]
    states = {record.state_now for record in records}
    ends = [record.ended for record in records if record.ended is not None]
    running = len(ends) < len(records)
    return (
        first.started,
        last.study,
        last.kind if len(records) == 1 else f"{len(records)} blocks",
        next(state for state in _STATES if state in states),
        *(sum(record.done for record in records), sum(record.total for record in records)),
        sum(record.failed for record in records),
        last.cells,
        round(sum(record.seconds for record in records), 3),
        last.who,
        next((record.error for record in records if record.error), None),
        None if running else max(ends),
        # Blocks come and go on; the first names the run from its beginning on.
        *(last.world, last.fingerprint, first.id),
    )
