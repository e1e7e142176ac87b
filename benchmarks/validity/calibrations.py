"""How often the intervals of calibrated parameters and states hold the truth.

Histories are simulated by NumPy, from the textbook's formulas, not by the engine's sources.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import FuturesPanel, OptionSurface, try_calibrate
from engine.pricing import bates_price

__all__ = ["WORLDS", "Measured", "measure", "print_tables"]

Array = NDArray[np.float64]

_DAY = 1.0 / 252.0
_WEEK = 1.0 / 52.0
_MATURITIES = np.array([1.0, 5.0, 9.0, 13.0, 17.0]) / 12.0


@dataclass(frozen=True)
class Measured:
    """How the intervals of one kind of world fared.

    Parameters
    ----------
    covered : dict of str to float
        Share of the worlds whose interval held the truth, by parameter or state.
    missing : dict of str to int
        Worlds in which a name had no interval.
    failed : int
        Worlds that could not be calibrated.
    worlds : int
        Worlds simulated.
    """

    covered: dict[str, float]
    missing: dict[str, int]
    failed: int
    worlds: int


@dataclass(frozen=True)
class World:
    """A model, its data under a known truth, and what is true of them."""

    model: str
    simulate: Callable[[np.random.Generator], tuple[Any, dict[str, float]]]
    options: dict[str, Any] = field(default_factory=dict)


def measure(world: World, worlds: int, seed: int = 0) -> Measured:
    """Calibrate `worlds` simulated histories, and count whose intervals hold the truth."""
    held: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    names: list[str] = []
    failed = 0
    for number in range(seed, seed + worlds):
        data, truth = world.simulate(np.random.default_rng(number))
        names = list(truth)
        found = try_calibrate(world.model, data, **world.options)
        failed += not found.ok
        for name, value in truth.items() if found.ok else ():
            interval = found.interval(name)
            missing[name] += not interval.known
            held[name] += value in interval
    count = max(worlds - failed, 1)
    return Measured(
        {name: held[name] / max(count - missing[name], 1) for name in names},
        {name: missing[name] for name in names},
        failed,
        worlds,
    )


def daily_bars(closes: Array) -> Bars:
    """Bars of weekdays from Monday, 5 January 1970."""
    index = np.arange(len(closes), dtype=np.int64)
    stamps = (4 + index + 2 * (index // 5)) * 86_400_000_000
    opens = np.concatenate((closes[:1], closes[:-1]))
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    return Bars("WORLD", stamps, opens, high, low, closes, np.ones(len(closes)), BarCalendar())


def merton(rng: np.random.Generator, *, intensity: float, years: float) -> tuple[Bars, Any]:
    """Daily prices of a diffusion with normal jumps."""
    mu, sigma, mean, spread = 0.05, 0.15, -0.03, 0.05
    n = round(years * 252)
    growth = np.exp(mean + 0.5 * spread**2) - 1.0
    jumps = rng.poisson(intensity * _DAY, n)
    moves = (mu - intensity * growth - 0.5 * sigma**2) * _DAY
    moves = moves + sigma * np.sqrt(_DAY) * rng.standard_normal(n)
    moves = moves + jumps * mean + np.sqrt(jumps) * spread * rng.standard_normal(n)
    truth = {"mu": mu, "sigma": sigma, "jump_intensity": intensity}
    truth |= {"mean_log_jump": mean, "jump_vol": spread}
    return daily_bars(100.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves))))), truth


def reverting(rng: np.random.Generator, *, kappa: float, years: float) -> tuple[Bars, Any]:
    """Daily prices whose logarithm is an Ornstein-Uhlenbeck process from its stationary law."""
    mu, sigma, n = 3.0, 0.35, round(years * 252)
    alpha, fade = mu - sigma**2 / (2.0 * kappa), np.exp(-kappa * _DAY)
    spread = sigma / np.sqrt(2.0 * kappa)
    noise = spread * np.sqrt(1.0 - fade**2) * rng.standard_normal(n)
    distance = np.empty(n + 1)
    distance[0] = spread * rng.standard_normal()
    for i in range(n):
        distance[i + 1] = fade * distance[i] + noise[i]
    return daily_bars(np.exp(alpha + distance)), {"kappa": kappa, "mu": mu, "sigma": sigma}


def regimes(rng: np.random.Generator, *, years: float) -> tuple[Bars, Any]:
    """Daily prices in two regimes; true is the filter's probability at the true parameters."""
    mu, sigma, stay = np.array([0.15, -0.25]), np.array([0.10, 0.32]), np.array([0.98, 0.95])
    chain = np.array([[stay[0], 1.0 - stay[0]], [1.0 - stay[1], stay[1]]])
    share = np.array([1.0 - stay[1], 1.0 - stay[0]]) / (2.0 - stay.sum())
    n, regime = round(years * 252), int(rng.random() < share[1])
    moves, ahead = np.empty(n), share
    for i in range(n):
        z = rng.standard_normal()
        moves[i] = mu[regime] * _DAY + sigma[regime] * np.sqrt(_DAY) * z
        distance = (moves[i] - mu * _DAY) / (sigma * np.sqrt(_DAY))
        likely = ahead * np.exp(-0.5 * distance**2) / sigma
        ahead = (likely / likely.sum()) @ chain
        regime = regime if rng.random() < stay[regime] else 1 - regime
    truth = {"mu_1": mu[0], "mu_2": mu[1], "sigma_1": sigma[0], "sigma_2": sigma[1]}
    truth |= {"p_11": stay[0], "p_21": 1.0 - stay[1]}
    truth |= {"regime_1": ahead[0], "regime_2": ahead[1]}
    return daily_bars(100.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves))))), truth


