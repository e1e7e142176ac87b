"""Strategies, price models and metrics as users write them; the engine is needed for them."""

import numba
import numpy as np

from engine.compiled.code_hash import code_hash
from engine.compiled.elementary import exp
from engine.sources import PathModel, StepModel, parameter
from engine.sources.gbm import GBM
from engine.strategies import SMA, Choice, Float, Int, Strategy, crossed_above, get_strategy
from engine.strategies.registry import strategy_names

DAYS = {"monday", "friday"}


def scaled(x):
    return 2.0 * x if "monday" in DAYS else x


@numba.njit(error_model="numpy")
def jitted(x):
    return scaled_by(x, 3.0)


@numba.njit(fastmath=False, inline="never")
def scaled_by(x, by):
    return x * by


class Sided(Strategy):
    """Trades on one side, in words."""

    LEVEL = 0.5
    side = Choice("long", ["long", "both", "short"], doc="Side to trade.")
    period = Int(20, low=2, high=200, doc="Bars of the mean.")
    size = Float(1.0, low=0.0)
    mean = SMA(period)
    held = 0

    def on_bar(self, bar, order):
        if self.side in {"long", "both", "short"} and bar.close > self.mean:
            order.target_percent(scaled(self.size) * self.LEVEL)
        elif crossed_above(self.mean, bar.close):
            order.close()
            self.held = 0


class Cev(StepModel):
    """Constant elasticity of variance (Cox, 1975)."""

    name = "zoo_cev"
    mu: float = parameter(0.05, doc="Drift.")
    sigma: float = parameter(2.0, low=0.0, unit="1/year", doc="Volatility.")
    beta: float = parameter(0.5, low=0.0, high=1.0)
    states = ("age",)
    factors = 1

    def constants(self, dt):
        return [self.mu * dt, self.sigma * dt**0.5, self.beta]

    def start_state(self, dt):
        return [0.0]

    @staticmethod
    def step(price, state, shocks, constants):
        state[0] += 1.0
        spread = constants[1] * price ** constants[2] * shocks[0]
        return max(price * exp(constants[0]) + spread, 1e-6)


class Walk(PathModel):
    name = "zoo_walk"
    sigma: float = parameter(0.01)

    def generate(self, seed, steps):
        shocks = np.random.default_rng(seed).normal(0.0, self.sigma, steps)
        return np.exp(np.cumsum([x for x in shocks if x not in {None, "x"}]))


def ulcer(bars, equity):
    peak, total = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        total += jitted(1.0 - value / peak) ** 2
    return (total / equity.size) ** 0.5


def prints():
    """Fingerprints as studies use them."""
    found = {name: get_strategy(name).code_hash() for name in strategy_names()}
    found["sided"] = Sided.code_hash()
    found["cev"] = code_hash(Cev().fingerprint())
    found["walk"] = code_hash(Walk().fingerprint())
    found["gbm"] = code_hash(GBM().fingerprint())
    return found


MEMBERS = {"cev": Cev, "walk": Walk, "ulcer": ulcer, "jitted": jitted, "source": GBM(mu=0.1)}
