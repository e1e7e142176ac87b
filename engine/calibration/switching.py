"""Maximum likelihood of Markov switching normals with two to four regimes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.calibration.hamilton import hamilton_score
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.errors import Refusal

__all__ = ["SwitchingFit", "SwitchingLayout", "fit_switching"]

Array = NDArray[np.float64]

# In a series up to this length a handful of starts may miss the optimum; more are affordable.
_SHORT = 1500
# Random starts beside the guesses, by number of regimes.
_DRAWN = {2: 24, 3: 90, 4: 110}


@dataclass(frozen=True, eq=False)
class SwitchingFit:
    """A fitted Markov switching normal model.

    Parameters
    ----------
    means, deviations : ndarray, shape (states,)
        Of the observations in each regime.
    transition : ndarray, shape (states, states)
        ``transition[i, j]`` is the probability of regime j after regime i.
    log_likelihood : float
        At the optimum.
    names : tuple of str
        Free parameters: ``mean_i``, ``deviation_i`` (without number where common to all
        regimes) and ``p_ij`` for all j but the last.
    covariance : ndarray, shape (k, k)
        Of the free parameters, in that order.
    filtered, smoothed : ndarray, shape (n, states)
        Probability of each regime given the past, and given everything.
    optimum : Optimum
        The optimiser's report, of the observations divided by their standard deviation.
    """

    means: Array
    deviations: Array
    transition: Array
    log_likelihood: float
    names: tuple[str, ...]
    covariance: Array
    filtered: Array
    smoothed: Array
    optimum: Optimum

    @property
    def std_errors(self) -> dict[str, float]:
        """Standard error of each free parameter."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))


def fit_switching(
    observations: Array,
    *,
    states: int = 2,
    switching_mean: bool = True,
    switching_deviation: bool = True,
    scale: Array | None = None,
    weights: Array | None = None,
) -> SwitchingFit:
    """Fit a Markov switching normal model by direct maximum likelihood.

    Parameters
    ----------
    observations : ndarray, shape (n,)
        The series.
    states : int
        Number of regimes, 2 to 4.
    switching_mean, switching_deviation : bool
        Whether the regimes differ in it; at least one must.
    scale : ndarray, shape (n,), optional
        Length of each observation in unit steps: mean and variance are proportional to it.
    weights : ndarray, shape (n,), optional
        Weight of each observation's log density.

    Returns
    -------
    SwitchingFit
        Regimes ordered by deviation, or by mean where the deviation is common.

    Raises
    ------
    ValueError
        If the number of states is outside 2 to 4, or nothing switches.

    Notes
    -----
    The filter starts from the stationary distribution of the chain [1]_. Deviations are kept
    above 2 % of the series' own: the likelihood is unbounded where a regime shrinks onto single
    observations.

    References
    ----------
    .. [1] Hamilton, J. (1994). Time Series Analysis, chapter 22.
    """
    y = np.ascontiguousarray(observations, dtype=np.float64)
    if not 2 <= states <= 4:
        raise Refusal("states", str(states), "2 to 4")
    if not (switching_mean or switching_deviation):
        raise Refusal("switching", "neither mean nor deviation", "at least one")
    if not np.all(np.isfinite(y)):
        raise Refusal("observations", "a value that is not finite", "finite values")
    length = np.ones(len(y)) if scale is None else np.ascontiguousarray(scale)
    weight = np.ones(len(y)) if weights is None else np.ascontiguousarray(weights)
    layout = SwitchingLayout(states, switching_mean, switching_deviation)
    spread = float(np.std(y / np.sqrt(length)))
    if not spread > 0.0:
        raise Refusal("observations", "a constant series", "values that vary")
    # In units of the series' deviation, so that the optimiser's steps do not depend on its units.
    y = y / spread
    shift = -float(weight.sum()) * math.log(spread)

    optimum = _highest(layout, y, length, weight)
    optimum = layout.ordered(optimum)
    means, deviations, chain = layout.unpack(optimum.theta)
    plain = np.ones(len(y))
    _, _, filtered, smoothed = hamilton_score(y, length, plain, means, deviations, chain)
    jacobian = layout.jacobian(optimum.theta)
    jacobian[: layout.mean_count + layout.deviation_count] *= spread
    return SwitchingFit(
        means=spread * means,
        deviations=spread * deviations,
        transition=chain,
        log_likelihood=optimum.value + shift,
        names=layout.names,
        covariance=covariance_of(optimum, jacobian),
        filtered=filtered,
        smoothed=smoothed,
        optimum=optimum,
    )


