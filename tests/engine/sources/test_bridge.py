from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from engine.compiled import kernel
from engine.sources import GBM
from engine.sources.bridge import group_extremes, range_survival
from engine.sources.fit_range_start import fit_range_start
from engine.sources.range_start import _START, range_start

# Driftless Brownian motion over [0, 1]: E[range] = sqrt(8/pi), E[range^2] = 4 ln 2 (Parkinson,
# 1980), E[high] = sqrt(2/pi), E[max drawdown] = sqrt(pi/2) (Magdon-Ismail et al., 2004).
BROWNIAN = GBM(mu=0.02, sigma=0.2)  # log drift 0
SCALE = 0.2


@kernel
def _group(room: NDArray[np.float64]) -> None:
    group_extremes(room)


@kernel
def _start(x: float, s: float, t: float) -> float:
    return range_start(x, s, t)


def _standard(block) -> dict[str, NDArray[np.float64]]:
    """High, low and close of the whole path in units of a standard Brownian motion."""
    return {
        "high": np.log(block.high.max(axis=1) / 100) / SCALE,
        "low": np.log(block.low.min(axis=1) / 100) / SCALE,
        "close": np.log(block.close[:, -1] / 100) / SCALE,
    }


def _check_extremes(paths: int) -> None:
    one = _standard(BROWNIAN.paths(seeds=range(paths), steps=1, dt=1.0))
    width = one["high"] - one["low"]
    for sample, expected in (
        (width, math.sqrt(8 / math.pi)),
        (width**2, 4 * math.log(2)),
        (one["high"], math.sqrt(2 / math.pi)),
        (one["low"], -math.sqrt(2 / math.pi)),
        # E[high * low] = 1 - 2 ln 2: the joint law, which independent extremes would miss
        (one["high"] * one["low"], 1 - 2 * math.log(2)),
        (one["high"] * (one["high"] - one["close"]), 0.5),
    ):
        assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(paths)


def test_extremes_of_a_bar_have_the_closed_form_moments():
    _check_extremes(100_000)


@pytest.mark.slow
def test_extremes_of_a_bar_have_the_closed_form_moments_at_a_million_bars():
    _check_extremes(1_000_000)


def test_one_bar_and_many_small_bars_have_the_same_joint_law():
    """The range drawn for a bar is that of its parts: no time step enters the law."""
    one = _standard(BROWNIAN.paths(seeds=range(20_000), steps=1, dt=1.0))
    many = _standard(BROWNIAN.paths(seeds=range(50_000, 70_000), steps=32, dt=1 / 32))
    for combine in (
        lambda x: x["high"] - x["low"],
        lambda x: x["high"] * x["low"],
        lambda x: np.where(np.abs(x["close"]) < 0.2, x["high"] - x["low"], np.nan),
        lambda x: np.where(x["close"] > 1.0, x["low"], np.nan),
    ):
        first, second = combine(one), combine(many)
        first, second = first[~np.isnan(first)], second[~np.isnan(second)]
        assert stats.ks_2samp(first, second).pvalue > 1e-4


def test_the_law_agrees_with_fine_simulation():
    steps, paths = 1000, 10_000
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.standard_normal((paths, steps)) / math.sqrt(steps), axis=1)
    # A grid misses 0.5826 sqrt(dt) at each end (Broadie, Glasserman and Kou, 1997).
    missed = 0.5826 / math.sqrt(steps)
    width = np.maximum(walk.max(axis=1), 0) - np.minimum(walk.min(axis=1), 0) + 2 * missed
    drawn = _standard(BROWNIAN.paths(seeds=range(paths), steps=1, dt=1.0))
    found = drawn["high"] - drawn["low"]
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        a, b = np.quantile(width, level), np.quantile(found, level)
        assert abs(a - b) < 0.04


