"""Which series the project keeps: ``series.yaml`` as validated objects."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.calendar import EXCHANGES, TIMEFRAMES, BarCalendar
from engine.models import estimated_models, packaged
from mc_assets.market_data.severities import QualityConfig
from mc_assets.providers import MarketDataError, provider_names
from mc_assets.providers.errors import first_error

__all__ = [
    "Adjustment",
    "MarketDataConfig",
    "ModelEntry",
    "SeriesConfig",
    "load_series",
    "series_path",
]

Adjustment = Literal["raw", "split", "dividend", "all"]

# A key is part of file names, partition keys and SQL: no separators of any of them.
_SYMBOL: Final = re.compile(r"[A-Za-z0-9^=._/:+-]*[A-Za-z0-9][A-Za-z0-9^=._/:+-]*")

_SERIES_FILE: Final = Path(__file__).resolve().parents[1] / "series.yaml"


class ModelEntry(BaseModel):
    """A model to calibrate.

    Parameters
    ----------
    model : str
        Its name: that of its source.
    file : str, optional
        Python file, or folder of them, that defines it; relative paths start at the folder of the
        series file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_enough(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value


class SeriesConfig(BaseModel):
    """One series: a symbol at a timeframe, and where its bars come from.

    Parameters
    ----------
    symbol : str
        Name of the instrument.
    timeframe : str
        A key of `engine.calendar.TIMEFRAMES`.
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
        default every built-in one that the series' data can carry. Those that can be calibrated on
        a futures curve are, where the series has one; the others on bars.
    calibration : dict
        Options of the estimators by model, such as ``{gbm: {window: "rolling:5y"}}``.
    option_quotes : str, optional
        File or pattern of files with option quotes of this symbol, relative to the series file:
        on dates that have quotes, ``heston`` is calibrated on them instead of on the bars.
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
    overlap: int = Field(default=7, ge=0)
    repair: bool = False
    factors: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    compare_with: str | None = None
    quality: QualityConfig = Field(default_factory=QualityConfig)
    models: tuple[ModelEntry, ...] | None = None
    calibration: dict[str, dict[str, Any]] = Field(default_factory=dict)
    option_quotes: str | None = None

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
        """The calendar that annualises these bars."""
        return BarCalendar(self.exchange, self.timeframe)

    @field_validator("symbol")
    @classmethod
    def _symbol_is_a_name(cls, value: str) -> str:
        if not _SYMBOL.fullmatch(value):
            raise ValueError(f"found {value!r}, allowed letters, digits and ^ = . _ / : + -")
        return value

    @field_validator("timeframe")
    @classmethod
    def _timeframe_is_known(cls, value: str) -> str:
        if value not in TIMEFRAMES:
            raise ValueError(f"found {value!r}, allowed {', '.join(TIMEFRAMES)}")
        return value

    @field_validator("exchange")
    @classmethod
    def _exchange_is_known(cls, value: str) -> str:
        if value not in EXCHANGES:
            raise ValueError(f"found {value!r}, allowed {', '.join(sorted(EXCHANGES))}")
        return value

    @field_validator("provider")
    @classmethod
    def _provider_is_registered(cls, value: str) -> str:
        if value not in provider_names():
            raise ValueError(f"found {value!r}, allowed {', '.join(provider_names())}")
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
                    raise ValueError(
                        f"{field}: found {name!r}, allowed "
                        f"{', '.join(sorted({*known, *packaged()}))}, or one of your own as "
                        "{model: NAME, file: PATH}"
                    )
        return self

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> SeriesConfig:
        if self.start > datetime.now(UTC).date():
            raise ValueError(f"start: found {self.start}, allowed today or earlier")
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end: found {self.end}, allowed on or after start {self.start}")
        return self


class MarketDataConfig(BaseModel):
    """Every series of the project, and the folder that relative paths start from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    series: tuple[SeriesConfig, ...]

    @property
    def keys(self) -> list[str]:
        """Keys of all series, in the order of the file."""
        return [entry.key for entry in self.series]

    def __getitem__(self, key: str) -> SeriesConfig:
        for entry in self.series:
            if entry.key == key:
                return entry
        raise MarketDataError(f"series: found {key!r}, allowed {', '.join(self.keys)}")

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
            raise MarketDataError(f"symbol: found {wanted!r}, allowed {', '.join(self.keys)}")
        return found


def series_path() -> Path:
    """File of the series: ``MC_SERIES`` or the project's own ``series.yaml``."""
    return Path(os.environ.get("MC_SERIES") or _SERIES_FILE)


def load_series(path: Path | None = None) -> MarketDataConfig:
    """Read and validate a series file.

    Parameters
    ----------
    path : Path, optional
        Defaults to `series_path`.

    Raises
    ------
    MarketDataError
        One sentence naming file, series, field, what was found and what is allowed.
    """
    path = (path or series_path()).expanduser().resolve()
    if not path.is_file():
        raise MarketDataError(f"{path}: found no such file, allowed a YAML file of series")
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), _UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}" if where is not None else ""
        raise MarketDataError(
            f"{path.name}{line}: found text that is not YAML "
            f"({getattr(error, 'problem', None) or 'not UTF-8'}), allowed a mapping with `series`"
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("series"), list):
        raise MarketDataError(f"{path.name}: series: found no list, allowed a list of series")
    unknown = sorted(set(document) - {"series"})
    if unknown:
        raise MarketDataError(f"{path.name}: found key {unknown[0]!r}, allowed series")
    entries: list[SeriesConfig] = []
    for number, entry in enumerate(document["series"]):
        entries.extend(_expand(entry, f"{path.name}: series[{number}]"))
    repeated = {entry.key for entry in entries if sum(e.key == entry.key for e in entries) > 1}
    if repeated:
        raise MarketDataError(
            f"{path.name}: series: found {sorted(repeated)[0]!r} more than once, allowed once"
        )
    config = MarketDataConfig(folder=path.parent, series=tuple(entries))
    for series in config.series:
        _check_comparison(config, series, path.name)
    return config


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that is written twice is an error, not the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _check_comparison(config: MarketDataConfig, series: SeriesConfig, file: str) -> None:
    """Refuse a comparison whose bars could never agree: other bars, or other sessions."""
    key = series.compared_key
    if key is None:
        return
    where = f"{file}: {series.key}: compare_with"
    others = [other.key for other in config.series if other.key != series.key]
    if key not in others:
        raise MarketDataError(f"{where}: found {key!r}, allowed {', '.join(others) or 'no series'}")
    other = config[key]
    if (other.timeframe, other.exchange) != (series.timeframe, series.exchange):
        raise MarketDataError(
            f"{where}: found {key} with timeframe {other.timeframe}, exchange {other.exchange}, "
            f"allowed a series with timeframe {series.timeframe}, exchange {series.exchange}"
        )


