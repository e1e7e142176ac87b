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
        ``started``, ``study``, ``kind`` (``study``, or a block of it), ``state`` (as it is now:
        ``running``, ``finished``, ``failed``, ``stopped``, ``killed``, ``lost``), ``done`` and
        ``of`` (simulations), ``failed``, ``cells``, ``seconds``, ``who``, ``error``, ``ended``,
        ``world``, ``id``.
    """
    from engine.jobs.record import read_records

    records, damages = read_records(project.data)
    for damage in damages:
        log.warning("%s", damage)
    rows = [_row(record) for record in records if study in (None, record.study)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _row(record: JobRecord) -> tuple[object, ...]:
    return (
        *(record.started, record.study, record.kind, record.state_now),
        *(record.done, record.total, record.failed, record.cells),
        *(round(record.seconds, 3), record.who, record.error, record.ended),
        *(record.world, record.id),
    )
