"""The highest hill of Merton's likelihood, against many starts by SciPy's optimiser."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

from engine.calibration import calibrate
from engine.calibration.poisson_mixture import PoissonMixture
from engine.calibration.sample import SpotSample

KINDS = (
    "none",
    "rare",
    "frequent",
    "tiny",
    "huge",
    "up",
    "down",
    "student",
    "garch",
    "regime",
    "ticks",
    "outlier",
    "zeros",
    "two_sided",
    "skew",
    "lattice",
    "mixture",
)
SEEDS = 12


def simulated(kind: str, seed: int) -> np.ndarray:
    """Returns with jumps of any frequency, size and side, or with what only looks like jumps."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    n = int(rng.choice([250, 300, 500, 1000, 2000, 5000]))
    unit = 10 ** rng.uniform(-4, -1.3)
    z = rng.standard_normal(n)

    def jumps(frequency: float, mean: float, deviation: float) -> np.ndarray:
        k = rng.poisson(frequency, n)
        return k * mean + deviation * np.sqrt(k) * rng.standard_normal(n)

    if kind == "none":
        r = z
    elif kind == "rare":
        r = z + jumps(rng.uniform(0.002, 0.02), rng.normal(0, 2), rng.uniform(1, 6))
    elif kind == "frequent":
        r = z + jumps(rng.uniform(0.2, 1.5), rng.normal(0, 1), rng.uniform(0.5, 3))
    elif kind == "tiny":
        r = z + jumps(rng.uniform(0.02, 0.5), rng.normal(0, 0.5), rng.uniform(0.1, 0.8))
    elif kind == "huge":
        r = z + jumps(rng.uniform(0.001, 0.02), rng.normal(0, 20), rng.uniform(2, 30))
    elif kind == "up":
        r = z + jumps(rng.uniform(0.005, 0.3), rng.uniform(2, 8), rng.uniform(0.05, 1))
    elif kind == "down":
        r = z + jumps(rng.uniform(0.005, 0.3), -rng.uniform(2, 8), rng.uniform(0.05, 3))
    elif kind == "student":
        r = rng.standard_t(rng.uniform(1.8, 8), n)
    elif kind == "garch":
        r, variance = np.empty(n), 1.0
        for i in range(n):
            r[i] = math.sqrt(variance) * z[i]
            variance = 0.02 + 0.1 * r[i] ** 2 + 0.88 * variance
    elif kind == "regime":
        wild = np.cumsum(rng.random(n) < 0.02) % 2 == 1
        r = z * np.where(wild, rng.uniform(2, 5), 1)
    elif kind == "ticks":
        r = np.round(z * rng.uniform(0.5, 3))
    elif kind == "outlier":
        r = z.copy()
        r[rng.integers(n)] += rng.choice([-1, 1]) * rng.uniform(4, 60)
    elif kind == "zeros":
        r = np.where(rng.random(n) < rng.uniform(0.1, 0.8), 0, z)
    elif kind == "two_sided":
        r, p, share = z.copy(), rng.random(n), rng.uniform(0.005, 0.05)
        r[p < share] += rng.uniform(4, 10)
        r[p > 1 - share * rng.uniform(0.3, 2)] -= rng.uniform(4, 10)
    elif kind == "skew":
        r = z + rng.choice([-1, 1]) * rng.exponential(rng.uniform(0.5, 3), n)
    elif kind == "lattice":
        r = 0.15 * z + rng.uniform(1, 3) * rng.poisson(rng.uniform(0.1, 1), n)
    else:
        r, p = z.copy(), rng.random(n)
        r[p < 0.1] *= 3
        r[p < 0.01] *= 4
    return unit * r + rng.normal(0, 0.1 * unit)


def closes_of(kind: str, seed: int) -> np.ndarray:
    path = np.cumsum(np.concatenate(([0.0], simulated(kind, seed))))
    return 100.0 * np.exp(np.clip(path, -300.0, 300.0))