def test_expected_maximum_drawdown_of_brownian_motion():
    """Drawdowns inside a bar are not seen from its range, so bars must be small against a year."""
    paths, steps = 20_000, 1024
    drawdown = np.empty(paths)
    for first in range(0, paths, 2000):
        block = BROWNIAN.paths(seeds=range(first, first + 2000), steps=steps, dt=1 / steps)
        high, low = np.log(block.high) / SCALE, np.log(block.low) / SCALE
        top = np.maximum.accumulate(high, axis=1)
        drawdown[first : first + 2000] = (top - low).max(axis=1)
    error = drawdown.std() / math.sqrt(paths)
    # Taking a bar's high before its low overstates by less than a bar's range.
    assert (
        -4 * error < drawdown.mean() - math.sqrt(math.pi / 2) < 4 * error + 0.3 / math.sqrt(steps)
    )


@pytest.mark.parametrize(("a", "b"), [(0.8, 0.3), (0.05, 0.9), (2.0, 0.1), (0.01, 0.02)])
def test_the_survival_function_of_the_range_falls_from_one_to_zero(a, b):
    width = np.linspace(max(a, b, 0.45), max(a, b) + 6, 200)
    survival = np.array([range_survival(w, a, b) for w in width])
    assert survival[0] > (1 - 1e-7 if max(a, b) < 0.45 else 1 - 1e-12)
    assert survival[-1] < 1e-9
    assert (np.diff(survival) < 1e-12).all()


def test_a_range_is_where_its_survival_function_is_the_uniform():
    """One step from the polynomial start, and the scalar solver where that is not enough."""
    rng = np.random.default_rng(3)
    short, far = 0, 0
    for deviation in (0.2, 1.0, 3.0, 1e-3):
        for _ in range(20):
            room = np.zeros((8, 256))
            high, low = rng.random(256), rng.random(256)
            room[0], room[1], room[2], room[3] = high, low, rng.standard_normal(256), deviation**2
            moves = room[2].copy()
            _group(room)
            top, width = room[0] / deviation, (room[0] - room[1]) / deviation
            ends = moves / deviation
            for a, b, w, u in zip(top, top - ends, width, low, strict=True):
                if w > max(a, b) + 4e-6:
                    assert range_survival(w - 4e-6, a, b) > u
                assert range_survival(w + 4e-6, max(a, 0.0), max(b, 0.0)) < u
            short += int((width < 0.85).sum())
            far += int((np.maximum(top, top - ends) > 4.0).sum())
    assert short > 20
    assert far > 20


def test_most_ranges_need_no_solver_because_the_start_is_near():
    rng = np.random.default_rng(4)
    x, high, u = np.abs(rng.standard_normal(4_000)), rng.random(4_000), rng.random(4_000)
    s, t = np.sqrt(x * x - 2 * np.log(high)), np.sqrt(-2 * np.log(u))
    near = 0
    for move, ends, target, survival in zip(x, s, t, u, strict=True):
        a, b = 0.5 * (ends + move), 0.5 * (ends - move)
        start = _start(move, ends, target)
        above = range_survival(max(start - 0.02, a), a, b)
        near += above >= survival >= range_survival(start + 0.02, a, b)
    assert near > 0.98 * len(x)


def test_the_coefficients_of_the_start_are_those_that_the_fit_prints():
    fitted = fit_range_start()
    powers = np.linspace(0.0, 1.0, 6)[:, None] ** np.arange(4)
    values = [
        np.einsum("ijk,ai,bj,ck->abc", np.asarray(c), powers, powers, powers)
        for c in (fitted, _START)
    ]
    np.testing.assert_allclose(*values, rtol=0, atol=1e-4)


def test_extreme_moves_and_tiny_volatility_stay_consistent():
    for sigma in (1e-9, 1e-3, 3.0, 20.0):
        block = GBM(mu=5.0, sigma=sigma).paths(seeds=range(50), steps=300)
        assert np.isfinite(block.values).all()
        assert (block.high >= np.maximum(block.open, block.close)).all()
        assert (block.low <= np.minimum(block.open, block.close)).all()
        assert (block.low > 0).all()
