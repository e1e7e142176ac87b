"""Runs a scripted strategy over a few hand-written bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.bars import Bars
from engine.strategies import Backtest, Strategy, backtest

Rows = list[tuple[float, float, float, float]]


def bars_of(rows: Rows, symbol: str = "X", volume: float = 1000.0) -> Bars:
    opens, high, low, close = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    stamps = np.arange(len(rows), dtype=np.int64) * 86_400_000_000
    return Bars(symbol, stamps, opens, high, low, close, np.full(len(rows), volume))


@pytest.fixture
def play() -> Callable[..., Backtest]:
    def run(strategy: type[Strategy], rows: Rows, **execution: object) -> Backtest:
        settings = {"cash": 10_000.0, **execution}
        return backtest(strategy, bars_of(rows), {}, settings)

    return run


@pytest.fixture
def make_bars() -> Callable[..., Bars]:
    return bars_of