def _expand(entry: object, where: str) -> list[SeriesConfig]:
    """One entry of the file as one series per symbol."""
    if not isinstance(entry, dict):
        raise MarketDataError(f"{where}: found {entry!r}, allowed a mapping")
    fields = dict(entry)
    several = fields.pop("symbols", None)
    if several is None:
        spelled = [(fields.pop("symbol", None), fields.pop("provider_symbol", None))]
    elif "symbol" in fields or "provider_symbol" in fields:
        other = "symbol" if "symbol" in fields else "provider_symbol"
        raise MarketDataError(f"{where}: found {other} and symbols, allowed one of them")
    elif isinstance(several, list) and several:
        spelled = [(symbol, None) for symbol in several]
    elif isinstance(several, dict) and several:
        spelled = list(several.items())
    else:
        raise MarketDataError(
            f"{where}.symbols: found {several!r}, allowed a list of names, or a mapping of names "
            "to the provider's"
        )
    series = []
    for symbol, provider_symbol in spelled:
        given = fields if symbol is None else {**fields, "symbol": symbol}
        if provider_symbol is not None:
            given = {**given, "provider_symbol": provider_symbol}
        try:
            series.append(SeriesConfig.model_validate(given))
        except ValidationError as error:
            raise MarketDataError(first_error(error, where, SeriesConfig)) from None
    return series
