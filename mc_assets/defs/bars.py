"""Bars: what the provider sent, and the canonical table made of it."""

from __future__ import annotations

import dagster as dg

from mc_assets.defs.partitions import grouped, series_years
from mc_assets.resources import Laboratory

__all__ = ["bars", "checks", "raw_bars"]
