"""Calibrations: every model's parameters as of a date, with their errors."""

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from engine.calibration.versions import ESTIMATOR_VERSIONS
from mc_assets.automation.settings import load_automation
from mc_assets.calibration_store import CALIBRATION_SCHEMA
from mc_assets.defs.bars import bars
from mc_assets.defs.chosen_dates import DatesConfig, dates_of_series
from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.freshness import made_at_night
from mc_assets.defs.launchpad import configured, launchpad_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partition_metadata import add_partition_metadata
from mc_assets.defs.partitions import grouped, series_periods
from mc_assets.defs.previews import markdown_table
from mc_assets.defs.standing_findings import by_unit, with_standing_findings
from mc_assets.estimate_text import rounded_pair
from mc_assets.resources import Laboratory
from mc_assets.step_progress import tell

if TYPE_CHECKING:
    from engine.calibration import Calibration
    from mc_assets.market_data.config import SeriesConfig
    from mc_assets.stored_market_data import StoredMarketData

__all__ = ["calibrations"]

# Dates that are stored together: what a kill costs at most, and what progress is told in.
_KEPT = 64

_DESCRIPTIONS = {
    "symbol": "what was traded",
    "timeframe": "of the bars",
    "model": "the price model; its source has the same name",
    "estimator_version": "version of the estimator; an estimate of an earlier one is made anew",
    "parameter": "one row each",
    "log_likelihood": "at the estimate; null where there is no likelihood",
    "aic": "Akaike's criterion: lower is better among models of one series",
    "bic": "Schwarz's criterion: lower is better among models of one series",
    "n": "observations behind the estimate",
    "window": "which of the bars were used",
    "diagnostics": "how the optimisation ended and what it warns of, JSON",
    "calibration_hash": "hash of all this calibration says; `lineage` names it per study",
    "history_hash": "hash of what it was estimated from: bars as in `bars_history`, curves, quotes",
    "as_of": "last date whose bars were used",
    "estimate": "in the model's own annual units",
    "std_error": "sampling error of the history; null of a parameter on its bound",
    "ci_low": "lower end of the 95 % interval",
    "ci_high": "upper end of the 95 % interval",
    "method": "how the interval was found: normal, logit, profile, bootstrap, one_sided or none",
    "covariance": "this parameter's row of the covariance matrix, JSON",
    "start_state": "filtered states from which a simulation may start, JSON",
    "state_errors": "interval, method and covariances of each start state with an error, JSON",
    "status": "ok, at_bound (a parameter lies on its bound) or failed",
    "reason": "why it failed, or what lies on its bound",
}


class CalibrationsConfig(DatesConfig):
    """Which dates and models a run calibrates.

    Attributes
    ----------
    all_models : bool
        Every model that bars can calibrate, whichever the series file names.
    """

    all_models: bool = Field(
        default=False,
        description="Every model that bars can calibrate, not those alone that `models` of the "
        "series file names. Each estimate begins cold, from the bars alone.",
    )


_ANSWERED = dg.AssetCheckSpec(
    "every_estimator_answered",
    asset="calibrations",
    description="No model failed to calibrate in the last run of each series.",
)
_STEADY = dg.AssetCheckSpec(
    "parameters_are_steady",
    asset="calibrations",
    description="No parameter moved from the date before by more than a day's data should move it, "
    "in the last run of each series.",
)


