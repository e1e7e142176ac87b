"""Stress scenarios: what is changed, what stays, where they may begin."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.errors import Refusal
from engine.sources import GBM, Bootstrap, Correlated, Historical, Schwartz2F, Stressed
from engine.sources.stressed import SHOCK

DAY = 86_400_000_000
SEEDS = range(40)
STEPS = 60


def history(count: int = 80, seed: int = 5) -> Bars:
    """Bars of every day from 2020-01-01 on."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(random.normal(0.0, 0.02, count).cumsum())
    open_ = close * np.exp(random.normal(0.0, 0.005, count))
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    start = np.datetime64("2020-01-01", "us").astype(np.int64)
    return Bars("X", start + np.arange(count) * DAY, open_, high, low, close, np.ones(count))


def test_a_path_is_that_of_the_source_up_to_the_shock_and_moves_with_it_after() -> None:
    plain = GBM().paths(seeds=SEEDS, steps=STEPS)
    hit = Stressed(GBM(), at=20, shock=-0.25).paths(seeds=SEEDS, steps=STEPS)
    prices = slice(0, 4)
    assert hit.values[..., :20].tobytes() == plain.values[..., :20].tobytes()
    assert (hit.values[:, :, prices, 20:] == plain.values[:, :, prices, 20:] * 0.75).all()
    assert (hit.volume == plain.volume).all()


def test_a_shock_comes_in_equal_steps_at_the_opens_of_its_bars() -> None:
    plain = GBM().paths(seeds=SEEDS, steps=STEPS)
    hit = Stressed(GBM(), at=30, shock=-0.2, over=4).paths(seeds=SEEDS, steps=STEPS)
    ratio = hit.close / plain.close
    assert ratio[:, 29:36] == pytest.approx(
        np.tile([1.0, 0.95, 0.9, 0.85, 0.8, 0.8, 0.8], (len(SEEDS), 1)), rel=1e-12
    )


def test_a_stretch_of_history_brings_its_moves_and_the_rest_keeps_its_returns() -> None:
    bars = history(11)
    plain = GBM().paths(seeds=SEEDS, steps=STEPS)
    hit = Stressed(GBM(), at=25, stretch=bars).paths(seeds=SEEDS, steps=STEPS)
    assert hit.values[..., :25].tobytes() == plain.values[..., :25].tobytes()
    # Ten moves, those of every bar but the first.
    start = plain.close[:, 24:25]
    for name in ("open", "high", "low", "close"):
        expected = start * bars.field(name)[1:] / bars.close[0]
        assert hit.field(name)[:, 25:35] == pytest.approx(expected, rel=1e-12)
    assert hit.close[:, 35:] / hit.close[:, 34:35] == pytest.approx(
        plain.close[:, 35:] / plain.close[:, 34:35], rel=1e-12
    )
    assert hit.open[:, 35] == pytest.approx(hit.close[:, 34], rel=1e-12)


@settings(deadline=None)
@given(
    at=st.one_of(st.integers(1, 30), st.floats(0.01, 0.5), st.just("random")),
    shock=st.floats(-0.9, 3.0),
    over=st.integers(1, 20),
    stretched=st.booleans(),
    ranges=st.booleans(),
)
def test_bars_stay_bars_whatever_the_scenario(at, shock, over, stretched, ranges) -> None:
    scenario = {"stretch": history(21)} if stretched else {"shock": shock, "over": over}
    source = Stressed(GBM(sigma=0.5), at=at, **scenario)
    block = source.paths(seeds=5, steps=STEPS, bars="ohlc" if ranges else "close")
    top, bottom = np.maximum(block.open, block.close), np.minimum(block.open, block.close)
    assert (block.high >= top).all()
    assert (block.low <= bottom).all()
    assert (block.low > 0.0).all()
    if not ranges:
        assert (block.high == top).all()
        assert (block.low == bottom).all()


def test_a_random_moment_is_any_that_leaves_room_equally_often_and_belongs_to_the_path() -> None:
    source = Stressed(GBM(), at="random", shock=-0.5, over=3)
    seeds, steps = range(4_000), 13
    ratio = (
        source.paths(seeds=seeds, steps=steps).close / GBM().paths(seeds=seeds, steps=steps).close
    )
    first = (ratio < 0.999).argmax(axis=1)
    counts = np.bincount(first, minlength=steps)
    assert counts[0] == 0
    assert counts[11:].sum() == 0  # three bars have room up to bar 10
    expected = len(seeds) / 10
    chi_squared = float(((counts[1:11] - expected) ** 2 / expected).sum())
    assert chi_squared < 27.88  # 99.9 % point of chi-squared with 9 degrees of freedom
    again = source.paths(seeds=[7, 3], steps=steps).close
    assert (again[1] == source.paths(seeds=[3], steps=steps).close[0]).all()


def test_only_the_symbols_that_are_named_are_hit() -> None:
    pair = Correlated({"A": GBM(), "B": GBM(sigma=0.3)}, correlation=[[1, 0.5], [0.5, 1]])
    plain = pair.paths(seeds=SEEDS, steps=STEPS)
    hit = Stressed(pair, at=0.5, shock=-0.4, on=["B"]).paths(seeds=SEEDS, steps=STEPS)
    assert (hit.close[:, 0] == plain.close[:, 0]).all()
    assert (hit.close[:, 1, 30:] == plain.close[:, 1, 30:] * 0.6).all()


