"""Ratios of sums over paths: their formulas, with the derivatives that their errors take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.statistics.linearised import Shape

__all__ = ["POOLED", "Means", "Pooled", "Slopes", "quotient_of"]

Floats = NDArray[np.float64]
Means = Mapping[str, Floats]
Slopes = dict[str, Floats]


@dataclass(frozen=True)
class Pooled:
    """A ratio of sums over paths.

    Parameters
    ----------
    columns : tuple of str
        The per-path sums that it is a function of.
    carriers : tuple of str
        Columns that must be other than 0 in at least five units for an interval.
    shape : str
        Shape of the interval: see `linearised.intervals`.
    function : callable
        Takes the means of the columns over units and the number of units; returns the value and
        its derivative by each column.
    """

    columns: tuple[str, ...]
    carriers: tuple[str, ...]
    shape: Shape
    function: Callable[[Means, Floats], tuple[Floats, Slopes]]


def _spread(total: Floats, squares: Floats, count: Floats, units: Floats) -> tuple[Floats, Floats]:
    """Mean and variance (ddof 1 over all units) of `count` numbers per unit."""
    mean = total / count
    variance = squares / count - mean * mean
    # Below this the spread of equal numbers is rounding.
    variance = np.where(variance > 1e-15 * mean * mean, variance, math.nan)
    return mean, variance * (count * units / (count * units - 1.0))


def _sharpe(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    bars, years, s1, s2 = m["bars"], m["years"], m["return_sum"], m["return_squares"]
    mean, variance = _spread(s1, s2, bars, units)
    deviation = np.sqrt(variance)
    annual = np.sqrt(bars / years)
    value = mean / deviation * annual
    by_mean = annual / deviation * (1.0 + mean * mean / variance)
    by_square = -0.5 * value / variance
    return value, {
        "return_sum": by_mean / bars,
        "return_squares": by_square / bars,
        "bars": -(by_mean * mean + by_square * s2 / bars) / bars + 0.5 * value / bars,
        "years": -0.5 * value / years,
    }


def _sharpe_by_path(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    paths, years, s1, s2 = (
        m[name] for name in ("paths", "years", "return_sum", "return_sum_squares")
    )
    mean, variance = _spread(s1, s2, paths, units)
    root = np.sqrt(paths / years)
    value = root * mean / np.sqrt(variance)
    by_mean = root / np.sqrt(variance) * (1.0 + mean * mean / variance)
    by_square = -0.5 * value / variance
    return value, {
        "return_sum": by_mean / paths,
        "return_sum_squares": by_square / paths,
        "paths": -(by_mean * mean + by_square * s2 / paths) / paths + 0.5 * value / paths,
        "years": -0.5 * value / years,
    }


def _sharpe_autocorrelated(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    """Mean over the root of the variance that a year's return has by its autocorrelations."""
    bars, years, s1, s2 = m["bars"], m["years"], m["return_sum"], m["return_squares"]
    mean, variance = _spread(s1, s2, bars, units)
    share = m["lag_weight"] / bars
    whole = variance + 2.0 * (m["lagged_products"] / bars - share * mean * mean)
    whole = np.where(whole > 0.0, whole, math.nan)
    annual = np.sqrt(bars / years)
    value = mean / np.sqrt(whole) * annual
    by_whole = -0.5 * value / whole
    direct = annual / np.sqrt(whole)
    by_mean = direct - 2.0 * by_whole * mean * (1.0 + 2.0 * share)
    square = mean * mean
    by_bars = 2.0 * square - (s2 + 2.0 * m["lagged_products"]) / bars + 6.0 * share * square
    return value, {
        "return_sum": by_mean / bars,
        "return_squares": by_whole / bars,
        "lagged_products": 2.0 * by_whole / bars,
        "lag_weight": -2.0 * by_whole * square / bars,
        "bars": (0.5 * value - direct * mean + by_whole * by_bars) / bars,
        "years": -0.5 * value / years,
    }


