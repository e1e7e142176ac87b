"""Read and check ``series.yaml``, including the options of providers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from engine.errors import did_you_mean
from engine.yaml_text import YamlError, read_yaml_file
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig, some
from mc_assets.market_data.tick_series import tick_series
from mc_assets.project import series_path
from mc_assets.providers import MarketDataError, get_provider
from mc_assets.providers.errors import first_error, shown

__all__ = ["load_series"]

_KEYS: Final = ("series", "ticks")


def load_series(path: Path | None = None) -> MarketDataConfig:
    """Read and validate a series file.

    Parameters
    ----------
    path : Path, optional
        Defaults to `mc_assets.project.series_path`.

    Raises
    ------
    MarketDataError
        One sentence naming file, series, field, what was found and what is allowed.
    """
    path = (path or series_path()).expanduser().resolve()
    if not path.is_file():
        raise MarketDataError(
            str(path), "no such file", "a YAML file of series", hint="`mc init` begins a project"
        )
    try:
        document = read_yaml_file(path)
    except YamlError as error:
        line = f" line {error.line}" if error.line is not None else ""
        raise MarketDataError(
            f"{path.name}{line}", error.problem, "YAML: a mapping with `series`"
        ) from None
    except OSError as error:
        raise MarketDataError(
            str(path), f"a file that cannot be read ({error.strerror})", "one that can"
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("series"), list):
        raise MarketDataError(f"{path.name}: series", "no list", "a list of series")
    unknown = [key for key in document if key not in _KEYS]
    if unknown:
        raise MarketDataError(
            path.name,
            f"key {shown(unknown[0])}{did_you_mean(unknown[0], _KEYS)}",
            " and ".join(_KEYS),
        )
    entries: list[SeriesConfig] = []
    for number, entry in enumerate(document["series"]):
        entries.extend(_expand(entry, f"{path.name}: series[{number}]"))
    key, count = next(iter(Counter(entry.key for entry in entries).most_common(1)), ("", 0))
    if count > 1:
        raise MarketDataError(f"{path.name}: series", f"{key!r} more than once", "once")
    ticks = tick_series(document.get("ticks"), path.name)
    config = MarketDataConfig(folder=path.parent, series=tuple(entries), ticks=ticks)
    for series in config.series:
        _check_comparison(config, series, path.name)
    return config


def _check_comparison(config: MarketDataConfig, series: SeriesConfig, file: str) -> None:
    """Refuse a comparison of series with different timeframes or exchanges."""
    key = series.compared_key
    if key is None:
        return
    where = f"{file}: {series.key}: compare_with"
    if key not in config.by_key or key == series.key:
        others = [other for other in config.keys if other != series.key]
        raise MarketDataError(where, repr(key), some(others) or "no series")
    other = config[key]
    if (other.timeframe, other.exchange) != (series.timeframe, series.exchange):
        raise MarketDataError(
            where,
            f"{key} with timeframe {other.timeframe}, exchange {other.exchange}",
            f"a series with timeframe {series.timeframe}, exchange {series.exchange}",
        )


def _expand(entry: object, where: str) -> list[SeriesConfig]:
    """Expand an entry of the file to one series per symbol."""
    if not isinstance(entry, dict):
        raise MarketDataError(where, shown(entry), "a mapping")
    fields = dict(entry)
    several = fields.pop("symbols", None)
    if several is None:
        spelled = [(fields.pop("symbol", None), fields.pop("provider_symbol", None))]
    elif "symbol" in fields or "provider_symbol" in fields:
        other = "symbol" if "symbol" in fields else "provider_symbol"
        raise MarketDataError(where, f"{other} and symbols", "one of them")
    elif isinstance(several, list) and several:
        spelled = [(symbol, None) for symbol in several]
    elif isinstance(several, dict) and several:
        spelled = list(several.items())
    else:
        raise MarketDataError(
            f"{where}.symbols",
            shown(several),
            "a list of names, or a mapping of names to the provider's",
        )
    series: list[SeriesConfig] = []
    for symbol, provider_symbol in spelled:
        given = fields if symbol is None else {**fields, "symbol": symbol}
        if provider_symbol is not None:
            given = {**given, "provider_symbol": provider_symbol}
        try:
            made = SeriesConfig.model_validate(given)
        except ValidationError as error:
            raise MarketDataError("", first_error(error, where, SeriesConfig)) from None
        if not series:
            # Once per entry, because its symbols share the options.
            _check_provider(made, where)
        series.append(made)
    return series


def _check_provider(series: SeriesConfig, where: str) -> None:
    """Refuse timeframes, adjustments and options that the provider does not support."""
    provider = get_provider(series.provider)
    can = provider.capabilities
    if not can.serves(series.timeframe):
        raise MarketDataError(
            f"{where}.timeframe",
            repr(series.timeframe),
            f"with {series.provider} {', '.join(can.timeframes)}",
        )
    if series.adjustment is not None and series.adjustment not in can.adjustments:
        raise MarketDataError(
            f"{where}.adjustment",
            repr(series.adjustment),
            f"with {series.provider} {', '.join(can.adjustments)}",
        )
    try:
        provider.Options.model_validate(series.options)
    except ValidationError as error:
        raise MarketDataError(
            "", first_error(error, f"{where}.options", provider.Options)
        ) from None
