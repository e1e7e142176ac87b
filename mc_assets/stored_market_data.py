"""What studies ask for by name, answered from the project's own Parquet files."""

from __future__ import annotations

import datetime
from typing import Literal

from engine.bars import Bars
from engine.calibration import Calibration, FuturesPanel
from mc_assets.calibration_store import CalibrationStore
from mc_assets.market_data import BarStore, load_series
from mc_assets.project import Project

__all__ = ["StoredMarketData"]


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
        self._as_of = as_of
        self._config = load_series(project.series)
        self._bars = BarStore(project.data)
        self._calibrations = CalibrationStore(project.data)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Bars of a series, oldest first.

        Raises
        ------
        ValueError
            If the series is unknown, or has not been ingested.
        """
        series = self._config.find(symbol, timeframe)[0]
        if not self._bars.years(series.symbol, timeframe):
            raise ValueError(
                f"bars of {series.key}: found none, allowed after `mc ingest {series.key}`"
            )
        frame = self._bars.read(series.symbol, timeframe)
        if self._as_of is not None:
            frame = frame.filter(frame["timestamp"].dt.date() <= self._as_of)
            if frame.is_empty():
                raise ValueError(
                    f"bars of {series.key}: found none up to {self._as_of}, allowed a later date"
                )
        return Bars.from_frame(frame, symbol=series.symbol, calendar=series.calendar)

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