def _highest(layout: SwitchingLayout, y: Array, length: Array, weight: Array) -> Optimum:
    """Maximise the likelihood of observations with a standard deviation of one."""

    def objective(theta: Array) -> tuple[float, Array]:
        means, deviations, chain = layout.unpack(theta)
        value, gradient, _, _ = hamilton_score(y, length, weight, means, deviations, chain)
        return value, layout.pull(deviations, chain, *gradient)

    lower, upper = layout.bounds(y, 1.0)
    starts = layout.starts(y, length, 1.0)
    few = len(starts) <= len(layout.guesses(y, length, 1.0))
    if not few:
        inner = _one_regime_less(layout, y, length, weight)
        starts += layout.extended(*inner)
    # A few steps from every start, then convergence from the best points reached.
    phases = ((6, 2),) if few else ((10, 24), (30, 10))
    if len(y) <= _SHORT:
        phases = ((20, 60), (60, 15))
    for steps, keep in phases:
        starts = search_all(objective, starts, lower, upper, iterations=steps, keep=keep)
    return maximise(objective, starts, lower, upper, iterations=100, finalists=2)


def _one_regime_less(
    layout: SwitchingLayout, y: Array, length: Array, weight: Array
) -> tuple[Array, Array, Array]:
    """Best-fitting means, deviations and chain with one regime fewer."""
    if layout.states == 2:
        return np.array([np.average(y, weights=weight)]), np.ones(1), np.ones((1, 1))
    inner = replace(layout, states=layout.states - 1)
    return inner.unpack(_highest(inner, y, length, weight).theta)


@cache
def _off_diagonal(states: int) -> NDArray[np.bool_]:
    return ~np.eye(states, dtype=np.bool_)


