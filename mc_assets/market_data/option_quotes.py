"""Option quotes of a series from CSV files: one surface for each date that has quotes."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from engine.calibration import Calibration, OptionSurface, calibrate
from mc_assets.market_data.config import SeriesConfig
from mc_assets.providers.errors import MarketDataError

__all__ = ["OptionQuotes"]

# Other names that vendors use for the same columns.
_ALSO = {
    "right": ("type", "option_type", "cp_flag", "call_put"),
    "expiry": ("expiration", "expiration_date", "expiry_date"),
    "implied_volatility": ("iv", "implied_vol"),
    "as_of": ("date", "quote_date", "timestamp"),
    "spot": ("forward", "underlying", "underlying_price"),
}
_DAY_IN_NAME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")


class OptionQuotes:
    """Quotes of a series by date.

    Parameters
    ----------
    series : SeriesConfig
        With ``option_quotes``: a CSV file, or a pattern such as ``chains/*.csv``. Columns are
        ``expiry``, ``strike``, ``right`` (call or put) and ``bid`` and ``ask``, ``price``,
        ``close`` or ``implied_volatility``; ``as_of``, a date or instant, unless the file's name
        ends in yyyymmdd; optionally ``spot`` and ``rate`` (else forwards and discounts come from
        put-call parity). Of a date with several instants the last one counts.
    folder : Path
        What relative paths start from.

    Raises
    ------
    MarketDataError
        If there is no such file, or it lacks a column.
    """

    def __init__(self, series: SeriesConfig, folder: Path) -> None:
        self._series = series
        self._frames: dict[datetime.date, pl.DataFrame] = {}
        if series.option_quotes is None:
            return
        pattern = Path(series.option_quotes.replace("{symbol}", series.symbol)).expanduser()
        root = folder if not pattern.is_absolute() else Path(pattern.anchor)
        relative = str(pattern.relative_to(root) if pattern.is_absolute() else pattern)
        files = sorted(root.glob(relative))
        if not files:
            raise MarketDataError(
                f"{series.key}: option_quotes: found no file {series.option_quotes}, "
                "allowed a CSV file or a pattern of them"
            )
        for file in files:
            self._read(file)

    def on(self, day: datetime.date) -> bool:
        """Whether there are quotes of a date."""
        return day in self._frames

    def surface(self, day: datetime.date) -> OptionSurface:
        """Quotes of a date.

        Raises
        ------
        ValueError
            If the quotes of the date make no surface.
        """
        frame = self._frames[day]
        level = {
            name: float(frame[name].cast(pl.Float64).drop_nulls()[0])
            for name in ("spot", "rate")
            if name in frame.columns and frame[name].null_count() < len(frame)
        }
        surface = OptionSurface.from_frame(
            frame,
            as_of=day,
            spot=level.get("spot"),
            rate=level.get("rate"),
            symbol=self._series.symbol,
        )
        return replace(surface, timeframe=self._series.timeframe)

    def heston(self, day: datetime.date) -> Calibration:
        """Heston model on the quotes of a date; failed with the reason where they do not do."""
        try:
            return calibrate("heston", self.surface(day))
        except ValueError as error:
            return Calibration.failed(
                "heston",
                symbol=self._series.symbol,
                timeframe=self._series.timeframe,
                as_of=day,
                window="surface",
                reason=str(error),
            )

    def _read(self, file: Path) -> None:
        frame = pl.read_csv(file, infer_schema_length=None)
        lower = {name: name.strip().lower() for name in frame.columns}
        frame = frame.rename(lower)
        for name, others in _ALSO.items():
            found = next((other for other in others if other in frame.columns), None)
            if name not in frame.columns and found is not None:
                frame = frame.rename({found: name})
        where = f"{self._series.key}: option_quotes {file.name}"
        missing = [n for n in ("expiry", "strike", "right") if n not in frame.columns]
        if missing:
            raise MarketDataError(
                f"{where}: found columns {', '.join(frame.columns)}, missing {', '.join(missing)}"
            )
        if "as_of" not in frame.columns:
            named = _DAY_IN_NAME.search(file.stem)
            if named is None:
                raise MarketDataError(
                    f"{where}: found no column as_of and no date in the name, "
                    "allowed either, such as chain_20151222.csv"
                )
            self._frames[_day("".join(named.groups()), where)] = frame
            return
        frame = frame.with_columns(pl.col("as_of").cast(pl.String))
        # Instants are written alike inside a file, so the last one sorts last.
        for (instant,), part in sorted(frame.partition_by("as_of", as_dict=True).items()):
            self._frames[_day(str(instant), where)] = part


def _day(text: str, where: str) -> datetime.date:
    digits = text[:10].replace("-", "")[:8]
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        raise MarketDataError(
            f"{where}: as_of: found {text!r}, allowed a date YYYY-MM-DD or yyyymmdd"
        ) from None