def _sortino(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    bars, years, s1, falls = m["bars"], m["years"], m["return_sum"], m["downside_squares"]
    # mean / sqrt(falls / bars) * sqrt(bars / years): the bars cancel.
    value = s1 / np.sqrt(falls * years)
    return value, {
        "return_sum": 1.0 / np.sqrt(falls * years),
        "downside_squares": -0.5 * value / falls,
        "years": -0.5 * value / years,
        "bars": np.zeros_like(bars),
    }


def quotient_of(top: str, bottom: str) -> Callable[[Means, Floats], tuple[Floats, Slopes]]:
    """Return the ratio of one column to another, as `Pooled.function` has it.

    Parameters
    ----------
    top, bottom : str
        Names of sums.

    Returns
    -------
    callable
        Value and derivatives of the quotient, from the means of the sums.
    """

    def function(m: Means, units: Floats) -> tuple[Floats, Slopes]:
        value = m[top] / m[bottom]
        return value, {top: 1.0 / m[bottom], bottom: -value / m[bottom]}

    return function


def _payoff(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    profit, loss, wins, losses = (
        m[name] for name in ("gross_profit", "gross_loss", "wins", "losses")
    )
    value = profit / wins / (loss / losses)
    return value, {
        "gross_profit": value / profit,
        "wins": -value / wins,
        "gross_loss": -value / loss,
        "losses": value / losses,
    }


def _sqn(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    trades, paths, s1, s2 = m["trades"], m["paths"], m["trade_sum"], m["trade_squares"]
    mean, variance = _spread(s1, s2, trades, units)
    deviation = np.sqrt(variance)
    root = np.sqrt(trades / paths)
    value = root * mean / deviation
    by_mean = root / deviation * (1.0 + mean * mean / variance)
    by_square = -0.5 * value / variance
    return value, {
        "trade_sum": by_mean / trades,
        "trade_squares": by_square / trades,
        "trades": -(by_mean * mean + by_square * s2 / trades) / trades + 0.5 * value / trades,
        "paths": -0.5 * value / paths,
    }


def _information(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    """Sharpe ratio of the excess over the benchmark, from sums of both and of their product."""
    own, other, both = "return_squares", "benchmark_squares", "benchmark_products"
    apart = m[own] - 2.0 * m[both] + m[other]
    # Who holds the benchmark itself differs from it by rounding.
    apart = np.where(apart > 1e-13 * (m[own] + m[other]), apart, math.nan)
    excess = {
        "bars": m["bars"],
        "years": m["years"],
        "return_sum": m["return_sum"] - m["benchmark_sum"],
        "return_squares": apart,
    }
    value, slopes = _sharpe(excess, units)
    square = slopes["return_squares"]
    return value, {
        "bars": slopes["bars"],
        "years": slopes["years"],
        "return_sum": slopes["return_sum"],
        "benchmark_sum": -slopes["return_sum"],
        own: square,
        both: -2.0 * square,
        other: square,
    }


def _beta(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    bars, r, b = m["bars"], m["return_sum"], m["benchmark_sum"]
    covariance = m["benchmark_products"] - r * b / bars
    variance = m["benchmark_squares"] - b * b / bars
    variance = np.where(variance > 1e-15 * b * b / bars, variance, math.nan)
    value = covariance / variance
    return value, {
        "benchmark_products": 1.0 / variance,
        "return_sum": -b / bars / variance,
        "benchmark_sum": (2.0 * value * b - r) / bars / variance,
        "benchmark_squares": -value / variance,
        "bars": (r * b - value * b * b) / bars**2 / variance,
    }


def _alpha(m: Means, units: Floats) -> tuple[Floats, Slopes]:
    """Annual excess of the mean return over beta times the benchmark's."""
    beta, slopes = _beta(m, units)
    years, r, b = m["years"], m["return_sum"], m["benchmark_sum"]
    value = (r - beta * b) / years
    found = {name: -slope * b / years for name, slope in slopes.items()}
    found["return_sum"] = found["return_sum"] + 1.0 / years
    found["benchmark_sum"] = found["benchmark_sum"] - beta / years
    found["years"] = -value / years
    return value, found


_RETURNS = ("bars", "years", "return_sum", "return_squares")
_BENCHMARK = ("benchmark_sum", "benchmark_squares", "benchmark_products")

#: Pooled ratios by name, and the per-path sums they need.
#:
#: ``bars`` returns on the path, ``years`` it lasts; ``return_sum``, ``return_squares``,
#: ``downside_squares`` sums of r, r^2, min(r, 0)^2 over its bars; ``upside_sum``,
#: ``downside_sum`` of max(r, 0), max(-r, 0); ``growth`` its annual growth rate (-1 where nothing
#: is left) and ``drawdown_depth`` its deepest drawdown, positive; ``gain``, ``loss`` the positive
#: and negative part of its P&L; ``gross_profit``, ``gross_loss`` (positive), ``wins``, ``losses``,
#: ``trades``, ``trade_sum``, ``trade_squares`` of its closed trades, ``duration_sum``, ``mfe_sum``,
#: ``mae_sum`` of these; ``paths`` is 1; ``return_sum_squares`` the square of ``return_sum``;
#: ``benchmark_sum``, ``benchmark_squares``, ``benchmark_products`` sums of b, b^2, r b with b the
#: returns of the benchmark on the path; ``lagged_products`` the sum over lags k of their weight
#: times sum_t r_t r_(t-k), ``lag_weight`` that of their weight times the number of products.
#:
#: Formulas: ``sharpe`` mean over standard deviation of the returns, annual (Sharpe 1994);
#: ``sortino`` mean over root of the mean square below 0 (Sortino and Price 1994); ``calmar`` mean
#: growth over mean depth (Young 1991); ``omega`` gains over losses of the returns (Keating and
#: Shadwick 2002); ``sqn`` root of the trades per path times mean over standard deviation of a
#: trade (Tharp 2008); ``sharpe_by_path`` mean over standard deviation of the paths' total
#: returns, by the root of the paths' length: whatever the autocorrelation within a path (Lo 2002);
#: ``sharpe_autocorrelated`` mean over the root of the variance of a year's return by the
#: autocorrelations of returns (Lo 2002; `autocorrelation.lag_weights`);
#: ``information_ratio`` the Sharpe ratio of the excess over the benchmark
#: (Goodwin 1998); ``alpha``, ``beta`` (Jensen 1968).
POOLED: dict[str, Pooled] = {
    "sharpe": Pooled(_RETURNS, ("return_squares",), "kurtic", _sharpe),
    "sharpe_by_path": Pooled(
        ("paths", "years", "return_sum", "return_sum_squares"),
        ("return_sum_squares",),
        "kurtic",
        _sharpe_by_path,
    ),
    "sharpe_autocorrelated": Pooled(
        (*_RETURNS, "lagged_products", "lag_weight"),
        ("return_squares",),
        "kurtic",
        _sharpe_autocorrelated,
    ),
    "sortino": Pooled(
        ("bars", "years", "return_sum", "downside_squares"),
        ("downside_squares",),
        "kurtic",
        _sortino,
    ),
    "calmar": Pooled(
        ("growth", "drawdown_depth"),
        ("drawdown_depth",),
        "kurtic",
        quotient_of("growth", "drawdown_depth"),
    ),
    "omega": Pooled(
        ("upside_sum", "downside_sum"),
        ("upside_sum", "downside_sum"),
        "logarithm",
        quotient_of("upside_sum", "downside_sum"),
    ),
    "gain_to_loss": Pooled(
        ("gain", "loss"), ("gain", "loss"), "logarithm", quotient_of("gain", "loss")
    ),
    "profit_factor": Pooled(
        ("gross_profit", "gross_loss"),
        ("gross_profit", "gross_loss"),
        "logarithm",
        quotient_of("gross_profit", "gross_loss"),
    ),
    "expectancy": Pooled(
        ("trade_sum", "trades"), ("trades",), "kurtic", quotient_of("trade_sum", "trades")
    ),
    "payoff": Pooled(
        ("gross_profit", "gross_loss", "wins", "losses"), ("wins", "losses"), "logarithm", _payoff
    ),
    "sqn": Pooled(("trades", "paths", "trade_sum", "trade_squares"), ("trades",), "kurtic", _sqn),
    "win_rate": Pooled(("wins", "trades"), ("trades",), "kurtic", quotient_of("wins", "trades")),
    "average_win": Pooled(
        ("gross_profit", "wins"), ("wins",), "logarithm", quotient_of("gross_profit", "wins")
    ),
    "average_loss": Pooled(
        ("gross_loss", "losses"), ("losses",), "logarithm", quotient_of("gross_loss", "losses")
    ),
    "average_trade_duration": Pooled(
        ("duration_sum", "trades"), ("trades",), "kurtic", quotient_of("duration_sum", "trades")
    ),
    "average_mfe": Pooled(
        ("mfe_sum", "trades"), ("trades",), "kurtic", quotient_of("mfe_sum", "trades")
    ),
    "average_mae": Pooled(
        ("mae_sum", "trades"), ("trades",), "kurtic", quotient_of("mae_sum", "trades")
    ),
    "information_ratio": Pooled(
        (*_RETURNS, *_BENCHMARK), ("return_squares",), "kurtic", _information
    ),
    "beta": Pooled(("bars", "return_sum", *_BENCHMARK), ("benchmark_squares",), "kurtic", _beta),
    "alpha": Pooled(
        ("bars", "years", "return_sum", *_BENCHMARK), ("benchmark_squares",), "kurtic", _alpha
    ),
}
