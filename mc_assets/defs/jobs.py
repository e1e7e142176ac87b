"""Jobs that a person launches, and the nightly chain."""

import dagster as dg

from mc_assets.run_limits import run_limits

__all__ = [
    "jobs",
    "jobs_by_stage",
    "learn_nightly",
    "search_nightly",
    "trade_on_paper",
    "walk_nightly",
]

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
walk_nightly = dg.define_asset_job(
    "walk_nightly",
    run_tags=_LIMITS["walk_nightly"],
    selection=dg.AssetSelection.assets("walk_forward"),
    description="Walk studies forward on the bars of today, windows that are missing among it.",
)
learn_nightly = dg.define_asset_job(
    "learn_nightly",
    run_tags=_LIMITS["learn_nightly"],
    selection=dg.AssetSelection.assets("policy_evaluations"),
    description="Judge policies on the bars of today, after the trainings that these changed.",
)
summarise = dg.define_asset_job(
    "summarise",
    run_tags=_LIMITS["summarise"],
    selection=dg.AssetSelection.assets("statistics", "reports"),
    description="Estimate the statistics of studies and draw their reports.",
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

jobs = [
    *(ingest, recalibrate, simulate_nightly, search_nightly, walk_nightly, learn_nightly),
    *(summarise, trade_on_paper, publish),
]

#: The job of each stage of a night (`mc_assets.automation.chain.STAGES`).
jobs_by_stage = {
    "bars": ingest,
    "calibrations": recalibrate,
    "studies": simulate_nightly,
    "statistics": summarise,
    "warehouse": publish,
}
