"""Worlds with a known truth: laws of outcomes, and of what the paths of a strategy add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.statistics.autocorrelation import lag_count, lag_weights
from engine.statistics.path_sums import pnl_parts, return_sums

__all__ = ["OUTCOMES", "PATHS", "Outcomes", "Paths", "Sums", "generator"]

Floats = NDArray[np.float64]
Generator = np.random.Generator
Sums = dict[str, Floats]

_BARS_PER_YEAR = 252.0


def generator(seed: int) -> Generator:
    """Philox, as everywhere in the project."""
    return np.random.Generator(np.random.Philox(key=seed))


@dataclass(frozen=True)
class Outcomes:
    """A law of one number per path."""

    name: str
    draw: Callable[[Generator, tuple[int, ...]], Floats]

    def population(self) -> Floats:
        """Four million sorted outcomes: the truth, to a twentieth of any error measured."""
        return _population(self.name)


@dataclass(frozen=True)
class Paths:
    """A law of the per-path sums of a strategy: shape (...) each."""

    name: str
    draw: Callable[[Generator, tuple[int, ...]], Sums]

    def totals(self) -> Sums:
        """Add up 400,000 paths: each column of shape (1, 1), one huge path."""
        return _totals(self.name)


def _premium(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """P&L of a seller of options: a small gain mostly, a skewed loss now and then."""
    gain = 1.0 + 0.3 * rng.random(shape)
    return np.where(rng.random(shape) < 0.85, gain, 1.0 - rng.gamma(1.5, 2.0, shape))


def _trend(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """P&L of a trend follower: many small losses, some large gains."""
    loss = -np.abs(rng.normal(size=shape))
    return np.where(rng.random(shape) < 0.3, rng.exponential(2.5, shape), loss)


def _some(share: float) -> Callable[[Generator, tuple[int, ...]], Floats]:
    """P&L of a strategy that trades on a share of the paths."""

    def draw(rng: Generator, shape: tuple[int, ...]) -> Floats:
        return np.where(rng.random(shape) < share, rng.normal(0.5, 1.0, shape), 0.0)

    return draw


OUTCOMES = {
    law.name: law
    for law in (
        Outcomes("normal", lambda rng, shape: rng.normal(0.1, 1.0, shape)),
        Outcomes("exponential", lambda rng, shape: rng.exponential(1.0, shape) - 0.9),
        Outcomes("log-normal", lambda rng, shape: np.exp(0.5 * rng.normal(size=shape)) - 1.0),
        Outcomes("Student, 4", lambda rng, shape: 0.1 + rng.standard_t(4, shape)),
        Outcomes("premium seller", _premium),
        Outcomes("trend follower", _trend),
        Outcomes("60 % idle", _some(0.4)),
        Outcomes("90 % idle", _some(0.1)),
    )
}


def _held(rng: Generator, shape: tuple[int, ...], bars: int, share: float) -> Sums:
    """Draw normal returns on the paths that trade, with a correlated benchmark."""
    benchmark = rng.normal(0.0004, 0.01, (*shape, bars))
    own = 0.6 * benchmark + rng.normal(0.0003, 0.006, (*shape, bars))
    own = own * (rng.random(shape) < share)[..., None]
    return _with_benchmark(own, benchmark)


def _brackets(rng: Generator, shape: tuple[int, ...], bars: int) -> Sums:
    """Draw a bracket without edge: often a small gain, seldom a loss four times as large."""
    u = rng.random((*shape, bars))
    own = np.where(u < 0.04, 0.01, np.where(u < 0.05, -0.04, 0.0))
    return _with_benchmark(own, rng.normal(0.0, 0.01, (*shape, bars)))


def _volatile(rng: Generator, shape: tuple[int, ...], bars: int) -> Sums:
    """Paths whose volatilities differ twofold, with fat tails."""
    level = 0.008 * np.exp(0.5 * rng.normal(size=shape))[..., None]
    benchmark = level * (rng.standard_t(5, (*shape, bars)) + 0.05)
    return _with_benchmark(0.5 * benchmark, benchmark)


def _trending(rng: Generator, shape: tuple[int, ...], bars: int) -> Sums:
    """Draw returns of which a part follows on the one before."""
    own = rng.normal(0.0004, 0.01, (*shape, bars))
    for bar in range(1, bars):
        own[..., bar] += 0.3 * own[..., bar - 1]
    return _with_benchmark(own, rng.normal(0.0, 0.01, (*shape, bars)))


def _with_benchmark(returns: Floats, benchmark: Floats) -> Sums:
    equity = 100.0 * np.cumprod(1.0 + returns, axis=-1)
    bars = returns.shape[-1]
    found = return_sums(equity, 100.0, bars / _BARS_PER_YEAR, benchmark)
    weights = lag_weights(lag_count(bars), _BARS_PER_YEAR)
    products = np.zeros(returns.shape[:-1])
    for lag, weight in enumerate(weights.tolist(), 1):
        products += weight * (returns[..., lag:] * returns[..., :-lag]).sum(axis=-1)
    found["lagged_products"] = products
    found["lag_weight"] = np.full(products.shape, weights @ (bars - np.arange(1, len(weights) + 1)))
    return found | pnl_parts(equity[..., -1] - 100.0)


def _trades(rate: float) -> Callable[[Generator, tuple[int, ...]], Sums]:
    """Draw closed trades at a rate per path: skewed, fat, with a small edge."""

    def draw(rng: Generator, shape: tuple[int, ...]) -> Sums:
        count = rng.poisson(rate, shape)
        names = ("trades", "wins", "losses", "trade_sum", "trade_squares")
        found = {name: np.zeros(shape) for name in (*names, "gross_profit", "gross_loss")}
        # Volatile paths have larger trades: a path's trades depend on one another.
        level = np.exp(0.4 * rng.normal(size=shape))
        for number in range(int(count.max(initial=0))):
            pnl = level * (0.15 + rng.normal(size=shape)) * np.exp(0.4 * rng.normal(size=shape))
            pnl = np.where(number < count, pnl, 0.0)
            found["wins"] += pnl > 0.0
            found["losses"] += pnl < 0.0
            found["trade_sum"] += pnl
            found["trade_squares"] += pnl * pnl
            found["gross_profit"] += np.maximum(pnl, 0.0)
            found["gross_loss"] += np.maximum(-pnl, 0.0)
        return found | {"trades": count.astype(np.float64), "paths": np.ones(shape)}

    return draw


PATHS = {
    law.name: law
    for law in (
        Paths("always invested", lambda rng, shape: _held(rng, shape, 42, 1.0)),
        Paths("half of paths idle", lambda rng, shape: _held(rng, shape, 42, 0.5)),
        Paths("four of five idle", lambda rng, shape: _held(rng, shape, 42, 0.2)),
        Paths("brackets", lambda rng, shape: _brackets(rng, shape, 63)),
        Paths("volatile paths", lambda rng, shape: _volatile(rng, shape, 42)),
        Paths("trending paths", lambda rng, shape: _trending(rng, shape, 63)),
        Paths("20 trades a path", _trades(20.0)),
        Paths("2 trades a path", _trades(2.0)),
        Paths("a trade on every other path", _trades(0.5)),
    )
}


@lru_cache(maxsize=32)
def _population(name: str) -> Floats:
    return np.sort(OUTCOMES[name].draw(generator(2_000_003), (4_000_000,)))


@lru_cache(maxsize=32)
def _totals(name: str) -> Sums:
    rng = generator(2_000_029)
    parts = [PATHS[name].draw(rng, (20_000,)) for _ in range(20)]
    return {key: np.array([[sum(float(part[key].sum()) for part in parts)]]) for key in parts[0]}
