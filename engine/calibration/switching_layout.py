"""What the optimiser sees of Markov switching normals: its vector, bounds and starts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.calibration.optimise import Optimum

__all__ = ["SHORT", "SwitchingLayout"]

Array = NDArray[np.float64]

#: In a series up to this length a handful of starts may miss the optimum; more are affordable.
SHORT = 1500
# Random starts beside the guesses, by number of regimes.
_DRAWN = {2: 24, 3: 90, 4: 110}


@cache
def _off_diagonal(states: int) -> NDArray[np.bool_]:
    return ~np.eye(states, dtype=np.bool_)


@dataclass(frozen=True)
class SwitchingLayout:
    """Layout of the optimiser's vector: means, log deviations and logits of the regimes.

    Numbers behind these, which are common to all regimes, stay where they are.
    """

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
    def size(self) -> int:
        """Length of the vector without what is common to all regimes."""
        return self.mean_count + self.deviation_count + self.states * (self.states - 1)

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
        logits[_off_diagonal(self.states)] = theta[second : self.size]
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
        if self.states == 2 and self.switching_deviation and len(y) > SHORT:
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
        place[_off_diagonal(self.states)] = np.arange(second, self.size)
        chain = place[np.ix_(order, order)][_off_diagonal(self.states)]
        move = np.concatenate(
            [
                order if self.switching_mean else [0],
                first + (order if self.switching_deviation else np.zeros(1, dtype=np.int64)),
                chain,
                np.arange(self.size, len(optimum.theta)),
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
