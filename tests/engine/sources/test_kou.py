"""Kou's model against its closed forms, and jumps against their plain law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from engine.sources import GBM, Kou

SLOW = pytest.param(1_000_000, marks=pytest.mark.slow)
CASES = [
    {
        "mu": 0.05,
        "sigma": 0.16,
        "jump_intensity": 1.0,
        "p_up": 0.4,
        "eta_up": 10.0,
        "eta_down": 5.0,
    },
    {"mu": -0.1, "sigma": 0.3, "jump_intensity": 8.0, "p_up": 0.7, "eta_up": 30.0, "eta_down": 9.0},
    {"mu": 0.0, "sigma": 0.0, "jump_intensity": 3.0, "p_up": 1.0, "eta_up": 25.0, "eta_down": 5.0},
    {"mu": 0.0, "sigma": 0.1, "jump_intensity": 3.0, "p_up": 0.0, "eta_up": 25.0, "eta_down": 5.0},
]


def cumulants(case: dict[str, float], t: float) -> list[float]:
    """First four cumulants of the log return over `t` (Kou, 2002, equation 5)."""
    p, q, up, down = case["p_up"], 1.0 - case["p_up"], case["eta_up"], case["eta_down"]
    rate, variance = case["jump_intensity"] * t, case["sigma"] ** 2 * t
    growth = p * up / (up - 1.0) + q * down / (down + 1.0) - 1.0
    drift = case["mu"] * t - 0.5 * variance - rate * growth
    moments = [math.factorial(k) * (p / up**k + (-1) ** k * q / down**k) for k in range(1, 5)]
    return [
        drift + rate * moments[0],
        variance + rate * moments[1],
        rate * moments[2],
        rate * moments[3],
    ]


def check_mean(sample: np.ndarray, expected: float) -> None:
    assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(sample.size)


@pytest.mark.parametrize("paths", [100_000, SLOW])
@pytest.mark.parametrize("case", CASES)
def test_moments_of_the_log_return_are_the_closed_forms(case, paths) -> None:
    t = 0.5
    close = Kou(**case).paths(seeds=range(paths), steps=4, dt=t / 4, bars="close").close
    log = np.log(close[:, -1] / 100)
    mean, variance, third, fourth = cumulants(case, t)
    check_mean(log, mean)
    check_mean((log - mean) ** 2, variance)
    check_mean((log - mean) ** 3, third)
    check_mean((log - mean) ** 4, fourth + 3.0 * variance**2)
    check_mean(close[:, -1] / 100, math.exp(case["mu"] * t))


def test_option_prices_on_paths_are_those_of_the_characteristic_function() -> None:
    case = CASES[0] | {"mu": 0.05}
    t, strike = 0.5, 98.0
    source = Kou(**case)
    close = source.paths(seeds=range(200_000), steps=1, dt=t, bars="close").close[:, -1]
    payoff = math.exp(-0.05 * t) * np.maximum(close - strike, 0.0)
    check_mean(payoff, call_price(case, 100.0, strike, t))
    # Kou (2002), p. 1095: a call at 98 on 100 in half a year, at a rate of 5 %.
    assert call_price(case, 100.0, strike, t) == pytest.approx(9.14732, abs=5e-5)


def call_price(case: dict[str, float], spot: float, strike: float, t: float) -> float:
    """Price of a call by Lewis' integral along the line with imaginary part -1/2."""
    p, q, up, down = case["p_up"], 1.0 - case["p_up"], case["eta_up"], case["eta_down"]
    rate, sigma, r = case["jump_intensity"], case["sigma"], case["mu"]
    growth = p * up / (up - 1.0) + q * down / (down + 1.0) - 1.0
    drift = r - 0.5 * sigma**2 - rate * growth

    def exponent(u: complex) -> complex:
        jumps = p * up / (up - 1j * u) + q * down / (down + 1j * u) - 1.0
        return t * (1j * u * drift - 0.5 * sigma**2 * u * u + rate * jumps)

    k = math.log(spot / strike)

    def integrand(u: float) -> float:
        value = np.exp(1j * u * k + exponent(u - 0.5j)) / (u * u + 0.25)
        return float(value.real)

    total, _ = integrate.quad(integrand, 0.0, np.inf, limit=400)
    return spot - math.sqrt(spot * strike) * math.exp(-r * t) / math.pi * total


