"""The picture of a simulation shows its prices, its fills and its equity."""

from __future__ import annotations

import io

import matplotlib
import polars as pl
import pytest

from engine.jobs.replay import Replay
from engine.sources import GBM
from engine.studies import Study
from mc_assets.reports.replay_picture import replay_picture


@pytest.fixture(scope="module")
def replay() -> Replay:
    study = Study("drawn", GBM(sigma=0.4), "sma_crossover", {"fast": 3, "slow": 8}, steps=80)
    return study.run().simulation(0)


def test_a_picture_is_a_png_of_the_size_it_was_drawn_in(replay: Replay) -> None:
    image = replay_picture("drawn", replay)
    assert image.startswith(b"\x89PNG")
    matplotlib.use("Agg")
    height, width, _ = matplotlib.image.imread(io.BytesIO(image)).shape
    assert (width, height) == (1320, 840)


def test_the_same_simulation_gives_the_same_picture_and_another_one_does_not(
    replay: Replay,
) -> None:
    assert replay_picture("drawn", replay) == replay_picture("drawn", replay)
    assert replay_picture("other", replay) != replay_picture("drawn", replay)


def test_options_are_drawn_by_their_legs_at_their_strikes() -> None:
    study = Study("sold", GBM(mu=0.0), "short_strangle", {"dte": 20}, steps=64)
    sold = study.run().simulation(0)
    assert replay_picture("sold", sold).startswith(b"\x89PNG")
    drawn = {trace.name: trace for trace in sold.plot().figure.data}
    puts = sold.trades.filter(pl.col("symbol").str.starts_with("put "))
    line = drawn[f"sold put, {len(puts)}"]
    assert list(line.x[::3]) == puts["entry_bar"].to_list()
    assert list(line.x[1::3]) == puts["exit_bar"].to_list()
    strikes = [float(name.split()[1]) for name in puts["symbol"]]
    assert list(line.y[::3]) == list(line.y[1::3]) == strikes
    assert f"sold call, {len(puts)}" in drawn
    assert not any(name.startswith("bought, ") for name in drawn if name)
