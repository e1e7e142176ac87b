"""Nightly simulations: studies run again on each day's calibration and bars."""

import time

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.chosen_dates import DatesConfig, dates_of_keys
from mc_assets.defs.code_version import engine_version
from mc_assets.defs.launchpad import configured, launchpad_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, study_periods
from mc_assets.defs.previews import best_metadata, headline_preview
from mc_assets.resources import Laboratory

__all__ = ["nightly_simulations"]


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=study_periods,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=engine_version(),
    deps=[
        dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(
            calibrations,
            partition_mapping=dg.MultiPartitionMapping(
                {"period": dg.DimensionPartitionMapping("period", dg.IdentityPartitionMapping())}
            ),
        ),
    ],
    config_schema=launchpad_schema(DatesConfig),
    description=(
        "Statistics of a study as it would have run on a date: that day's calibration, no bar "
        "after it. The nightly chain takes the studies marked `nightly: true`; any other can be "
        "materialised by hand. Rows are not kept: seeds make them again. Partitions are those of "
        "`calibrations`."
    ),
)
def nightly_simulations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run this run's studies as of its dates."""
    from engine.studies import Study, load_definition
    from mc_assets.stored_market_data import StoredMarketData
    from mc_assets.study_tables import write_nightly_statistics

    project = laboratory.project
    config = configured(context, DatesConfig)
    asked = [
        (name, key, dates)
        for name, keys in grouped(context.partition_keys, "study").items()
        for key, dates in dates_of_keys(keys, config.dates).items()
        if dates
    ]
    broken: dict[str, Exception] = {}
    for name, key, dates in asked:
        rows = 0
        begin = time.perf_counter()
        try:
            path = project.study_file(name)
            for as_of in dates:
                results = Study.from_definition(load_definition(path), path).run(
                    market_data=StoredMarketData(project, as_of=as_of),
                    workers=laboratory.workers or "auto",
                    through=f"Dagster run {context.run.run_id[:8]}",
                )
                table = write_nightly_statistics(project.data, name, as_of, results)
                rows += table.height
        except Exception as error:  # whatever a study ends in, the others run; the run fails then
            broken[name] = error
            continue
        # The best set of a period is that of its newest date.
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": rows,
                "dates": len(dates),
                "seconds": round(time.perf_counter() - begin, 3),
                **best_metadata(table),
                "headlines": dg.MetadataValue.md(headline_preview(table)),
                "fingerprint": results.fingerprint,
            },
            asset_key="nightly_simulations",
            partition_key=key,
        )
    if broken:
        told = "; ".join(f"{name}: {error}" for name, error in broken.items())
        raise dg.Failure(told) from next(iter(broken.values()))
    return dg.MaterializeResult()
