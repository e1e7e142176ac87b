"""Calibrations: every model's parameters as of a date, with their errors."""

import datetime

import dagster as dg

from mc_assets.calibration_store import CALIBRATION_SCHEMA
from mc_assets.defs.bars import bars
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.partitions import grouped, series_as_of
from mc_assets.resources import Laboratory

__all__ = ["calibrations"]

# Models whose parameters can be estimated from one symbol's bars.
_BAR_MODELS = ("gbm", "bootstrap", "schwartz_1f")

_DESCRIPTIONS = {
    "as_of": "last date whose bars were used",
    "estimate": "in the model's own annual units",
    "std_error": "sampling error of the history",
    "covariance": "this parameter's row of the covariance matrix, JSON",
    "start_state": "filtered states from which a simulation may start, JSON",
    "status": "ok or failed",
    "reason": "why it failed",
}


@dg.asset(
    group_name="calibrate",
    kinds={"scipy", "parquet"},
    owners=["team:quant"],
    partitions_def=series_as_of,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        dg.AssetDep(
            bars,
            partition_mapping=dg.MultiPartitionMapping(
                {"series": dg.DimensionPartitionMapping("series", dg.IdentityPartitionMapping())}
            ),
        )
    ],
    # Two runs must not write the same file.
    pool="calibrations",
    metadata=column_schema(CALIBRATION_SCHEMA, _DESCRIPTIONS),
    check_specs=[
        dg.AssetCheckSpec(
            "every_estimator_answered",
            asset="calibrations",
            description="No model of this run's series and dates failed to calibrate.",
        )
    ],
    description=(
        "Parameters of every price model for a series, from bars up to the as-of date and none "
        "after it, with standard errors. A model that cannot be estimated is a row with status "
        "`failed` and the reason."
    ),
)
def calibrations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> dg.MaterializeResult:
    """Estimate every model for this run's series and dates."""
    from engine.calibration import Calibration, try_calibrate
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.stored_market_data import StoredMarketData

    project = laboratory.project
    market_data = StoredMarketData(project)
    store = CalibrationStore(project.data)
    failures: list[str] = []
    for series, keys in grouped(context.partition_keys, "series").items():
        symbol, _, timeframe = series.rpartition("@")
        history = market_data.bars(symbol, timeframe)
        made: list[Calibration] = []
        for key in keys:
            as_of = datetime.date.fromisoformat(key.keys_by_dimension["as_of"])
            estimates = [try_calibrate(model, history, as_of=as_of) for model in _BAR_MODELS]
            made += estimates
            failed = [estimate for estimate in estimates if not estimate.ok]
            failures += [f"{series} {as_of} {c.model}: {c.reason}" for c in failed]
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": sum(len(c.to_rows()) for c in estimates),
                    "failed": len(failed),
                },
                asset_key="calibrations",
                partition_key=key,
            )
        store.write(made)
    for failure in failures:
        context.log.warning(failure)
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name="every_estimator_answered",
                passed=not failures,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"failed": len(failures), "reasons": "\n".join(failures[:20]) or "none"},
            )
        ],
    )