def test_a_jump_has_the_double_exponential_law() -> None:
    # Almost no time between bars: a bar has at most one jump, and nothing else moves.
    source = Kou(mu=0.0, sigma=0.0, jump_intensity=200.0, p_up=0.3, eta_up=12.0, eta_down=7.0)
    dt = 1e-4
    block = source.paths(seeds=range(2_000), steps=1000, dt=dt, bars="close")
    growth = 0.3 / 11.0 - 0.7 / 8.0
    moves = np.diff(np.log(block.close), axis=-1).ravel() + 200.0 * growth * dt
    jumps = moves[np.abs(moves) > 1e-9]
    share = (jumps > 0.0).mean()
    assert abs(share - 0.3) < 4 * math.sqrt(0.21 / jumps.size)
    for side, eta in ((jumps[jumps > 0.0], 12.0), (-jumps[jumps < 0.0], 7.0)):
        # One bar in a hundred has two jumps: the means, not the whole law.
        assert abs(side.mean() * eta - 1.0) < 4 / math.sqrt(side.size) + 0.02
        assert stats.kstest(side[:3000], "expon", args=(0.0, 1.0 / eta)).pvalue > 1e-4


@pytest.mark.parametrize("intensity", [0.5, pytest.param(60.0, marks=pytest.mark.slow)])
def test_the_range_of_one_bar_with_jumps_is_that_of_many_small_bars(intensity) -> None:
    source = Kou(mu=0.0, sigma=0.2, jump_intensity=intensity)
    one = source.paths(seeds=range(10_000), steps=1, dt=1.0)
    many = source.paths(seeds=range(20_000, 30_000), steps=64, dt=1 / 64)
    for first, second in (
        (one.high.max(axis=1), many.high.max(axis=1)),
        (one.low.min(axis=1), many.low.min(axis=1)),
        (one.close[:, -1], many.close[:, -1]),
    ):
        assert stats.ks_2samp(first, second).pvalue > 1e-4


def test_without_jumps_it_is_geometric_brownian_motion() -> None:
    ours = Kou(mu=0.1, sigma=0.2, jump_intensity=0.0).paths(seeds=range(5), steps=400)
    assert (ours.values == GBM(mu=0.1, sigma=0.2).paths(seeds=range(5), steps=400).values).all()


def test_antithetic_jumps_have_opposite_quantiles() -> None:
    source = Kou(sigma=0.0, jump_intensity=20.0, p_up=0.5, eta_up=10.0, eta_down=10.0)
    both = source.with_parameters(mu=0.0)
    block = type(source)(**both.values, sampling="antithetic").paths(
        seeds=range(200), paths_per_seed=2, steps=50, dt=0.02
    )
    log = np.log(block.close[:, -1] / 100)
    total = log[0::2] + log[1::2]
    assert total == pytest.approx(np.full(200, total[0]), abs=1e-9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"eta_up": 1.0}, "eta_up: found 1.0, allowed > 1"),
        ({"eta_down": 0.0}, "eta_down: found 0.0, allowed >= 0.001"),
        ({"p_up": 1.5}, "p_up: found 1.5, allowed >= 0 and <= 1"),
    ],
)
def test_a_law_that_is_none_is_named(values, message) -> None:
    with pytest.raises(ValueError, match=message):
        Kou(**values)


def test_more_jumps_than_can_be_drawn_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"jump_intensity: found 1e\+07, allowed <= 252000"):
        Kou(jump_intensity=1e7).prepare(steps=5)
