"""What checks have found in earlier runs, of what the last run did not touch."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
)

__all__ = ["by_unit", "with_standing_findings"]

# Metadata of an evaluation: lines by series or study, so many of each.
_BY_UNIT: Final = "by_unit"
_LINES: Final = 20


def with_standing_findings(
    context: dg.AssetExecutionContext,
    check: dg.AssetCheckSpec,
    fresh: Mapping[str, Sequence[str]],
    *,
    touched: Collection[str],
    known: Collection[str],
) -> dict[str, Sequence[str]]:
    """Return what a run has found, and what the run before says of what this one did not touch.

    Dagster shows the last evaluation of a check alone. Without these lines a series whose run came
    last would hide what another one lacks.

    Parameters
    ----------
    context : AssetExecutionContext
        Of the asset that runs.
    check : AssetCheckSpec
        One of its checks, whose evaluations have the metadata of `by_unit`.
    fresh : mapping of str to sequence of str
        Lines by series or study.
    touched : collection of str
        Series or studies of this run.
    known : collection of str
        Those that there are; what was said of others is forgotten.

    Returns
    -------
    dict of str to sequence of str
        Those of this run first; those without lines are left out.
    """
    history = context.instance.event_log_storage.get_asset_check_execution_history(
        check.key, limit=1, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    )
    evaluation = history[0].evaluation if history else None
    entry = evaluation.metadata.get(_BY_UNIT) if evaluation is not None else None
    said: Any = entry.value if entry is not None else {}
    standing = {
        unit: lines for unit, lines in said.items() if unit in known and unit not in touched
    }
    return {unit: lines for unit, lines in {**fresh, **standing}.items() if lines}


def by_unit(findings: Mapping[str, Sequence[str]]) -> dict[str, dg.MetadataValue[Any]]:
    """Return the metadata from which the next run reads what stands."""
    lines = {unit: list(found[:_LINES]) for unit, found in findings.items()}
    return {_BY_UNIT: dg.MetadataValue.json(lines)}
