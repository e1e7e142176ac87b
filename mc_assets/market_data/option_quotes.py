"""Option quotes of a series from CSV files: one surface for each date that has quotes."""

from __future__ import annotations

import datetime
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from engine.calibration import Calibration, OptionSurface, try_calibrate
from engine.errors import Refusal
from engine.tables.line_quotes import close_quotes
from engine.tables.text_bytes import text_bytes
from mc_assets.market_data.config import SeriesConfig
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.paths import filled_path

__all__ = ["OptionQuotes"]

# Other names that vendors use for the same columns.
_ALSO = {
    "right": ("type", "option_type", "cp_flag", "call_put"),
    "expiry": ("expiration", "expiration_date", "expiry_date"),
    "implied_volatility": ("iv", "implied_vol"),
    "as_of": ("date", "quote_date", "timestamp"),
    "spot": ("underlying", "underlying_price"),
    "forward": ("forward_price",),
    "style": ("exercise_style", "exercise"),
}
# One of these columns must give the price of a quote.
_PRICES = {"bid", "price", "close"}
# Options of estimators that concern quotes; the others concern bars.
_SURFACE_OPTIONS = ("mu", "narrowest", "weights")
_DAY_IN_NAME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")


class OptionQuotes:
    """Quotes of a series by date.

    Parameters
    ----------
    series : SeriesConfig
        With ``option_quotes``: a CSV file, or a pattern such as ``chains/*.csv``. Columns are
        ``expiry``, ``strike``, ``right`` (call or put) and ``bid`` and ``ask``, ``price``,
        ``close`` or ``implied_volatility``; ``as_of``, a date or instant, unless the file's name
        ends in yyyymmdd; optionally ``rate`` and ``spot`` or ``forward`` (else forwards and
        discounts come from put-call parity; a rate may differ from expiry to expiry), and
        ``style``. Of a date with several instants the last one counts.
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
        pattern = filled_path(
            series.option_quotes, folder, field=f"{series.key}: option_quotes", symbol=series.symbol
        )
        files = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
        if not files:
            raise MarketDataError(
                f"{series.key}: option_quotes",
                f"no file {series.option_quotes}",
                "a CSV file or a pattern of them",
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
        spot = _level(frame, "spot", self._series.key)
        rated = _level(frame, "rate", self._series.key) is not None
        if spot is not None and not rated:
            if "implied_volatility" in frame.columns and not _PRICES & set(frame.columns):
                raise Refusal(
                    f"{self._series.key} option_quotes {day} rate",
                    "none",
                    "a column rate beside the spot and implied_volatility",
                )
            # Put-call parity determines the carry; assuming a rate of zero would be a guess.
            spot = None
        if not rated and "rate" in frame.columns:
            frame = frame.drop("rate")
        surface = OptionSurface.from_frame(frame, as_of=day, spot=spot, symbol=self._series.symbol)
        return replace(surface, timeframe=self._series.timeframe)

    def calibration(self, model: str, day: datetime.date) -> Calibration:
        """Calibrate a model on a date's quotes; on failure the result holds the reason."""
        try:
            if not self.on(day):
                raise Refusal(f"{self._series.key} option_quotes", f"none of {day}", "some")
            surface = self.surface(day)
        except ValueError as error:
            return Calibration.failed(
                model,
                symbol=self._series.symbol,
                timeframe=self._series.timeframe,
                as_of=day,
                window="surface",
                reason=str(error),
            )
        given = self._series.calibration.get(model, {})
        options = {name: given[name] for name in _SURFACE_OPTIONS if name in given}
        return replace(try_calibrate(model, surface, **options), window="surface")

    def _read(self, file: Path) -> None:
        frame = _table(file, self._series.key)
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
                "",
                f"{where}: found columns {', '.join(frame.columns)}, missing {', '.join(missing)}",
            )
        if "as_of" not in frame.columns:
            named = _DAY_IN_NAME.search(file.stem)
            if named is None:
                raise MarketDataError(
                    where,
                    "no column as_of and no date in the name",
                    "either, such as chain_20151222.csv",
                )
            self._frames[_day("".join(named.groups()), where)] = frame
            return
        frame = frame.with_columns(pl.col("as_of").cast(pl.String))
        # All instants of a file have the same format, so text order is time order.
        for (instant,), part in sorted(frame.partition_by("as_of", as_dict=True).items()):
            self._frames[_day(str(instant), where)] = part


def _table(file: Path, series: str) -> pl.DataFrame:
    try:
        text = close_quotes(bytes(text_bytes(file)), ",")
        return pl.read_csv(io.BytesIO(text), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise MarketDataError(
            f"{series}: option_quotes {file.name}", f"text that is no table ({reason})", "CSV"
        ) from None


def _level(frame: pl.DataFrame, name: str, series: str) -> float | None:
    """First number of a column, if there is one."""
    if name not in frame.columns or frame[name].null_count() == len(frame):
        return None
    value = frame[name].cast(pl.Float64, strict=False).drop_nulls()
    if value.is_empty() or not math.isfinite(value[0]):
        raise Refusal(
            f"{series} option_quotes {name}", repr(frame[name].drop_nulls()[0]), "a number"
        )
    return float(value[0])


def _day(text: str, where: str) -> datetime.date:
    digits = text[:10].replace("-", "")[:8]
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        raise MarketDataError(
            f"{where}: as_of", repr(text), "a date YYYY-MM-DD or yyyymmdd"
        ) from None
