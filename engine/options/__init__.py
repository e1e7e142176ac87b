"""Options on a path: contracts as exchanges list them, quotes, margin and volatility surfaces."""

from engine.options.chain_marks import ChainMarks, chain_marks
from engine.options.chains import OptionChain, read_option_chain
from engine.options.listings import OptionListing, OptionSeries, option_listing
from engine.options.margin import option_margin
from engine.options.scan import scan_margin
from engine.options.smile import VolatilitySurface
from engine.options.strike_grid import StrikeBand, StrikeGrid

__all__ = [
    "ChainMarks",
    "OptionChain",
    "OptionListing",
    "OptionSeries",
    "StrikeBand",
    "StrikeGrid",
    "VolatilitySurface",
    "chain_marks",
    "option_listing",
    "option_margin",
    "read_option_chain",
    "scan_margin",
]
