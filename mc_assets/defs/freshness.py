"""When what a night makes counts as late."""

from __future__ import annotations

import datetime
import logging

import dagster as dg

from mc_assets.automation.nights import live_series
from mc_assets.automation.settings import AutomationSettings, load_automation
from mc_assets.defs.partitions import declared
from mc_assets.project import Project

__all__ = ["made_at_night"]

log = logging.getLogger(__name__)


def made_at_night() -> dg.FreshnessPolicy | None:
    """Return the policy of an asset that every night makes; None where all series have ended."""
    if not live_series(declared, datetime.datetime.now(datetime.UTC).date()):
        return None
    try:
        fresh = load_automation(Project.from_environment()).freshness
    except ValueError as error:
        # The chain refuses it; the graph is there to say so.
        log.warning("%s", error)
        fresh = AutomationSettings().freshness
    return dg.FreshnessPolicy.time_window(
        fail_window=datetime.timedelta(hours=fresh.fail_hours),
        warn_window=datetime.timedelta(hours=fresh.warn_hours),
    )