def test_warm_up_comes_before_the_path_and_its_bars_are_not_counted() -> None:
    scenario = Stressed(GBM(), at=10, shock=-0.2)
    plain = GBM().paths(seeds=SEEDS, steps=STEPS, warm_up=15)
    hit = scenario.paths(seeds=SEEDS, steps=STEPS, warm_up=15)
    assert (hit.close[:, :25] == plain.close[:, :25]).all()
    assert (hit.close[:, 25:] == plain.close[:, 25:] * 0.8).all()


def test_the_path_inside_bars_is_shocked_with_them() -> None:
    plain = GBM().paths(seeds=SEEDS, steps=STEPS, sub_bars=4)
    hit = Stressed(GBM(), at=10, shock=-0.2).paths(seeds=SEEDS, steps=STEPS, sub_bars=4)
    assert (hit.field("low.3")[:, 10:] == plain.field("low.3")[:, 10:] * 0.8).all()
    with pytest.raises(Refusal, match="sub_bars: found 4, allowed 1 for stressed"):
        Stressed(GBM(), stretch=history(5)).paths(seeds=SEEDS, steps=STEPS, sub_bars=4)


def test_history_is_hit_on_a_date_and_models_have_none() -> None:
    bars = history()
    when = datetime.date(2020, 2, 1)
    block = Stressed(Historical(bars), at=when, shock=-0.5).paths(seeds=[0])
    place = 31  # January has 31 days
    assert (block.close[0, :place] == bars.close[:place]).all()
    assert (block.close[0, place:] == bars.close[place:] * 0.5).all()
    assert block.timestamps is not None
    resampled = Stressed(Bootstrap(bars), at=0.5, shock=-0.5).paths(seeds=[0], steps=STEPS)
    assert resampled.close.shape == (1, STEPS)
    for at, found in (("2019-12-01", "allowed 2020-01-02 to"), ("2021-01-01", "to 2020-03-20")):
        with pytest.raises(Refusal, match=found):
            Stressed(Historical(bars), at=at, shock=-0.5).paths(seeds=[0])
    with pytest.raises(Refusal, match="the date 2020-02-01 for paths without dates"):
        Stressed(GBM(), at=when, shock=-0.5).paths(seeds=[0], steps=STEPS)


def test_parameters_of_source_and_scenario_are_changed_by_name() -> None:
    scenario = Stressed(GBM(mu=0.1), at=5, shock=-0.2)
    assert scenario.values == {"mu": 0.1, "sigma": 0.2, SHOCK: -0.2}
    other = scenario.with_parameters(**{"mu": 0.3, SHOCK: -0.4})
    assert other.values == {"mu": 0.3, "sigma": 0.2, SHOCK: -0.4}
    assert other.fingerprint() != scenario.fingerprint()
    with pytest.raises(Refusal, match="found 'nu'"):
        scenario.with_parameters(nu=1.0)
    with pytest.raises(Refusal, match=r"stress\.shock"):
        Stressed(GBM(), stretch=history(5)).with_parameters(**{SHOCK: -0.1})


def test_what_a_scenario_is_called_does_not_decide_its_paths() -> None:
    one, other = (Stressed(GBM(), shock=-0.2, label=label) for label in ("", "Black Monday"))
    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() != Stressed(GBM(), shock=-0.2, over=2).fingerprint()


def test_states_stay_as_the_model_made_them() -> None:
    plain = Schwartz2F().paths(seeds=SEEDS, steps=STEPS)
    hit = Stressed(Schwartz2F(), at=9, shock=0.5).paths(seeds=SEEDS, steps=STEPS)
    name = plain.fields[-1]
    assert (hit.field(name) == plain.field(name)).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"at": 0}, "at: found 0, allowed a bar from 1"),
        ({"at": 1.5}, "at: found 1.5"),
        ({"at": True}, "at: found True"),
        ({"at": "soon"}, "at: found 'soon'"),
        ({"shock": -1.0}, "shock: found -1.0, allowed > -1"),
        ({"shock": -0.1, "over": 0}, "over: found 0"),
        ({"on": ["Y"]}, "on: found 'Y', allowed SYNTHETIC"),
        ({"stretch": history(5), "shock": 0.1}, "stretch: found bars beside a shock"),
        ({"stretch": history(1)}, "stretch: found 1 bars"),
    ],
)
def test_a_scenario_that_cannot_be_is_one_sentence(given: dict, sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        Stressed(GBM(), **given)
    assert str(refusal.value).startswith(sentence)


def test_a_scenario_needs_room_and_positive_prices() -> None:
    with pytest.raises(Refusal, match="steps: found 4, allowed more than the 4 of the scenario"):
        Stressed(GBM(), shock=-0.1, over=4).paths(seeds=[1], steps=4)
    with pytest.raises(Refusal, match="allowed 1 to 56 of 60 bars"):
        Stressed(GBM(), at=57, shock=-0.1, over=4).paths(seeds=[1], steps=STEPS)
    with pytest.raises(Refusal, match="prices that may be at or below 0"):
        Stressed(Bootstrap(history(), returns="difference"), shock=-0.1)
    with pytest.raises(Refusal, match="source: found int"):
        Stressed(3)
