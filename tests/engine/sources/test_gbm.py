from __future__ import annotations

import math

import numpy as np
import pytest

from engine.sources import GBM

# Closed forms of the log-normal law: tables/simulation_moments.json, "gbm".
CASE = {"mu": 0.08, "sigma": 0.2}
MEAN, SD, MEDIAN, P05, P95 = (
    108.32870676749586,
    21.88421512605823,
    106.18365465453596,
    76.41656259712067,
    147.54613571454456,
)


def _check(paths: int) -> None:
    close = GBM(**CASE).paths(seeds=range(paths), steps=4, dt=0.25, bars="close").close[:, -1]
    assert abs(close.mean() - MEAN) < 4 * SD / math.sqrt(paths)
    log = np.log(close / 100)
    assert abs(log.var() - 0.04) < 4 * 0.04 * math.sqrt(2 / paths)
    for level, value in ((0.05, P05), (0.5, MEDIAN), (0.95, P95)):
        share = (close <= value).mean()
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / paths)


def test_moments_and_quantiles_are_those_of_the_log_normal_law():
    _check(100_000)


@pytest.mark.slow
def test_moments_and_quantiles_hold_for_a_million_paths():
    _check(1_000_000)


@pytest.mark.parametrize("steps", [1, 12])
def test_the_highest_price_exceeds_a_barrier_as_in_continuous_time(steps):
    """Reflection principle; a daily grid of closes alone would see 0.44 instead of 0.465."""
    paths, expected = 50_000, 0.46537108963642826
    block = GBM(**CASE).paths(seeds=range(paths), steps=steps, dt=1 / steps)
    share = (block.high.max(axis=1) > 120).mean()
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / paths)


def test_the_discounted_price_is_a_martingale_at_every_bar():
    close = GBM(mu=0.03, sigma=0.4).paths(seeds=range(50_000), steps=8, dt=0.5, bars="close").close
    for bar in range(8):
        discounted = close[:, bar] * math.exp(-0.03 * 0.5 * (bar + 1))
        assert abs(discounted.mean() - 100) < 4 * discounted.std() / math.sqrt(close.shape[0])


def test_bars_open_at_the_previous_close_and_hold_their_prices():
    block = GBM().paths(s0=50.0, seeds=range(20), steps=300)
    assert (block.open[:, 0] == 50.0).all()
    assert (block.open[:, 1:] == block.close[:, :-1]).all()
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()
    assert block.fields == ("open", "high", "low", "close", "volume")


def test_the_bar_form_does_not_change_the_closes():
    full = GBM().paths(seeds=range(5), steps=300)
    cheap = GBM().paths(seeds=range(5), steps=300, bars="close")
    assert (full.close == cheap.close).all()
    assert (cheap.high == np.maximum(cheap.open, cheap.close)).all()


def test_a_longer_path_begins_with_the_shorter_one():
    long = GBM().paths(seeds=[3], steps=1000)
    for steps in (1, 64, 65, 255, 256, 257, 700):
        short = GBM().paths(seeds=[3], steps=steps)
        assert (short.values == long.values[..., :steps]).all()


def test_zero_volatility_gives_the_deterministic_path():
    block = GBM(mu=0.1, sigma=0.0).paths(seeds=[1], steps=10, dt=0.1)
    expected = 100 * np.exp(0.1 * 0.1 * np.arange(1, 11))
    assert block.close[0] == pytest.approx(expected, rel=1e-14)
    assert (block.high[0] == block.close[0]).all()


def test_antithetic_paths_mirror_each_other():
    source = GBM(mu=0.02, sigma=0.3, sampling="antithetic")
    block = source.paths(seeds=[5, 6], paths_per_seed=4, steps=400)
    log = np.log(block.close / 100)
    drift = (0.02 - 0.045) / 252 * np.arange(1, 401)
    assert log[0::2] - drift == pytest.approx(-(log[1::2] - drift), abs=1e-12)
    up, down = np.log(block.high / block.open), np.log(block.low / block.open)
    assert (np.sign(up - down) >= 0).all()
    plain = GBM(mu=0.02, sigma=0.3).paths(seeds=[5], steps=400)
    assert (block.values[0] == plain.values[0]).all()
    with pytest.raises(ValueError, match="paths_per_seed: found 3, allowed an even number"):
        source.paths(seeds=[5], paths_per_seed=3, steps=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": -0.1}, "sigma: found -0.1, allowed >= 0"),
        ({"mu": float("nan")}, "mu: found nan, allowed any finite number"),
        ({"sigma": "wide"}, "sigma: found 'wide', allowed >= 0"),
        ({"volume": -1.0}, "volume: found -1, allowed >= 0"),
        ({"sampling": "lucky"}, "sampling: found 'lucky', allowed random, antithetic"),
    ],
)
def test_bad_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GBM(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"s0": -37.63}, r"s0: found -37.63, allowed > 0: gbm models the logarithm"),
        ({"s0": 0.0}, "s0: found 0.0, allowed > 0"),
        ({"steps": 0}, "steps: found 0, allowed a whole number >= 1"),
        ({"steps": None}, "steps: found None"),
        ({"dt": -1.0}, "dt: found -1.0, allowed > 0"),
        ({"bars": "tick"}, "bars: found 'tick', allowed 'ohlc', 'close'"),
        ({"seeds": [-1]}, "seeds: found -1, allowed whole numbers"),
        ({"seeds": []}, "seeds: found none"),
        ({"threads": 0}, "threads: found 0"),
        ({"s0": [1.0, 2.0]}, "s0: found 2 prices, allowed one per symbol"),
    ],
)
def test_bad_requests_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GBM().paths(**({"seeds": [1], "steps": 5} | arguments))
