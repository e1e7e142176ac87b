"""Reports: one self-contained HTML page per study, and its still picture for the UI."""

import time

import dagster as dg

from mc_assets.answers.report_pages import report_address
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import studies
from mc_assets.defs.statistics import statistics
from mc_assets.resources import Laboratory
from mc_assets.step_progress import counted

__all__ = ["reports"]


@dg.asset(
    group_name="publish",
    kinds={"plotly", "html"},
    owners=["team:quant"],
    partitions_def=studies,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[statistics],
    description=(
        "`data/reports/STUDY.html`: equity fan, net P&L histogram, drawdown distribution and "
        "parameter sensitivity in one page that needs no network."
    ),
)
def reports(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Write the reports of this run's studies."""
    from mc_assets.reports import report_picture, write_report
    from mc_assets.reports.picture import as_markdown

    project = laboratory.project
    for study in counted(context.partition_keys, "studies"):
        begin = time.perf_counter()
        page = write_report(project, study)
        picture = as_markdown([(study, report_picture(project, study))])
        context.add_asset_metadata(
            {
                "open": dg.MetadataValue.url(report_address(page.name)),
                "report": dg.MetadataValue.path(str(page)),
                "picture": dg.MetadataValue.md(picture),
                "seconds": round(time.perf_counter() - begin, 3),
            },
            asset_key="reports",
            partition_key=study,
        )
    return dg.MaterializeResult()
