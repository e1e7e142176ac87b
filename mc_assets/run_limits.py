"""How long a run of each job may take before Dagster ends it."""

from __future__ import annotations

import math
import os
from typing import Final

from engine.errors import Refusal

__all__ = ["RUN_HOURS", "run_limits"]

#: Environment variable that sets them, such as ``ingest=2, recalibrate=0``.
RUN_HOURS: Final = "MC_RUN_HOURS"
_DEFAULT: Final = {
    **{"ingest": 4.0, "recalibrate": 12.0, "simulate_nightly": 12.0, "search_nightly": 12.0},
    **{
        "walk_nightly": 12.0,
        "learn_nightly": 12.0,
        "summarise": 4.0,
        "trade_on_paper": 1.0,
        "publish": 1.0,
    },
}


def run_limits() -> dict[str, dict[str, str]]:
    """Tags that limit the runs of each job, by its name.

    Returns
    -------
    dict
        Seconds under Dagster's own tag. No tag where the limit is 0 hours: none.

    Raises
    ------
    Refusal
        If the environment variable does not say hours of jobs.

    Examples
    --------
    >>> run_limits()["publish"]
    {'dagster/max_runtime': '3600'}
    """
    hours = dict(_DEFAULT)
    for entry in filter(None, (part.strip() for part in os.environ.get(RUN_HOURS, "").split(","))):
        job, _, text = (part.strip() for part in entry.partition("="))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if job not in hours or not 0.0 <= value < 1e6:
            raise Refusal(
                RUN_HOURS,
                repr(entry),
                f"JOB=HOURS of {', '.join(_DEFAULT)}, separated by commas; 0 is no limit",
            )
        hours[job] = value
    return {
        job: {"dagster/max_runtime": f"{value * 3600:.0f}"} if value else {}
        for job, value in hours.items()
    }