@dg.asset(
    group_name="calibrate",
    kinds={"scipy", "parquet"},
    owners=["team:quant"],
    partitions_def=series_periods,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        dg.AssetDep(
            bars,
            partition_mapping=dg.MultiPartitionMapping(
                {
                    "series": dg.DimensionPartitionMapping("series", dg.IdentityPartitionMapping()),
                    # Every year, as without this line, but listed once per period rather than once
                    # per partition.
                    "year": dg.DimensionPartitionMapping("period", dg.AllPartitionMapping()),
                }
            ),
        )
    ],
    # Two runs must not write the same file.
    pool="calibrations",
    freshness_policy=made_at_night(),
    # Where an estimator moves on, Dagster shows what it made before as stale.
    code_version=", ".join(f"{model} {version}" for model, version in ESTIMATOR_VERSIONS.items()),
    metadata=column_schema(CALIBRATION_SCHEMA, _DESCRIPTIONS),
    check_specs=[_ANSWERED, _STEADY],
    config_schema=launchpad_schema(CalibrationsConfig),
    description=(
        "Parameters of every price model for a series, from bars up to the as-of date and none "
        "after it, with standard errors. A model that cannot be estimated is a row with status "
        "`failed` and the reason. A partition is a day of the newest weeks, a month of this year "
        "or the last, or a year before: every weekday in it, or the `dates` of the configuration."
    ),
)
def calibrations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Estimate every model for this run's series and dates."""
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.defs.calibration_views import calibration_views
    from mc_assets.market_data import load_series
    from mc_assets.reports.calibration_picture import calibration_picture
    from mc_assets.reports.picture import as_markdown
    from mc_assets.series_models import with_every_model
    from mc_assets.stored_market_data import StoredMarketData

    project = laboratory.project
    config = configured(context, CalibrationsConfig)
    known = load_series(project.series)
    market_data = StoredMarketData(project)
    store = CalibrationStore(project.data)
    failures: dict[str, list[str]] = {}
    jumps: dict[str, list[str]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    of_series: dict[str, dict[dg.MultiPartitionKey, list[datetime.date]]] = {}
    for series, keys in grouped(context.partition_keys, "series").items():
        try:
            of_series[series] = dates_of_series(project.data, series, keys, config.dates)
        except ValueError as error:
            if config.dates:
                raise
            failures[series] = [f"{series}: {error}"]
    total = sum(len(of_key) for dates in of_series.values() for of_key in dates.values())
    unit = "dates" if len(of_series) == 1 else "dates of series"
    finished = 0

    def tell_finished(dates: int) -> None:
        nonlocal finished
        finished += dates
        tell(finished, total, unit)

    for series, dates in of_series.items():
        symbol, _, timeframe = series.rpartition("@")
        days = [day for of_key in dates.values() for day in of_key]
        if not days:
            continue
        wanted = with_every_model(known[series]) if config.all_models else known[series]
        begin = time.perf_counter()
        tell_finished(0)
        kept: set[tuple[datetime.date, str]] = set()

        def keep(estimates: list["Calibration"], kept: set[Any] = kept) -> None:
            store.write(estimates)
            kept.update((estimate.as_of, estimate.model) for estimate in estimates)
            tell_finished(_KEPT)
            context.log.info(f"{finished:,} of {total:,} {unit}")

        made = _estimated(wanted, known.folder, market_data, days, laboratory.threads, keep)
        rest = [e for day in days for e in made[day] if (e.as_of, e.model) not in kept]
        store.write(rest)
        tell_finished(len(days) - len({day for day, _ in kept}))
        jumps[series] = store.jumps(symbol, timeframe, days)
        failures[series] = []
        for key, of_key in dates.items():
            estimates = [(day, estimate) for day in of_key for estimate in made[day]]
            failed = [(day, estimate) for day, estimate in estimates if not estimate.ok]
            failures[series] += [f"{series} {day} {c.model}: {c.reason}" for day, c in failed]
            metadata[key] = {
                "dagster/partition_row_count": sum(max(len(c.parameters), 1) for _, c in estimates),
                "dates": len(of_key),
                "failed": len(failed),
            }
        # On the newest date alone: metadata of the result would be written to every partition.
        picture = calibration_picture(store.read(symbol, timeframe, allow_damaged=True), series)
        newest = max(dates, key=lambda key: max(dates[key], default=datetime.date.min))
        latest = made[max(days)]
        metadata[newest]["newest_estimates"] = dg.MetadataValue.md(_newest(latest))
        metadata[newest] |= calibration_views(wanted, market_data, latest)
        metadata[newest]["seconds"] = round(time.perf_counter() - begin, 3)
        metadata[newest]["parameters_through_time"] = dg.MetadataValue.md(
            as_markdown([(series, picture)])
        )
    add_partition_metadata(context, "calibrations", metadata)
    lines = [
        line for of_series in (failures, jumps) for found in of_series.values() for line in found
    ]
    if lines:
        # One message: every message is a transaction of Dagster's log.
        context.log.warning("\n".join(lines))
    touched = grouped(context.partition_keys, "series")
    enough = load_automation(project).checks.failed_calibrations
    return dg.MaterializeResult(
        check_results=[
            _warning(
                spec,
                with_standing_findings(context, spec, found, touched=touched, known=known.keys),
                allowed,
            )
            for spec, found, allowed in ((_ANSWERED, failures, enough), (_STEADY, jumps, 0))
        ]
    )


def _newest(estimates: list["Calibration"]) -> str:
    """Return the parameters of a date as a table, each with its standard error."""
    rows = [
        [row["model"], row["parameter"], *rounded_pair(row["estimate"], row["std_error"], "ratio")]
        for estimate in estimates
        if estimate.ok
        for row in estimate.to_rows()
    ]
    return markdown_table(["model", "parameter", "estimate", "std. error"], rows)


def _estimated(
    series: "SeriesConfig",
    folder: Path,
    market_data: "StoredMarketData",
    dates: list[datetime.date],
    workers: int,
    keep: Callable[[list["Calibration"]], None],
) -> dict[datetime.date, list["Calibration"]]:
    """Estimate every model of a series as of every date; what data are missing fails its models.

    What bars give is handed to `keep` as soon as it is there, so many dates at once.
    """
    from engine.calibration import Calibration, calibrate_dates, data_of, try_calibrate
    from mc_assets.market_data.option_quotes import OptionQuotes
    from mc_assets.series_models import calibrated_models, load_models

    made: dict[datetime.date, list[Calibration]] = {day: [] for day in dates}

    def fail(model: str, error: ValueError | str) -> None:
        for day in dates:
            window = str(series.calibration.get(model, {}).get("window", "full"))
            made[day].append(
                Calibration.failed(
                    model,
                    symbol=series.symbol,
                    timeframe=series.timeframe,
                    as_of=day,
                    window=window,
                    reason=str(error),
                )
            )

    bar_models: list[str] = []
    curve_models: list[str] = []
    quote_models: list[str] = []
    wrong = load_models(series, folder)
    for model, entry in calibrated_models(series).items():
        if model in wrong:
            fail(model, wrong[model])
            continue
        try:
            taken = data_of(model)
            needs_curve = entry.data == "curve" or "Bars" not in taken
            on_curve = series.provider == "futures" and needs_curve
        except ValueError as error:
            fail(model, error)
        else:
            if taken == ("OptionSurface",):
                quote_models.append(model)
            else:
                (curve_models if on_curve else bar_models).append(model)
    quotes = None
    # One series without its bars or quotes is no reason to leave the others without a night.
    try:
        quotes = OptionQuotes(series, folder)
    except ValueError as error:
        if "heston" in bar_models:
            fail("heston", error)
            bar_models.remove("heston")
        for model in quote_models:
            fail(model, error)
        quote_models = []
    options = series.calibration
    asked = [n for model in bar_models for n in options.get(model, {}).get("regressors", ())]
    try:
        histories = list(
            market_data.bars_as_of(series.symbol, series.timeframe, dates, columns=asked)
        )
    except ValueError as error:
        for model in bar_models:
            fail(model, error)
        histories = []
    for history, days in histories:
        fresh: list[Calibration] = []
        for found in calibrate_dates(history, days, bar_models, options=options, workers=workers):
            if found.model == "heston" and quotes is not None and quotes.on(found.as_of):
                found = quotes.calibration("heston", found.as_of)
            made[found.as_of].append(found)
            fresh.append(found)
            if len(fresh) == _KEPT * len(bar_models) < len(days) * len(bar_models):
                keep(fresh)
                fresh = []
    for model in quote_models:
        assert quotes is not None
        for day in dates:
            made[day].append(quotes.calibration(model, day))
    for model in curve_models:
        try:
            panel = market_data.futures_panel(series.symbol, series.timeframe)
        except ValueError as error:
            fail(model, error)
            continue
        own = series.calibration.get(model, {})
        for day in dates:
            made[day].append(try_calibrate(model, panel, as_of=day, **own))
    return made


def _warning(
    spec: dg.AssetCheckSpec, findings: Mapping[str, Sequence[str]], allowed: int
) -> dg.AssetCheckResult:
    """Fail a check with a warning if more was found than is allowed, saying the first twenty."""
    found = [line for lines in findings.values() for line in lines]
    return dg.AssetCheckResult(
        check_name=spec.name,
        passed=len(found) <= allowed,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(found[:20]) or None,
        metadata={
            "count": len(found),
            "allowed": allowed,
            "found": "\n".join(found[:20]) or "nothing",
            **by_unit(findings),
        },
    )
