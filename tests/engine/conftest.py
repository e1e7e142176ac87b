"""Small studies on made-up market data."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calibration import Calibration
from engine.errors import Refusal
from engine.sources import GBM
from engine.studies import Study


class MadeUpMarket:
    """Two years of bars of one symbol, and a GBM calibration of it."""

    def __init__(self) -> None:
        rng = np.random.Generator(np.random.Philox(7))
        close = 2000 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, 504)))
        opening = np.concatenate([[2000.0], close[:-1]])
        stamps = np.arange(504, dtype=np.int64) * 86_400_000_000
        self._bars = Bars(
            "SP500",
            stamps,
            opening,
            np.maximum(opening, close) * 1.001,
            np.minimum(opening, close) * 0.999,
            close,
            np.full(504, 1e6),
        )

    def bars(self, symbol: str, timeframe: str) -> Bars:
        if (symbol, timeframe) != ("SP500", "1d"):
            raise Refusal("symbol", repr(f"{symbol}@{timeframe}"), "SP500@1d")
        return self._bars

    def calibration(
        self, symbol: str, timeframe: str, model: str, as_of: str | datetime.date
    ) -> Calibration:
        if model != "gbm":
            raise ValueError(f"calibration: found {model}, allowed gbm")
        return Calibration(
            model="gbm",
            symbol=symbol,
            timeframe=timeframe,
            as_of=datetime.date(1971, 5, 1),
            parameters={"mu": 0.08, "sigma": 0.16},
            std_errors={"mu": 0.1, "sigma": 0.005},
            covariance=np.array([[0.01, 0.0], [0.0, 0.000025]]),
            log_likelihood=0.0,
            aic=0.0,
            bic=0.0,
            n=503,
            window="all",
            status="ok",
            reason="",
            diagnostics={},
            start_state={},
        )


@pytest.fixture(scope="session")
def market() -> MadeUpMarket:
    return MadeUpMarket()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """A small SMA study on GBM paths; keyword arguments change it."""

    def make(**changes: Any) -> Study:
        settings: dict[str, Any] = {
            "name": "small",
            "source": GBM(mu=0.05, sigma=0.2),
            "strategy": "sma_crossover",
            "parameters": {"fast": [3, 5], "slow": [10, 20]},
            "seeds": 40,
            "steps": 60,
        }
        return Study(**(settings | changes))

    return make
