"""Seeds, price paths and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.testing.examples import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["bars", "price_paths", "random_path", "seeds"]

_DAY = 86_400_000_000  # microseconds


def seeds() -> SearchStrategy[int]:
    """Draw seeds of paths: whole numbers of 64 bits, with both ends among them."""
    st = strategies()
    found: SearchStrategy[int] = st.integers(0, 2**64 - 1)
    return found


def price_paths(
    count: int = 60, *, volatility: float = 0.02, gap: float = 0.01
) -> SearchStrategy[NDArray[np.float64]]:
    """Draw one symbol's path of consistent bars around a price of 100.

    Parameters
    ----------
    count : int
        Bars of the path.
    volatility : float
        Standard deviation of the log return from close to close.
    gap : float
        Standard deviation of the log return from a close to the next open, and of how far, in
        logarithms, a bar reaches beyond its open and close.

    Returns
    -------
    SearchStrategy of ndarray of float64, shape (5, count)
        Rows ``open high low close volume``, as the fields of a price block.
    """

    def path(seed: int) -> NDArray[np.float64]:
        return random_path(np.random.default_rng(seed), count, volatility, gap)

    return seeds().map(path)


def bars(
    *, min_size: int = 2, max_size: int = 60, symbol: str = "X", volatility: float = 0.02
) -> SearchStrategy[Bars]:
    """Draw daily bars of one symbol; a failing example is shrunk to few of them.

    Some series trade every bar at one price, have days without volume, or skip days.

    Parameters
    ----------
    min_size, max_size : int
        Least and largest number of bars.
    symbol : str
        Their symbol.
    volatility : float
        Standard deviation of the log return from close to close.

    Returns
    -------
    SearchStrategy of Bars
        From 1970-01-01 on, in daily bars of the New York Stock Exchange's calendar.
    """
    st = strategies()

    def history(draw: DrawFn) -> Bars:
        count = draw(st.integers(min_size, max_size))
        rng = np.random.default_rng(draw(seeds()))
        path = random_path(rng, count, volatility, volatility / 2)
        if draw(st.booleans()):  # each bar at one price
            path[:4] = path[3]
        if draw(st.booleans()):
            path[4] = np.where(rng.random(count) < 0.2, 0.0, path[4])
        days = np.cumsum(1 + draw(st.booleans()) * rng.integers(0, 4, count)) - 1
        return Bars(symbol, (days * _DAY).astype(np.int64), *path)

    found: SearchStrategy[Bars] = st.composite(history)()
    return found


def random_path(
    rng: np.random.Generator, count: int, volatility: float, gap: float
) -> NDArray[np.float64]:
    """Return consistent bars around a price of 100, shape (5, count)."""
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, count)))
    opens = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, gap, count))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, gap, count)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, gap, count)))
    return np.array([opens, high, low, close, np.full(count, 1e6)])
