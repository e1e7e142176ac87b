"""Results that another version of the engine made: computed again once, and said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.jobs.summary import JobSummary

__all__ = ["made_by_another_version"]


def made_by_another_version(earlier: Mapping[str, Any], now: JobSummary) -> str | None:
    """Say that the stored request of a study is of another version than the one that it makes now.

    Parameters
    ----------
    earlier : mapping
        The summary as it was written, by whatever version.
    now : JobSummary
        What the study asks now.

    Returns
    -------
    str or None
        A sentence; None where the versions are the same, or another engine ran the study.
    """
    before, after = (
        _numbers(version) for version in (earlier.get("engine_version"), now.engine_version)
    )
    forms = earlier.get("schema_version"), now.schema_version
    if before[0] != after[0] or (before == after and forms[0] == forms[1]):
        return None
    versions = before[1], after[1]
    what = "version {} of the engine" if before != after else "version {} of the tables"
    old, new = versions if before != after else forms
    return (
        f"{now.study}: its stored results are of {what.format(old)}, this is version {new}; "
        "they are computed again, once, and `mc prune` removes the old ones"
    )


def _numbers(version: object) -> tuple[str, str]:
    """Return the kind of an engine and its version, without what was recorded for one run."""
    kind, _, number = str(version).partition("+")[0].rpartition("-")
    return kind, number
