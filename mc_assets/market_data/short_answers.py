"""Refuse answers that lack stored bars, unless the user accepts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from engine.tables.sessions import sessions_of
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.normalise import readable_bars
from mc_assets.market_data.raw_store import RawStore
from mc_assets.market_data.revisions import live_rows
from mc_assets.providers import FetchError, MarketDataError, RawTable

__all__ = ["AnswerCheck", "Withdrawal", "check_table", "refusal", "refused_years"]


@dataclass(frozen=True)
class Withdrawal:
    """Bars that a stored year would lose if an answer were stored.

    Parameters
    ----------
    year : int
        The year.
    stored : int
        Bars that the raw copy of the year holds.
    gone : int
        Of these, bars inside the requested range that the answer lacks: their rows are missing
        or are no longer valid bars.
    """

    year: int
    stored: int
    gone: int


class AnswerCheck:
    """Compares an answer with the stored years of its series.

    Parameters
    ----------
    series : SeriesConfig
        The series.
    answer : RawTable
        The whole answer, with a settled layout.
    store : RawStore
        Store of the raw rows.
    moment : datetime
        Present time; later rows are not bars.
    """

    def __init__(
        self, series: SeriesConfig, answer: RawTable, store: RawStore, moment: datetime
    ) -> None:
        self._series = series
        self._answer = answer
        self._store = store
        self._moment = moment

    def withdrawal(self, year: int, covered: tuple[int, int]) -> Withdrawal:
        """Count the bars of a stored year that the answer lacks.

        Parameters
        ----------
        year : int
            The year.
        covered : tuple of int
            Range that the answer covers, microseconds since 1970-01-01 UTC, half open.

        Notes
        -----
        Both sides are parsed by the current rules. A row with the same written timestamp counts
        as present, even if a changed exchange or time zone gives it another instant.
        """
        stored, open_to_change = 0, []
        for table in self._store.read(self._series.symbol, self._series.timeframe, year):
            bars = self._bars(live_rows(table))
            stored += bars.height
            # Rows missing in an earlier fetch were reported by that fetch.
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
        """Instant, written timestamp and first missing fetch of the rows that are bars."""
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
    """Years that must not be changed, because the answer lacks too many bars.

    An answer lacks too many bars if all its years together would lose more than the series'
    ``quality.withdrawn_bars``, or a finished year more than half of its bars. Then every year
    that would lose a bar is kept.
    """
    losing = [item for item in found if item.gone]
    finished = any(item.year < moment.year and 2 * item.gone > item.stored for item in losing)
    allowed = series.quality.withdrawn_bars
    return losing if finished or sum(item.gone for item in losing) > allowed else []


def refusal(series: SeriesConfig, refused: Sequence[Withdrawal]) -> FetchError:
    """Return an error that says what is missing, what is kept, and how to accept the answer."""
    gone = sum(item.gone for item in refused)
    stored = sum(item.stored for item in refused)
    years = [item.year for item in refused]
    span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return FetchError(
        f"{series.provider} {series.key}",
        f"an answer without {gone:,} of the {stored:,} stored bars of {span}",
        f"without at most {series.quality.withdrawn_bars:,} (quality.withdrawn_bars) or half of a "
        "finished year",
        hint=f"the stored bars are kept, `mc ingest {series.key} --accept-withdrawn` withdraws "
        "them",
    )


def check_table(
    series: SeriesConfig, name: str, stored: pl.DataFrame, fresh: pl.DataFrame, on: Sequence[str]
) -> None:
    """Refuse to replace a stored table by one that lacks too many of its rows.

    Parameters
    ----------
    series : SeriesConfig
        Gives ``quality.withdrawn_bars``.
    name : str
        Name of the table, such as ``factors``.
    stored, fresh : polars.DataFrame
        The stored table and the new one.
    on : sequence of str
        Columns that identify a row.

    Raises
    ------
    MarketDataError
        If more rows are missing than the series allows.
    """
    gone = stored.join(fresh, on=list(on), how="anti").height
    if gone > series.quality.withdrawn_bars:
        raise MarketDataError(
            f"{series.key}: {name}",
            f"a table without {gone:,} of the {stored.height:,} stored rows",
            f"without at most {series.quality.withdrawn_bars:,} (quality.withdrawn_bars)",
            hint=f"the stored rows are kept, `mc ingest {series.key} --accept-withdrawn` withdraws "
            "them",
        )
