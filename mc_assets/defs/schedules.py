"""Jobs a person launches and schedules that launch them at night."""

from datetime import date, timedelta

import dagster as dg

from mc_assets.defs.nightly_simulations import nightly_studies
from mc_assets.defs.partitions import batch_tags, series
from mc_assets.resources import Laboratory

__all__ = ["jobs", "schedules"]

_NEW_YORK = "America/New_York"

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets("raw_bars", "bars"),
    description="Fetch and normalise bars: one run for a batch of series and years.",
)
recalibrate = dg.define_asset_job(
    "recalibrate",
    selection=dg.AssetSelection.assets("calibrations", "source_realism"),
    description="Estimate every model's parameters as of a date and compare it with the bars.",
)
simulate_nightly = dg.define_asset_job(
    "simulate_nightly",
    selection=dg.AssetSelection.assets("nightly_simulations"),
    description="Run studies as of a date.",
)
publish = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets("warehouse"),
    description="Rebuild the DuckDB file from the Parquet files and swap it in.",
)


def _all_series(*, first: str, last: str) -> dg.RunRequest | dg.SkipReason:
    """One run over every series; `first` and `last` are key templates with ``{series}``."""
    keys = series.get_partition_keys()
    if not keys:
        return dg.SkipReason("the series file names no series")
    return dg.RunRequest(
        tags=batch_tags(first.format(series=keys[0]), last.format(series=keys[-1]))
    )


def _evaluated_on(context: dg.ScheduleEvaluationContext) -> date:
    return context.scheduled_execution_time.date()


@dg.schedule(
    job=ingest,
    cron_schedule="30 18 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="After the New York close: the current year of every series.",
)
def nightly_ingest(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Refresh the newest bars of every series in one run."""
    day = _evaluated_on(context)
    # In January the overlap that notices restated bars still reaches into the old year.
    first = day - timedelta(days=14)
    return _all_series(first=f"{{series}}|{first.year}", last=f"{{series}}|{day.year}")


@dg.schedule(
    job=recalibrate,
    cron_schedule="0 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="Half an hour after the bars: every model of every series as of today.",
)
def nightly_recalibration(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Calibrate every series as of today in one run."""
    day = _evaluated_on(context).isoformat()
    return _all_series(first=f"{day}|{{series}}", last=f"{day}|{{series}}")


@dg.schedule(
    job=simulate_nightly,
    cron_schedule="15 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="A quarter of an hour after the calibrations: studies marked `nightly: true`.",
)
def nightly_studies_run(
    context: dg.ScheduleEvaluationContext, laboratory: Laboratory
) -> list[dg.RunRequest] | dg.SkipReason:
    """Run every study marked nightly as of today, one run each."""
    names = nightly_studies(laboratory)
    if not names:
        return dg.SkipReason("no study is marked `nightly: true`")
    day = _evaluated_on(context).isoformat()
    return [
        dg.RunRequest(run_key=f"{day}|{name}", tags=batch_tags(f"{day}|{name}", f"{day}|{name}"))
        for name in names
    ]


@dg.schedule(
    job=publish,
    cron_schedule="30 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="Last: publish the night's tables.",
)
def nightly_publish(_: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Publish the warehouse."""
    return dg.RunRequest()


jobs = [ingest, recalibrate, simulate_nightly, publish]
schedules = [nightly_ingest, nightly_recalibration, nightly_studies_run, nightly_publish]