@dataclass(frozen=True)
class SwitchingLayout:
    """Layout of the optimiser's vector: means, log deviations and logits of the regimes."""

    states: int
    switching_mean: bool
    switching_deviation: bool

    @property
    def mean_count(self) -> int:
        """Number of free means."""
        return self.states if self.switching_mean else 1

    @property
    def deviation_count(self) -> int:
        """Number of free deviations."""
        return self.states if self.switching_deviation else 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        means = [f"mean_{i + 1}" for i in range(self.states)] if self.switching_mean else ["mean"]
        spreads = ["deviation"]
        if self.switching_deviation:
            spreads = [f"deviation_{i + 1}" for i in range(self.states)]
        chain = [f"p_{i + 1}{j + 1}" for i in range(self.states) for j in range(self.states - 1)]
        return (*means, *spreads, *chain)

    def unpack(self, theta: Array) -> tuple[Array, Array, Array]:
        """Means, deviations and transition matrix of a vector."""
        first, second = self.mean_count, self.mean_count + self.deviation_count
        means, deviations = np.empty(self.states), np.empty(self.states)
        means[:] = theta[:first]
        deviations[:] = np.exp(theta[first:second])
        logits = np.zeros((self.states, self.states))
        logits[_off_diagonal(self.states)] = theta[second:]
        chain = np.exp(logits - logits.max(axis=1, keepdims=True))
        return means, deviations, chain / chain.sum(axis=1, keepdims=True)

    def pack(self, means: Array, deviations: Array, chain: Array) -> Array:
        """Vector of these regimes."""
        logits = np.log(chain) - np.log(np.diag(chain))[:, None]
        return np.concatenate(
            [
                means if self.switching_mean else means[:1],
                np.log(deviations if self.switching_deviation else deviations[:1]),
                logits[_off_diagonal(self.states)],
            ]
        )

    def pull(
        self,
        deviations: Array,
        chain: Array,
        by_mean: Array,
        by_deviation: Array,
        by_chain: Array,
    ) -> Array:
        """Carry the gradient over from the regimes that `unpack` gave to the vector."""
        logs = by_deviation * deviations
        centred = by_chain - np.sum(by_chain * chain, axis=1, keepdims=True)
        return np.concatenate(
            [
                by_mean if self.switching_mean else [by_mean.sum()],
                logs if self.switching_deviation else [logs.sum()],
                (chain * centred)[_off_diagonal(self.states)],
            ]
        )

    def bounds(self, y: Array, spread: float) -> tuple[Array, Array]:
        """Lower and upper bounds of the vector."""
        reach = 5.0 * spread + float(np.abs(y).max())
        chain = self.states * (self.states - 1)
        low = [-reach] * self.mean_count + [math.log(0.02 * spread)] * self.deviation_count
        high = [reach] * self.mean_count + [math.log(20.0 * spread)] * self.deviation_count
        return np.array(low + [-14.0] * chain), np.array(high + [10.0] * chain)

    def guesses(self, y: Array, length: Array, spread: float) -> list[tuple[Array, Array, Array]]:
        """Means, deviations and persistences: regimes by size of the moves, by level, by spikes."""
        rates = y / length
        part = np.arange(self.states) / self.states
        middle = part + 0.5 / self.states
        levels = np.quantile(rates, middle)
        sizes = np.abs(y - y.mean()) / np.sqrt(length)
        # For clustered volatility: quantiles of the average size of moves over a month.
        window = min(21, max(len(y) // 4, 1))
        smooth = np.convolve(sizes, np.ones(window) / window, mode="same") * math.sqrt(math.pi / 2)
        spreads = np.maximum(np.quantile(smooth, middle), 0.05 * spread)
        if self.states > 1 and spreads[-1] < 1.2 * spreads[0]:
            spreads = spread * np.linspace(0.6, 1.5, self.states)
        equal = np.full(self.states, spread)
        centre = np.full(self.states, rates.mean())
        long, short = np.full(self.states, 0.97), np.full(self.states, 0.85)
        guesses: list[tuple[Array, Array, Array]] = []
        if self.switching_deviation:
            guesses += [(centre, spreads, long), (centre, spreads, short)]
        if self.switching_mean:
            guesses += [(levels, 0.7 * equal, long)]
            if not self.switching_deviation:
                guesses += [(levels, 0.7 * equal, short)]
        if self.switching_deviation:
            # Rare isolated large moves, and regimes that alternate.
            wide = np.quantile(sizes, 0.5 + 0.49 * (part + 1.0 / self.states)) / 1.2
            spikes = np.maximum(wide, 0.05 * spread)
            spikes[0] = max(float(np.quantile(sizes, 0.5)), 0.05 * spread)
            alone = np.concatenate(([0.95], np.full(self.states - 1, 0.3)))
            guesses += [(centre, spikes, alone), (centre, spreads, np.full(self.states, 0.2))]
            # Repeated observations, as where no trade moves a price, get a narrow regime.
            usual = float(np.median(rates))
            near = float(np.quantile(np.abs(y - usual * length) / np.sqrt(length), 0.2))
            if near < 0.1 * spread:
                narrow = np.maximum(spreads, 0.5 * spread)
                narrow[0] = max(near, 0.03 * spread)
                middle = np.full(self.states, usual)
                guesses += [(middle, narrow, np.full(self.states, p)) for p in (0.5, 0.95)]
        return guesses

    def starts(self, y: Array, length: Array, spread: float) -> list[Array]:
        """List the guesses and, where these may not suffice, random regimes from a fixed stream."""
        rates = y / length
        chosen = []
        for means, deviations, stay in self.guesses(y, length, spread):
            leave = (1.0 - stay) / (self.states - 1)
            chain = np.repeat(leave[:, None], self.states, axis=1)
            np.fill_diagonal(chain, stay)
            chosen.append(self.pack(means, deviations, chain))
        # In a long series every start finds two regimes of volatility. More regimes, regimes of
        # the mean alone and series of a few hundred observations need more starts.
        if self.states == 2 and self.switching_deviation and len(y) > _SHORT:
            return chosen
        rng = np.random.default_rng(20_240)
        # The shorter the series, the more local maxima its likelihood has.
        times = min(max(1000 // len(y), 1), 4)
        for _ in range(_DRAWN[self.states] * times):
            means = np.quantile(rates, rng.uniform(0.02, 0.98, self.states))
            deviations = spread * np.exp(rng.normal(-0.3, 0.9, self.states))
            chain = rng.dirichlet(np.ones(self.states), self.states)
            # Persistent regimes, and regimes that alternate.
            stay = rng.uniform(0.0, 1.0, self.states) ** rng.choice([0.3, 1.0])
            chain = np.maximum((1.0 - stay)[:, None] * chain + np.diag(stay), 1e-4)
            chain /= chain.sum(axis=1, keepdims=True)
            chosen.append(self.pack(means, deviations, chain))
        return chosen

    def extended(self, means: Array, deviations: Array, chain: Array) -> list[Array]:
        """List starts from a fit with one regime fewer, each of its regimes split in two."""
        added: list[tuple[int, float, float]] = []
        for i, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
            added += [(i, mean, factor * deviation) for factor in (0.5, 2.0)]
            added += [(i, mean + side * deviation, deviation) for side in (-1.0, 1.0)]
        starts = []
        for i, mean, deviation in added:
            # Half the moves into regime i go to the new regime, which is left as regime i is.
            wide = np.zeros((self.states, self.states))
            wide[:-1, :-1] = chain
            wide[:-1, -1] = 0.5 * chain[:, i]
            wide[:-1, i] -= wide[:-1, -1]
            wide[-1, :-1] = 0.5 * chain[i]
            wide[-1, -1] = 0.5
            wide = np.maximum(wide, 1e-5)
            starts.append(
                self.pack(
                    np.append(means, mean),
                    np.append(deviations, deviation),
                    wide / wide.sum(axis=1, keepdims=True),
                )
            )
        return starts

    def ordered(self, optimum: Optimum) -> Optimum:
        """Relabel regimes by deviation (by mean where it is common) and permute the rest alike."""
        means, deviations, _ = self.unpack(optimum.theta)
        order = np.argsort(deviations if self.switching_deviation else means, kind="stable")
        first, second = self.mean_count, self.mean_count + self.deviation_count
        # Logits are relative to their row's diagonal, so relabelling only permutes them.
        place = np.zeros((self.states, self.states), dtype=np.int64)
        place[_off_diagonal(self.states)] = np.arange(second, len(optimum.theta))
        chain = place[np.ix_(order, order)][_off_diagonal(self.states)]
        move = np.concatenate(
            [
                order if self.switching_mean else [0],
                first + (order if self.switching_deviation else np.zeros(1, dtype=np.int64)),
                chain,
            ]
        )
        return replace(
            optimum,
            theta=optimum.theta[move],
            gradient=optimum.gradient[move],
            hessian=optimum.hessian[np.ix_(move, move)],
            free=optimum.free[move],
        )

    def jacobian(self, theta: Array) -> Array:
        """Differentiate the named parameters by the optimiser's vector."""
        _, deviations, chain = self.unpack(theta)
        first, second = self.mean_count, self.mean_count + self.deviation_count
        jacobian = np.zeros((len(self.names), len(theta)))
        jacobian[:first, :first] = np.eye(first)
        own = deviations if self.switching_deviation else deviations[:1]
        jacobian[first:second, first:second] = np.diag(own)
        row = second
        for i in range(self.states):
            others = [j for j in range(self.states) if j != i]
            for j in range(self.states - 1):
                for at, k in enumerate(others):
                    column = second + i * (self.states - 1) + at
                    jacobian[row, column] = chain[i, j] * ((j == k) - chain[i, k])
                row += 1
        return jacobian
