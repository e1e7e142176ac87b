"""Drawdowns along equity curves of many paths."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.statistics.drawdown import (
    drawdown_curves,
    drawdowns,
    max_drawdown,
    max_drawdown_duration,
    summarise_drawdowns,
)


def curves(seed: int, *shape: int) -> np.ndarray:
    changes = np.random.Generator(np.random.Philox(seed)).normal(0.0, 0.02, size=shape)
    return 100.0 * np.exp(changes.cumsum(axis=-1))


def test_many_paths_have_the_drawdowns_each_has_alone() -> None:
    equity = curves(1, 4, 3, 120)
    found = summarise_drawdowns(equity, 100.0)
    for index in np.ndindex(4, 3):
        alone = equity[index]
        assert found.depth[index] == pytest.approx(-max_drawdown(alone, 100.0))
        assert found.longest[index] == max_drawdown_duration(alone, 100.0)
        np.testing.assert_allclose(
            drawdown_curves(alone, 100.0), -drawdowns(alone, 100.0), atol=1e-15
        )


def test_the_ulcer_index_agrees_with_quantstats(reference: Path) -> None:
    folder = reference / "oracles"
    lines = (folder / "short_returns.csv").read_text().splitlines()[1:]
    returns = np.array([float(line.split(",")[1]) for line in lines])
    oracle = json.loads((folder / "metrics.json").read_text())["results"]["short"]
    # quantstats divides by n - 1 where Martin's definition has n.
    ulcer = summarise_drawdowns(np.cumprod(1.0 + returns), 1.0).ulcer
    expected = oracle["quantstats"]["ulcer_index"]
    assert ulcer * np.sqrt(20 / 19) == pytest.approx(expected, rel=1e-9)


def test_conditional_drawdown_runs_from_the_mean_to_the_deepest() -> None:
    equity = curves(2, 200)
    below = drawdown_curves(equity, 100.0)
    assert summarise_drawdowns(equity, 100.0, level=0.0).conditional == pytest.approx(below.mean())
    deepest = summarise_drawdowns(equity, 100.0, level=0.999)
    assert deepest.conditional == pytest.approx(below.max())
    # 2.5 of 10 bars: two and half of the third.
    short = np.sort(drawdown_curves(equity[:10], 100.0))[::-1]
    found = summarise_drawdowns(equity[:10], 100.0, level=0.75).conditional
    assert found == pytest.approx((short[0] + short[1] + 0.5 * short[2]) / 2.5)


def test_an_idle_path_has_no_drawdown() -> None:
    found = summarise_drawdowns(np.full((2, 30), 100.0), 100.0)
    for part in (found.depth, found.ulcer, found.conditional, found.under_water, found.longest):
        assert part.tolist() == [0.0, 0.0]


def test_time_under_water_counts_bars_below_an_earlier_peak() -> None:
    found = summarise_drawdowns([90.0, 100.0, 99.0, 98.0, 101.0], 100.0)
    assert float(found.under_water) == pytest.approx(3 / 5)
    assert float(found.longest) == 2.0
    with pytest.raises(ValueError, match="level"):
        summarise_drawdowns([1.0], 1.0, level=1.0)
