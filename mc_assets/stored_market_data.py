"""What studies ask for by name, answered from the project's own Parquet files."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, Literal

import numpy as np
import polars as pl

from engine.bars import BAR_FIELDS, DIVIDEND_YIELD, Bars
from engine.calibration import Calibration, FuturesPanel
from engine.calibration.sample import bar_ends
from engine.errors import Refusal
from mc_assets.calibration_store import CalibrationStore
from mc_assets.market_data import BarStore, load_series
from mc_assets.market_data.adjustments import adjust, dividend_yields, factors_at
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.history import history_hashes
from mc_assets.project import Project

__all__ = ["StoredMarketData"]

# Columns of stored bars that are no numbers of the bar.
_NO_COLUMNS: Final = ("symbol", "timestamp", "source", "adjustment")


class StoredMarketData:
    """Bars and calibrations of a project (`engine.studies.MarketData`).

    Parameters
    ----------
    project : Project
        Where they lie.
    as_of : datetime.date, optional
        Show the world as it was known at the end of that day (UTC): no bar and no calibration
        after it.
    """

    def __init__(self, project: Project, *, as_of: datetime.date | None = None) -> None:
        self._as_of, self._series_file = as_of, project.series
        self._bars = BarStore(project.data)
        self._calibrations = CalibrationStore(project.data)

    @cached_property
    def _config(self) -> MarketDataConfig:
        # Read when a series is asked for: a study of a model alone needs none.
        return load_series(self._series_file)

    def bars(self, symbol: str, timeframe: str, *, columns: Sequence[str] = ()) -> Bars:
        """Bars of a series, oldest first.

        Where the series has a factor table, splits and dividends are taken out of the prices
        before them; the last bar keeps its own.

        Parameters
        ----------
        symbol, timeframe : str
            The series.
        columns : sequence of str
            Stored columns beside prices and volume to carry: ``vwap``, ``trade_count``, and those
            that the series names in its ``columns``; as the provider sent them, not adjusted.

        Raises
        ------
        ValueError
            If the series is unknown, or has not been ingested; a `Refusal` if it stores no such
            column.
        """
        series, frame, factors = self._stored(symbol, timeframe)
        if factors is not None:
            frame = adjust(frame, factors, exchange=series.exchange, unchanged=-1)
        return self._bars_of(series, frame, columns)

    def paid_bars(
        self,
        symbol: str,
        timeframe: str,
        adjustment: Literal["split", "raw"],
        *,
        columns: Sequence[str] = (),
    ) -> Bars:
        """Bars of a series from whose prices dividends are not taken.

        The column ``dividend_yield`` says what each bar's open pays, a share of the close before.

        Raises
        ------
        ValueError
            If the series is unknown, or has not been ingested; if it has no factor table that
            says what is paid, or a split between raw prices.
        """
        series, frame, factors = self._stored(symbol, timeframe)
        if factors is None:
            raise Refusal(
                "adjustment",
                f"{adjustment!r} of {series.key}, whose dividends are not known",
                "'all', or `factors` in the series file",
            )
        paid = dividend_yields(frame, factors, exchange=series.exchange)
        split, _ = factors_at(frame, factors, exchange=series.exchange)
        changes = np.flatnonzero(np.diff(split))
        if adjustment == "split":
            frame = adjust(
                frame, factors, adjustment="split", exchange=series.exchange, unchanged=-1
            )
        elif len(changes):
            day = frame["timestamp"][int(changes[0]) + 1].date()
            raise Refusal(
                "adjustment", f"'raw' of {series.key}, which was split on {day}", "'split'"
            )
        return self._bars_of(series, frame, columns).with_columns({DIVIDEND_YIELD: paid})

    def bars_as_of(
        self,
        symbol: str,
        timeframe: str,
        dates: Sequence[datetime.date],
        *,
        columns: Sequence[str] = (),
    ) -> Iterator[tuple[Bars, list[datetime.date]]]:
        """Yield bars with the dates that may look at them up to themselves.

        Without splits and dividends between them, one history serves all dates. Otherwise each
        stretch between two events has its own, in which the last bar of every date keeps its
        prices, so that no event after a date affects what is estimated as of it.

        Parameters
        ----------
        symbol, timeframe : str
            The series.
        dates : sequence of datetime.date
            Dates of estimates.
        columns : sequence of str
            Columns beside prices and volume to carry, of those that are stored: an estimator that
            asks for another one says so itself, and fails alone.

        Raises
        ------
        ValueError
            If the series is unknown, or has not been ingested.
        """
        series, frame, factors = self._stored(symbol, timeframe)
        columns = [name for name in columns if name in frame.columns]
        stretches: dict[tuple[float, float], tuple[int, list[datetime.date]]] = {}
        if factors is not None:
            split, price = factors_at(frame, factors, exchange=series.exchange)
            days = frame["timestamp"].dt.date()
            for day in dates:
                last = max(int(days.search_sorted(day, side="right")) - 1, 0)
                key = (float(split[last]), float(price[last]))
                stretches.setdefault(key, (last, []))[1].append(day)
        if factors is None or len(stretches) == 0:
            yield self._bars_of(series, frame, columns), [*dates]
            return
        for last, together in stretches.values():
            known = adjust(frame, factors, exchange=series.exchange, unchanged=last)
            yield self._bars_of(series, known, columns), together

    def _stored(
        self, symbol: str, timeframe: str
    ) -> tuple[SeriesConfig, pl.DataFrame, pl.DataFrame | None]:
        """Read the configuration, bars and factor table of a series, as they are stored."""
        series = self._config.find(symbol, timeframe)[0]
        if not self._bars.years(series.symbol, timeframe):
            raise ValueError(
                f"bars of {series.key}: none are stored; `mc ingest {series.key}` fetches them"
            )
        frame = self._bars.read(series.symbol, timeframe)
        if self._as_of is not None:
            # A week that is still open on that day is not known yet.
            stamps = frame["timestamp"].dt.epoch("us").to_numpy()
            last = datetime.datetime.combine(self._as_of, datetime.time.max, datetime.UTC)
            frame = frame.filter(bar_ends(stamps, series.calendar) <= last.timestamp() * 1e6 + 1)
            if frame.is_empty():
                raise Refusal(
                    f"bars of {series.key}",
                    f"none had ended by {self._as_of}",
                    hint="ask for a later date",
                )
        # A factor table that the series no longer names belongs to bars fetched earlier.
        factors = self._bars.factors(series.symbol, timeframe) if series.factors else None
        return series, frame, factors

    def _bars_of(
        self, series: SeriesConfig, frame: pl.DataFrame, columns: Sequence[str] = ()
    ) -> Bars:
        stored = [name for name in frame.columns if name not in (*_NO_COLUMNS, *BAR_FIELDS)]
        absent = [name for name in columns if name not in stored]
        if absent:
            raise Refusal(
                "columns",
                f"{', '.join(absent)}, which {series.key} does not store",
                ", ".join(stored),
                hint="`columns: [...]` of the series in the series file keeps further ones, and "
                f"`mc ingest {series.key}` stores them",
            )
        return Bars.from_frame(
            frame,
            symbol=series.symbol,
            calendar=series.calendar,
            history_hashes=history_hashes(self._bars, series.symbol, series.timeframe),
            columns=columns,
        )

    def futures_panel(self, symbol: str, timeframe: str) -> FuturesPanel:
        """Settlements of every contract of a futures series.

        Raises
        ------
        ValueError
            If no curve is stored.
        """
        from mc_assets.market_data.futures.curve_store import load_curve

        curve = load_curve(self._bars.root, symbol, timeframe)
        return FuturesPanel.from_long(curve.select("date", "expiry", "price"), symbol=symbol)

    def calibration(
        self, symbol: str, timeframe: str, model: str, as_of: Literal["latest"] | datetime.date
    ) -> Calibration:
        """Calibration of a model on a series; see `CalibrationStore.find`.

        As of a day, the latest calibration is that day's.
        """
        if as_of == "latest" and self._as_of is not None:
            as_of = self._as_of
        series = self._config.find(symbol, timeframe)[0]
        return self._calibrations.find(series.symbol, timeframe, model, as_of)
