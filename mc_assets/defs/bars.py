"""Bars: what the provider sent, and the canonical table made of it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.freshness import made_at_night
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, series_years
from mc_assets.market_data.canonical import BARS_SCHEMA, canonical_schema
from mc_assets.market_data.severities import CHECK_DESCRIPTIONS, DEFAULT_SEVERITIES
from mc_assets.resources import Laboratory
from mc_assets.step_progress import tell

__all__ = ["bars", "raw_bars"]

_ARRIVED = "every_range_arrived"
_VALID = "no_bad_rows"


class FetchConfig(dg.Config):
    """How this run fetches.

    Attributes
    ----------
    refetch : bool
        Ask providers for whole years, even where most of them is stored: bars restated before
        the overlap window are noticed then.
    accept_withdrawn : bool
        Withdraw all stored bars that an answer lacks. By default an answer that lacks more than a
        few bars, or more than half of a finished year, fails the check and changes nothing.
    """

    refetch: bool = False
    accept_withdrawn: bool = False


class NormaliseConfig(dg.Config):
    """How this run normalises.

    Attributes
    ----------
    accept_withdrawn : bool
        Replace stored factor tables and futures curves by ones that lack many of their rows.
    """

    accept_withdrawn: bool = False


@dg.asset(
    group_name="market_data",
    kinds={"csv", "parquet"},
    owners=["team:quant"],
    partitions_def=series_years,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # One writer: the same series and year must not be fetched twice at once.
    pool="market_data",
    check_specs=[
        dg.AssetCheckSpec(
            _ARRIVED,
            asset="raw_bars",
            description="Every series and year of this run could be fetched.",
        )
    ],
    description=(
        "What the provider sent for a series and year, in its own layout, kept compressed so "
        "that normalisation can be rerun without the network."
    ),
)
def raw_bars(
    context: dg.AssetExecutionContext, config: FetchConfig, laboratory: Laboratory
) -> Materialized:
    """Fetch this run's series and years, with as few requests as the providers allow."""
    from mc_assets.market_data import ingest_many, load_series

    project = laboratory.project
    keys = {
        (key.keys_by_dimension["series"], int(key.keys_by_dimension["year"])): key
        for series_keys in grouped(context.partition_keys, "series").values()
        for key in series_keys
    }
    done = ingest_many(
        load_series(project.series),
        list(keys),
        project.data,
        refetch=config.refetch,
        accept_withdrawn=config.accept_withdrawn,
    )
    for place, result in done.stored_years.items():
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": result.rows,
                "new": result.new,
                "restated": result.restated,
                "left_out": result.left_out,
                "path": result.path,
            },
            asset_key="raw_bars",
            partition_key=keys[place],
        )
    # A series that could not be fetched loses no other; what was stored of it stays.
    failures = list(dict.fromkeys(str(error) for error in done.failures.values()))
    for failure in failures:
        context.log.error(failure)
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name=_ARRIVED,
                passed=not failures,
                severity=dg.AssetCheckSeverity.ERROR,
                description="\n".join(failures[:20]) or None,
                metadata={"failed": len(done.failures)},
            )
        ]
    )


