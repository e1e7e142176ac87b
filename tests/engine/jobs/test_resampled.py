"""What a bootstrap draws from is written down, and tells which part of history a path is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.jobs.resampled import ResampledHistory
from engine.sources import GBM, Bootstrap
from engine.studies import Study


def bars(count: int = 800, seed: int = 1) -> Bars:
    block = GBM(mu=0.05, sigma=0.2).paths(seeds=[seed], steps=count)
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close")]
    stamps = np.arange(count, dtype=np.int64) * 86_400_000_000
    return Bars("X", stamps, *prices, np.full(count, 1e6))


def intraday() -> Bars:
    daily = bars(390)
    stamps = (np.arange(390) // 13 * 1440 + np.arange(390) % 13 * 30) * 60_000_000
    calendar = BarCalendar("XNYS", "30m")
    prices = (daily.open, daily.high, daily.low, daily.close, daily.volume)
    return Bars("X", stamps.astype(np.int64), *prices, calendar=calendar)


def of(source: Any, **settings: Any) -> ResampledHistory | None:
    study = Study("s", source, "buy_and_hold", seeds=4, steps=50, **settings)
    return ResampledHistory.of(study.resolve().world)


def test_starts_and_totals_are_those_of_the_drawn_bars() -> None:
    source = Bootstrap(bars(), method="circular_block", block_length=4)
    history = of(source)
    assert history is not None
    assert history.blocks == 39  # of five runs of four bars each
    seeds, numbers = np.arange(60, dtype=np.uint64), np.zeros(60, dtype=np.uint64)
    found = history.paths(seeds, numbers, 50)
    # Twelve whole runs and the beginning of another; two that happen to adjoin are one.
    assert set(found.starts.sum(axis=1)) == {12.0, 13.0}
    assert found.starts.sum(axis=1).mean() > 12.9
    drawn = source.draws().indices(seeds, numbers, 50)
    move = history.moves[:, 0]
    scaled = (move - move.mean()) / move.std()
    np.testing.assert_allclose(found.totals[:, 0], scaled[drawn].sum(axis=1), rtol=1e-9)
    # Weighting every block alike changes no expected total.
    np.testing.assert_allclose(found.by_block.sum(axis=1), 0.0, atol=1e-9)


def test_how_totals_change_with_a_block_is_what_tilted_draws_show() -> None:
    history = of(Bootstrap(bars(), method="iid"))
    assert history is not None
    seeds = np.arange(40_000, dtype=np.uint64)
    found = history.paths(seeds, np.zeros(40_000, dtype=np.uint64), 50)
    centred = found.starts - found.starts.mean(axis=0)
    shown = found.totals.T @ centred / len(seeds)
    error = found.totals.std(axis=0)[:, None] * found.starts.std(axis=0) / len(seeds) ** 0.5
    assert np.abs((shown - found.by_block) / error).max() < 4.5


@pytest.mark.parametrize(
    "source", [Bootstrap(bars(), block_length=5.5), None], ids=["days", "clock"]
)
def test_it_comes_back_from_its_file(source: Bootstrap | None) -> None:
    source = source or Bootstrap(intraday(), block_length=3, session_clock=True)
    history = of(source)
    assert history is not None
    again = ResampledHistory.from_frame(history.to_frame())
    seeds, numbers = np.arange(9, dtype=np.uint64), np.zeros(9, dtype=np.uint64)
    one, two = history.paths(seeds, numbers, 50), again.paths(seeds, numbers, 50)
    assert np.array_equal(one.starts, two.starts)
    assert np.array_equal(one.totals, two.totals)


def test_models_and_swept_blocks_have_none_and_short_histories_no_blocks() -> None:
    assert of(GBM()) is None
    assert of(Bootstrap(bars()), parameters={"model.block_length": [2.0, 5.0]}) is None
    short = of(Bootstrap(bars(60), block_length=10))
    assert short is not None
    assert short.blocks == 0


def test_a_study_writes_down_what_it_resamples(tmp_path: Path) -> None:
    study = Study("s", Bootstrap(bars(), block_length=5), "buy_and_hold", seeds=4, steps=50)
    results = study.run(root=tmp_path)
    (file,) = tmp_path.glob("results/s/*/history.parquet")
    assert len(pl.read_parquet(file)) == 799
    assert results.resampled is not None
