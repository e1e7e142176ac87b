"""Which series the project keeps, as validated objects."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engine.calendar import EXCHANGES, BarCalendar
from engine.errors import Refusal, did_you_mean
from engine.models import estimated_models, packaged
from engine.timeframes import canonical_timeframe
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.market_data.severities import QualityConfig
from mc_assets.market_data.tick_series import TickSeriesConfig
from mc_assets.providers import MarketDataError, provider_names

__all__ = ["Adjustment", "MarketDataConfig", "ModelEntry", "SeriesConfig", "some"]

Adjustment = Literal["raw", "split", "dividend", "all"]

# Keys become parts of file names, partition keys and SQL, so separators are excluded.
_SYMBOL: Final = re.compile(r"[A-Za-z0-9^=._/:+-]*[A-Za-z0-9][A-Za-z0-9^=._/:+-]*")
_OWN_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
# What a hook reads of a bar beside its columns.
_HOOK_NAMES: Final = ("index", "time", "hour", "minute", "weekday")
_MODEL: Final = re.compile(r"[A-Za-z0-9_]{1,80}")
# The percent-encoded name must still fit into a folder name.
_LONGEST_NAME: Final = 80
_NAMES_SHOWN: Final = 20
# Dates outside this range are typing errors.
_EARLIEST: Final = date(1800, 1, 1)
_LATEST: Final = date(2999, 12, 31)


class ModelEntry(BaseModel):
    """A model to calibrate.

    Parameters
    ----------
    model : str
        Its name: that of its source.
    file : str, optional
        Python file, or folder of them, that defines it; relative paths start at the folder of the
        series file.
    data : {"curve"}, optional
        Estimate a model that takes both, such as ``schwartz_1f``, on the curve of a futures series
        instead of its bars.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    file: str | None = Field(default=None, min_length=1, max_length=4_096)
    data: Literal["curve"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_enough(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value

    @field_validator("model")
    @classmethod
    def _model_is_a_name(cls, value: str) -> str:
        # It becomes part of the name of a check.
        if not _MODEL.fullmatch(value):
            raise Refusal("", _short(value), f"up to {_LONGEST_NAME} letters, digits and _")
        return value


class SeriesConfig(BaseModel):
    """One series: a symbol at a timeframe, and where its bars come from.

    Parameters
    ----------
    symbol : str
        Name of the instrument.
    timeframe : str
        Whole minutes or hours below a day (``2m``, ``10m``, ``4h``), ``1d``, ``1w`` or ``1mo``;
        whole hours are called so (``60m`` is ``1h``).
    provider : str
        Name of a registered provider.
    provider_symbol : str, optional
        How the provider spells the symbol, where that differs; it fills ``{symbol}`` in paths.
    exchange : str
        A key of `engine.calendar.EXCHANGES`: sessions, holidays and time zone.
    start, end : date
        First and last day wanted; no `end` means the series grows every night.
    adjustment : {"raw", "split", "dividend", "all"}, optional
        What the provider's prices are adjusted for; the provider's usual one by default.
    overlap : int
        Days before the last stored bar that a nightly fetch asks for again, so that restated
        bars are noticed.
    repair : bool
        Repair 100× unit errors instead of only reporting them.
    factors : str, optional
        File of split and dividend factors (`adjustments.read_factors`) for raw bars, which
        calibrations and studies then see adjusted;
        ``{symbol}`` is filled in, relative paths start at the folder of the series file.
    columns : list or dict, optional
        Further columns of the provider's table to store with each bar, as numbers known at its
        close: names, or ``{own_name: column}`` where the provider's is no name. Studies carry them
        with ``columns: [own_name]`` of their source.
    options : dict
        The provider's own options.
    compare_with : str, optional
        Key of another series that holds the same instrument from another source: where both
        have bars, the check ``provider_disagreement`` compares them whenever either is
        normalised. ``{symbol}`` is filled in; without ``@`` the timeframe is this series' own.
    quality : QualityConfig
        Severity and thresholds of each check.
    models : list, optional
        Models to calibrate, by name, or ``{model: cev, file: my_model.py}`` for a user's own; by
        default every one that bars alone can calibrate. On a futures series models that take
        nothing else are estimated on the curve, ``schwartz_2f`` always.
    calibration : dict
        Options of the estimators by model, such as ``{gbm: {window: "rolling:5y"}}``.
    option_quotes : str, optional
        File or pattern of files with option quotes of this symbol, relative to the series file:
        on dates that have quotes, ``heston`` is calibrated on them instead of on the bars, and
        models that take quotes alone, such as ``bates``, are calibrated on no other date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    timeframe: str = "1d"
    provider: str
    provider_symbol: str | None = None
    exchange: str = "XNYS"
    start: date
    end: date | None = None
    adjustment: Adjustment | None = None
    overlap: int = Field(default=7, ge=0, le=3_650)
    repair: bool = False
    factors: str | None = Field(default=None, min_length=1, max_length=4_096)
    columns: dict[str, str] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    compare_with: str | None = Field(default=None, min_length=1, max_length=200)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    models: tuple[ModelEntry, ...] | None = None
    calibration: dict[str, dict[str, Any]] = Field(default_factory=dict)
    option_quotes: str | None = Field(default=None, min_length=1, max_length=4_096)

    @property
    def key(self) -> str:
        """``SYMBOL@TIMEFRAME``, the name of the series everywhere."""
        return f"{self.symbol}@{self.timeframe}"

    @property
    def asked(self) -> str:
        """The symbol as the provider spells it."""
        return self.provider_symbol or self.symbol

    @property
    def compared_key(self) -> str | None:
        """Key of the series to compare with."""
        if self.compare_with is None:
            return None
        key = self.compare_with.replace("{symbol}", self.symbol)
        return key if "@" in key else f"{key}@{self.timeframe}"

    @property
    def calendar(self) -> BarCalendar:
        """Calendar used to annualise these bars."""
        return BarCalendar(self.exchange, self.timeframe)

    @field_validator("columns", mode="before")
    @classmethod
    def _names_are_enough(cls, value: Any) -> Any:
        return {name: name for name in value} if isinstance(value, list) else value

    @field_validator("columns")
    @classmethod
    def _columns_have_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _OWN_NAME.fullmatch(name) or name in (*BARS_SCHEMA, *_HOOK_NAMES):
                raise Refusal(
                    "",
                    _short(name),
                    "small letters, digits and _, and no name of a bar's own: "
                    f"{', '.join((*BARS_SCHEMA, *_HOOK_NAMES))}",
                )
        return value

    @field_validator("symbol")
    @classmethod
    def _symbol_is_a_name(cls, value: str) -> str:
        if not _SYMBOL.fullmatch(value) or not _is_name(value):
            raise Refusal(
                "",
                _short(value),
                f"up to {_LONGEST_NAME} letters, digits and ^ = . _ / : + -, without .. between "
                "slashes",
            )
        return value

    @field_validator("provider_symbol")
    @classmethod
    def _provider_symbol_is_a_name(cls, value: str | None) -> str | None:
        if value is not None and not _is_name(value):
            raise Refusal(
                "",
                _short(value),
                f"up to {_LONGEST_NAME} characters that can be printed, without .. between slashes",
            )
        return value

    @field_validator("timeframe")
    @classmethod
    def _timeframe_is_known(cls, value: str) -> str:
        try:
            return canonical_timeframe(value)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("timeframe: ")) from None

    @field_validator("exchange")
    @classmethod
    def _exchange_is_known(cls, value: str) -> str:
        if value not in EXCHANGES:
            near = did_you_mean(value, EXCHANGES)
            raise Refusal("", f"{value!r}{near}", ", ".join(sorted(EXCHANGES)))
        return value

    @field_validator("provider")
    @classmethod
    def _provider_is_registered(cls, value: str) -> str:
        names = provider_names()
        if value not in names:
            raise Refusal("", f"{value!r}{did_you_mean(value, names)}", ", ".join(names))
        return value

    @model_validator(mode="after")
    def _models_are_known(self) -> SeriesConfig:
        entries = self.models or ()
        known = {*estimated_models(), *(item.model for item in entries if item.file)}
        for field, names in (
            ("models", [item.model for item in entries]),
            ("calibration", self.calibration),
        ):
            for name in names:
                if name not in known and name not in packaged():
                    raise Refusal(
                        field,
                        repr(name),
                        f"{', '.join(sorted({*known, *packaged()}))}, or one of your own as "
                        "{model: NAME, file: PATH}",
                    )
        for entry in entries:
            if entry.data == "curve" and self.provider != "futures":
                raise Refusal(
                    "models", f"data curve for {entry.model}", "on a series of provider futures"
                )
        return self

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> SeriesConfig:
        if self.start > datetime.now(UTC).date():
            raise Refusal("start", str(self.start), "today or earlier")
        if self.start < _EARLIEST:
            raise Refusal("start", str(self.start), f"{_EARLIEST} or later")
        if self.end is not None and self.end > _LATEST:
            raise Refusal("end", str(self.end), f"up to {_LATEST}")
        if self.end is not None and self.end < self.start:
            raise Refusal("end", str(self.end), f"on or after start {self.start}")
        return self


def _is_name(text: str) -> bool:
    """Whether a text may become part of a path or URL."""
    return text.isprintable() and 0 < len(text) <= _LONGEST_NAME and ".." not in text.split("/")


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…")


class MarketDataConfig(BaseModel):
    """Every series of bars and of ticks, and the folder that relative paths start from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    series: tuple[SeriesConfig, ...]
    ticks: tuple[TickSeriesConfig, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Keys of all series, in the order of the file."""
        return list(self.by_key)

    @cached_property
    def by_key(self) -> dict[str, SeriesConfig]:
        """Series by key, in the order of the file."""
        return {entry.key: entry for entry in self.series}

    def __getitem__(self, key: str) -> SeriesConfig:
        if key not in self.by_key:
            raise MarketDataError("series", repr(key), some(self.keys))
        return self.by_key[key]

    def ticks_of(self, key: str) -> TickSeriesConfig:
        """Series of ticks by its key; an unknown one is an error."""
        found = next((series for series in self.ticks if series.key == key), None)
        if found is None:
            raise MarketDataError("ticks", repr(key), some([series.key for series in self.ticks]))
        return found

    def comparing_with(self, key: str) -> list[SeriesConfig]:
        """Series that are to be compared with the series `key`."""
        return [entry for entry in self.series if entry.compared_key == key]

    def find(self, symbol: str, timeframe: str | None = None) -> list[SeriesConfig]:
        """Series of a symbol or key, of one timeframe if given; an unknown name is an error."""
        found = [
            entry
            for entry in self.series
            if symbol in (entry.symbol, entry.key) and timeframe in (None, entry.timeframe)
        ]
        if not found:
            wanted = symbol if timeframe is None else f"{symbol}@{timeframe}"
            raise MarketDataError("symbol", repr(wanted), some(self.keys))
        return found


def some(names: list[str]) -> str:
    """List names, abbreviated after twenty."""
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
