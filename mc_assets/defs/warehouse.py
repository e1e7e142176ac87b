"""The warehouse: one DuckDB file, rebuilt from Parquet and swapped in."""

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.nightly_simulations import nightly_simulations
from mc_assets.defs.source_realism import source_realism
from mc_assets.defs.statistics import statistics
from mc_assets.resources import Laboratory
from mc_assets.warehouse import publish_warehouse

__all__ = ["warehouse"]


@dg.asset(
    group_name="publish",
    kinds={"duckdb", "sql"},
    owners=["team:quant"],
    deps=[bars, calibrations, source_realism, nightly_simulations, statistics],
    # Only one run may rebuild the file at a time.
    pool="warehouse",
    description=(
        "DuckDB file with one table or view per file in `sql/`. Rebuilt from the Parquet files "
        'and swapped in whole, so readers are never blocked. Ask it with `mc sql "SELECT …"`.'
    ),
)
def warehouse(laboratory: Laboratory) -> Materialized:
    """Publish the DuckDB file."""
    project = laboratory.project
    tables = publish_warehouse(project)
    lines = [
        f"| {table.name} | {'–' if table.rows is None else f'{table.rows:,}'} |" for table in tables
    ]
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(project.warehouse)),
            "tables": dg.MetadataValue.md("\n".join(["| table | rows |", "|---|---:|", *lines])),
            "dagster/row_count": sum(table.rows or 0 for table in tables),
        }
    )
