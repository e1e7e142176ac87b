"""Answers that hold less than what is stored: the stored years stay until somebody agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.normalise import readable_bars
from mc_assets.market_data.raw_store import RawStore
from mc_assets.market_data.revisions import live_rows
from mc_assets.market_data.sessions import sessions_of
from mc_assets.providers import FetchError, MarketDataError, RawTable

__all__ = ["AnswerCheck", "Withdrawal", "check_table", "refusal", "refused_years"]


@dataclass(frozen=True)
class Withdrawal:
    """What storing an answer would take from a stored year.

    Parameters
    ----------
    year : int
        The year.
    stored : int
        Bars that the raw copy of the year holds.
    gone : int
        Of these, bars inside the range asked for that the answer does not hold: their rows did
        not come, or came as rows that are no bars.
    """

    year: int
    stored: int
    gone: int


class AnswerCheck:
    """Compares one answer with the stored years of its series.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    answer : RawTable
        Everything that came, layout settled.
    store : RawStore
        Holds the years so far.
    moment : datetime
        Present time: what opens later is no bar.
    """

    def __init__(
        self, series: SeriesConfig, answer: RawTable, store: RawStore, moment: datetime
    ) -> None:
        self._series = series
        self._answer = answer
        self._store = store
        self._moment = moment

    def withdrawal(self, year: int, covered: tuple[int, int]) -> Withdrawal:
        """Count the bars of a stored year that the answer would withdraw.

        Parameters
        ----------
        year : int
            The year.
        covered : tuple of int
            Range that the answer covers, microseconds since 1970-01-01 UTC, half open.

        Notes
        -----
        Both sides are read by today's rules. A row that came with the same stamp is there, also
        where another exchange or time zone dates it otherwise than before.
        """
        stored, open_to_change = 0, []
        for table in self._store.read(self._series.symbol, self._series.timeframe, year):
            bars = self._bars(live_rows(table))
            stored += bars.height
            # What an earlier fetch already did not bring was reported then.
            open_to_change.append(bars.filter(pl.col("absent").is_null()))
        if not stored:
            return Withdrawal(year, 0, 0)
        before = pl.concat(open_to_change)
        first, end = covered
        before = before.filter((pl.col("instant") >= first) & (pl.col("instant") < end))
        gone = before.join(self._came, on="instant", how="anti")
        return Withdrawal(year, stored, gone.join(self._came, on="stamp", how="anti").height)

    @cached_property
    def _came(self) -> pl.DataFrame:
        return self._bars(self._answer)

    def _bars(self, table: RawTable) -> pl.DataFrame:
        """Instant, stamp as written, and the fetch that missed it, of the rows that are bars."""
        schema = {"instant": pl.Int64, "stamp": pl.String, "absent": pl.Int32}
        if table.frame.is_empty():
            return pl.DataFrame(schema=schema)
        sessions = sessions_of(self._series.exchange)
        bars = readable_bars(table, sessions, repair=self._series.repair, now=self._moment)
        absent = pl.Series("absent", [None], dtype=pl.Int32).new_from_index(0, bars.height)
        if "_absent" in table.frame.columns:
            absent = table.frame["_absent"].gather(bars["row"])
        return bars.select("instant", "stamp", absent=absent)


def refused_years(
    series: SeriesConfig, found: Sequence[Withdrawal], moment: datetime
) -> list[Withdrawal]:
    """Years that must stay as they are: all that would lose bars, if the answer lacks too many.

    An answer lacks too many where over all its years more bars would go than the series'
    ``quality.withdrawn_bars``, or most bars of a year that is over.
    """
    losing = [item for item in found if item.gone]
    finished = any(item.year < moment.year and 2 * item.gone > item.stored for item in losing)
    allowed = series.quality.withdrawn_bars
    return losing if finished or sum(item.gone for item in losing) > allowed else []


def refusal(series: SeriesConfig, refused: Sequence[Withdrawal]) -> FetchError:
    """Say in one sentence what an answer lacks, what stays, and how to accept the answer."""
    gone = sum(item.gone for item in refused)
    stored = sum(item.stored for item in refused)
    years = [item.year for item in refused]
    span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return FetchError(
        f"{series.provider} {series.key}: found an answer without {gone:,} of the {stored:,} "
        f"stored bars of {span}, allowed without at most {series.quality.withdrawn_bars:,} "
        "(quality.withdrawn_bars) or half of a finished year; the stored bars are kept, "
        f"`mc ingest {series.key} --accept-withdrawn` withdraws them"
    )


def check_table(
    series: SeriesConfig, name: str, stored: pl.DataFrame, fresh: pl.DataFrame, on: Sequence[str]
) -> None:
    """Refuse to replace a stored table of a series by one that lacks too many of its rows.

    Parameters
    ----------
    series : SeriesConfig
        Gives ``quality.withdrawn_bars``.
    name : str
        What the table is called, such as ``factors``.
    stored, fresh : polars.DataFrame
        The table so far, and the one that was read now.
    on : sequence of str
        Columns by which a row is known.

    Raises
    ------
    MarketDataError
        If more rows are gone than the series allows.
    """
    gone = stored.join(fresh, on=list(on), how="anti").height
    if gone > series.quality.withdrawn_bars:
        raise MarketDataError(
            f"{series.key}: {name}: found a table without {gone:,} of the {stored.height:,} stored "
            f"rows, allowed without at most {series.quality.withdrawn_bars:,} "
            "(quality.withdrawn_bars); the stored rows are kept, "
            f"`mc ingest {series.key} --accept-withdrawn` withdraws them"
        )
