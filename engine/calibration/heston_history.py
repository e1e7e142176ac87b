"""Heston model from history: moments of a variance proxy, and a filter for the variance now."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.sample import SpotSample
from engine.compiled import kernel
from engine.errors import Refusal

__all__ = ["heston_from_history", "variance_proxy"]

Array = NDArray[np.float64]

_BLOCKS = 16


def heston_from_history(bars: Bars, sample: SpotSample) -> Calibration:
    r"""Estimate the Heston model by matching moments of returns and a variance proxy.

    Parameters
    ----------
    bars : Bars
        The history, for highs and lows.
    sample : SpotSample
        Its returns in the window.

    Returns
    -------
    Calibration
        ``mu``, ``kappa``, ``theta``, ``xi``, ``rho`` and the filtered variance ``v0``.

    Notes
    -----
    With y the proxy of `variance_proxy` and :math:`e = e^{-\kappa h}`, the model implies
    :math:`E[y] = \theta`,
    :math:`Cov(y_t, y_{t+k}) = \frac{\xi^2\theta}{2\kappa} \left(\frac{1-e}{\kappa h}\right)^2
    e^{k-1}` and :math:`Cov(r_t, y_{t+k}) + \frac h2 Cov(y_t, y_{t+k}) = \rho\xi\theta
    \frac{1-e}{\kappa}\frac{1-e}{\kappa h} e^{k-1}` for lags :math:`k \ge 1`, which the noise of
    the proxy does not touch [1]_. Speed and level of the first are fitted by least squares over
    the lags, then the correlation from the second. Errors are a jackknife over 16 blocks
    of equal weight, in which the variance is filtered anew at each block's parameters; its own
    error has that of the filter beside.

    Weakness: the speed of reversion is biased upwards and imprecise in histories shorter than
    tens of half-lives (ten years of daily bars at kappa 4: median 5.1, deviation 2.4); the
    nominal 95 % intervals cover 75-95 %; one large episode of volatility (2008) moves all but
    theta; jumps count as variance. Prefer an option surface where there is one.

    References
    ----------
    .. [1] Bollerslev, T., Zhou, H. (2002). Estimating stochastic volatility diffusion using
       conditional moments of integrated volatility. Journal of Econometrics 109, 33-65.
    """
    h = sample.nominal_dt
    proxy, noise = variance_proxy(bars, sample)
    lags = int(min(max(sample.n // 12, 20), 150))
    moments = _Moments.of(sample, proxy, lags)
    everything = np.ones((1, moments.blocks))
    without = 1.0 - np.eye(moments.blocks)
    # From reversion over a decade to reversion within two bars
    speeds = np.exp(np.linspace(math.log(0.1), math.log(0.5 / h), 300))
    estimates = moments.solve(np.vstack([everything, without]), h, speeds)
    mu, kappa, theta, xi, rho = (float(value) for value in estimates[0])
    # A smaller volatility of volatility is rounding: the proxy does not vary.
    if not (math.isfinite(kappa) and xi > 1e-6):
        raise Refusal(
            f"{sample.symbol} variance",
            f"no persistence over {lags} bars up to {sample.as_of}",
            "a positive autocovariance of the variance proxy",
        )
    spread = estimates[1:][np.isfinite(estimates[1:]).all(axis=1)]
    count = len(spread)

    def filtered(found: Array) -> tuple[float, float]:
        mean, speed, level, moving, linked = (float(value) for value in found)
        fall = math.exp(-speed * h)
        return _filter(proxy, sample.returns, h, noise, mean, speed, level, moving, linked, fall)

    v0, deviation = filtered(estimates[0])
    covariance = np.full((6, 6), np.nan)
    covariance[5, :] = covariance[:, 5] = 0.0
    if count >= _BLOCKS // 2:
        # The filter runs anew at each block's parameters: its variance moves with them.
        states = np.array([filtered(found)[0] for found in spread])
        centred = np.column_stack([spread, states])
        centred -= centred.mean(axis=0)
        covariance = (count - 1) / count * centred.T @ centred
    covariance[5, 5] += deviation**2
    names = ("mu", "kappa", "theta", "xi", "rho", "v0")
    return Calibration.of(
        "heston",
        parameters=dict(zip(names, (mu, kappa, theta, xi, rho, v0), strict=True)),
        covariance=covariance,
        diagnostics=sample.diagnostics
        | {
            "method": "moments of a variance proxy",
            "proxy_noise": noise,
            "lags": lags,
            "feller": 2.0 * kappa * theta / xi**2,
            "at_bound": int(kappa in (float(speeds[0]), float(speeds[-1]))) + int(abs(rho) >= 0.99),
            "jackknife_blocks": count,
        },
        start_state={"variance": v0, "spot": math.exp(sample.last)},
        **sample.identity(),
    )


def variance_proxy(bars: Bars, sample: SpotSample) -> tuple[Array, float]:
    """Unbiased proxy of each return's variance per year, and its relative noise.

    The squared range over 4 ln 2 [1]_ where bars have ranges, scaled so that its mean is that of
    the squared returns (the range does not see the overnight gap); else the squared return.

    Returns
    -------
    proxy : ndarray, shape (n,)
        Annual variance.
    noise : float
        Variance of the proxy over the squared true variance: 0.41 for ranges, 2 for squares.

    References
    ----------
    .. [1] Parkinson, M. (1980). The extreme value method for estimating the variance of the rate
       of return. Journal of Business 53, 61-65.
    """
    drift = float(np.sum(sample.weights * sample.returns) / np.sum(sample.weights * sample.dt))
    squares = (sample.returns - drift * sample.dt) ** 2 / sample.dt
    position = np.searchsorted(bars.timestamps, sample.stamps)
    high, low = bars.high[position], bars.low[position]
    if not np.all(low > 0.0):
        return squares, 2.0
    ranges = np.log(high / low) ** 2 / (4.0 * math.log(2.0)) / sample.dt
    # Most bars have no range beyond open and close: they were made of closes only.
    body = np.abs(np.log(bars.close[position] / bars.open[position]))
    if float(np.mean(np.log(high / low) > body * (1.0 + 1e-12))) < 0.5:
        return squares, 2.0
    scale = float(np.average(squares, weights=sample.weights)) / float(
        np.average(ranges, weights=sample.weights)
    )
    return ranges * scale, 0.41


class _Moments:
    """Sums of products at every lag, by block of the history, so that blocks can be left out."""

    def __init__(self, sums: Array, lagged: Array, cross: Array, weights: Array) -> None:
        self.sums = sums
        self.lagged = lagged
        self.cross = cross
        self.weights = weights
        self.blocks = len(sums)

    @classmethod
    def of(cls, sample: SpotSample, proxy: Array, lags: int) -> _Moments:
        """Collect the sums; products are of deviations from the full sample's means."""
        w = sample.weights
        y = proxy - np.average(proxy, weights=w)
        r = sample.returns - np.average(sample.returns, weights=w)
        edges = _block_edges(w)
        columns = np.stack([w, w * proxy, w * sample.returns, w * sample.dt], axis=1)
        sums = np.add.reduceat(columns, edges[:-1], axis=0)
        lagged, cross, weights = np.zeros((3, len(edges) - 1, lags))
        _lagged_products(y, w * y, w * r, w, edges, lagged, cross, weights)
        return cls(sums, lagged, cross, weights)

    def solve(self, keep: Array, h: float, speeds: Array) -> Array:
        """Estimate (mu, kappa, theta, xi, rho) for each row of block weights; NaN if undefined."""
        total = keep @ self.sums
        theta = total[:, 1] / total[:, 0]
        mu = total[:, 2] / total[:, 3] + 0.5 * theta
        weights = keep @ self.weights
        autocovariance = keep @ self.lagged / weights
        leverage = keep @ self.cross / weights + 0.5 * h * autocovariance
        lag = np.arange(autocovariance.shape[1])
        shapes = np.exp(-speeds[:, None] * h * lag)
        energy = np.sum(shapes**2, axis=1)
        # Not a matrix product: on a busy machine BLAS threads cost more than this sum.
        level = np.einsum("ij,kj->ik", autocovariance, shapes) / energy
        # Sum of squares explained at each speed, with the best positive level at that speed.
        explained = np.where(level > 0.0, level**2 * energy, -1.0)
        best = np.argmax(explained, axis=1)
        rows = np.arange(len(keep))
        found = explained[rows, best] > 0.0
        kappa = _refine(explained, best, speeds)
        shape = np.exp(-kappa[:, None] * h * lag)
        own = np.sum(shape**2, axis=1)
        variance = np.sum(autocovariance * shape, axis=1) / own
        covariance = np.sum(leverage * shape, axis=1) / own
        fade = -np.expm1(-kappa * h) / (kappa * h)
        with np.errstate(invalid="ignore", divide="ignore"):
            xi = np.sqrt(2.0 * kappa * variance / theta) / fade
            rho = np.clip(covariance / (xi * theta * h * fade**2), -0.99, 0.99)
        return np.where(found[:, None], np.stack([mu, kappa, theta, xi, rho], axis=1), np.nan)


