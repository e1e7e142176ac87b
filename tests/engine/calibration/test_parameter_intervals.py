"""Intervals of parameters where few jumps or half-lives lie in the window, and on bounds.

The tables of `python -m benchmarks.validity calibrations` are the large versions of these.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.validity.calibrations import (
    WORLDS,
    World,
    daily_bars,
    measure,
    merton,
    regimes,
    reverting,
)
from engine.calibration import Calibration, calibrate, try_calibrate
from engine.jobs.draw import ParameterDraw
from engine.sources import make_source

FEW_HALF_LIVES = WORLDS["schwartz_1f, kappa 1, 5 years"]
FEW_JUMPS = WORLDS["merton, 1 jump a year, 10 years"]


def least(worlds: int) -> float:
    """Share of a 95 % interval less three binomial standard errors."""
    return 0.95 - 3.0 * math.sqrt(0.95 * 0.05 / worlds)


def test_few_half_lives_are_held_as_often_as_stated():
    found = measure(FEW_HALF_LIVES, 150, seed=5000)
    assert found.failed == 0
    # Two standard errors on both sides hold `mu` in 76 % and `kappa` in 89 %.
    for name, share in found.covered.items():
        assert share >= least(150), name


def test_few_jumps_are_held_as_often_as_stated():
    found = measure(FEW_JUMPS, 40, seed=5000)
    assert found.failed == 0
    # Two standard errors on both sides hold each of them in two thirds.
    for name in ("jump_intensity", "mean_log_jump", "jump_vol"):
        assert found.covered[name] >= least(40), name


def test_the_correction_has_a_floor_where_it_would_end_below_zero():
    slow = World(
        "schwartz_1f",
        lambda rng: reverting(rng, kappa=0.5, years=5),
        {"bias_correction": "analytic"},
    )
    floored = 0
    for seed in range(20):
        bars, _ = slow.simulate(np.random.default_rng(seed))
        raw, found = (
            try_calibrate("schwartz_1f", bars),
            try_calibrate("schwartz_1f", bars, bias_correction="analytic"),
        )
        if not raw.ok:
            continue
        assert found.ok
        years = (len(bars) - 1) / 252
        floor = min(math.log(2.0) / years, raw.parameters["kappa"])
        wanted = max(raw.parameters["kappa"] - raw.diagnostics["kappa_bias"], floor)
        assert found.parameters["kappa"] == pytest.approx(wanted, rel=2e-3)
        floored += found.diagnostics["bias_correction_floored"]
        assert found.parameters["kappa"] in found.interval("kappa")
        assert found.parameters["mu"] in found.interval("mu")
    assert 3 <= floored < 20


def test_the_method_stands_in_the_row_and_comes_back():
    bars, _ = reverting(np.random.default_rng(4), kappa=2.0, years=5)
    found = calibrate("schwartz_1f", bars)
    rows = {row["parameter"]: row for row in found.to_rows()}
    assert [rows[n]["method"] for n in ("kappa", "mu", "sigma")] == ["bootstrap", "level", "normal"]
    assert rows["kappa"]["ci_low"] == found.interval("kappa").low
    again = Calibration.from_rows(found.to_rows())
    assert again.intervals == found.intervals
    assert again.interval("sigma") == found.interval("sigma")
    long, _ = reverting(np.random.default_rng(4), kappa=12.0, years=20)
    assert calibrate("schwartz_1f", long).interval("kappa").method == "normal"


def test_drawn_speeds_and_levels_have_the_law_of_their_intervals_and_sane_paths():
    bars, _ = reverting(np.random.default_rng(4), kappa=2.0, years=5)
    found = calibrate("schwartz_1f", bars)
    draw = ParameterDraw.from_calibration(found)
    base = make_source("schwartz_1f", found.parameters)
    drawn = [draw.apply(base, seed) for seed in range(1500)]
    kappa = np.array([source.values["kappa"] for source in drawn])
    stated = found.interval("kappa")
    inside = np.mean((kappa >= stated.low) & (kappa <= stated.high))
    assert abs(inside - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 1500) + 0.01
    # The slower, the wider: what is known is the drift at the level, not the level itself.
    distance = np.array([abs(source.values["mu"] - found.parameters["mu"]) for source in drawn])
    slow, fast = kappa < np.quantile(kappa, 0.2), kappa > np.quantile(kappa, 0.8)
    assert np.median(distance[slow]) > 2.0 * np.median(distance[fast])
    last = [s.paths(seeds=[1], s0=20.0, steps=252, bars="close").close[0, -1] for s in drawn[:200]]
    assert 1.0 < min(last) < max(last) < 400.0


def test_a_deviation_on_its_bound_has_a_one_sided_interval_and_is_not_simply_ok():
    # Every jump has the same size, so the jumps' deviation ends on its bound.
    rng = np.random.default_rng(2)
    moves = 0.008 * rng.standard_normal(1500)
    moves[100::300] -= 0.08
    bars = daily_bars(100.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves)))))
    found = try_calibrate("merton", bars)
    assert found.diagnostics["held_by_bound"] == ["jump_vol"]
    assert found.status == "at_bound"
    assert found.ok
    assert found.reason == "jump_vol on a bound: the data do not determine it"
    assert math.isnan(found.std_errors["jump_vol"])
    interval = found.interval("jump_vol")
    assert interval.method == "one_sided"
    assert interval.low == pytest.approx(found.parameters["jump_vol"])
    # Five jumps scatter by the diffusion's 0.008 around their mean.
    assert 0.005 < interval.high < 0.1
    again = Calibration.from_rows(found.to_rows())
    assert again.status == "at_bound"
    assert again.interval("jump_vol") == interval
    draw = ParameterDraw.from_calibration(found)
    values = np.array([draw.values(seed)["jump_vol"] for seed in range(800)])
    assert values.min() >= interval.low
    assert abs(np.mean(values <= interval.high) - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 800)


def test_what_lies_on_a_bound_and_has_no_interval_says_so():
    bars, _ = regimes(np.random.default_rng(1), years=4)
    good = calibrate("regime_switching", bars)
    held = replace(good).diagnostics | {"held_by_bound": ["p_21"]}
    found = Calibration.of(
        "regime_switching",
        symbol="X",
        timeframe="1d",
        as_of=good.as_of,
        parameters=good.parameters,
        covariance=good.covariance,
        n=good.n,
        window="full",
        diagnostics=held,
    )
    assert found.status == "at_bound"
    assert math.isnan(found.std_errors["p_21"])
    assert found.interval("p_21").method == "none"
    assert found.to_rows()[-1]["ci_low"] is None
    assert found.interval("p_11").method == "normal"


def test_measurement_errors_may_vanish():
    found = Calibration.of(
        "schwartz_smith",
        symbol="X",
        timeframe="1d",
        as_of=calibrate("gbm", merton(np.random.default_rng(0), intensity=1.0, years=2)[0]).as_of,
        parameters={"kappa": 1.0},
        covariance=np.eye(1),
        n=10,
        window="full",
        diagnostics={"held_by_bound": ["measurement_sd_4"]},
    )
    assert found.status == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in WORLDS if "merton" in n or "schwartz_1f" in n])
def test_parameters_lie_in_their_intervals_as_often_as_stated(name):
    found = measure(WORLDS[name], 300)
    assert found.failed == 0
    slack = 3.0 * math.sqrt(0.95 * 0.05 / 300)
    for parameter, share in found.covered.items():
        assert 0.93 - slack <= share <= 0.97 + slack, parameter
