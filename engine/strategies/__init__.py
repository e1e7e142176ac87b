"""Strategies: the interface, indicators, built-ins and the compiled event loop."""

from engine.strategies.backtest import Backtest, backtest
from engine.strategies.engine import StrategyEngine
from engine.strategies.expression import Close, Field, High, Low, Open, Volume
from engine.strategies.fill_tape import FillTape
from engine.strategies.hook_arguments import Account, Bar, Order
from engine.strategies.hook_text import StrategyError
from engine.strategies.indicator import Indicator
from engine.strategies.indicator_values import indicator_values
from engine.strategies.indicators import (
    ADX,
    ATR,
    DMI,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    VWAP,
    WMA,
    BollingerBands,
    Donchian,
    Highest,
    Keltner,
    LinearRegression,
    Lowest,
    Momentum,
    RollingVWAP,
    StandardDeviation,
    Stochastic,
    Supertrend,
    TrueRange,
    ZScore,
)
from engine.strategies.parameters import Choice, Float, Int, Parameter
from engine.strategies.prepare import prepare_strategy
from engine.strategies.registry import (
    describe_strategy,
    get_strategy,
    load_user_strategies,
    strategy_names,
)
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy

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
    "Account",
    "Backtest",
    "Bar",
    "BollingerBands",
    "Choice",
    "Close",
    "Donchian",
    "Field",
    "FillTape",
    "Float",
    "High",
    "Highest",
    "Indicator",
    "Int",
    "Keltner",
    "LinearRegression",
    "Low",
    "Lowest",
    "Momentum",
    "Open",
    "Order",
    "Parameter",
    "RollingVWAP",
    "StandardDeviation",
    "Stochastic",
    "Strategy",
    "StrategyEngine",
    "StrategyError",
    "Supertrend",
    "TrueRange",
    "Volume",
    "ZScore",
    "backtest",
    "crossed_above",
    "crossed_below",
    "describe_strategy",
    "get_strategy",
    "indicator_values",
    "load_user_strategies",
    "prepare_strategy",
    "strategy_names",
]
