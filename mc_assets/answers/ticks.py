"""Ticks: bringing files of quotes and trades in, and what is stored of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mc_assets.market_data.tick_days import tick_days
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.ticks import StoredDay, TickReport

__all__ = ["ImportedTicks", "import_ticks", "list_ticks"]


@dataclass(frozen=True)
class ImportedTicks:
    """What came of files of ticks.

    Parameters
    ----------
    days : tuple of StoredDay
        Days (UTC) stored, in their order.
    report : TickReport
        What was found in the files.
    quarantine : Path or None
        File of the rows that are no events, if there are any.
    """

    days: tuple[StoredDay, ...]
    report: TickReport
    quarantine: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return counts, notes and a row per day."""
        report = self.report
        totals = {name: report.total(name) for name in ("trades", "one_sided", "locked")}
        return {
            "symbol": report.symbol,
            "exchange": report.exchange,
            "clock": report.clock,
            "events": report.events,
            **totals,
            "quarantined": report.quarantined,
            "reasons": report.reasons,
            "lag_ns": report.lag_ns,
            "notes": report.notes,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "days": [
                asdict(day) | {"day": day.day.isoformat(), "path": str(day.path)}
                for day in self.days
            ],
        }


def import_ticks(
    project: Project,
    files: Sequence[Path],
    *,
    symbol: str | None = None,
    exchange: str | None = None,
    clock: str | None = None,
    negative_prices: bool = False,
) -> ImportedTicks:
    """Normalise files of quotes and trades of one instrument, and store them by day.

    Parameters
    ----------
    project : Project
        Its data folder keeps the days.
    files : sequence of Path
        CSV (also compressed), Parquet, or folders of them; quotes and trades are told by their
        columns.
    symbol, exchange : str, optional
        Names, where the files do not have them.
    clock : {"exchange", "local"}, optional
        Whose stamps order the events.
    negative_prices : bool
        Whether prices below zero are prices.

    Raises
    ------
    Refusal
        If a file cannot be used, in one sentence; no day is touched then.
    """
    from engine.ticks import RawTicks, write_days

    raw = RawTicks(
        files, symbol=symbol, exchange=exchange, clock=clock, negative_prices=negative_prices
    )
    days, report, quarantine = write_days(raw, project.data, files[0].name)
    return ImportedTicks(tuple(days), report, quarantine)


def list_ticks(project: Project) -> pl.DataFrame:
    """List the days of ticks that are stored.

    Returns
    -------
    polars.DataFrame
        One row per symbol, exchange and day: ``symbol``, ``exchange``, ``day``, ``events``,
        ``first`` and ``last`` (UTC), ``content`` (a hash of the events) and ``path``.
    """
    return tick_days(project.data)
