"""Jobs a person launches and schedules that launch them at night."""

from datetime import date, timedelta

import dagster as dg

from mc_assets.defs.chosen_dates import dates_config
from mc_assets.defs.experiments import nightly_searches
from mc_assets.defs.nightly_simulations import nightly_studies
from mc_assets.defs.partitions import batch_tags, declared, series
from mc_assets.history_retention import forget_old_runs
from mc_assets.offered_periods import offer_periods
from mc_assets.periods import as_of_span, period_of
from mc_assets.resources import Laboratory
from mc_assets.run_limits import run_limits

__all__ = ["jobs", "schedules"]

_NEW_YORK = "America/New_York"
_LIMITS = run_limits()

ingest = dg.define_asset_job(
    "ingest",
    run_tags=_LIMITS["ingest"],
    selection=dg.AssetSelection.assets("raw_bars", "bars"),
    description="Fetch and normalise bars: one run for a batch of series and years.",
)
recalibrate = dg.define_asset_job(
    "recalibrate",
    run_tags=_LIMITS["recalibrate"],
    selection=dg.AssetSelection.assets("calibrations", "source_realism"),
    description="Estimate every model's parameters as of a date and compare it with the bars.",
)
simulate_nightly = dg.define_asset_job(
    "simulate_nightly",
    run_tags=_LIMITS["simulate_nightly"],
    selection=dg.AssetSelection.assets("nightly_simulations"),
    description="Run studies as of a date.",
)
search_nightly = dg.define_asset_job(
    "search_nightly",
    run_tags=_LIMITS["search_nightly"],
    selection=dg.AssetSelection.assets("experiments"),
    description="Search studies on the bars and calibrations of today.",
)
trade_on_paper = dg.define_asset_job(
    "trade_on_paper",
    run_tags=_LIMITS["trade_on_paper"],
    selection=dg.AssetSelection.assets("paper"),
    description="Let every paper session that was not stopped look at the market once.",
)
publish = dg.define_asset_job(
    "publish",
    run_tags=_LIMITS["publish"],
    selection=dg.AssetSelection.assets("warehouse"),
    description="Rebuild the DuckDB file from the Parquet files and swap it in.",
)


def _all_series(first: str, last: str) -> dict[str, str]:
    """Tags of one run over every series; `first` and `last` are key templates with ``{series}``."""
    keys = series.get_partition_keys()
    return batch_tags(first.format(series=keys[0]), last.format(series=keys[-1]))


def _evaluated_on(context: dg.ScheduleEvaluationContext) -> date:
    return context.scheduled_execution_time.date()


def _as_of(
    context: dg.ScheduleEvaluationContext, laboratory: Laboratory, assets: list[str]
) -> tuple[str, dict[str, object]] | dg.SkipReason:
    """Period of the day of a tick and the configuration of `assets` that makes that day alone."""
    day = _evaluated_on(context)
    last = as_of_span(declared)[1]
    if not declared.keys or day > last:
        return dg.SkipReason(f"no series has bars after {last}")
    offer_periods(context.instance, laboratory.project)
    period = period_of(day)
    # A tick that comes weeks late is of a day that is part of a month by now.
    chosen = [] if period == str(day) else [str(day)]
    configured = dates_config(assets, chosen)
    return period, {"ops": {name: {"config": config} for name, config in configured.items()}}


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
    first, last = day - timedelta(days=14), as_of_span(declared)[1]
    if not declared.keys or first > last:
        return dg.SkipReason(f"no series has bars after {last}")
    until = min(day.year, last.year)
    return dg.RunRequest(tags=_all_series(f"{{series}}|{first.year}", f"{{series}}|{until}"))


@dg.schedule(
    job=recalibrate,
    cron_schedule="0 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="Half an hour after the bars: every model of every series as of today.",
)
def nightly_recalibration(
    context: dg.ScheduleEvaluationContext, laboratory: Laboratory
) -> dg.RunRequest | dg.SkipReason:
    """Calibrate every series as of today in one run."""
    found = _as_of(context, laboratory, ["calibrations", "source_realism"])
    if isinstance(found, dg.SkipReason):
        return found
    period, config = found
    tags = _all_series(f"{period}|{{series}}", f"{period}|{{series}}")
    return dg.RunRequest(tags=tags, run_config=config)


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
    found = _as_of(context, laboratory, ["nightly_simulations"])
    if isinstance(found, dg.SkipReason):
        return found
    period, config = found
    return [
        dg.RunRequest(
            run_key=f"{_evaluated_on(context)}|{name}",
            tags=batch_tags(f"{period}|{name}", f"{period}|{name}"),
            run_config=config,
        )
        for name in names
    ]


@dg.schedule(
    job=search_nightly,
    cron_schedule="20 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="After the calibrations: the searches of studies marked `nightly: true`.",
)
def nightly_searches_run(
    context: dg.ScheduleEvaluationContext, laboratory: Laboratory
) -> list[dg.RunRequest] | dg.SkipReason:
    """Search every study marked nightly that has an objective, one run each."""
    names = nightly_searches(laboratory)
    if not names:
        return dg.SkipReason("no study with an objective is marked `nightly: true`")
    return [
        dg.RunRequest(run_key=f"{_evaluated_on(context)}|{name}", partition_key=name)
        for name in names
    ]


@dg.schedule(
    job=trade_on_paper,
    cron_schedule="45 18 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="A quarter of an hour after the bars: paper sessions that were not stopped.",
)
def nightly_paper(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Let paper sessions decide on the bars of the day."""
    return dg.RunRequest(run_key=f"{_evaluated_on(context)}|paper")


@dg.schedule(
    job=publish,
    cron_schedule="30 19 * * 1-5",
    execution_timezone=_NEW_YORK,
    description="Last: publish the night's tables.",
)
def nightly_publish(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Publish the warehouse; forget old runs, which nobody else does while the UI is open."""
    forget_old_runs(context.instance)
    return dg.RunRequest()


jobs = [ingest, recalibrate, simulate_nightly, search_nightly, trade_on_paper, publish]
schedules = [
    *(nightly_ingest, nightly_recalibration, nightly_studies_run, nightly_searches_run),
    *(nightly_paper, nightly_publish),
]
