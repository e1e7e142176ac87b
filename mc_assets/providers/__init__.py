"""Where bars come from: one small interface, one file per provider."""

from __future__ import annotations

from mc_assets.providers.base import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    Provider,
    RawTable,
)
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.registry import (
    get_provider,
    make_provider,
    provider_names,
    register_provider,
)

__all__ = [
    "Capabilities",
    "FetchError",
    "FetchResult",
    "Layout",
    "MarketDataError",
    "Provider",
    "RawTable",
    "get_provider",
    "make_provider",
    "provider_names",
    "register_provider",
]
