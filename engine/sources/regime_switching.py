"""Markov regime switching of drift and volatility."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import borrow, exact, fma, inlined, kernel
from engine.compiled.elementary import log
from engine.errors import Refusal
from engine.randomness import GROUP, Stream, uniform, words
from engine.sources.autoregression import autoregressive, checked_inputs, coefficients_of
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import Parameter, option
from engine.sources.shocks import antithetic_sign, group_shocks, running_sum, stream_path

__all__ = ["RegimeSwitching"]

_REGIME = np.uint64(Stream.REGIME)
_ONE = np.uint64(1)
_MU = Parameter("mu", 0.0, unit="1/year", doc="Mean of the log return per year.")
_SIGMA = Parameter("sigma", 0.2, low=0.0, unit="1/sqrt(year)", doc="Volatility.")
_PROBABILITY = Parameter("transition", 0.5, low=0.0, high=1.0, doc="Probability per bar.")


class RegimeSwitching(Model):
    """Normal log returns whose mean and volatility follow a Markov chain.

    Parameters
    ----------
    mu : sequence of float
        Mean of the log return per year, one per regime: a bar's log return is normal with mean
        ``mu dt`` and variance ``sigma^2 dt``. (With ``mu_k = r - sigma_k^2 / 2`` the discounted
        price is a martingale.)
    sigma : sequence of float
        Volatility per year, one per regime.
    transition : sequence of sequence of float
        ``transition[i][j]``: probability that the next bar is in regime j after a bar in regime i.
    start : "stationary", int or sequence of float
        Regime of the first bar: drawn from the stationary distribution, fixed, or drawn from the
        given probabilities, such as the filtered ones of a calibration.
    ar : sequence of float
        What a bar's log return has of those before it, the nearest first.
    last_returns : sequence of float
        Log returns before the start, the nearest first; by default their mean over the regimes.
    betas, held : mapping of str to float
        Effect of each regressor on a bar's log return, per unit, and the values that regressors
        keep over a path: its future is not simulated.

    Notes
    -----
    Hamilton (1989), A new approach to the economic analysis of nonstationary time series and the
    business cycle. Sojourn times are drawn (geometric), not a change per bar tested. The state
    ``regime`` numbers the bar's regime from 0. As scalars (`values`, calibrations) the parameters
    are ``mu_1 sigma_1 mu_2 ...`` and ``p_11 p_12 ... `` without the last column, which is what
    remains to one; then ``ar_1 ar_2 ...`` and ``beta_NAME``. With these a log return is
    ``mu dt + sum_l ar_l r_{t-l} + sum_m beta_m held_m + sigma sqrt(dt) z``; coefficients are per
    bar of the length that they were estimated on, so that there are no bars inside a bar.
    """

    name = "regime_switching"
    states = ("regime",)
    named_where_used = ("ar", "last_returns", "betas", "held")

    mu: Any = option((0.12, -0.15), "Mean of the log return per year, by regime.")
    sigma: Any = option((0.12, 0.3), "Volatility per year, by regime.")
    transition: Any = option(((0.99, 0.01), (0.03, 0.97)), "Transition probabilities per bar.")
    start: Any = option("stationary", "Regime of the first bar.")
    ar: Any = option((), "What a log return has of those before it, the nearest first.")
    last_returns: Any = option((), "Log returns before the start, the nearest first.")
    betas: Any = option((), "Effect of each regressor on a log return, per unit.")
    held: Any = option((), "Value that each regressor keeps over a path.")

    def validate(self) -> None:
        """Check shapes and probabilities."""
        mu, sigma = tuple(np.ravel(self.mu).tolist()), tuple(np.ravel(self.sigma).tolist())
        count = len(mu)
        if count < 1 or len(sigma) != count:
            raise Refusal("sigma", f"{len(sigma)} regimes", f"as many as mu has ({count})")
        object.__setattr__(self, "mu", tuple(_MU.check(m, f"mu_{k + 1}") for k, m in enumerate(mu)))
        object.__setattr__(
            self, "sigma", tuple(_SIGMA.check(s, f"sigma_{k + 1}") for k, s in enumerate(sigma))
        )
        table = np.asarray(self.transition, dtype=np.float64)
        if table.shape != (count, count):
            raise Refusal("transition", f"shape {table.shape}", str((count, count)))
        for i in range(count):
            for j in range(count):
                _PROBABILITY.check(float(table[i, j]), f"transition[{i}][{j}]")
            if abs(table[i].sum() - 1.0) > 1e-9:
                raise Refusal(f"transition[{i}]", f"a sum of {table[i].sum():g}", "1")
        object.__setattr__(self, "transition", tuple(map(tuple, table.tolist())))
        self.start_probabilities()
        for name, found in checked_inputs(
            self.ar, self.last_returns, self.betas, self.held
        ).items():
            object.__setattr__(self, name, found)

    @property
    def has_sub_bars(self) -> bool:  # type: ignore[override]
        """Whether there are bars inside bars: not where returns depend on those of whole bars."""
        return not (self.ar or self.betas)

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source from vectors (``mu``) or from scalars by name (``mu_1``, ``p_11``)."""
        if not any(re.fullmatch(r"(mu|sigma)_\d+|p_\d\d", name) for name in values):
            return super().from_values(values, bars, **options)
        count = sum(name.startswith("mu_") for name in values)
        own = [name for name in values if name.startswith(("ar_", "beta_"))]
        expected = _scalar_names(count)
        for name in (*values, *expected):
            if name not in own and (name not in expected or name not in values):
                raise Refusal(f"parameter of {cls.name}", ", ".join(values), ", ".join(expected))
        rows = []
        for i in range(1, count + 1):
            row = [float(values[f"p_{i}{j}"]) for j in range(1, count)]
            rows.append([*row, max(1.0 - math.fsum(row), 0.0)])
        vectors: dict[str, Any] = {
            key: [float(values[f"{key}_{k}"]) for k in range(1, count + 1)]
            for key in ("mu", "sigma")
        }
        inputs = coefficients_of({name: float(values[name]) for name in own})
        return super().from_values(vectors | {"transition": rows}, bars, **(options | inputs))

    @property
    def values(self) -> dict[str, float]:
        """Parameters as scalars by name."""
        count = len(self.mu)
        numbers = [*self.mu, *self.sigma]
        numbers += [self.transition[i][j] for i in range(count) for j in range(count - 1)]
        found = dict(zip(_scalar_names(count), numbers, strict=True))
        found |= {f"ar_{lag}": value for lag, value in enumerate(self.ar, 1)}
        return found | {f"beta_{name}": value for name, value in self.betas.items()}

    def with_parameters(self, **values: float) -> Self:
        """Return the same source with some scalar parameters changed."""
        unknown = [name for name in values if name not in self.values]
        if unknown:
            raise Refusal(f"parameter of {self.name}", repr(unknown[0]), ", ".join(self.values))
        kept = ("start", "steps", "volume", "sampling", "last_returns", "held")
        options = {name: getattr(self, name) for name in kept}
        return self.from_values(self.values | values, **options)

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from filtered probabilities ``regime_1 regime_2 ...``."""
        names = [f"regime_{k + 1}" for k in range(len(self.mu))]
        before = [f"return_{lag}" for lag in range(1, len(self.ar) + 1)]
        held = [f"value_{name}" for name in self.betas]
        own = (*names, *before, *held)
        super().with_start_state({n: v for n, v in state.items() if n not in own})
        changed: dict[str, Any] = {}
        given = [float(state[name]) for name in names if name in state]
        if given and len(given) != len(names):
            raise Refusal(f"start state of {self.name}", ", ".join(state), ", ".join(names))
        if given:
            total = math.fsum(given)
            changed["start"] = tuple(p / total for p in given)
        if before and all(name in state for name in before):
            changed["last_returns"] = tuple(float(state[name]) for name in before)
        if any(name in state for name in held):
            told = {n.removeprefix("value_"): float(state[n]) for n in held if n in state}
            changed["held"] = dict(self.held) | told
        return dataclasses.replace(self, **changed) if changed else self

    def stationary(self) -> NDArray[np.float64]:
        """Stationary distribution of the chain (Grassmann, Taksar and Heyman, 1985).

        Their elimination subtracts nothing, so it is exact to rounding, and it uses no library
        whose last bits differ between machines. Where the chain has several closed classes, the
        one that holds the first regime wins.

        Returns
        -------
        ndarray of float64, shape (regimes,)
            They sum to 1.
        """
        p = [list(row) for row in self.transition]
        count = len(p)
        for n in range(count - 1, 0, -1):
            total = math.fsum(p[n][:n])
            for i in range(n):
                p[i][n] = p[i][n] / total if total > 0.0 else 0.0
            for i in range(n):
                for j in range(n):
                    p[i][j] += p[i][n] * p[n][j]
        weights = [1.0]
        for n in range(1, count):
            total = math.fsum(p[n][:n])
            if total > 0.0:
                weights.append(math.fsum(weights[i] * p[i][n] for i in range(n)))
            elif math.fsum(self.transition[i][n] for i in range(n)) > 0.0:
                weights = [0.0] * n + [1.0]  # regime n is never left
            else:
                weights.append(0.0)
        result = np.array(weights)
        return result / math.fsum(weights)

    def start_probabilities(self) -> NDArray[np.float64]:
        """Probabilities of the first bar's regime.

        Returns
        -------
        ndarray of float64, shape (regimes,)
            They sum to 1.
        """
        count = len(self.mu)
        if isinstance(self.start, str):
            if self.start != "stationary":
                raise Refusal(
                    "start",
                    repr(self.start),
                    f"'stationary', a regime from 0 to {count - 1}, or {count} probabilities",
                )
            return self.stationary()
        if isinstance(self.start, int | np.integer):
            if not 0 <= self.start < count:
                raise Refusal("start", str(self.start), f"0 to {count - 1}")
            object.__setattr__(self, "start", int(self.start))
            certain: NDArray[np.float64] = np.eye(count)[self.start]
            return certain
        given = np.asarray(self.start, dtype=np.float64)
        if given.shape != (count,) or not (given >= 0).all() or abs(given.sum() - 1.0) > 1e-9:
            raise Refusal("start", repr(self.start), f"{count} probabilities that sum to 1")
        object.__setattr__(self, "start", tuple(given.tolist()))
        return given

    def _generator(self, request: FillRequest) -> Generator:
        count = len(self.mu)
        dt = request.dt
        stays = [self.transition[i][i] for i in range(count)]
        # A geometric sojourn is 1 + floor(ln u / ln p_ii): 0 for never staying, huge for always.
        sojourn = [0.0 if p == 0.0 else 1.0 / exact.log(p) if p < 1.0 else -1e30 for p in stays]
        leave = np.array(self.transition)
        np.fill_diagonal(leave, 0.0)
        # A regime that is always left to some other; rows without one are never read.
        totals = leave.sum(axis=1, keepdims=True)
        leave = np.cumsum(np.divide(leave, totals, where=totals > 0.0, out=leave), axis=1)
        constants = np.concatenate(
            [
                [m * dt for m in self.mu],
                [s * math.sqrt(dt) for s in self.sigma],
                [s * s * dt for s in self.sigma],
                sojourn,
                np.cumsum(self.start_probabilities()),
                leave.ravel(),
            ]
        )
        fill: Callable[..., None] = fill_regime_switching
        if self.ar or self.betas:
            shift = math.fsum(beta * self.held.get(name, 0.0) for name, beta in self.betas.items())
            lags = np.array(self.last_returns or self._usual_returns(dt, shift))
            fill = autoregressive(fill, np.array(self.ar), lags, shift)
        return ModelGenerator(self, request, fill, constants)

    def _usual_returns(self, dt: float, shift: float) -> list[float]:
        """Take the mean over the regimes for the returns before the start."""
        weights = self.stationary().tolist()
        level = math.fsum(w * m for w, m in zip(weights, self.mu, strict=True)) * dt + shift
        return [level / (1.0 - math.fsum(self.ar))] * len(self.ar)


def _scalar_names(count: int) -> list[str]:
    regimes = range(1, count + 1)
    names = [f"mu_{k}" for k in regimes] + [f"sigma_{k}" for k in regimes]
    return names + [f"p_{i}{j}" for i in regimes for j in range(1, count)]


@kernel
def fill_regime_switching(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    given: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write log price over start price, the bar's variance and its regime.

    Index ``k`` of the regime stream gives the k-th sojourn: word 0 its length, word 1 the regime
    after it; word 2 of index 0 the first regime.
    """
    given, constants, out = borrow(given), borrow(constants), borrow(out)
    steps = out.shape[3]
    # constants hold five vectors of `count` and a matrix: 5 count + count^2 numbers
    count = 1
    while count * (count + 5) < constants.size:
        count += 1
    shocks = np.empty(GROUP)
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        _, _, word, _ = words(seeds[n], _REGIME, path, np.uint64(0))
        regime = _pick(constants[4 * count : 5 * count], uniform(word))
        sojourn = np.uint64(0)
        next_word, ends = _sojourn(seeds[n], path, sojourn, constants[3 * count + regime], 0)
        level = 0.0
        for group in range((steps + GROUP - 1) // GROUP):
            first = group * GROUP
            size = min(GROUP, steps - first)
            group_shocks(shocks, given, n, 0, seeds[n], path, group, sign)
            t = 0
            while t < size:
                while ends <= first + t:
                    row = (5 + regime) * count
                    regime = _pick(constants[row : row + count], uniform(next_word))
                    sojourn += _ONE
                    next_word, ends = _sojourn(
                        seeds[n], path, sojourn, constants[3 * count + regime], ends
                    )
                until = min(size, ends - first)
                drift, scale = constants[regime], constants[count + regime]
                for i in range(t, until):
                    shocks[i] = fma(scale, shocks[i], drift)
                    out[n, 0, 5, first + i] = regime
                if ohlc:
                    for i in range(t, until):
                        out[n, 0, 0, first + i] = constants[2 * count + regime]
                t = until
            level = running_sum(shocks, level, out[n, 0, 3, first:], size)


@inlined
def _sojourn(
    seed: np.uint64, path: np.uint64, index: np.uint64, inverse_log: float, begins: int
) -> tuple[np.uint64, int]:
    """Return the word for the next regime and the bar at which this one ends."""
    w0, w1, _, _ = words(seed, _REGIME, path, index)
    return w1, begins + 1 + int(min(log(uniform(w0)) * inverse_log, 1e15))


@inlined
def _pick(cumulative: NDArray[np.float64], u: float) -> int:
    """Return the first index whose cumulative probability exceeds `u`."""
    for k in range(cumulative.size - 1):
        if u < cumulative[k]:
            return k
    return cumulative.size - 1
