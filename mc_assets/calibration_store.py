"""Calibrations on disk: one Parquet file per series and year of as-of dates."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import polars as pl

from engine.calibration import Calibration

__all__ = ["CALIBRATION_SCHEMA", "CalibrationStore"]

CALIBRATION_SCHEMA = pl.Schema(
    {
        "symbol": pl.String,
        "timeframe": pl.String,
        "as_of": pl.Date,
        "model": pl.String,
        "parameter": pl.String,
        "estimate": pl.Float64,
        "std_error": pl.Float64,
        "log_likelihood": pl.Float64,
        "aic": pl.Float64,
        "bic": pl.Float64,
        "n": pl.Int64,
        "window": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "covariance": pl.String,
        "start_state": pl.String,
        "diagnostics": pl.String,
    }
)


class CalibrationStore:
    """Calibrations under ``<data>/calibrations/SERIES/YEAR.parquet``.

    Parameters
    ----------
    data : Path
        The data folder.
    """

    def __init__(self, data: Path) -> None:
        self.root = data / "calibrations"

    def write(self, calibrations: Iterable[Calibration]) -> int:
        """Add calibrations, replacing those of the same series, date and model; return rows.

        A file is replaced whole by a rename, so a reader sees the old one or the new one. Two
        writers of the same series must not run at once (the asset's pool sees to it).
        """
        rows = [row for calibration in calibrations for row in calibration.to_rows()]
        frame = pl.DataFrame(rows, schema=CALIBRATION_SCHEMA)
        for (symbol, timeframe, year), part in frame.group_by(
            "symbol", "timeframe", pl.col("as_of").dt.year(), maintain_order=True
        ):
            path = self._folder(str(symbol), str(timeframe)) / f"{year}.parquet"
            if path.exists():
                key = ["symbol", "timeframe", "as_of", "model"]
                kept = pl.read_parquet(path).join(part, on=key, how="anti")
                part = pl.concat([kept.select(part.columns), part])
            part = part.sort("as_of", "model", maintain_order=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_parquet(temporary, compression="zstd")
            os.replace(temporary, path)
        return frame.height

    def read(self, symbol: str, timeframe: str) -> pl.DataFrame:
        """All calibrations of a series in `CALIBRATION_SCHEMA`, oldest first."""
        files = sorted(self._folder(symbol, timeframe).glob("*.parquet"))
        if not files:
            return CALIBRATION_SCHEMA.to_frame()
        return pl.concat([pl.read_parquet(file) for file in files])

    def find(
        self, symbol: str, timeframe: str, model: str, as_of: Literal["latest"] | datetime.date
    ) -> Calibration:
        """Calibration of a model: the newest one that succeeded, or the one as of a date.

        Raises
        ------
        ValueError
            If there is none, or the one of the date failed.
        """
        table = self.read(symbol, timeframe).filter(pl.col("model") == model)
        series = f"{symbol}@{timeframe}"
        if as_of == "latest":
            table = table.filter(pl.col("status") == "ok")
            if table.is_empty():
                raise ValueError(
                    f"calibration of {model} on {series}: found none, allowed after "
                    f"`mc calibrate {series} --model {model}`"
                )
            table = table.filter(pl.col("as_of") == pl.col("as_of").max())
        else:
            available = table["as_of"].unique().sort()
            table = table.filter(pl.col("as_of") == as_of)
            if table.is_empty():
                span = f"{available[0]} … {available[-1]}" if len(available) else "none yet"
                raise ValueError(
                    f"calibration of {model} on {series}: found none as of {as_of}, "
                    f"allowed one of {len(available)} dates ({span})"
                )
        calibration = Calibration.from_rows(table.to_dicts())
        if not calibration.ok:
            raise ValueError(
                f"calibration of {model} on {series} as of {calibration.as_of}: "
                f"found status failed ({calibration.reason}), allowed ok"
            )
        return calibration

    def _folder(self, symbol: str, timeframe: str) -> Path:
        return self.root / quote(f"{symbol}@{timeframe}", safe="@")
