"""Statistics: what a study's simulations say, each number with its Monte Carlo error."""

import time
from collections.abc import Sequence

import dagster as dg
import polars as pl

from engine.jobs.canonical import short_hash
from mc_assets.defs.code_version import engine_version
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import studies
from mc_assets.defs.previews import best_metadata, headline_preview, study_picture_of
from mc_assets.defs.simulations import simulations
from mc_assets.defs.standing_findings import by_unit, with_standing_findings
from mc_assets.offered_studies import STUDIES
from mc_assets.resources import Laboratory
from mc_assets.step_progress import counted
from mc_assets.study_tables import written_statistics_version

__all__ = ["statistics"]

_COLUMNS = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "parameters": pl.String(),
    "statistic": pl.String(),
    "estimate": pl.Float64(),
    "std_error": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n": pl.Int64(),
    "idle_share": pl.Float64(),
    "method": pl.String(),
    "supported": pl.Boolean(),
    "precision": pl.String(),
}

_DESCRIPTIONS = {
    "study": "name of the study",
    "world": "hash of what decides a path and what happens on it, but the parameter set",
    "parameter_set": "number of the parameter set in the study",
    "set_id": "hash of the parameter set, the same in every study",
    "parameters": "the parameter set as JSON",
    "statistic": "what is estimated over the simulations of the parameter set",
    "estimate": "its value over them",
    "std_error": "Monte Carlo standard error: more seeds shrink it; null where it is unknown",
    "ci_low": "lower end of the 95 % interval",
    "ci_high": "upper end of the 95 % interval",
    "n": "simulations behind the number",
    "idle_share": "share of the simulations that never held a position",
    "method": "how the interval came about, or why there is none",
    "supported": "whether enough paths carry the estimate to rank by it",
    "precision": "of the rows: float64, or float32, which rounds each outcome to 6e-8 of itself",
}


_BELIEVABLE = dg.AssetCheckSpec(
    "nothing_to_warn_of",
    asset="statistics",
    description="Warns of what should be known before a study's numbers are believed: nothing "
    "traded, a lot dearer than the cash, refused orders, few paths, a parameter on its bound.",
)


@dg.asset(
    group_name="analyse",
    kinds={"polars", "parquet"},
    owners=["team:quant"],
    partitions_def=studies,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[simulations],
    code_version=engine_version(),
    metadata=column_schema(_COLUMNS, _DESCRIPTIONS),
    check_specs=[_BELIEVABLE],
    description=(
        "One row per parameter set and statistic: estimate, Monte Carlo standard error, 95 % "
        "interval and the number of simulations behind it."
    ),
)
def statistics(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Estimate the statistics of this run's studies."""
    from mc_assets.study_tables import read_warnings, write_statistics

    warned: dict[str, list[str]] = {}
    for study in counted(context.partition_keys, "studies"):
        begin = time.perf_counter()
        table = write_statistics(laboratory.project.data, study)
        found = read_warnings(laboratory.project.data, study)["sentence"]
        warned[study] = [f"{study}: {sentence}" for sentence in found]
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": table.height,
                "headlines": dg.MetadataValue.md(headline_preview(table)),
                "picture": study_picture_of(laboratory.project, study),
                "seconds": round(time.perf_counter() - begin, 3),
                **best_metadata(table),
            },
            asset_key="statistics",
            partition_key=study,
        )
    findings = with_standing_findings(
        context,
        _BELIEVABLE,
        warned,
        touched=context.partition_keys,
        known=context.instance.get_dynamic_partitions(STUDIES),
    )
    sentences = [sentence for found in findings.values() for sentence in found]
    check = dg.AssetCheckResult(
        check_name=_BELIEVABLE.name,
        passed=not sentences,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(sentences[:20]) or None,
        metadata={
            "count": len(sentences),
            "found": "\n".join(sentences[:20]) or "nothing",
            **by_unit(findings),
        },
    )
    return dg.MaterializeResult(
        check_results=[check], data_version=_version(laboratory, context.partition_keys)
    )


def _version(laboratory: Laboratory, studies: Sequence[str]) -> dg.DataVersion | None:
    """Version of what was written; of several studies together Dagster makes its own."""
    if len(studies) != 1:
        return None
    version = written_statistics_version(laboratory.project.data, studies[0])
    return dg.DataVersion(short_hash(version)) if version else None