def _block_edges(weights: Array) -> NDArray[np.int64]:
    """Edges of blocks of equal weight, one sixteenth of the total, for the jackknife.

    A single bar that weighs more than that is a block of its own.
    """
    n = len(weights)
    total = np.concatenate(([0.0], np.cumsum(weights)))
    shares = np.linspace(0.0, total[-1], _BLOCKS + 1)
    edges = np.searchsorted(total, shares * (1.0 + 1e-12), side="right") - 1
    edges[0], edges[-1] = 0, n
    return np.unique(edges).astype(np.int64)


def _refine(explained: Array, best: NDArray[np.int64], speeds: Array) -> Array:
    """Maximum of the parabola through the best grid point and its neighbours."""
    inner = np.clip(best, 1, len(speeds) - 2)
    rows = np.arange(len(best))
    left, middle, right = (explained[rows, inner + k] for k in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where(bend < 0.0, 0.5 * (left - right) / bend, 0.0)
    shift = np.where(best == inner, np.clip(shift, -1.0, 1.0), 0.0)
    width = math.log(speeds[1] / speeds[0])
    return np.asarray(speeds[best] * np.exp(shift * width))


@kernel
def _lagged_products(
    y: Array,
    wy: Array,
    wr: Array,
    w: Array,
    edges: NDArray[np.int64],
    lagged: Array,
    cross: Array,
    weights: Array,
) -> None:
    """Add each bar's products with the bars 1, 2, ... after it to its block's sums."""
    n, lags = len(y), lagged.shape[1]
    for block in range(len(edges) - 1):
        for t in range(edges[block], edges[block + 1]):
            reach = min(lags, n - 1 - t)
            for k in range(reach):
                ahead = y[t + 1 + k]
                lagged[block, k] += wy[t] * ahead
                cross[block, k] += wr[t] * ahead
                weights[block, k] += w[t]


@kernel
def _filter(
    proxy: Array,
    returns: Array,
    h: float,
    noise: float,
    mu: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    fall: float,
) -> tuple[float, float]:
    """Variance after the last bar and its error: best linear filter, noise at the filtered level.

    A return's surprise moves the next variance through the correlation of the two.
    """
    v = theta
    spread = 0.5 * xi * xi * theta / kappa
    floor = 0.02 * theta
    for t in range(len(proxy)):
        error = noise * v * v
        gain = spread / (spread + error)
        v = max(v + gain * (proxy[t] - v), floor)
        spread = spread * (1.0 - gain)
        surprise = returns[t] - (mu - 0.5 * v) * h
        v = max(theta + fall * (v - theta) + rho * xi * surprise, floor)
        spread = fall * fall * spread + (1.0 - rho * rho) * xi * xi * v * h
    return v, math.sqrt(spread)
