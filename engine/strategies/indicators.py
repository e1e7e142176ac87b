"""Indicators a strategy declares; each distinct one is computed once per path.

A declaration names an indicator, its periods (numbers or declared parameters) and what it is
computed from. Parameter sets that share an indicator and its periods share its values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.strategies.parameters import Parameter

__all__ = ["SMA", "Indicator", "Output"]


class Output(NamedTuple):
    """One row of values of an indicator.

    Parameters
    ----------
    kind : int
        Number of its formula in `engine.strategies.indicator_rows`.
    arguments : tuple
        Numbers or declared parameters.
    """

    kind: int
    arguments: tuple[float | Parameter, ...]


class Indicator:
    """A declared indicator.

    Parameters
    ----------
    field : str
        Field of the bars it is computed from.
    symbol : int
        Position of the symbol.
    **outputs : Output
        Its rows by name; an indicator of one row calls it ``value``.
    """

    def __init__(self, field: str = "close", symbol: int = 0, **outputs: Output) -> None:
        self.field = field
        self.symbol = symbol
        self.outputs = outputs


def SMA(period: Any, field: str = "close", symbol: int = 0) -> Indicator:
    """Return the simple moving average of the last `period` bars."""
    return Indicator(field, symbol, value=Output(0, (period,)))