@dg.asset(
    group_name="market_data",
    kinds={"polars", "parquet"},
    owners=["team:quant"],
    partitions_def=series_years,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[raw_bars],
    freshness_policy=made_at_night(),
    pool="market_data",
    metadata=column_schema(BARS_SCHEMA, {name: text for name, _, text in canonical_schema()}),
    check_specs=[
        dg.AssetCheckSpec(
            _VALID,
            asset="bars",
            blocking=True,
            description=(
                "Rows that cannot be bars are in `bars_quarantine` with the reason. Fails, and "
                "stops what is computed from the bars, when one has severity `error`."
            ),
        ),
        *(
            dg.AssetCheckSpec(name, asset="bars", description=f"Finds: {text[0].lower()}{text[1:]}")
            for name, text in CHECK_DESCRIPTIONS.items()
        ),
    ],
    description=(
        "Canonical bars of a series and year: UTC opening instants, one row per bar, validated. "
        "A bad row is never dropped in silence: it goes to the quarantine with its reason."
    ),
)
def bars(
    context: dg.AssetExecutionContext, config: NormaliseConfig, laboratory: Laboratory
) -> Materialized:
    """Normalise this run's series and years."""
    from engine.files import DamagedFile
    from mc_assets.market_data import (
        BarStore,
        MarketDataError,
        NormalisedResult,
        QualityFinding,
        compare_year,
        load_series,
        normalise_year,
    )
    from mc_assets.market_data.futures.curve_store import store_curve
    from mc_assets.market_data.history import history_hashes
    from mc_assets.market_data.quality.stored import stored_findings

    project = laboratory.project
    known = load_series(project.series)
    quarantined = 0
    errors: list[str] = []
    found: dict[str, dict[tuple[str, int], QualityFinding]] = {n: {} for n in DEFAULT_SEVERITIES}
    # Years that are to be compared with one that this run makes anew.
    outdated: dict[tuple[str, int], None] = {}
    hashes_made: dict[str, str] = {}
    done = 0
    for series, keys in grouped(context.partition_keys, "series").items():
        if known[series].provider == "futures":
            # The whole curve lies beside the continuous series: calibration reads it.
            try:
                store_curve(known, series, project.data, accept_withdrawn=config.accept_withdrawn)
            except (MarketDataError, DamagedFile) as error:
                errors.append(str(error))
        made: dict[dg.MultiPartitionKey, NormalisedResult] = {}
        for key in keys:
            year = int(key.keys_by_dimension["year"])
            tell(done, len(context.partition_keys), "years")
            done += 1
            try:
                result = normalise_year(
                    known,
                    series,
                    year,
                    project.data,
                    accept_withdrawn=config.accept_withdrawn,
                )
            except (MarketDataError, DamagedFile) as error:
                errors.append(f"{series} {year}: {error}")
                continue
            made[key] = result
            quarantined += result.quarantined
            outdated |= dict.fromkeys((other.key, year) for other in known.comparing_with(series))
            for finding in result.checks:
                found[finding.check][series, year] = finding
        # When every year is stored: a history reaches over the years before it.
        hashes = history_hashes(
            BarStore(project.data), known[series].symbol, known[series].timeframe
        )
        for key, result in made.items():
            hashes_made[key] = result.data_hash
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": result.rows,
                    "quarantined": result.quarantined,
                    "first": result.first or "–",
                    "last": result.last or "–",
                    "data_hash": result.data_hash,
                    "history_hash": hashes[result.year],
                    "path": result.path,
                },
                asset_key="bars",
                partition_key=key,
            )
    for series, year in outdated:
        try:
            compared = compare_year(known, series, year, project.data)
        except DamagedFile as error:
            errors.append(f"{series} {year}: {error}")
            continue
        if compared is not None:
            found[compared.check][series, year] = compared
    shown = {
        name: [
            (finding.severity, f"{series} {year} {name}: {finding.message}")
            for (series, year), finding in places.items()
            if not finding.passed
        ]
        for name, places in found.items()
    }
    made_here = {(series, year) for places in found.values() for series, year in places}
    elsewhere = stored_findings(BarStore(project.data), known.keys, made_here)
    errors += [line for lines in shown.values() for severity, line in lines if severity == "error"]
    for line in errors:
        context.log.error(line)
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name=_VALID,
                passed=not errors,
                severity=dg.AssetCheckSeverity.ERROR,
                description="\n".join(errors[:20]) or None,
                metadata={"quarantined": quarantined, "errors": "\n".join(errors[:20]) or "none"},
            ),
            *(_quality(name, lines, elsewhere.get(name, [])) for name, lines in shown.items()),
        ],
        data_version=_version(hashes_made),
    )


def _version(hashes: Mapping[str, str]) -> dg.DataVersion | None:
    """Version of a year's bars; of several years together Dagster makes its own."""
    return dg.DataVersion(next(iter(hashes.values()))) if len(hashes) == 1 else None


def _quality(
    name: str, lines: Sequence[tuple[str, str]], elsewhere: Sequence[str]
) -> dg.AssetCheckResult:
    """Show what one quality check found: in this run, and before in what it did not touch.

    Dagster shows the last evaluation of a check alone, so it speaks of every series. It is severe
    by what this run found.
    """
    severe = any(severity == "error" for severity, _ in lines)
    every = [*(line for _, line in lines), *elsewhere]
    return dg.AssetCheckResult(
        check_name=name,
        passed=not every,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        description="\n".join(every[:20]) or None,
        metadata={"series_years": len(lines), "series_years_before": len(elsewhere)},
    )
