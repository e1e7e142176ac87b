"""Real bars: normalised, checked, stored by series and year."""

from __future__ import annotations

from mc_assets.market_data.bar_store import BarStore, bars_hash
from mc_assets.market_data.canonical import BARS_SCHEMA, QUARANTINE_SCHEMA, canonical_schema
from mc_assets.market_data.config import MarketDataConfig, SeriesConfig
from mc_assets.market_data.fetching import (
    Ingested,
    due_years,
    ingest_many,
    ingest_raw,
    series_years,
)
from mc_assets.market_data.ingest import NormalisedResult, compare_year, normalise_year
from mc_assets.market_data.normalise import Normalised, normalise
from mc_assets.market_data.one_file import bars_from_file
from mc_assets.market_data.quality import QUALITY_SCHEMA, QualityFinding
from mc_assets.market_data.raw_store import RawResult, RawStore
from mc_assets.market_data.series_file import load_series
from mc_assets.providers import MarketDataError

__all__ = [
    "BARS_SCHEMA",
    "QUALITY_SCHEMA",
    "QUARANTINE_SCHEMA",
    "BarStore",
    "Ingested",
    "MarketDataConfig",
    "MarketDataError",
    "Normalised",
    "NormalisedResult",
    "QualityFinding",
    "RawResult",
    "RawStore",
    "SeriesConfig",
    "bars_from_file",
    "bars_hash",
    "canonical_schema",
    "compare_year",
    "due_years",
    "ingest_many",
    "ingest_raw",
    "load_series",
    "normalise",
    "normalise_year",
    "series_years",
]
