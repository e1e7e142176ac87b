"""Experiments: the search of a study with an objective, resumed where it was stopped."""

import time

import dagster as dg

from mc_assets.answers.report_pages import report_address
from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.code_version import engine_version
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import searched
from mc_assets.defs.study_files import study_files
from mc_assets.resources import Laboratory

__all__ = ["experiments"]

_SECONDS_BETWEEN_PROGRESS_EVENTS = 2.0


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet", "plotly"},
    owners=["team:quant"],
    partitions_def=searched,
    # One study per run: each goes on from its own last generation.
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    code_version=engine_version(),
    deps=[
        dg.AssetDep(study_files, partition_mapping=dg.IdentityPartitionMapping()),
        dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(calibrations, partition_mapping=dg.AllPartitionMapping()),
    ],
    description=(
        "The search of a study with an objective: leaderboard with what the best claim and what "
        "they come to on fresh paths, a map of the parameters, and `data/reports/STUDY`. A search "
        "that was stopped goes on from its last whole generation; on other data it begins anew."
    ),
)
def experiments(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run the searches of this run's studies."""
    from mc_assets.answers.experiments import SearchProgress, run_experiment
    from mc_assets.reports.picture import as_markdown
    from mc_assets.reports.search_picture import leaders_table, search_picture

    for name in context.partition_keys:
        last = time.monotonic()

        def report(now: SearchProgress, title: str = name) -> None:
            nonlocal last
            if time.monotonic() - last >= _SECONDS_BETWEEN_PROGRESS_EVENTS:
                last = time.monotonic()
                context.log.info(f"{title}: {now.sets:,} sets, best {now.best:.6g}")

        found = run_experiment(
            laboratory.project,
            name,
            replace=True,
            workers=str(laboratory.workers or "auto"),
            progress=report,
        )
        outcome = found.outcome
        numbers = {}
        if len(outcome.leaders):
            best = outcome.leaders.row(0, named=True)
            named = ("claim", "claim_std_error", "fresh", "fresh_std_error", "plateau")
            numbers = {column: best[column] for column in named if best[column] is not None}
        context.add_asset_metadata(
            {
                "sentence": outcome.sentence,
                "leaderboard": dg.MetadataValue.md(leaders_table(outcome)),
                "map": dg.MetadataValue.md(as_markdown([(name, search_picture(outcome))])),
                "open": dg.MetadataValue.url(report_address(f"{name}/report.html")),
                "report": dg.MetadataValue.path(str(found.folder / "report.html")),
                "dagster/partition_row_count": len(outcome.trials),
                "data_version": str(outcome.made_of["world"]),
                **numbers,
            },
            asset_key="experiments",
            partition_key=name,
        )
    # A run is of one study.
    return dg.MaterializeResult(data_version=dg.DataVersion(str(outcome.made_of["world"])))
