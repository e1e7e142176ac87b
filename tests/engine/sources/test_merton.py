from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.sources import GBM, Merton

SLOW = pytest.param(1_000_000, marks=pytest.mark.slow)


def _check_mean(sample: np.ndarray, expected: float) -> None:
    assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(sample.size)


@pytest.mark.parametrize("paths", [100_000, SLOW])
def test_moments_of_the_log_return_are_the_closed_forms(paths, reference: Path):
    table = json.loads((reference / "tables" / "simulation_moments.json").read_text())
    for case in table["merton_log_return"]["cases"]:
        names = ("mu", "sigma", "jump_intensity", "mean_log_jump", "jump_vol")
        source = Merton(**{name: case[name] for name in names})
        close = source.paths(seeds=range(paths), steps=4, dt=case["t"] / 4, bars="close").close
        log = np.log(close[:, -1] / 100)
        _check_mean(log, case["mean"])
        deviation = math.sqrt(case["var"])
        standard = (log - case["mean"]) / deviation
        _check_mean(standard**2, 1.0)
        _check_mean(standard**3, case["skew"])
        _check_mean(standard**4, 3 + case["excess_kurtosis"])
        _check_mean(close[:, -1] / 100, case["E_S_over_S0"])


@pytest.mark.parametrize("paths", [20_000, SLOW])
def test_option_prices_on_paths_are_those_of_the_series(paths, reference: Path):
    with (reference / "tables" / "merton76_haug.csv").open() as file:
        rows = list(csv.DictReader(file))
    closes: dict[tuple[str, ...], np.ndarray] = {}
    for row in rows:
        key = (row["t_years"], row["jump_intensity"])
        time, rate = float(row["t_years"]), float(row["r"])
        if key not in closes:
            source = Merton(
                mu=rate - float(row["q"]),
                sigma=float(row["diffusion_vol"]),
                jump_intensity=float(row["jump_intensity"]),
                mean_log_jump=float(row["mean_log_jump"]),
                jump_vol=float(row["jump_vol"]),
            )
            closes[key] = source.paths(
                seeds=range(paths), s0=float(row["spot"]), steps=1, dt=time, bars="close"
            ).close[:, -1]
        payoff = np.maximum(closes[key] - float(row["strike"]), 0) * math.exp(-rate * time)
        _check_mean(payoff, float(row["recomputed_price"]))


def test_the_number_of_jumps_is_poisson_and_their_times_are_uniform():
    # Without diffusion and with jumps of exactly one tenth, the path counts its jumps.
    source = Merton(mu=0.0, sigma=0.0, jump_intensity=2.0, mean_log_jump=0.1, jump_vol=0.0)
    drift = -2.0 * math.expm1(0.1)
    block = source.paths(seeds=range(20_000), steps=500, dt=0.002, bars="close")
    jumps = np.diff(np.log(block.close / 100) - drift * 0.002 * np.arange(1, 501), prepend=0.0)
    counts = np.rint(jumps / 0.1).astype(int)
    total = counts.sum(axis=1)
    assert abs(total.mean() - 2.0) < 4 * math.sqrt(2.0 / total.size)
    expected = stats.poisson.pmf(np.arange(6), 2.0) * total.size
    found = np.bincount(total, minlength=6)[:6]
    assert (np.abs(found - expected) < 4 * np.sqrt(expected)).all()
    place = np.repeat(np.tile(np.arange(500), (counts.shape[0], 1)).ravel(), counts.ravel())
    assert stats.kstest((place + 0.5) / 500, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("intensity", [0.5, pytest.param(60.0, marks=pytest.mark.slow)])
def test_the_range_of_one_bar_with_jumps_is_that_of_many_small_bars(intensity):
    source = Merton(mu=0.0, sigma=0.2, jump_intensity=intensity, mean_log_jump=-0.05, jump_vol=0.1)
    one = source.paths(seeds=range(10_000), steps=1, dt=1.0)
    many = source.paths(seeds=range(20_000, 30_000), steps=64, dt=1 / 64)
    for first, second in (
        (one.high.max(axis=1), many.high.max(axis=1)),
        (one.low.min(axis=1), many.low.min(axis=1)),
        (one.high.max(axis=1) / one.low.min(axis=1), many.high.max(axis=1) / many.low.min(axis=1)),
        (one.close[:, -1], many.close[:, -1]),
    ):
        assert stats.ks_2samp(first, second).pvalue > 1e-4


def test_bars_hold_their_prices_and_do_not_depend_on_their_form():
    source = Merton(jump_intensity=200.0)
    block = source.paths(seeds=range(50), steps=600)
    assert np.isfinite(block.values).all()
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()
    assert (source.paths(seeds=range(50), steps=600, bars="close").close == block.close).all()


def test_without_jumps_it_is_geometric_brownian_motion():
    ours = Merton(mu=0.1, sigma=0.2, jump_intensity=0.0).paths(seeds=range(5), steps=400)
    assert (ours.values == GBM(mu=0.1, sigma=0.2).paths(seeds=range(5), steps=400).values).all()


def test_antithetic_jumps_mirror_around_their_mean():
    source = Merton(sigma=0.1, jump_intensity=20.0, mean_log_jump=0.0, sampling="antithetic")
    block = source.paths(seeds=range(200), paths_per_seed=2, steps=50, dt=0.02)
    log = np.log(block.close[:, -1] / 100)
    drift = log[0::2] + log[1::2]
    assert drift == pytest.approx(np.full(200, drift[0]), abs=1e-10)
    assert (block.high >= np.maximum(block.open, block.close)).all()


def test_more_jumps_than_can_be_drawn_are_an_error():
    with pytest.raises(ValueError, match=r"jump_intensity: found 1e\+07, allowed <= 252000"):
        Merton(jump_intensity=1e7).prepare(steps=5)
