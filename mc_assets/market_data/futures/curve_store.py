"""Curves of the futures series, stored for SQL and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from engine.files import read_parquet, verified_files
from mc_assets.market_data.config import MarketDataConfig
from mc_assets.market_data.files import symbol_folder, write_parquet
from mc_assets.market_data.futures.curve import Curve
from mc_assets.market_data.futures.provider import FuturesProvider
from mc_assets.market_data.short_answers import check_table
from mc_assets.providers import MarketDataError, make_provider

__all__ = ["load_curve", "store_curve"]

_TABLE: Final = "futures_curves"


def store_curve(
    config: MarketDataConfig, key: str, root: Path, *, accept_withdrawn: bool = False
) -> Curve:
    """Read the curve of a futures series and store it under ``root/futures_curves``.

    Parameters
    ----------
    config : MarketDataConfig
        The series file.
    key : str
        A series whose provider is ``futures``.
    root : Path
        The data root.
    accept_withdrawn : bool
        Replace the stored curve by one that lacks many of its settlements.

    Raises
    ------
    MarketDataError
        If the series has no curve, or its files cannot be read or lack too many of the stored
        settlements; what is stored stays.
    """
    series = config[key]
    provider = make_provider(series.provider, series.options, config.folder, where=key)
    if not isinstance(provider, FuturesProvider):
        raise MarketDataError(f"{key}: provider", repr(series.provider), "futures")
    curve = provider.curve(series.asked)
    path = symbol_folder(root, _TABLE, series.symbol, series.timeframe) / "curve.parquet"
    if not accept_withdrawn and verified_files(root).damage(path) is None:
        check_table(series, _TABLE, read_parquet(root, path), curve.rows, ["date", "contract"])
    write_parquet(curve.rows, path)
    return curve


def load_curve(root: Path, symbol: str, timeframe: str = "1d") -> pl.DataFrame:
    """Read a stored curve (`curve.CURVE_SCHEMA`).

    Raises
    ------
    MarketDataError
        If none is stored.
    DamagedFile
        If it is not what was written.
    """
    path = symbol_folder(root, _TABLE, symbol, timeframe) / "curve.parquet"
    if not path.is_file():
        raise MarketDataError("", f"futures_curves: found no curve of {symbol}@{timeframe}")
    return read_parquet(root, path)
