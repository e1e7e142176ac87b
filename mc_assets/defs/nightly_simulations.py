"""Nightly simulations: studies run again on each day's calibration and bars."""

import datetime

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.best_set import best_by_mean, best_metadata
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import study_as_of
from mc_assets.resources import Laboratory

__all__ = ["nightly_simulations", "nightly_studies"]


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=study_as_of,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(
            calibrations,
            partition_mapping=dg.MultiPartitionMapping(
                {"as_of": dg.DimensionPartitionMapping("as_of", dg.IdentityPartitionMapping())}
            ),
        ),
    ],
    description=(
        "Statistics of a study as it would have run on a date: that day's calibration, no bar "
        "after it. The schedule takes the studies marked `nightly: true`; any other can be "
        "materialised by hand. Rows are not kept: seeds make them again."
    ),
)
def nightly_simulations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run this run's studies as of its dates."""
    from engine.studies import Study, load_definition
    from mc_assets.stored_market_data import StoredMarketData
    from mc_assets.study_tables import write_nightly_statistics

    project = laboratory.project
    for key in context.partition_keys:
        assert isinstance(key, dg.MultiPartitionKey)
        name = key.keys_by_dimension["study"]
        as_of = datetime.date.fromisoformat(key.keys_by_dimension["as_of"])
        path = project.study_file(name)
        results = Study.from_definition(load_definition(path), path).run(
            market_data=StoredMarketData(project, as_of=as_of),
            workers=laboratory.workers or "auto",
            through=f"Dagster run {context.run.run_id[:8]}",
        )
        table = write_nightly_statistics(project.data, name, as_of, results)
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": table.height,
                **best_metadata(best_by_mean(table)),
                "fingerprint": results.fingerprint,
            },
            asset_key="nightly_simulations",
            partition_key=key,
        )
    return dg.MaterializeResult()


def nightly_studies(laboratory: Laboratory) -> list[str]:
    """Names of the studies marked ``nightly: true``, in the order of their partitions."""
    from engine.studies import load_definition

    files = laboratory.project.study_files
    return [name for name, path in files.items() if load_definition(path).nightly]