def regression(rng: np.random.Generator, *, years: float) -> tuple[Bars, Any]:
    """Daily prices in two regimes, whose moves depend on the one before and on a column."""
    mu, sigma, stay = np.array([0.15, -0.25]), np.array([0.10, 0.32]), np.array([0.98, 0.95])
    ar, beta, regime = 0.15, 0.002, 0
    n = round(years * 252)
    moves, mood = np.zeros(n + 1), np.zeros(n + 1)
    for i in range(1, n + 1):
        mood[i] = 0.8 * mood[i - 1] + rng.standard_normal()
        regime = regime if rng.random() < stay[regime] else 1 - regime
        level = mu[regime] * _DAY + ar * moves[i - 1] + beta * mood[i - 1]
        moves[i] = level + sigma[regime] * np.sqrt(_DAY) * rng.standard_normal()
    truth = {"mu_1": mu[0], "mu_2": mu[1], "sigma_1": sigma[0], "sigma_2": sigma[1]}
    truth |= {"p_11": stay[0], "p_21": 1.0 - stay[1], "ar_1": ar, "beta_mood": beta}
    bars = daily_bars(100.0 * np.exp(np.cumsum(moves)))
    return replace(bars, columns={"mood": mood}), truth


def jumping_surface(rng: np.random.Generator) -> tuple[OptionSurface, Any]:
    """75 quotes of a Bates market, their volatilities off by 0.2 points."""
    model = {"v0": 0.04, "kappa": 1.5, "theta": 0.05, "xi": 0.5, "rho": -0.7}
    model |= {"jump_intensity": 0.5, "mean_log_jump": -0.1, "jump_vol": 0.15}
    strikes = np.tile(np.linspace(85.0, 120.0, 15), 5)
    years = np.repeat([0.08, 0.15, 0.25, 0.5, 2.0], 15)
    calls = strikes >= 100.0
    prices = bates_price(100.0, strikes, years, call=calls, **model)
    exact = OptionSurface.from_quotes(strikes, years, prices, calls, spot=100.0)
    moved = np.maximum(prices + 0.002 * rng.standard_normal(75) * exact.vegas(), 1e-9)
    return OptionSurface.from_quotes(strikes, years, moved, calls, spot=100.0), model


def clustered(rng: np.random.Generator, *, years: float) -> tuple[Bars, Any]:
    """Daily prices of a GARCH process with leverage and Student innovations of six degrees."""
    mu, omega, alpha, gamma, beta = 0.05, 0.0016, 0.05, 0.08, 0.87
    n = round(years * 252)
    z = rng.standard_t(6, n) / np.sqrt(1.5)
    variance, moves = omega / (1.0 - alpha - 0.5 * gamma - beta), np.empty(n)
    for i in range(n):
        moves[i] = mu * _DAY + np.sqrt(variance * _DAY) * z[i]
        weight = alpha + (gamma if z[i] < 0.0 else 0.0)
        variance = omega + weight * variance * z[i] ** 2 + beta * variance
    truth = {"mu": mu, "omega": omega, "alpha": alpha, "gamma": gamma, "beta": beta}
    closes = 100.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves))))
    return daily_bars(closes), truth | {"variance": float(variance)}


def clustered_by_factors(rng: np.random.Generator, *, years: float) -> tuple[Bars, Any]:
    """Daily prices of an EGARCH process with Student innovations of six degrees."""
    mu, alpha, gamma, beta = 0.05, 0.15, -0.1, 0.96
    n = round(years * 252)
    z = rng.standard_t(6, n) / np.sqrt(1.5)
    level, size = np.log(0.03), np.sqrt(2.0 / np.pi)
    logarithm, moves = level, np.empty(n)
    for i in range(n):
        moves[i] = mu * _DAY + np.sqrt(np.exp(logarithm) * _DAY) * z[i]
        logarithm = (1.0 - beta) * level + beta * logarithm + alpha * (abs(z[i]) - size)
        logarithm += gamma * z[i]
    # Student innovations are smaller on average than normal ones: the level moves by that.
    mean_size = gamma_ratio(6) / np.sqrt(1.5)
    theta = np.exp(level + alpha * (mean_size - size) / (1.0 - beta))
    start = {"theta": theta, "variance": float(np.exp(logarithm))}
    truth = {"mu": mu, "alpha": alpha, "gamma": gamma, "beta": beta}
    closes = 100.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves))))
    return daily_bars(closes), truth | start


