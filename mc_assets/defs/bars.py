"""Bars: what the provider sent, and the canonical table made of it."""

import dagster as dg

from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.partitions import grouped, series_years
from mc_assets.market_data.canonical import BARS_SCHEMA, canonical_schema
from mc_assets.resources import Laboratory

__all__ = ["bars", "raw_bars"]

_CHECK = "no_bad_rows"


@dg.asset(
    group_name="market_data",
    kinds={"csv", "parquet"},
    owners=["team:quant"],
    partitions_def=series_years,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # One writer: the same series and year must not be fetched twice at once.
    pool="market_data",
    description=(
        "What the provider sent for a series and year, in its own layout, kept compressed so "
        "that normalisation can be rerun without the network."
    ),
)
def raw_bars(context: dg.AssetExecutionContext, laboratory: Laboratory) -> dg.MaterializeResult:
    """Fetch this run's series and years."""
    from mc_assets.market_data import ingest_raw, load_series

    project = laboratory.project
    config = load_series(project.series)
    for series, keys in grouped(context.partition_keys, "series").items():
        for key in keys:
            result = ingest_raw(
                config, series, int(key.keys_by_dimension["year"]), root=project.data
            )
            context.add_asset_metadata(
                {"dagster/partition_row_count": result.rows, "path": result.path},
                asset_key="raw_bars",
                partition_key=key,
            )
    return dg.MaterializeResult()


@dg.asset(
    group_name="market_data",
    kinds={"polars", "parquet"},
    owners=["team:quant"],
    partitions_def=series_years,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[raw_bars],
    pool="market_data",
    metadata=column_schema(BARS_SCHEMA, {name: text for name, _, text in canonical_schema()}),
    check_specs=[
        dg.AssetCheckSpec(
            _CHECK,
            asset="bars",
            blocking=True,
            description=(
                "Rows that cannot be bars are in `bars_quarantine` with the reason. Fails, and "
                "stops what is computed from the bars, when one has severity `error`."
            ),
        )
    ],
    description=(
        "Canonical bars of a series and year: UTC opening instants, one row per bar, validated. "
        "A bad row is never dropped in silence: it goes to the quarantine with its reason."
    ),
)
def bars(context: dg.AssetExecutionContext, laboratory: Laboratory) -> dg.MaterializeResult:
    """Normalise this run's series and years."""
    from mc_assets.market_data import load_series, normalise_year

    project = laboratory.project
    config = load_series(project.series)
    quarantined = 0
    errors: list[str] = []
    warnings: list[str] = []
    for series, keys in grouped(context.partition_keys, "series").items():
        for key in keys:
            year = int(key.keys_by_dimension["year"])
            result = normalise_year(config, series, year, root=project.data)
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": result.rows,
                    "quarantined": result.quarantined,
                    "first": result.first or "–",
                    "last": result.last or "–",
                    "data_hash": result.data_hash,
                    "path": result.path,
                },
                asset_key="bars",
                partition_key=key,
            )
            quarantined += result.quarantined
            for finding in result.checks:
                if finding.count and finding.severity != "ignore":
                    found = errors if finding.severity == "error" else warnings
                    found.append(f"{series} {year} {finding.check}: {finding.message}")
    for warning in warnings:
        context.log.info(warning)
    for error in errors:
        context.log.error(error)
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name=_CHECK,
                passed=not errors,
                severity=dg.AssetCheckSeverity.ERROR,
                description="\n".join(errors[:20]) or None,
                metadata={
                    "quarantined": quarantined,
                    "errors": "\n".join(errors[:20]) or "none",
                    "warnings": "\n".join(warnings[:20]) or "none",
                },
            )
        ],
    )
