from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.sources import Historical

DAY = 86_400_000_000


def _bars(symbol: str, days: list[int]) -> Bars:
    price = np.array([100.0 + day for day in days])
    stamps = np.array(days, dtype=np.int64) * DAY
    return Bars(symbol, stamps, price, price + 1, price - 1, price + 0.5, price * 10)


def test_the_bars_come_as_they_were():
    bars = _bars("A", list(range(10)))
    block = Historical(bars).paths(seeds=[1, 2])
    for name in ("open", "high", "low", "close", "volume"):
        assert (block.field(name) == getattr(bars, name)).all()
    assert (block.timestamps == bars.timestamps).all()
    # Ten bars on ten days, over a weekend: no more fit in a year than its days.
    assert block.dt == pytest.approx(1 / 365.25)


def test_fewer_steps_mean_the_last_bars():
    block = Historical(_bars("A", list(range(10))), steps=3).paths(seeds=[1])
    assert block.open[0].tolist() == [107.0, 108.0, 109.0]
    with pytest.raises(ValueError, match="steps: found 11, allowed <= 10"):
        Historical(_bars("A", list(range(10)))).paths(seeds=[1], steps=11)


def test_several_symbols_are_joined_on_shared_timestamps():
    block = Historical((_bars("A", [1, 2, 3, 5]), _bars("B", [2, 3, 4, 5]))).paths(seeds=[1])
    assert block.values.shape == (1, 2, 5, 3)
    assert block.open[0].tolist() == [[102, 103, 105], [102, 103, 105]]


def test_symbols_without_a_common_day_are_an_error():
    with pytest.raises(ValueError, match="bars: A, B have no timestamp in common; `join: last"):
        Historical((_bars("A", [1, 2]), _bars("B", [3, 4])))
    with pytest.raises(ValueError, match="symbols A, A, allowed each symbol once"):
        Historical((_bars("A", [1, 2]), _bars("A", [1, 2])))
