"""Futures: expiry calendar, curve, continuous series, and what holding and rolling earns."""

from __future__ import annotations

from mc_assets.market_data.futures.continuous import continuous, continuous_bars
from mc_assets.market_data.futures.curve import Curve, read_curve
from mc_assets.market_data.futures.expiry import read_expiries
from mc_assets.market_data.futures.holding import holding_pnl
from mc_assets.market_data.futures.roll import RollRule, held_contracts

__all__ = [
    "Curve",
    "RollRule",
    "continuous",
    "continuous_bars",
    "held_contracts",
    "holding_pnl",
    "read_curve",
    "read_expiries",
]
