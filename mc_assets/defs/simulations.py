"""Simulations: a study's strategy on the paths of one seed block, one row per simulation."""

import time

import dagster as dg

from engine.jobs.blocks import BLOCKS
from engine.jobs.columns import fixed_columns
from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, study_seed_blocks
from mc_assets.defs.study_files import study_files
from mc_assets.resources import Laboratory
from mc_assets.step_progress import tell

__all__ = ["simulations"]

_SECONDS_BETWEEN_PROGRESS_EVENTS = 2.0


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=study_seed_blocks,
    # A study's seed blocks make one run; two studies never share one.
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=BLOCKS),
    deps=[
        study_files,
        dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(calibrations, partition_mapping=dg.AllPartitionMapping()),
    ],
    # Without the parameters, which differ from study to study.
    metadata=column_schema(
        {column.name: column.dtype for column in fixed_columns()},
        {column.name: column.description for column in fixed_columns()},
    ),
    description=(
        "One row per simulation (one parameter set on one path): parameters, seed, status and "
        "every metric, in `data/simulations/WORLD`. Cells (parameter set × seed) that any study "
        "has computed in the same world are kept; the others are computed."
    ),
)
def simulations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run the seed blocks of this run's partitions."""
    from engine.jobs import Progress
    from engine.studies import load_study, run_block
    from mc_assets.stored_market_data import StoredMarketData

    project = laboratory.project
    market_data = StoredMarketData(project)
    for name, keys in grouped(context.partition_keys, "study").items():
        rows = failed = 0
        seconds = 0.0
        study = load_study(project.study_file(name))
        for number, key in enumerate(keys):
            block = int(key.keys_by_dimension["seed_block"])
            last = time.monotonic()
            tell(number, len(keys), "seed blocks")

            def report(
                progress: Progress,
                title: str = f"{name} block {block:02d}",
                before: int = number,
                blocks: int = len(keys),
            ) -> None:
                nonlocal last
                tell(before + progress.done / max(progress.total, 1), blocks, "seed blocks")
                if time.monotonic() - last >= _SECONDS_BETWEEN_PROGRESS_EVENTS:
                    last = time.monotonic()
                    context.log.info(f"{title}: {progress}")

            result = run_block(
                study,
                block,
                root=project.data,
                market_data=market_data,
                workers=laboratory.workers or "auto",
                through=f"Dagster run {context.run.run_id[:8]}",
                progress=report,
            )
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": result.rows,
                    "failed": result.failed,
                    "reused": result.reused,
                    "seconds": round(result.seconds, 3),
                    "fingerprint": result.fingerprint,
                    "data_version": result.data_version,
                },
                asset_key="simulations",
                partition_key=key,
            )
            rows += result.rows
            failed += result.failed
            seconds += result.seconds
        context.log.info(f"{name}: {rows:,} simulations in {seconds:.2f} s, {failed} failed")
    return dg.MaterializeResult()
