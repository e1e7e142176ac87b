"""Providers by name: built-in ones, imported on first use, and registered ones."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from engine.errors import Refusal
from mc_assets.providers.base import Provider
from mc_assets.providers.errors import MarketDataError, first_error

__all__ = ["get_provider", "make_provider", "provider_names", "register_provider"]

# Module paths rather than classes, so that a provider is imported only when it is used.
_BUILT_IN: Final[dict[str, str]] = {
    "csv": "mc_assets.providers.csv_files:CsvProvider",
    "alpaca": "mc_assets.providers.alpaca:AlpacaProvider",
    "lean": "mc_assets.providers.lean_files:LeanProvider",
    "futures": "mc_assets.market_data.futures.provider:FuturesProvider",
    "parquet": "mc_assets.providers.parquet_files:ParquetProvider",
    "polygon": "mc_assets.providers.polygon:PolygonProvider",
    "yahoo": "mc_assets.providers.yahoo:YahooProvider",
}
_REGISTERED: Final[dict[str, type[Provider]]] = {}


def register_provider(provider: type[Provider]) -> type[Provider]:
    """Make a provider known under its `name`; usable as a class decorator.

    A package may instead declare the entry point group ``mc_lab.providers``.

    Raises
    ------
    ValueError
        If the name is taken by another provider.
    """
    name = provider.name
    if name in _BUILT_IN or _REGISTERED.get(name, provider) is not provider:
        raise Refusal("provider", f"{name!r} registered already", "a new name")
    _REGISTERED[name] = provider
    return provider


def provider_names() -> list[str]:
    """Names of all providers, sorted."""
    return sorted({*_BUILT_IN, *_REGISTERED, *_entry_points()})


def get_provider(name: str) -> type[Provider]:
    """Class of the provider called `name`.

    Raises
    ------
    MarketDataError
        If there is none, or a package declares one that cannot be imported.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    target = _BUILT_IN.get(name) or _entry_points().get(name)
    if target is None:
        raise MarketDataError("provider", repr(name), ", ".join(provider_names()))
    module, _, attribute = target.partition(":")
    if name in _BUILT_IN:
        built_in: type[Provider] = getattr(import_module(module), attribute)
        return built_in
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        # A foreign package may raise anything; the error names the package.
        raise MarketDataError(
            f"provider {name}",
            f"the entry point {target}, which cannot be imported ({type(error).__name__}: "
            f"{str(error).strip() or 'no message'})",
            "a Provider",
        ) from error
    if not (isinstance(found, type) and issubclass(found, Provider)):
        raise MarketDataError(
            f"provider {name}",
            f"the entry point {target}, which is no subclass of mc_assets.providers.Provider",
            "one",
        )
    missing = [part for part in ("name", "capabilities", "Options") if not hasattr(found, part)]
    missing += sorted(found.__abstractmethods__)
    if missing:
        raise MarketDataError(
            f"provider {name}",
            f"the entry point {target} without {', '.join(missing)}",
            "a complete Provider",
        )
    return found


def make_provider(name: str, options: dict[str, Any], folder: Path, *, where: str) -> Provider:
    """Validate options and build the provider.

    Parameters
    ----------
    name : str
        A registered provider.
    options : dict
        Its options, as written in the series file.
    folder : Path
        Folder that relative paths start from.
    where : str
        Place in the configuration, the start of an error's sentence.
    """
    provider = get_provider(name)
    try:
        validated = provider.Options.model_validate(options)
    except ValidationError as error:
        raise MarketDataError(
            "", first_error(error, f"{where}: options", provider.Options)
        ) from None
    return provider(validated, folder)


def _entry_points() -> dict[str, str]:
    return _installed(tuple(sys.path))


@lru_cache(maxsize=4)
def _installed(_: tuple[str, ...]) -> dict[str, str]:
    """Return entry points by name; cached, since a search costs milliseconds per series."""
    return {point.name: point.value for point in entry_points(group="mc_lab.providers")}
