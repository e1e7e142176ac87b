"""Options on a path: contracts as exchanges list them, quotes, margin and volatility surfaces."""

from engine.options.listings import OptionListing, OptionSeries, option_listing
from engine.options.margin import option_margin
from engine.options.scan import scan_margin
from engine.options.strike_grid import StrikeBand, StrikeGrid

__all__ = [
    "OptionListing",
    "OptionSeries",
    "StrikeBand",
    "StrikeGrid",
    "option_listing",
    "option_margin",
    "scan_margin",
]
