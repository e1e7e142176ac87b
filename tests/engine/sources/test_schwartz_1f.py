from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.sources import Schwartz1F

CASE = {"kappa": 0.428, "mu": 2.991, "sigma": 0.257, "lambda_": 0.002}


def _cases(reference: Path) -> list[dict[str, float]]:
    table = json.loads((reference / "tables" / "commodity_closed_forms.json").read_text())
    return table["one_factor"]


@pytest.mark.parametrize("paths", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_moments_of_the_log_price_are_the_closed_forms(paths, reference: Path):
    for case in _cases(reference):
        source = Schwartz1F(**{name: case[name] for name in CASE})
        block = source.paths(
            seeds=range(paths), s0=case["s0"], steps=3, dt=case["T"] / 3, bars="close"
        )
        log = np.log(block.close[:, -1])
        assert abs(log.mean() - case["mean_lnS_P"]) < 4 * math.sqrt(case["var_lnS"] / paths)
        assert abs(log.var() / case["var_lnS"] - 1) < 4 * math.sqrt(2 / paths)
        mean = block.close[:, -1].mean()
        assert abs(mean - case["mean_S_P"]) < 4 * math.sqrt(case["var_S_P"] / paths)


def test_futures_are_the_closed_form(reference: Path):
    for case in _cases(reference):
        source = Schwartz1F(**{name: case[name] for name in CASE})
        assert source.futures(case["s0"], case["T"]) == pytest.approx(case["futures"], rel=1e-12)


def test_simulated_spot_under_the_pricing_measure_pays_the_futures_price():
    source = Schwartz1F(kappa=0.8, mu=3.2, sigma=0.4, lambda_=0.1)
    neutral = source.with_parameters(mu=3.1, lambda_=0.0)
    close = neutral.paths(seeds=range(100_000), s0=20.0, steps=2, dt=0.5, bars="close").close
    for bar, maturity in ((0, 0.5), (1, 1.0)):
        error = close[:, bar].std() / math.sqrt(close.shape[0])
        assert abs(close[:, bar].mean() - source.futures(20.0, maturity)) < 4 * error


def test_autocorrelation_decays_with_the_speed_of_reversion():
    source = Schwartz1F(kappa=5.0, mu=math.log(50) + 0.04 / 10, sigma=0.2)
    log = np.log(source.paths(seeds=range(200), s0=50.0, steps=2000, dt=0.01).close)[:, 500:]
    log = log - log.mean()
    for lag in (1, 10, 40):
        found = (log[:, lag:] * log[:, :-lag]).mean() / log.var()
        assert found == pytest.approx(math.exp(-5.0 * 0.01 * lag), abs=0.03)


def test_no_mean_reversion_is_a_brownian_motion_and_the_limit_is_smooth():
    zero = Schwartz1F(kappa=0.0, mu=3.0, sigma=0.3).paths(seeds=range(5), steps=300)
    tiny = Schwartz1F(kappa=1e-12, mu=3.0, sigma=0.3).paths(seeds=range(5), steps=300)
    assert zero.close == pytest.approx(tiny.close, rel=1e-9)


def test_a_season_multiplies_the_price_and_returns_after_a_year():
    plain = Schwartz1F(kappa=1.0, mu=4.0, sigma=0.0)
    seasonal = Schwartz1F(
        kappa=1.0, mu=4.0, sigma=0.0, seasonality=[(0.1, -0.05), (0.02, 0.03)], year_fraction=0.25
    )
    time = 0.25 + np.arange(1, 253) / 252

    def season(t):
        one, two = 2 * math.pi * t, 4 * math.pi * t
        first = 0.1 * np.cos(one) - 0.05 * np.sin(one)
        return first + 0.02 * np.cos(two) + 0.03 * np.sin(two)

    s0 = 60.0
    found = np.log(seasonal.paths(seeds=[1], s0=s0, steps=252).close[0])
    base = plain.paths(seeds=[1], s0=s0 / math.exp(season(0.25)), steps=252).close[0]
    assert found == pytest.approx(np.log(base) + season(time), abs=1e-9)


def test_a_bad_season_is_named():
    with pytest.raises(ValueError, match="seasonality: found"):
        Schwartz1F(seasonality=[(1.0, 2.0, 3.0)])
    with pytest.raises(ValueError, match=r"year_fraction: found 2.0, allowed 0 to 1"):
        Schwartz1F(year_fraction=2.0)
