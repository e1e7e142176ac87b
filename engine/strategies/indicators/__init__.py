"""The built-in indicators, a file for each kind; a distinct one is computed once per path.

Parameter sets that share an indicator and its arguments share its values. A value is NaN until
there are bars enough for it. They are named as traders name them.
"""

from engine.strategies.indicators.averages import EMA, HMA, SMA, WMA
from engine.strategies.indicators.deviation import BollingerBands, StandardDeviation, ZScore
from engine.strategies.indicators.directional import ADX, DMI
from engine.strategies.indicators.extremes import Donchian, Highest, Lowest
from engine.strategies.indicators.keltner import Keltner
from engine.strategies.indicators.macd import MACD
from engine.strategies.indicators.momentum import Momentum
from engine.strategies.indicators.regression import LinearRegression
from engine.strategies.indicators.rsi import RSI
from engine.strategies.indicators.stochastic import Stochastic
from engine.strategies.indicators.supertrend import Supertrend
from engine.strategies.indicators.true_range import ATR, TrueRange
from engine.strategies.indicators.vwap import VWAP, RollingVWAP

__all__ = [
    "ADX",
    "ATR",
    "DMI",
    "EMA",
    "HMA",
    "MACD",
    "RSI",
    "SMA",
    "VWAP",
    "WMA",
    "BollingerBands",
    "Donchian",
    "Highest",
    "Keltner",
    "LinearRegression",
    "Lowest",
    "Momentum",
    "RollingVWAP",
    "StandardDeviation",
    "Stochastic",
    "Supertrend",
    "TrueRange",
    "ZScore",
]
