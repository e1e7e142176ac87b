"""The error class of market data."""

from __future__ import annotations

from engine.errors import Refusal

__all__ = ["MarketDataError"]


class MarketDataError(Refusal):
    """Data, or a setting of a series or provider, that cannot be used."""
