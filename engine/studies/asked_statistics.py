"""The statistics that a study asks for: checked before anything is simulated."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import Refusal
from engine.jobs.engine import Engine
from engine.jobs.path_metrics import PathMetric
from engine.jobs.settings import Record
from engine.results.definitions import named_statistic, unknown_statistic
from engine.results.recorded_columns import what_records
from engine.studies.definition import StudyDefinition

__all__ = ["check_statistics"]


def check_statistics(
    definition: StudyDefinition, engine: Engine, metrics: Mapping[str, PathMetric]
) -> None:
    """Check that every statistic of a study exists, and that its rows will tell it.

    Parameters
    ----------
    definition : StudyDefinition
        What it asks for in ``until`` and ``statistics``, and what it records.
    engine : Engine
        Whose metrics its rows may hold.
    metrics : mapping of str to callable
        Metrics of its own.

    Raises
    ------
    Refusal
        If there is no such statistic, or it needs what is not recorded.
    """
    asked = {"statistics": [name for name in definition.statistics if name != "complete"]}
    if definition.until is not None:
        asked["until.statistic"] = [definition.until.statistic]
    record = definition.record
    kept = (*engine.asked_metrics(record.metrics, "record.metrics"), *metrics)
    for field, names in asked.items():
        for name in names:
            statistic = named_statistic(name, metrics)
            if statistic is None:
                raise unknown_statistic(field, name, kept)
            _check_columns(field, name, statistic.needs, kept, record)


def _check_columns(
    field: str, name: str, needs: tuple[str, ...], kept: tuple[str, ...], record: Record
) -> None:
    beside = {column: what_records(column) for column in needs if column not in kept}
    absent = {
        column: settings
        for column, settings in beside.items()
        if settings is None or not getattr(record, settings)
    }
    if absent:
        named = [column for column, settings in absent.items() if settings is None]
        hints = [f"name {', '.join(named)} in `record: {{metrics: [...]}}`"] if named else []
        hints += [f"set `record.{settings}`" for settings in absent.values() if settings]
        raise Refusal(
            field,
            f"{name!r} without {', '.join(absent)}",
            "a statistic of what `record` keeps",
            hint="; ".join(dict.fromkeys(hints)),
        )
