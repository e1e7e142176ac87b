"""Options on a path: contracts as exchanges list them, legs as data, volatility, margin."""

from engine.options.legs import Leg
from engine.options.listings import OptionListing, OptionSeries, option_listing
from engine.options.margin import option_margin
from engine.options.scan import scan_margin
from engine.options.settings import OptionSettings
from engine.options.strategies import OptionStrategy
from engine.options.strike_grid import StrikeBand, StrikeGrid

__all__ = [
    "Leg",
    "OptionListing",
    "OptionSeries",
    "OptionSettings",
    "OptionStrategy",
    "StrikeBand",
    "StrikeGrid",
    "option_listing",
    "option_margin",
    "scan_margin",
]
