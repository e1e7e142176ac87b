"""A history with the facts that simple models miss."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.sources import make_source


def bars_of(block_values: np.ndarray, symbol: str) -> Bars:
    count = block_values.shape[-1]
    stamps = np.arange(count, dtype=np.int64) * 86_400_000_000
    columns = [np.ascontiguousarray(column) for column in block_values[:5]]
    return Bars(symbol, stamps, *columns, BarCalendar())


@pytest.fixture(scope="session")
def wild() -> Bars:
    # Calm and turbulent regimes: clustered volatility and fat tails.
    regimes = {"mu_1": 0.1, "mu_2": -0.1, "sigma_1": 0.08, "sigma_2": 0.45}
    source = make_source("regime_switching", regimes | {"p_11": 0.98, "p_21": 0.04})
    return bars_of(source.paths(steps=1500, seeds=[11], s0=100.0).values[0, 0], "WILD")


@pytest.fixture(scope="session")
def calm() -> Bars:
    source = make_source("gbm", {"mu": 0.05, "sigma": 0.2})
    return bars_of(source.paths(steps=1500, seeds=[12], s0=100.0).values[0, 0], "CALM")
