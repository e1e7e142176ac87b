"""Ticks: quotes and trades of a series and day, as canonical events."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mc_assets.defs.column_schema import column_schema
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, series_days
from mc_assets.market_data.tick_columns import TICK_COLUMNS
from mc_assets.market_data.tick_series import TickSeriesConfig
from mc_assets.resources import Laboratory
from mc_assets.step_progress import tell

if TYPE_CHECKING:
    from engine.ticks import StoredDay, TickReport

__all__ = ["ticks"]

_READ = "every_day_was_read"
_WHOLE = "no_rows_in_quarantine"
_CLOCKS = "clocks_agree"


@dg.asset(
    group_name="market_data",
    kinds={"polars", "parquet"},
    owners=["team:quant"],
    partitions_def=series_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # One writer: the same series and day must not be written twice at once.
    pool="market_data",
    metadata=column_schema(
        {name: kind for name, (kind, _) in TICK_COLUMNS.items()},
        {name: text for name, (_, text) in TICK_COLUMNS.items()},
    ),
    check_specs=[
        dg.AssetCheckSpec(
            _READ,
            asset="ticks",
            description="Files of every series and day of this run were there and could be read.",
        ),
        dg.AssetCheckSpec(
            _WHOLE,
            asset="ticks",
            description="Finds: rows that are no events, with the reason, in `ticks_quarantine`.",
        ),
        dg.AssetCheckSpec(
            _CLOCKS,
            asset="ticks",
            description="Finds: local stamps before the exchange's, or a second and more behind.",
        ),
    ],
    description=(
        "Quotes and trades of a series and day (UTC) as one stream of events in the order of "
        "time, in canonical files that strategies read at the speed of the decoder."
    ),
)
def ticks(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Normalise the files of this run's series and days."""
    from engine.errors import Refusal
    from mc_assets.market_data import load_series

    project = laboratory.project
    config = load_series(project.series)
    errors: list[str] = []
    bad: list[str] = []
    clocks: list[str] = []
    quarantined = done = 0
    for key, partitions in grouped(context.partition_keys, "series").items():
        series = config.ticks_of(key)
        keys = {
            date.fromisoformat(partition.keys_by_dimension["day"]): partition
            for partition in partitions
        }
        offered = set(series.days())
        together = [{day} for day in keys] if series.daily else [set(keys)]
        for days in together:
            tell(done, len(context.partition_keys), "days")
            done += len(days)
            days &= offered
            if not days:
                continue
            try:
                files = series.files(config.folder, min(days))
                made, report, aside = _normalised(series, files, project.data, days)
            except Refusal as refusal:
                errors.append(f"{key} {min(days)}: {refusal}")
                continue
            quarantined += report.quarantined
            counts = ", ".join(f"{count:,} {reason}" for reason, count in report.reasons.items())
            if report.quarantined:
                bad.append(f"{key} {min(days)}: {counts} ({aside})")
            clocks += [f"{key} {min(days)}: {note}" for note in report.notes if "clocks" in note]
            missing = days - {day.day for day in made}
            errors += [f"{key} {day}: its files have no event of that day" for day in missing]
            for stored in made:
                context.add_asset_metadata(
                    {
                        "dagster/partition_row_count": stored.events,
                        "quarantined": report.quarantined,
                        "first": stored.first,
                        "last": stored.last,
                        "content": stored.content,
                        "clock": report.clock,
                        "lag_ns": "unknown" if report.lag_ns is None else report.lag_ns,
                        "path": str(stored.path),
                    },
                    asset_key="ticks",
                    partition_key=keys[stored.day],
                )
    for line in errors:
        context.log.error(line)
    return dg.MaterializeResult(
        check_results=[
            _found(_READ, errors, dg.AssetCheckSeverity.ERROR, {}),
            _found(_WHOLE, bad, dg.AssetCheckSeverity.WARN, {"quarantined": quarantined}),
            _found(_CLOCKS, clocks, dg.AssetCheckSeverity.WARN, {}),
        ]
    )


def _normalised(
    series: TickSeriesConfig, files: list[Path], data: Path, days: set[date]
) -> "tuple[list[StoredDay], TickReport, Path | None]":
    """Store the days that files have."""
    from engine.ticks import RawTicks, write_days

    raw = RawTicks(
        files,
        symbol=series.symbol,
        exchange=series.exchange,
        clock=series.clock,
        negative_prices=series.negative_prices,
        columns=series.columns,
    )
    return write_days(raw, data, f"{min(days)}", only=days)


def _found(
    name: str, lines: list[str], severity: dg.AssetCheckSeverity, more: Mapping[str, int]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not lines,
        severity=severity,
        description="\n".join(lines[:20]) or None,
        metadata={"days": len(lines), **more},
    )
