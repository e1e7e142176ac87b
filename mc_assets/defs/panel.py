"""Model risk: one grid of a strategy's parameter sets in every world that a series allows."""

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, strategy_series
from mc_assets.panel_schema import PANEL_SCHEMA
from mc_assets.resources import Laboratory

__all__ = ["panel"]

_DESCRIPTIONS = {
    "strategy": "what trades",
    "symbol": "the series",
    "timeframe": "of the bars",
    "as_of": "last day of the history",
    "statistic": "what sets are ranked by",
    "world": "history, a bootstrap of it, or a model calibrated on it",
    "kind": "history, bootstrap or model",
    "status": "ok, or why the world has no paths",
    "realism": "share of the history's statistics that the world's paths reproduce",
    "set_id": "hash of the parameter set",
    "parameters": "the set, as JSON",
    "estimate": "the statistic of the set in the world",
    "std_error": "its Monte Carlo error",
    "ci_low": "lower end of its 95 % interval",
    "ci_high": "upper end",
    "n": "paths",
    "idle_share": "share of the paths on which it never held a position",
    "best": "whether it is the world's best set",
    "regret": "what it is behind the best",
    "regret_error": "its standard error, paired on the same paths",
    "worst_regret": "the set's largest regret over simulated worlds",
    "minimax": "whether that is the smallest of all sets",
}


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=strategy_series,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[bars],
    pool="panel",
    metadata=column_schema(PANEL_SCHEMA, _DESCRIPTIONS),
    description=(
        "A strategy's declared parameters in every world that a series allows: the best set of "
        "each, what every other is behind it, and the set that regrets least at worst. Every set "
        "counts in the trial ledger."
    ),
)
def panel(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Run the panels of this run's strategies and series."""
    from mc_assets.answers.panel import make_panel

    refused: list[str] = []
    for strategy, keys in grouped(context.partition_keys, "strategy").items():
        for key in keys:
            series = key.keys_by_dimension["series"]
            symbol, _, timeframe = series.rpartition("@")
            try:
                found = make_panel(laboratory.project, strategy, symbol=symbol, timeframe=timeframe)
            except ValueError as error:
                # A young or missing series has no panel; the others do.
                refused.append(f"{strategy} on {series}: {error}")
                continue
            context.add_asset_metadata(
                {
                    "sentence": found.sentence,
                    "worst_regret": found.worst_regret,
                    "worst_world": found.worst_world["world"],
                    "dagster/partition_row_count": len(found.table),
                },
                asset_key="panel",
                partition_key=key,
            )
    if refused:
        context.log.warning("No panel:\n" + "\n".join(refused))
    return dg.MaterializeResult(metadata={"no_panel": "\n".join(refused[:20]) or "none"})
