"""How often the interval of a share holds the truth: summed over the binomial law, not drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from engine.statistics.shares import shares

__all__ = ["exact_coverage", "print_tables"]

Floats = NDArray[np.float64]

_SIZES = (20, 50, 100, 200, 1000)


def exact_coverage(low: Floats, high: Floats, true_shares: Floats) -> Floats:
    """Probability that an interval of n outcomes holds the true share.

    Parameters
    ----------
    low, high : ndarray of float64, shape (n + 1,)
        The interval of 0 to n successes.
    true_shares : ndarray of float64, shape (shares,)
        From 0 to 1.

    Returns
    -------
    ndarray of float64, shape (shares,)
    """
    successes = np.arange(len(low))[:, None]
    masses = stats.binom.pmf(successes, len(low) - 1, true_shares)
    held = (low[:, None] <= true_shares) & (true_shares <= high[:, None])
    found: Floats = (masses * held).sum(axis=0)
    return found


def print_tables() -> None:
    """Print exact coverage over true shares, of ours and of three textbook intervals."""
    print("Exact coverage of 95 % intervals of a share, over 1,001 true shares that make three or")
    print("more successes and failures likely, per cent.")
    print()
    print("| outcomes | interval | least | mean | largest | of shares within 93 to 97 |")
    print("|---|---|---|---|---|---|")
    for n in _SIZES:
        true = np.linspace(3.0 / n, 1.0 - 3.0 / n, 1001)
        for name, interval in _INTERVALS.items():
            found = 100.0 * exact_coverage(*interval(n), true)
            within = 100.0 * np.mean((found >= 93.0) & (found <= 97.0))
            numbers = (found.min(), found.mean(), found.max(), within)
            print(f"| {n:,} | {name} | " + " | ".join(f"{one:.1f}" for one in numbers) + " |")


def _ours(n: int) -> tuple[Floats, Floats]:
    successes = np.arange(n) < np.arange(n + 1)[:, None]
    found = shares(successes.astype(np.float64)).estimates()
    return found.low, found.high


def _wilson(n: int) -> tuple[Floats, Floats]:
    p, z = np.arange(n + 1) / n, stats.norm.ppf(0.975)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    return centre - reach, centre + reach


def _beta(n: int, low_prior: float, high_prior: float) -> tuple[Floats, Floats]:
    k = np.arange(n + 1.0)
    low = stats.beta.ppf(0.025, np.maximum(k + low_prior, 1e-9), n - k + 1.0 - low_prior)
    high = stats.beta.ppf(0.975, k + high_prior, np.maximum(n - k + 1.0 - high_prior, 1e-9))
    return np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)


_INTERVALS: dict[str, Callable[[int], tuple[Floats, Floats]]] = {
    "ours": _ours,
    "Wilson": _wilson,
    "Jeffreys": lambda n: _beta(n, 0.5, 0.5),
    "Clopper and Pearson": lambda n: _beta(n, 0.0, 1.0),
}