def gamma_ratio(degrees: int) -> float:
    """Mean of the absolute value of a Student variable."""
    ratio = math.gamma(0.5 * (degrees + 1)) / math.gamma(0.5 * degrees)
    return 2.0 * math.sqrt(degrees / math.pi) * ratio / (degrees - 1)


def commodity_curve(
    rng: np.random.Generator, *, weeks: int, two_factor: bool = False
) -> tuple[FuturesPanel, Any]:
    """Weekly curves of the short-term/long-term model, with the states at the last week."""
    kappa, s1, lam, mu, s2, star, rho = 1.5, 0.29, 0.16, -0.01, 0.15, 0.01, 0.3
    fade, sd = np.exp(-kappa * _WEEK), np.array([0.03, 0.006, 0.004, 0.004, 0.006])
    cross = rho * s1 * s2 * (1.0 - fade) / kappa
    noise = np.array([[s1**2 * (1.0 - fade**2) / (2.0 * kappa), cross], [cross, s2**2 * _WEEK]])
    shocks = rng.standard_normal((weeks, 2)) @ np.linalg.cholesky(noise).T
    chi, xi = s1 / np.sqrt(2.0 * kappa) * rng.standard_normal(), np.log(20.0)
    t, e = _MATURITIES, np.exp(-kappa * _MATURITIES)
    level = star * t - (1.0 - e) * lam / kappa + 0.5 * s2**2 * t
    level += (1.0 - e**2) * s1**2 / (4.0 * kappa) + (1.0 - e) * rho * s1 * s2 / kappa
    logs = np.empty((weeks, len(t)))
    for i in range(weeks):
        chi, xi = fade * chi + shocks[i, 0], xi + mu * _WEEK + shocks[i, 1]
        logs[i] = e * chi + xi + level
    logs += sd * rng.standard_normal(logs.shape)
    panel = FuturesPanel.from_arrays(np.exp(logs), t, dt=_WEEK)
    truth = {"kappa": kappa, "chi": chi, "xi": xi, "spot": float(np.exp(chi + xi))}
    if not two_factor:
        truth |= {"sigma_chi": s1, "lambda_chi": lam, "mu_xi": mu, "sigma_xi": s2}
        return panel, truth | {"mu_xi_star": star, "rho": rho}
    variance = s1**2 + s2**2 + 2.0 * rho * s1 * s2
    alpha = lam - star - 0.5 * variance
    truth = {"kappa": kappa, "alpha": alpha, "lambda_": kappa * lam, "spot": truth["spot"]}
    return panel, truth | {"convenience_yield": alpha + kappa * chi}


WORLDS: dict[str, World] = {
    "merton, 1 jump a year, 10 years": World(
        "merton", lambda rng: merton(rng, intensity=1.0, years=10)
    ),
    "merton, 20 jumps a year, 10 years": World(
        "merton", lambda rng: merton(rng, intensity=20.0, years=10)
    ),
    "schwartz_1f, kappa 1, 5 years": World(
        "schwartz_1f", lambda rng: reverting(rng, kappa=1.0, years=5)
    ),
    "schwartz_1f, kappa 2, 5 years": World(
        "schwartz_1f", lambda rng: reverting(rng, kappa=2.0, years=5)
    ),
    "schwartz_1f, kappa 2, 5 years, corrected": World(
        "schwartz_1f",
        lambda rng: reverting(rng, kappa=2.0, years=5),
        {"bias_correction": "analytic"},
    ),
    "schwartz_1f, kappa 1, 5 years, corrected": World(
        "schwartz_1f",
        lambda rng: reverting(rng, kappa=1.0, years=5),
        {"bias_correction": "analytic"},
    ),
    "schwartz_1f, kappa 2, 20 years": World(
        "schwartz_1f", lambda rng: reverting(rng, kappa=2.0, years=20)
    ),
    "garch, Student innovations, 10 years": World("garch", lambda rng: clustered(rng, years=10)),
    "egarch, Student innovations, 10 years": World(
        "egarch", lambda rng: clustered_by_factors(rng, years=10)
    ),
    "regime_switching, 10 years": World("regime_switching", lambda rng: regimes(rng, years=10)),
    "regime_switching, AR(1) and a regressor, 8 years": World(
        "regime_switching",
        lambda rng: regression(rng, years=8),
        {"ar": 1, "regressors": ["mood"]},
    ),
    "bates, 75 quotes off by 0.2 points of volatility": World("bates", jumping_surface),
    "schwartz_smith, 5 years of weeks": World(
        "schwartz_smith", lambda rng: commodity_curve(rng, weeks=260)
    ),
    "schwartz_2f, 5 years of weeks": World(
        "schwartz_2f", lambda rng: commodity_curve(rng, weeks=260, two_factor=True)
    ),
}


def print_tables(worlds: int) -> None:
    """Print, per kind of world, the share of 95 % intervals that held the truth."""
    print("| world | name | covered | without interval | failed | worlds |")
    print("|---|---|---|---|---|---|")
    for name, world in WORLDS.items():
        found = measure(world, worlds)
        for parameter, share in found.covered.items():
            print(
                f"| {name} | {parameter} | {share:.3f} | {found.missing[parameter]} "
                f"| {found.failed} | {found.worlds} |",
                flush=True,
            )
