"""Simulations: a study's strategy on the paths of one seed block, one row per simulation."""

import time
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from engine.jobs.blocks import BLOCKS
from engine.jobs.columns import fixed_columns
from mc_assets.automation.settings import load_automation
from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.code_version import engine_version
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.launchpad import configured, launchpad_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, study_seed_blocks
from mc_assets.defs.previews import rows_preview
from mc_assets.defs.standing_findings import by_unit, with_standing_findings
from mc_assets.defs.study_files import study_files
from mc_assets.offered_studies import STUDIES
from mc_assets.project import Project
from mc_assets.resources import Laboratory
from mc_assets.step_progress import tell

if TYPE_CHECKING:
    from engine.jobs.manifest import Manifest
    from engine.studies.seed_block import BlockResult

__all__ = ["simulations"]

_SECONDS_BETWEEN_PROGRESS_EVENTS = 2.0
# A part may have millions of rows.
_PREVIEWED = 50_000


_NOT_FAILED = dg.AssetCheckSpec(
    "few_simulations_failed",
    asset="simulations",
    description="No larger share of any study's simulations failed in its last run than "
    "`checks.failed_share` of `automation.yaml` allows; the first error is named.",
)


class SimulationsConfig(dg.Config):
    """How this run simulates. It decides how long it takes, never what comes out.

    Attributes
    ----------
    executor : str
        Where parts are computed.
    workers : int
        Threads or processes.
    """

    executor: str = Field(
        default="threads",
        pattern=r"^(threads|processes|dask://[A-Za-z0-9._-]+:[0-9]{1,5})$",
        description="Where parts are computed: `threads` of this machine, `processes`, or the "
        "workers of a Dask scheduler, `dask://host:port`. All of them leave the same bytes.",
    )
    workers: int = Field(
        default=0, ge=0, le=4096, description="Threads or processes; 0 takes every core."
    )


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
    check_specs=[_NOT_FAILED],
    config_schema=launchpad_schema(SimulationsConfig),
    code_version=engine_version(),
    description=(
        "One row per simulation (one parameter set on one path): parameters, seed, status and "
        "every metric, in `data/simulations/WORLD`. Cells (parameter set × seed) that any study "
        "has computed in the same world are kept; the others are computed."
    ),
)
def simulations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run the seed blocks of this run's partitions."""
    from engine.jobs import Progress
    from engine.jobs.manifest import manifests_hash
    from engine.studies import load_study, run_block
    from mc_assets.answers.executors import executor_named
    from mc_assets.stored_market_data import StoredMarketData

    project = laboratory.project
    config = configured(context, SimulationsConfig)
    market_data = StoredMarketData(project)
    executor = executor_named(config.executor)
    workers = config.workers or laboratory.workers or "auto"
    manifests: list[Manifest] = []
    failing: dict[str, list[str]] = {}
    allowed = load_automation(project).checks.failed_share
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
                workers=workers,
                executor=executor,
                through=f"Dagster run {context.run.run_id[:8]}",
                progress=report,
            )
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": result.rows,
                    "failed": result.failed,
                    "reused": result.reused,
                    "seconds": round(result.seconds, 3),
                    **_speed(result),
                    **_preview(result, project, name, is_last=number == len(keys) - 1),
                    "fingerprint": result.fingerprint,
                    "data_version": result.data_version,
                },
                asset_key="simulations",
                partition_key=key,
            )
            manifests += [piece.manifest for piece in result.pieces]
            rows += result.rows
            failed += result.failed
            seconds += result.seconds
        if failed > allowed * rows:
            failing[name] = [
                f"{name}: {failed:,} of {rows:,} simulations failed; {result.first_error}"
            ]
        context.log.info(f"{name}: {rows:,} simulations in {seconds:.2f} s, {failed} failed")
    findings = with_standing_findings(
        context,
        _NOT_FAILED,
        failing,
        touched=grouped(context.partition_keys, "study"),
        known=context.instance.get_dynamic_partitions(STUDIES),
    )
    lines = [line for found in findings.values() for line in found]
    return dg.MaterializeResult(
        # One for all partitions of the run: that is what Dagster takes.
        data_version=dg.DataVersion(manifests_hash(manifests)),
        check_results=[
            dg.AssetCheckResult(
                check_name=_NOT_FAILED.name,
                passed=not findings,
                severity=dg.AssetCheckSeverity.WARN,
                description="\n".join(lines[:20]) or None,
                metadata={
                    "allowed_share": allowed,
                    "studies": len(findings),
                    **by_unit(findings),
                },
            )
        ],
    )


def _speed(result: "BlockResult") -> dict[str, float]:
    """Return simulations per second of what was computed; nothing of what was found finished."""
    computed = result.rows - result.reused
    if not computed or not result.seconds:
        return {}
    return {"simulations_per_second": float(f"{computed / result.seconds:.3g}")}


def _preview(
    result: "BlockResult", project: Project, name: str, *, is_last: bool
) -> dict[str, Any]:
    """Return the first rows of a block and a picture of its first part, once for each study."""
    if not is_last or not result.pieces:
        return {}
    from engine.jobs.store import ParquetStore

    manifest = result.pieces[0].manifest
    rows = ParquetStore(project.data).scan("simulations", [manifest]).head(_PREVIEWED).collect()
    return rows_preview(rows, f"{name}: {len(rows):,} of its simulations")
