"""Correlations of several symbols' returns: shrinkage, and the nearest correlation matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.sample import SpotSample, bars_as_of
from engine.calibration.window import Window
from engine.errors import Refusal

__all__ = ["CorrelationEstimate", "estimate_correlation", "nearest_correlation"]

Array = NDArray[np.float64]

# Eigenvalues between minus this and zero are rounding; the matrix counts as semi-definite.
_TOLERANCE = 1e-10
_DAY = 86_400_000_000


@dataclass(frozen=True, eq=False)
class CorrelationEstimate:
    """Correlation matrix of log returns as of a date.

    Parameters
    ----------
    symbols : tuple of str
        Order of rows and columns.
    as_of : datetime.date
        Last date whose bars were used.
    matrix : ndarray of float64, shape (k, k)
        Positive semi-definite, ones on the diagonal.
    std_errors : ndarray of float64, shape (k, k)
        ``(1 - r^2) / sqrt(n)`` of the sample correlations; 0 on the diagonal.
    n : ndarray of int64, shape (k, k)
        Common returns of each pair.
    shrinkage : float
        Weight of the identity in the matrix.
    smallest_eigenvalue : float
        Before repair.
    repair_distance : float
        Frobenius distance that the repair moved the matrix; 0 where none was needed.
    """

    symbols: tuple[str, ...]
    as_of: date
    matrix: Array
    std_errors: Array
    n: NDArray[np.int64]
    shrinkage: float
    smallest_eigenvalue: float
    repair_distance: float

    def to_rows(self) -> list[dict[str, Any]]:
        """One row per pair of symbols."""
        return [
            {
                "as_of": self.as_of,
                "symbol_a": self.symbols[i],
                "symbol_b": self.symbols[j],
                "correlation": float(self.matrix[i, j]),
                "std_error": float(self.std_errors[i, j]),
                "n": int(self.n[i, j]),
                "shrinkage": self.shrinkage,
                "repair_distance": self.repair_distance,
            }
            for i in range(len(self.symbols))
            for j in range(i + 1, len(self.symbols))
        ]


def estimate_correlation(
    histories: Sequence[Bars],
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    shrinkage: Literal["none", "auto"] | float = "none",
    missing: Literal["common", "pairwise"] = "common",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 30,
) -> CorrelationEstimate:
    """Estimate the correlations of log returns.

    Parameters
    ----------
    histories : sequence of Bars
        At least two symbols of one timeframe. Prices are matched by bar (by date for bars of a
        session or longer), and returns are taken between bars that all symbols have, so that
        the return after a day on which one of them did not trade covers two days for all.
    as_of : datetime.date, optional
        Defaults to the earliest of the histories' last dates.
    shrinkage : "none", "auto" or float
        Weight of the identity: none, the one that minimises the expected squared error [1]_, or
        given, 0 to 1.
    missing : {"common", "pairwise"}
        Use the bars that all symbols have, or for each pair the bars that both have; a matrix
        of pairs need not be positive semi-definite and is then repaired [2]_.
    window, non_positive, overnight, minimum
        See `SpotSample.from_bars`; `minimum` counts common returns.

    Raises
    ------
    ValueError
        If there are fewer than two symbols, their timeframes differ, there are too few common
        returns, or a symbol's price never changes in them.

    References
    ----------
    .. [1] Schafer, J., Strimmer, K. (2005). A shrinkage approach to large-scale covariance matrix
       estimation. Statistical Applications in Genetics and Molecular Biology 4, 32.
    .. [2] Higham, N. (2002). Computing the nearest correlation matrix. IMA Journal of Numerical
       Analysis 22, 329-343.
    """
    symbols = tuple(bars.symbol for bars in histories)
    if len(symbols) < 2 or len(set(symbols)) != len(symbols):
        raise Refusal("symbols", str(list(symbols)), "two or more different ones")
    timeframes = {bars.calendar.timeframe for bars in histories}
    if len(timeframes) > 1:
        raise Refusal("timeframes", ", ".join(sorted(timeframes)), "one for all")
    if missing not in ("common", "pairwise"):
        raise Refusal("missing", repr(missing), "common, pairwise")
    # One end date for all: windows with different ends might have no day in common.
    as_of = as_of or min(bars_as_of(bars, None)[1] for bars in histories)
    whole = histories[0].calendar.bars_per_session <= 1.0
    prices = [
        _Prices.of(
            SpotSample.from_bars(
                bars,
                as_of=as_of,
                window=window,
                non_positive=non_positive,
                overnight=overnight,
                minimum=minimum,
            ),
            whole=whole,
        )
        for bars in histories
    ]
    matrix, errors, n = _sample_correlations(prices, minimum, pairwise=missing == "pairwise")
    amount = _intensity(shrinkage, matrix, errors)
    matrix = (1.0 - amount) * matrix + amount * np.eye(len(symbols))
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    repaired = matrix if smallest >= -_TOLERANCE else nearest_correlation(matrix)
    return CorrelationEstimate(
        symbols=symbols,
        as_of=as_of,
        matrix=repaired,
        std_errors=errors,
        n=n,
        shrinkage=amount,
        smallest_eigenvalue=smallest,
        repair_distance=float(np.linalg.norm(repaired - matrix)),
    )


def nearest_correlation(matrix: Array, *, iterations: int = 500) -> Array:
    """Nearest correlation matrix in the Frobenius norm.

    Alternating projections onto the positive semi-definite matrices and those with unit diagonal,
    with Dykstra's correction (Higham 2002, algorithm 3.3).

    Parameters
    ----------
    matrix : ndarray, shape (k, k)
        Symmetric.

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and finite.
    """
    start = np.array(matrix, dtype=np.float64)
    if start.ndim != 2 or start.shape[0] != start.shape[1] or not np.isfinite(start).all():
        raise Refusal("matrix", f"shape {start.shape}", "a finite square matrix")
    if not np.allclose(start, start.T, atol=1e-12):
        raise Refusal("matrix", "asymmetric entries", "a symmetric matrix")
    y, correction = start.copy(), np.zeros_like(start)
    for _ in range(iterations):
        shifted = y - correction
        values, vectors = np.linalg.eigh(shifted)
        x = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = x - shifted
        following = x.copy()
        np.fill_diagonal(following, 1.0)
        moved = float(np.linalg.norm(following - y))
        y = following
        if moved < 1e-13:
            break
    # The last projection set the diagonal to one; remove negative eigenvalues left by rounding.
    values, vectors = np.linalg.eigh(y)
    y = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = 1.0 / np.sqrt(np.diag(y))
    y = y * np.outer(scale, scale)
    np.fill_diagonal(y, 1.0)
    return np.asarray(0.5 * (y + y.T))


@dataclass(frozen=True, eq=False)
class _Prices:
    """Log prices of a symbol at its bars.

    A chain is a run of bars between which the sample kept every return; `elapsed` is the total
    time of the kept returns up to each bar. Returns per root year that differ by at most `rounding`
    count as equal.
    """

    symbol: str
    instants: NDArray[np.int64]
    logs: Array
    elapsed: Array
    chain: NDArray[np.int64]
    weights: Array
    rounding: float

    @classmethod
    def of(cls, sample: SpotSample, *, whole: bool) -> _Prices:
        """Take the bars of a sample, identified by date if they span whole sessions."""
        unit = _DAY if whole else 1
        begins, stamps = sample.begins // unit, sample.stamps // unit
        first = np.append(True, begins[1:] != stamps[:-1])
        # The first bar of a chain ends no return, so it is inserted before the others.
        place = np.flatnonzero(first)
        elapsed = np.cumsum(sample.dt)
        return cls(
            symbol=sample.symbol,
            instants=np.insert(stamps, place, begins[place]),
            logs=np.insert(sample.start + sample.returns, place, sample.start[place]),
            elapsed=np.insert(elapsed, place, (elapsed - sample.dt)[place]),
            chain=np.insert(np.cumsum(first), place, np.cumsum(first)[place]),
            weights=np.insert(sample.weights, place, 0.0),
            rounding=16.0
            * np.finfo(np.float64).eps
            * max(float(np.abs(sample.start).max()), 1.0)
            / math.sqrt(float(sample.dt.min())),
        )


def _common_returns(prices: Sequence[_Prices]) -> tuple[Array, Array]:
    """Return returns per root year between the bars that all symbols have, and their weights."""
    shared = prices[0].instants
    for own in prices[1:]:
        shared = np.intersect1d(shared, own.instants)
    count = max(len(shared) - 1, 0)
    table, weights, elapsed = np.empty((len(prices), count)), np.zeros(count), np.zeros(count)
    unbroken = np.ones(count, dtype=np.bool_)
    for row, own in enumerate(prices):
        at = np.searchsorted(own.instants, shared)
        unbroken &= np.diff(own.chain[at]) == 0
        table[row] = np.diff(own.logs[at])
        # All symbols' returns are scaled by the same time, also where one of them did not trade.
        elapsed += np.diff(own.elapsed[at]) / len(prices)
        weights = np.maximum(weights, own.weights[at][1:])
    return table[:, unbroken] / np.sqrt(elapsed[unbroken]), weights[unbroken]


def _sample_correlations(
    prices: Sequence[_Prices], minimum: int, *, pairwise: bool
) -> tuple[Array, Array, NDArray[np.int64]]:
    k = len(prices)
    matrix, errors = np.eye(k), np.zeros((k, k))
    table, weights = _common_returns(prices)
    own_counts = [int(np.sum(own.weights > 0.0)) for own in prices]
    n = np.diag(own_counts if pairwise else [len(weights)] * k)
    for i in range(k):
        for j in range(i + 1, k):
            pair = table[[i, j]]
            if pairwise:
                pair, weights = _common_returns((prices[i], prices[j]))
            names = f"returns of {prices[i].symbol} and {prices[j].symbol}"
            count = len(weights)
            if count < minimum:
                raise Refusal(str(names), f"{count} in common", f">= {minimum}")
            for own, row in zip((prices[i], prices[j]), pair, strict=True):
                if float(np.ptp(row)) <= own.rounding:
                    raise Refusal(
                        str(names),
                        f"the same return of {own.symbol} in all {count} that they have in common",
                        "prices that vary",
                    )
            x, y = pair - np.average(pair, axis=1, weights=weights)[:, None]
            scale = math.sqrt(np.sum(weights * x * x) * np.sum(weights * y * y))
            r = min(max(float(np.sum(weights * x * y)) / scale, -1.0), 1.0)
            effective = float(weights.sum() ** 2 / np.sum(weights * weights))
            matrix[i, j] = matrix[j, i] = r
            errors[i, j] = errors[j, i] = (1.0 - r * r) / math.sqrt(effective)
            n[i, j] = n[j, i] = count
    return matrix, errors, n


def _intensity(shrinkage: str | float, matrix: Array, errors: Array) -> float:
    if isinstance(shrinkage, str):
        if shrinkage == "none":
            return 0.0
        if shrinkage != "auto":
            raise Refusal("shrinkage", repr(shrinkage), "none, auto or 0 to 1")
        signal = float(np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2))
        return min(1.0, float(np.sum(errors**2)) / signal) if signal > 0.0 else 1.0
    if not 0.0 <= shrinkage <= 1.0:
        raise Refusal("shrinkage", str(shrinkage), "none, auto or 0 to 1")
    return float(shrinkage)
