"""A futures curve as a series of bars: the provider ``futures``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from mc_assets.market_data.futures.continuous import BackAdjustment, continuous
from mc_assets.market_data.futures.curve import Curve, read_curve
from mc_assets.market_data.futures.expiry import read_expiries
from mc_assets.market_data.futures.roll import RollRule
from mc_assets.providers import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    MarketDataError,
    Provider,
    RawTable,
)
from mc_assets.providers.paths import filled_path

__all__ = ["FuturesOptions", "FuturesProvider"]


class FuturesOptions(BaseModel):
    """Options of the futures provider.

    Parameters
    ----------
    path : str
        Curve file (`read_curve`); ``{symbol}`` is filled in. Relative paths start at the
        folder of the series file.
    expiries : str
        Expiry table (`read_expiries`).
    root : str, optional
        The product's root symbol; the series' symbol by default.
    roll : RollRule
        When to roll.
    adjust : {"none", "difference", "ratio"}
        Back-adjustment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1, max_length=4_096)
    expiries: str = Field(min_length=1, max_length=4_096)
    root: str | None = Field(default=None, min_length=1, max_length=20)
    roll: RollRule = RollRule()
    adjust: BackAdjustment = "none"


class FuturesProvider(Provider):
    """Continuous series of futures curves in files."""

    name: ClassVar[str] = "futures"
    capabilities: ClassVar[Capabilities] = Capabilities(timeframes=("1d",))
    Options: ClassVar[type[BaseModel]] = FuturesOptions
    options: FuturesOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Read the whole curve and join its contracts; the caller selects the range."""
        result = FetchResult()
        for symbol in symbols:
            try:
                curve = self.curve(symbol)
                series = continuous(curve.rows, self.options.roll, self.options.adjust)
            except MarketDataError as error:
                result.failures[symbol] = FetchError("", f"futures {symbol}: {error}")
                continue
            frame = series.select("date", "price", "settle", held="contract")
            if not curve.quarantine.is_empty():
                frame = pl.concat([frame, _faults(curve.quarantine)], how="diagonal")
                frame = frame.sort("date", nulls_last=True, maintain_order=True)
            layout = Layout(columns={"timestamp": "date", "price": "price"})
            result.tables[symbol] = RawTable(
                symbol, timeframe, frame, self.name, adjustment, layout
            )
        return result

    def curve(self, symbol: str) -> Curve:
        """Read the curve behind a series."""
        root = self.options.root or symbol

        def located(field: str, path: str) -> Path:
            return filled_path(path, self.folder, field=field, symbol=symbol)

        expiries = read_expiries(located("expiries", self.options.expiries), root)
        curve = read_curve(located("path", self.options.path), expiries, root)
        if curve.rows.is_empty():
            more = f" (and {curve.quarantine.height - 1} more)" if len(curve.quarantine) > 1 else ""
            reason = [f"{message}{more}" for message in curve.quarantine["message"].head(1)]
            raise MarketDataError(
                "",
                reason[0]
                if reason
                else f"{located('path', self.options.path).name}: found no price",
            )
        return curve


def _faults(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Rows for the cells of the curve that could not be used, each refused with its reason."""
    return quarantine.select(
        "date",
        "column",
        "cell",
        _file="file",
        _line=pl.col("line").cast(pl.Int32),
        _reason="reason",
        _message="message",
    )
