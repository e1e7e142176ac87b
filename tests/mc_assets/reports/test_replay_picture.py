"""The picture of a simulation shows its prices, its fills and its equity."""

from __future__ import annotations

import io

import matplotlib
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
