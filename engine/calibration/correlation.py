"""Correlations of several symbols' returns: shrinkage, and repair where they contradict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.sample import SpotSample
from engine.calibration.window import Window

__all__ = ["CorrelationEstimate", "estimate_correlation", "nearest_correlation"]

Array = NDArray[np.float64]

# Eigenvalues down to this are rounding, not contradiction.
_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class CorrelationEstimate:
    """Correlation matrix of log returns as of a date.

    Parameters
    ----------
    symbols : tuple of str
        Order of rows and columns.
    as_of : datetime.date
        Last date whose bars were allowed in.
    matrix : ndarray, shape (k, k)
        Positive semi-definite, ones on the diagonal.
    std_errors : ndarray, shape (k, k)
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
        At least two symbols of one timeframe; returns are matched by the bar they end in (by date
        for bars of a session or longer).
    as_of : datetime.date, optional
        Defaults to the earliest of the histories' last dates.
    shrinkage : "none", "auto" or float
        Weight of the identity: none, the one that minimises the expected squared error [1]_, or
        given, 0 to 1.
    missing : {"common", "pairwise"}
        Use the returns that all symbols have, or for each pair all they share; the latter may
        contradict itself and is then repaired [2]_.
    window, non_positive, overnight, minimum
        See `SpotSample.from_bars`; `minimum` counts common returns.

    Raises
    ------
    ValueError
        If there are fewer than two symbols, or too few common returns.

    References
    ----------
    .. [1] Schafer, J., Strimmer, K. (2005). A shrinkage approach to large-scale covariance matrix
       estimation. Statistical Applications in Genetics and Molecular Biology 4, 32.
    .. [2] Higham, N. (2002). Computing the nearest correlation matrix. IMA Journal of Numerical
       Analysis 22, 329-343.
    """
    symbols = tuple(bars.symbol for bars in histories)
    if len(symbols) < 2 or len(set(symbols)) != len(symbols):
        raise ValueError(f"symbols: found {list(symbols)}, allowed two or more different ones")
    samples = [
        SpotSample.from_bars(
            bars,
            as_of=as_of,
            window=window,
            non_positive=non_positive,
            overnight=overnight,
            minimum=minimum,
        )
        for bars in histories
    ]
    as_of = as_of or min(sample.as_of for sample in samples)
    table, weights = _aligned(samples, whole=histories[0].calendar.bars_per_session <= 1.0)
    if missing == "common":
        complete = np.isfinite(table).all(axis=0)
        table, weights = table[:, complete], weights[complete]
    elif missing != "pairwise":
        raise ValueError(f"missing: found {missing!r}, allowed common, pairwise")
    matrix, errors, n = _sample_correlations(table, weights, symbols, minimum)
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
        raise ValueError(f"matrix: found shape {start.shape}, allowed a finite square matrix")
    if not np.allclose(start, start.T, atol=1e-12):
        raise ValueError("matrix: found asymmetric entries, allowed a symmetric matrix")
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
    # The last projection left the diagonal at one; take away what rounding left below zero.
    values, vectors = np.linalg.eigh(y)
    y = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = 1.0 / np.sqrt(np.diag(y))
    y = y * np.outer(scale, scale)
    np.fill_diagonal(y, 1.0)
    return np.asarray(0.5 * (y + y.T))


def _aligned(samples: list[SpotSample], *, whole: bool) -> tuple[Array, Array]:
    """Tabulate returns by symbol and instant, NaN where missing, and the instants' weights."""
    day = 86_400_000_000
    stamps = [s.stamps // day if whole else s.stamps for s in samples]
    instants = np.unique(np.concatenate(stamps))
    table = np.full((len(samples), len(instants)), np.nan)
    weights = np.zeros(len(instants))
    for row, (sample, own) in enumerate(zip(samples, stamps, strict=True)):
        position = np.searchsorted(instants, own)
        table[row, position] = sample.returns / np.sqrt(sample.dt)
        weights[position] = np.maximum(weights[position], sample.weights)
    return table, weights


def _sample_correlations(
    table: Array, weights: Array, symbols: tuple[str, ...], minimum: int
) -> tuple[Array, Array, NDArray[np.int64]]:
    k = len(symbols)
    matrix, errors = np.eye(k), np.zeros((k, k))
    n = np.zeros((k, k), dtype=np.int64)
    for i in range(k):
        n[i, i] = np.isfinite(table[i]).sum()
        for j in range(i + 1, k):
            both = np.isfinite(table[i]) & np.isfinite(table[j])
            count = int(both.sum())
            if count < minimum:
                raise ValueError(
                    f"returns of {symbols[i]} and {symbols[j]}: found {count} in common, "
                    f"allowed >= {minimum}"
                )
            w = weights[both]
            x = table[i, both] - np.average(table[i, both], weights=w)
            y = table[j, both] - np.average(table[j, both], weights=w)
            r = float(np.sum(w * x * y) / math.sqrt(np.sum(w * x * x) * np.sum(w * y * y)))
            effective = float(w.sum() ** 2 / np.sum(w * w))
            matrix[i, j] = matrix[j, i] = r
            errors[i, j] = errors[j, i] = (1.0 - r * r) / math.sqrt(effective)
            n[i, j] = n[j, i] = count
    return matrix, errors, n


def _intensity(shrinkage: str | float, matrix: Array, errors: Array) -> float:
    if isinstance(shrinkage, str):
        if shrinkage == "none":
            return 0.0
        if shrinkage != "auto":
            raise ValueError(f"shrinkage: found {shrinkage!r}, allowed none, auto or 0 to 1")
        signal = float(np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2))
        return min(1.0, float(np.sum(errors**2)) / signal) if signal > 0.0 else 1.0
    if not 0.0 <= shrinkage <= 1.0:
        raise ValueError(f"shrinkage: found {shrinkage}, allowed none, auto or 0 to 1")
    return float(shrinkage)
