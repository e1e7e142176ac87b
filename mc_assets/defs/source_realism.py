"""Source realism: how far each calibrated model's paths are from the bars they imitate."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from engine.calibration import SPOT_MODELS
from engine.models import BUILT_IN
from mc_assets.automation.settings import load_automation
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.chosen_dates import DatesConfig, dates_of_series
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.launchpad import configured, launchpad_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partition_metadata import add_partition_metadata
from mc_assets.defs.partitions import declared, grouped, series_periods
from mc_assets.defs.standing_findings import by_unit, with_standing_findings
from mc_assets.realism_table import REALISM_SCHEMA
from mc_assets.resources import Laboratory

if TYPE_CHECKING:
    from engine.realism import RealismReport

__all__ = ["source_realism"]

_DESCRIPTIONS = {
    "symbol": "what was traded",
    "timeframe": "of the bars",
    "as_of": "last date whose bars were used",
    "model": "the price model as calibrated on that date",
    "estimator_version": "version of the estimator that made the parameters",
    "statistic": "what is compared",
    "percentile": "share of the paths below history",
    "z_score": "history less simulated, over simulated_sd",
    "bars": "length of the history and of every path",
    "paths": "simulated paths",
    "history": "the statistic in the bars",
    "simulated": "its mean over simulated paths",
    "simulated_sd": "its standard deviation over paths: the sampling error that one history has",
    "monte_carlo_error": "standard error of the mean: more paths shrink it",
    "inside": "whether history lies in the central 95 % of the paths",
    "score": "share of the statistics that lie inside",
}

# The models that every series is compared with, and those of the user's own that a series names.
_MODELS = tuple(
    dict.fromkeys(
        (
            *SPOT_MODELS,
            *(
                entry.model
                for one in declared.series
                for entry in one.models or ()
                if entry.model not in BUILT_IN
            ),
        )
    )
)


_LOOKS = {
    model: dg.AssetCheckSpec(
        f"{model}_looks_like_history",
        asset="source_realism",
        description=f"Paths of {model} reproduce enough of the statistics, in the last run of each "
        "series.",
    )
    for model in _MODELS
}


@dg.asset(
    group_name="calibrate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=series_periods,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[calibrations],
    pool="source_realism",
    metadata=column_schema(REALISM_SCHEMA, _DESCRIPTIONS),
    check_specs=list(_LOOKS.values()),
    config_schema=launchpad_schema(DatesConfig),
    description=(
        "Volatility, tails, autocorrelation, leverage, drawdowns and distances of simulated "
        "paths beside those of the bars, each with its Monte Carlo error: what a model misses."
    ),
)
def source_realism(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Compare every calibrated model with the bars, for this run's series and dates."""
    from engine.realism import compare_with_history
    from mc_assets.as_of_table import AsOfTable
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.market_data import load_series
    from mc_assets.series_models import calibrated_models, load_models
    from mc_assets.stored_market_data import StoredMarketData

    project = laboratory.project
    config = configured(context, DatesConfig)
    known = load_series(project.series)
    market_data = StoredMarketData(project)
    store = CalibrationStore(project.data)
    table = AsOfTable(project.data, "source_realism", REALISM_SCHEMA)
    reports: list[RealismReport] = []
    refused: list[str] = []
    metadata: dict[str, dict[str, Any]] = {}
    for series, keys in grouped(context.partition_keys, "series").items():
        symbol, _, timeframe = series.rpartition("@")
        refused += [
            f"{series} {model}: {reason}"
            for model, reason in load_models(known[series], known.folder).items()
        ]
        try:
            dates = dates_of_series(project.data, series, keys, config.dates)
        except ValueError as error:
            if config.dates:
                raise
            refused.append(f"{series}: {error}")
            continue
        try:
            at = {day: key for key, of_key in dates.items() for day in of_key}
            histories = list(market_data.bars_as_of(symbol, timeframe, list(at)))
        except ValueError as error:
            refused.append(f"{series}: {error}")
            continue
        outdated = store.outdated(symbol, timeframe, calibrated_models(known[series]))
        refused += [
            f"{series} {day}: found estimates of an earlier estimator version, allowed after "
            f"`mc calibrate {series} --outdated`"
            for day in at
            if day in outdated
        ]
        for bars, day in ((bars, day) for bars, days in histories for day in days):
            made = []
            for calibration in store.on(symbol, timeframe, day):
                if not calibration.ok:
                    continue
                try:
                    made.append(compare_with_history(calibration, bars))
                except ValueError as error:
                    # A young symbol has parameters before it has enough bars to compare.
                    refused.append(f"{series} {day} {calibration.model}: {error}")
            table.write([row for report in made for row in report.to_rows()])
            # The scores of a period are those of its newest date; rows are of all of them.
            of_period = metadata.setdefault(at[day], {"dagster/partition_row_count": 0, "dates": 0})
            of_period |= {f"score/{report.model}": report.score for report in made}
            of_period["dagster/partition_row_count"] += sum(len(r.rows) for r in made)
            of_period["dates"] += 1
            reports += made
    add_partition_metadata(context, "source_realism", metadata)
    if refused:
        context.log.warning("Not compared:\n" + "\n".join(refused))
    return dg.MaterializeResult(
        check_results=list(
            _checks(
                context, reports, load_automation(project).checks.realism_score, known=known.keys
            )
        ),
        metadata={"not_compared": "\n".join(refused[:20]) or "nothing"},
    )


def _checks(
    context: dg.AssetExecutionContext,
    reports: list["RealismReport"],
    enough: float,
    *,
    known: Collection[str],
) -> Iterator[dg.AssetCheckResult]:
    touched = grouped(context.partition_keys, "series")
    for model, spec in _LOOKS.items():
        own = [report for report in reports if report.model == model]
        poor: dict[str, list[str]] = {}
        for report in own:
            if report.score < enough:
                unit = f"{report.symbol}@{report.timeframe}"
                poor.setdefault(unit, []).append(_told(report))
        found = with_standing_findings(context, spec, poor, touched=touched, known=known)
        before = [line for unit, lines in found.items() if unit not in touched for line in lines]
        missed = "\n".join([*(_told(report) for report in own if report.missed), *before])
        yield dg.AssetCheckResult(
            check_name=spec.name,
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=missed or None,
            metadata={
                "enough": enough,
                "compared": len(own),
                "missed": missed or "nothing",
                **by_unit(found),
            },
        )


def _told(report: "RealismReport") -> str:
    where = f"{report.symbol}@{report.timeframe} {report.as_of}"
    return f"{where}: score {report.score:.2f}, misses {', '.join(report.missed)}"
