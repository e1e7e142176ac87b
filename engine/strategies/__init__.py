"""Strategies: the interface, indicators, built-ins and the compiled event loop."""

from engine.strategies.engine import StrategyEngine, prepare_strategy
from engine.strategies.indicators import SMA
from engine.strategies.parameters import Choice, Float, Int, Parameter
from engine.strategies.registry import get_strategy, strategy_names
from engine.strategies.rewriting import StrategyError
from engine.strategies.series import crossed_above, crossed_below
from engine.strategies.strategy import Strategy

__all__ = [
    "SMA",
    "Choice",
    "Float",
    "Int",
    "Parameter",
    "Strategy",
    "StrategyEngine",
    "StrategyError",
    "crossed_above",
    "crossed_below",
    "get_strategy",
    "prepare_strategy",
    "strategy_names",
]
