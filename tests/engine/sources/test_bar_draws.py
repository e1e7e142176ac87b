"""The bars that a bootstrap drew for a path are found again without its prices."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.sources import GBM, Bootstrap

MINUTE = 60_000_000
SEEDS = np.array([0, 7, 2**63, 12345], dtype=np.uint64)


def history(count: int = 300) -> Bars:
    block = GBM(mu=0.05, sigma=0.2).paths(seeds=[1], steps=count)
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close")]
    return Bars("X", np.arange(count, dtype=np.int64) * 1440 * MINUTE, *prices, np.full(count, 1.0))


def sessions(days: int = 30, each: int = 13) -> Bars:
    """Half hours of a session a day."""
    count = days * each
    block = GBM(mu=0.05, sigma=0.2).paths(seeds=[2], steps=count)
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close")]
    day = np.arange(count) // each * 1440 + np.arange(count) % each * 30
    stamps = (day * MINUTE).astype(np.int64)
    return Bars("X", stamps, *prices, np.full(count, 1.0), calendar=BarCalendar("XNYS", "30m"))


@pytest.mark.parametrize(
    "source",
    [
        Bootstrap(history(), block_length=5.5),
        Bootstrap(history(), method="stationary", block_length="auto"),
        Bootstrap(history(), method="circular_block", block_length=7),
        Bootstrap(history(), method="moving_block", block_length=7),
        Bootstrap(history(), method="iid"),
        Bootstrap(sessions(), block_length=4, session_clock=True),
    ],
    ids=["stationary", "auto", "circular", "moving", "iid", "sessions"],
)
def test_the_drawn_bars_make_the_path(source: Bootstrap) -> None:
    steps = 60
    block = source.paths(seeds=SEEDS, paths_per_seed=2, steps=steps, s0=100.0)
    seeds, numbers = np.repeat(SEEDS, 2), np.tile(np.arange(2, dtype=np.uint64), len(SEEDS))
    drawn = source.draws().indices(seeds, numbers, steps)
    close = source.bars[0].close
    ratios = close[1:] / close[:-1]
    np.testing.assert_allclose(100.0 * np.cumprod(ratios[drawn], axis=1), block.close, rtol=1e-12)


def test_bars_before_the_path_leave_its_draws_as_they_are() -> None:
    source = Bootstrap(history(), block_length=5)
    drawn = source.draws().indices(SEEDS, np.zeros(4, dtype=np.uint64), 40)
    block = source.paths(seeds=SEEDS, steps=40, s0=50.0, warm_up=30)
    ratios = source.bars[0].close[1:] / source.bars[0].close[:-1]
    path = block.close[:, 30:]
    np.testing.assert_allclose(50.0 * np.cumprod(ratios[drawn], axis=1), path, rtol=1e-12)


def test_differences_are_drawn_alike() -> None:
    source = Bootstrap(history(), block_length=5, returns="difference")
    drawn = source.draws().indices(SEEDS, np.zeros(4, dtype=np.uint64), 40)
    block = source.paths(seeds=SEEDS, steps=40, s0=50.0)
    moves = np.diff(source.bars[0].close)
    np.testing.assert_allclose(50.0 + np.cumsum(moves[drawn], axis=1), block.close, rtol=1e-10)
