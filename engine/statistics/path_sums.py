"""Sums per path that pooled ratios follow from: what the event loop records, on plain arrays.

The compiled event loop adds up the same numbers in place; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["growth_of", "pnl_parts", "return_sums", "trade_sums"]

Floats = NDArray[np.float64]


def return_sums(
    equity: ArrayLike,
    start: ArrayLike,
    years: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    rounding: ArrayLike = 0.0,
    risk_free: ArrayLike = 0.0,
) -> dict[str, Floats]:
    """Add up the returns of every path.

    Parameters
    ----------
    equity : array_like, shape (..., bars)
        Equity at each close.
    start : array_like, shape (...)
        Equity before the first bar, above 0.
    years : array_like, shape (...)
        How long the path lasts.
    benchmark : array_like, shape (..., bars), optional
        Returns of the benchmark on the same path and bars.
    rounding : array_like, shape (...)
        Standard deviation of a bar's return up to which it is rounding, which counts as 0.
    risk_free : array_like, shape (..., bars) or ()
        Risk-free return of each bar: the sums are of the returns above it.

    Returns
    -------
    dict of str to ndarray, shape (...)
        ``bars``, ``years``, ``return_sum``, ``return_squares``, ``downside_squares``,
        ``upside_sum``, ``downside_sum``, ``return_sum_squares``, ``paths`` (1), and with a
        benchmark ``benchmark_sum``, ``benchmark_squares``, ``benchmark_products``, as
        `pooled.POOLED` takes them.

    Notes
    -----
    r_t = e_t / e_(t-1) - 1, less the risk-free return. A bar at whose close nothing (or less) is
    left has the return that took it; the bars after it have 0. The benchmark's returns count on all
    bars.

    Examples
    --------
    >>> found = return_sums([[110.0, 99.0]], 100.0, 1.0)
    >>> [round(float(found[name][0]), 6) for name in ("return_sum", "return_squares")]
    [0.0, 0.02]
    """
    curve = np.asarray(equity, dtype=np.float64)
    shape, bars = curve.shape[:-1], curve.shape[-1]
    first = np.broadcast_to(np.asarray(start, dtype=np.float64), shape)
    before = np.concatenate([first[..., None], curve[..., :-1]], axis=-1)
    alive = np.minimum.accumulate(before, axis=-1) > 0.0
    free = np.asarray(risk_free, dtype=np.float64)
    returns = np.where(alive, curve / np.where(alive, before, 1.0) - 1.0 - free, 0.0)
    least = np.asarray(rounding, dtype=np.float64)
    total, fallen = returns.sum(axis=-1), (np.minimum(returns, 0.0) ** 2).sum(axis=-1)
    fallen = np.where(fallen <= least * least * bars, 0.0, fallen)
    risen = np.where(fallen > 0.0, np.maximum(returns, 0.0).sum(axis=-1), total)
    risen = np.where(risen <= least * bars, 0.0, risen)
    total = np.where((fallen > 0.0) | (risen > 0.0), total, 0.0)
    apart = ((returns - returns.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    apart = np.where(apart <= least * least * bars, 0.0, apart)
    found = {
        "bars": np.full(shape, float(bars)),
        "years": np.broadcast_to(np.asarray(years, dtype=np.float64), shape).copy(),
        "return_sum": total,
        "return_squares": apart + total * total / bars,
        "downside_squares": fallen,
        "upside_sum": risen,
        "downside_sum": risen - total,
        "return_sum_squares": total**2,
        "paths": np.ones(shape),
    }
    if benchmark is not None:
        other = np.broadcast_to(np.asarray(benchmark, dtype=np.float64), curve.shape)
        found["benchmark_sum"] = other.sum(axis=-1)
        found["benchmark_squares"] = (other * other).sum(axis=-1)
        found["benchmark_products"] = (other * returns).sum(axis=-1)
    return found


def growth_of(final: ArrayLike, start: ArrayLike, years: ArrayLike) -> Floats:
    """Annual growth rate of every path, (final / start)^(1 / years) - 1; -1 if nothing is left.

    Less than nothing counts as nothing: a growth rate of debt is not defined, and leaving the
    path out would flatter the strategy that ruined it.

    Parameters
    ----------
    final, start : array_like
        Equity at the end, and before the first bar, in account currency.
    years : array_like
        How long each path lasts.

    Returns
    -------
    ndarray of float64
        Growth per year; -1 where nothing is left.

    Examples
    --------
    >>> growth_of([121.0, -5.0], 100.0, 2.0).round(6).tolist()
    [0.1, -1.0]
    """
    ratio = np.maximum(np.asarray(final, dtype=np.float64) / np.asarray(start), 0.0)
    # Beyond that the growth has no float64.
    with np.errstate(divide="ignore"):
        rate = np.minimum(np.log(ratio) / np.asarray(years), 690.0)
    return np.asarray(np.expm1(rate))


def pnl_parts(net_pnl: ArrayLike) -> dict[str, Floats]:
    """Split the P&L of every path into ``gain`` and ``loss``, both from 0 up.

    Parameters
    ----------
    net_pnl : array_like, shape (paths,)
        In account currency.

    Returns
    -------
    dict of str to ndarray, shape (paths,)
        ``gain`` and ``loss``.

    Examples
    --------
    >>> {name: part.tolist() for name, part in pnl_parts([3.0, -2.0]).items()}
    {'gain': [3.0, 0.0], 'loss': [0.0, 2.0]}
    """
    pnl = np.asarray(net_pnl, dtype=np.float64)
    return {"gain": np.maximum(pnl, 0.0), "loss": np.maximum(-pnl, 0.0)}


def trade_sums(pnl: ArrayLike, path: ArrayLike, paths: int) -> dict[str, Floats]:
    """Add up the closed trades of every path.

    Parameters
    ----------
    pnl : array_like, shape (trades,)
        Profit of each trade after costs.
    path : array_like of int, shape (trades,)
        Its path, from 0 to paths - 1.
    paths : int
        How many paths there are, those without a trade too.

    Returns
    -------
    dict of str to ndarray, shape (paths,)
        ``trades``, ``wins``, ``losses``, ``trade_sum``, ``trade_squares``, ``gross_profit``,
        ``gross_loss`` (from 0 up) and ``paths``, which is 1.

    Raises
    ------
    ValueError
        If a profit is not finite.

    Examples
    --------
    >>> sums = trade_sums([3.0, -2.0, 1.0], [0, 0, 1], paths=3)
    >>> sums["trades"].tolist(), sums["gross_loss"].tolist()
    ([2.0, 1.0, 0.0], [2.0, 0.0, 0.0])
    """
    profit = np.asarray(pnl, dtype=np.float64)
    place = np.asarray(path, dtype=np.int64)
    if not np.isfinite(profit).all():
        raise Refusal("pnl", str(profit[~np.isfinite(profit)][0]), "finite profits")

    def added(values: Floats) -> Floats:
        return np.bincount(place, weights=values, minlength=paths).astype(np.float64)

    return {
        "trades": added(np.ones(len(profit))),
        "wins": added((profit > 0.0).astype(np.float64)),
        "losses": added((profit < 0.0).astype(np.float64)),
        "trade_sum": added(profit),
        "trade_squares": added(profit * profit),
        "gross_profit": added(np.maximum(profit, 0.0)),
        "gross_loss": added(np.maximum(-profit, 0.0)),
        "paths": np.full(paths, 1.0),
    }
