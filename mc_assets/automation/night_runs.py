"""The Dagster runs of a night, found by their tags."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from mc_assets.automation.chain import Made, Stage, State
from mc_assets.automation.nights import Night

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["night_runs", "night_tags", "was_fetched_since"]

_NIGHT: Final = "mc/night"
_EXCHANGE: Final = "mc/exchange"
_STAGE: Final = "mc/stage"
_PART: Final = "mc/part"
_ATTEMPT: Final = "mc/attempt"


def night_tags(night: Night, stage: str, part: str, attempt: int) -> dict[str, str]:
    """Return the tags by which a run of a night is known, and found in the UI."""
    return {
        _NIGHT: night.key,
        _EXCHANGE: night.exchange,
        _STAGE: stage,
        _PART: part,
        _ATTEMPT: str(attempt),
    }


def night_runs(instance: dg.DagsterInstance, night: Night) -> dict[tuple[Stage, str], Made]:
    """Return how the runs of a night stand, by stage and part.

    A run that a person or the daemon executed again carries the same tags: a part is done where
    one of them ended well. Of bars that were asked for several times the last attempt counts.
    """
    import dagster as dg

    found: dict[tuple[Stage, str], list[Any]] = {}
    for record in instance.get_run_records(dg.RunsFilter(tags={_NIGHT: night.key})):
        tags = record.dagster_run.tags
        place: Any = (tags.get(_STAGE, ""), tags.get(_PART, ""))
        found.setdefault(place, []).append(record)
    return {place: _together(records) for place, records in found.items()}


def was_fetched_since(instance: dg.DagsterInstance, night: Night) -> bool:
    """Whether bars of the exchange were brought in after a night was due, by whichever night."""
    import dagster as dg

    wanted = dg.RunsFilter(
        tags={_EXCHANGE: night.exchange, _STAGE: "bars"},
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_after=night.due,
    )
    return bool(instance.get_run_ids(wanted, limit=1))


def _together(records: list[Any]) -> Made:
    import dagster as dg

    def attempt(record: Any) -> int:
        return int(record.dagster_run.tags.get(_ATTEMPT, "1"))

    newest = max(map(attempt, records))
    own = [record for record in records if attempt(record) == newest]
    statuses = {record.dagster_run.status for record in own}
    ends_of_runs = {
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    }
    if statuses - ends_of_runs:
        state = State.RUNNING
    elif dg.DagsterRunStatus.SUCCESS in statuses:
        state = State.DONE
    else:
        state = State.FAILED
    ends = [record.end_time for record in own if record.end_time]
    ended = datetime.datetime.fromtimestamp(max(ends), datetime.UTC) if ends else None
    # Records come newest first.
    return Made(state, newest, ended, own[0].dagster_run.run_id)
