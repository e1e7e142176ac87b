from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import engine as mc
from engine.sources import Bates, Heston, Merton

JUMPS = {"jump_intensity": 0.7, "mean_log_jump": -0.15, "jump_vol": 0.1}
VARIANCE = {"v0": 0.05, "kappa": 1.5, "theta": 0.04, "xi": 0.6, "rho": -0.7}
SLOW = pytest.param(1_000_000, marks=pytest.mark.slow)


def _closes(source: Bates, paths: int, steps: int, years: float) -> np.ndarray:
    pieces = [
        source.paths(
            seeds=range(first, min(first + 20_000, paths)),
            steps=steps,
            dt=years / steps,
            bars="close",
        ).close[:, -1]
        for first in range(0, paths, 20_000)
    ]
    return np.concatenate(pieces)


@pytest.mark.parametrize("paths", [40_000, SLOW])
@pytest.mark.parametrize(
    ("jumps", "steps", "years"),
    [
        (JUMPS, 50, 1.0),
        ({"jump_intensity": 20.0, "mean_log_jump": 0.03, "jump_vol": 0.05}, 12, 0.25),
        ({"jump_intensity": 0.3, "mean_log_jump": -0.4, "jump_vol": 0.0}, 60, 3.0),
    ],
)
def test_option_prices_on_paths_are_those_of_the_transform(paths, jumps, steps, years):
    model = VARIANCE | jumps
    close = _closes(Bates(mu=0.03, **model), paths, steps, years)
    # The expected price has the drift mu, jumps included.
    assert abs(close.mean() - 100.0 * math.exp(0.03 * years)) < 4 * close.std() / math.sqrt(paths)
    for strike in (80.0, 100.0, 125.0):
        payoff = math.exp(-0.03 * years) * np.maximum(close - strike, 0.0)
        exact = float(mc.bates_price(100.0, strike, years, rate=0.03, **model))
        assert abs(payoff.mean() - exact) < 4 * payoff.std() / math.sqrt(paths) + 0.01


@pytest.mark.parametrize("scheme", ["qe", "full_truncation"])
def test_without_jumps_paths_are_those_of_heston_to_the_bit(scheme):
    ours = Bates(mu=0.1, scheme=scheme, **VARIANCE, jump_intensity=0.0)
    heston = Heston(mu=0.1, scheme=scheme, **VARIANCE)
    for options in ({"steps": 400}, {"steps": 100, "sub_bars": 3}):
        found, plain = (s.paths(seeds=range(40), **options).values for s in (ours, heston))
        assert (found == plain).all()


def test_the_jumps_leave_variance_and_shocks_as_they_are():
    jumping, heston = Bates(**VARIANCE, **JUMPS), Heston(**VARIANCE)
    found, plain = (s.paths(seeds=range(300), steps=252) for s in (jumping, heston))
    assert (found.field("variance") == plain.field("variance")).all()
    growth = math.expm1(JUMPS["mean_log_jump"] + 0.5 * JUMPS["jump_vol"] ** 2)
    drift = -JUMPS["jump_intensity"] * growth * found.dt
    apart = np.diff(np.log(found.close) - np.log(plain.close), prepend=0.0) - drift
    jumps = apart[np.abs(apart) > 1e-9]
    expected = 300 * JUMPS["jump_intensity"] * 252 * found.dt
    assert abs(len(jumps) - expected) < 4 * math.sqrt(expected)
    error = JUMPS["jump_vol"] / math.sqrt(len(jumps))
    assert abs(jumps.mean() - JUMPS["mean_log_jump"]) < 4 * error
    assert jumps.std() == pytest.approx(JUMPS["jump_vol"], abs=4 * error / math.sqrt(2))


def test_with_a_constant_variance_ranges_are_those_of_merton_bar_by_bar():
    constant = {"v0": 0.04, "kappa": 1.0, "theta": 0.04, "xi": 0.0, "rho": 0.0}
    ours = Bates(mu=0.0, **constant, **(JUMPS | {"jump_intensity": 30.0}))
    merton = Merton(mu=0.0, sigma=0.2, **(JUMPS | {"jump_intensity": 30.0}))
    one, other = (
        s.paths(seeds=seeds, steps=20, dt=0.02)
        for s, seeds in ((ours, range(2_000)), (merton, range(2_000, 4_000)))
    )
    for ratio in (
        lambda b: b.high / b.open,
        lambda b: b.low / b.open,
        lambda b: b.high / b.low,
        lambda b: b.close / b.open,
    ):
        # Bars of a path are independent here.
        assert stats.ks_2samp(ratio(one).ravel(), ratio(other).ravel()).pvalue > 1e-4


def test_bars_hold_their_prices_and_do_not_depend_on_their_form():
    source = Bates(**VARIANCE, jump_intensity=200.0)
    block = source.paths(seeds=range(50), steps=600)
    assert np.isfinite(block.values).all()
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()
    assert (source.paths(seeds=range(50), steps=600, bars="close").close == block.close).all()
    alone = source.paths(seeds=[33], steps=600)
    assert (alone.values[0] == block.values[33]).all()


def test_it_starts_from_the_filtered_variance_of_a_calibration():
    moved = Bates(**VARIANCE).with_start_state({"variance": 0.09, "spot": 50.0})
    assert moved.v0 == 0.09
    with pytest.raises(ValueError, match="start state of bates: found 'regime_1', allowed spot"):
        Bates().with_start_state({"regime_1": 1.0})


def test_what_cannot_be_simulated_is_named():
    with pytest.raises(ValueError, match="mean_log_jump \\+ jump_vol\\^2 / 2 <= 600"):
        Bates(jump_vol=40.0).prepare(steps=5)
    with pytest.raises(ValueError, match=r"jump_intensity: found 1e\+07, allowed <= 252000"):
        Bates(jump_intensity=1e7).prepare(steps=5)
