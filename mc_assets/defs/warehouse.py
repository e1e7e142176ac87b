"""The warehouse: one DuckDB file, rebuilt from Parquet and swapped in."""

import datetime

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.freshness import made_at_night
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.nightly_simulations import nightly_simulations
from mc_assets.defs.panel import panel
from mc_assets.defs.source_realism import source_realism
from mc_assets.defs.statistics import statistics
from mc_assets.defs.ticks import ticks
from mc_assets.resources import Laboratory

__all__ = ["warehouse"]

_WHOLE = dg.AssetCheckSpec(
    "stored_files_are_whole",
    asset="warehouse",
    description="Every stored file has its checksum; each is read on one night in sixteen. "
    "`mc verify` reads them all.",
)


@dg.asset(
    group_name="publish",
    kinds={"duckdb", "sql"},
    owners=["team:quant"],
    deps=[bars, calibrations, source_realism, nightly_simulations, statistics, panel, ticks],
    # Only one run may rebuild the file at a time.
    pool="warehouse",
    freshness_policy=made_at_night(),
    check_specs=[_WHOLE],
    description=(
        "DuckDB file with one table or view per file in `sql/`. Rebuilt from the Parquet files "
        'and swapped in whole, so readers are never blocked. Ask it with `mc sql "SELECT …"`.'
    ),
)
def warehouse(laboratory: Laboratory) -> Materialized:
    """Publish the DuckDB file."""
    # DuckDB is for this step: whoever only shows the graph does without it.
    from mc_assets.answers.verify import verify_files
    from mc_assets.warehouse import publish_warehouse

    project = laboratory.project
    tables = publish_warehouse(project)
    lines = [
        f"| {table.name} | {'–' if table.rows is None else f'{table.rows:,}'} |" for table in tables
    ]
    today = datetime.datetime.now(datetime.UTC).date()
    found = verify_files(project, night=today.toordinal())
    damages = "\n".join(str(damage) for damage in found.damaged[:20])
    check = dg.AssetCheckResult(
        check_name=_WHOLE.name,
        passed=not found.damaged,
        severity=dg.AssetCheckSeverity.ERROR,
        description=damages or None,
        metadata={"files": int(found.kinds["files"].sum()), "damaged": len(found.damaged)},
    )
    return dg.MaterializeResult(
        check_results=[check],
        metadata={
            "file": dg.MetadataValue.path(str(project.warehouse)),
            "tables": dg.MetadataValue.md("\n".join(["| table | rows |", "|---|---:|", *lines])),
            "dagster/row_count": sum(table.rows or 0 for table in tables),
        },
    )