def highest_of_many(sample: SpotSample, climbs: int) -> float:
    """Highest likelihood that SciPy finds from the best and from others of many random points."""
    r, h, n = sample.returns, sample.nominal_dt, sample.n
    mixture = PoissonMixture.of(r, sample.weights, sample.dt)
    # The estimator's bounds
    scale = float(np.sqrt(np.mean(r**2 / sample.dt)))
    lower = np.array([-np.inf, 0.05 * scale, 0.2 / (n * h), -2.0, 0.05 * scale * math.sqrt(h)])
    upper = np.array([np.inf, 5.0 * scale, 1.0 / h, 2.0, 2.0])
    logs = np.array([False, True, True, False, True])
    low, high = (np.log(b, where=logs, out=b.copy()) for b in (lower, upper))
    spread = float(r.std())
    unit = np.array([spread / h / math.sqrt(n), 1.0, 1.0, spread, 1.0])
    base = np.array([r.mean() / h, 0.0, 0.0, 0.0, 0.0])

    def negative(x: np.ndarray) -> tuple[float, np.ndarray]:
        theta = base + unit * x
        natural = np.where(logs, np.exp(np.where(logs, theta, 0.0)), theta)
        value, gradient = mixture.score(natural)
        slope = gradient * np.where(logs, natural, 1.0) * unit
        if not (math.isfinite(value) and np.all(np.isfinite(slope))):
            return 1e300, np.zeros(5)
        return -value, -slope

    rng = np.random.default_rng(7)
    middle = float(np.median(r))
    robust = max(float(np.median(np.abs(r - middle))) / 0.6745, 0.02 * spread)
    outermost = np.sort(np.abs(r - middle))[-10:]
    points = []
    for _ in range(300):
        intensity = rng.uniform(low[2], high[2])
        narrow = math.log(max(0.3 * min(robust / spread, 1.0), 0.05))
        sigma = rng.uniform(narrow, 0.1) + math.log(spread / math.sqrt(h))
        kind = rng.random()
        if kind < 0.35:
            mean = rng.normal() * spread * 10 ** rng.uniform(-1, 1)
        elif kind < 0.7:
            mean = rng.choice(r) - middle
        else:
            mean = rng.choice(outermost) * rng.choice([-1, 1])
        deviation = rng.uniform(math.log(0.05), math.log(8.0)) + math.log(spread)
        drift = middle / h if rng.random() < 0.5 else r.mean() / h - math.exp(intensity) * mean
        theta = np.array([drift, sigma, intensity, np.clip(mean, -2.0, 2.0), deviation])
        points.append((np.clip(theta, low, high) - base) / unit)
    order = np.argsort([negative(point)[0] for point in points])
    chosen = [*order[: climbs // 2], *rng.choice(order[climbs // 2 :], climbs // 2, replace=False)]
    bounds = list(zip((low - base) / unit, (high - base) / unit, strict=True))
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}
    return max(
        -float(
            minimize(
                negative, points[i], jac=True, method="L-BFGS-B", bounds=bounds, options=options
            ).fun
        )
        for i in chosen
    )


# Highest of `highest_of_many` with 30 climbs; each has a hill that few starts lead to.
@pytest.mark.parametrize(
    ("kind", "seed", "highest"),
    [
        ("none", 1, 984.722),
        ("outlier", 2, 6445.467),
        ("frequent", 3, 15333.864),
        ("tiny", 4, 1862.568),
        ("rare", 6, 981.703),
        ("frequent", 12, 13906.434),
        ("ticks", 13, 10751.342),
        ("ticks", 29, 2177.118),
        ("zeros", 34, 2361.869),
        ("lattice", 1, 1527.606),
        ("two_sided", 2, 12879.989),
        ("huge", 5, 15058.390),
    ],
)
def test_the_highest_hill_that_scipy_found_is_reached(kind, seed, highest, make_bars):
    found = calibrate("merton", make_bars(closes_of(kind, seed)), minimum=200)
    assert found.log_likelihood > highest - 0.01
    assert found.diagnostics["converged"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_series_has_a_hill_higher_than_the_one_returned(kind, make_bars):
    for seed in range(100, 100 + SEEDS):
        bars = make_bars(closes_of(kind, seed))
        found = calibrate("merton", bars, minimum=200)
        highest = highest_of_many(SpotSample.from_bars(bars, minimum=200), 30)
        assert found.log_likelihood > highest - 0.01, (kind, seed)
        assert found.diagnostics["converged"], (kind, seed)


@pytest.mark.slow
def test_no_market_has_a_hill_higher_than_the_one_returned(make_bars, reference: Path):
    curve = pl.read_csv(
        reference / "data/futures/rtl_cl_generic_settle_2007_2016.csv", infer_schema_length=None
    )
    prices = {name: curve[name].cast(float, strict=False) for name in ("CL01", "CL06", "CL36")}
    for name, column in (
        ("arch_sp500", "Adj Close"),
        ("lean_aapl_unadjusted_1998_2021", "close"),
        ("eia_wti_spot_daily", "Price"),
    ):
        frame = pl.read_csv(reference / f"data/daily/{name}.csv", infer_schema_length=None)
        prices[name] = frame[column].cast(float, strict=False)
    for name, series in prices.items():
        whole = series.drop_nulls().to_numpy()
        whole = whole[whole > 0.0]
        for first, last in ((0, None), (0, 300), (300, 1000), (1000, 2200)):
            bars = make_bars(whole[first:last])
            found = calibrate("merton", bars)
            highest = highest_of_many(SpotSample.from_bars(bars), 30)
            assert found.log_likelihood > highest - 0.01, (name, first)
            assert found.diagnostics["converged"], (name, first)
