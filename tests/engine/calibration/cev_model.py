"""A user's file: a model of constant elasticity of variance, and how it is estimated."""

import numpy as np
from scipy.optimize import minimize_scalar

from engine.bars import Bars
from engine.calibration import Fit
from engine.compiled.elementary import exp, log
from engine.sources import StepModel, parameter


class Cev(StepModel):
    """``dS = sigma S^beta dW`` (Cox, 1975)."""

    name = "cev"

    sigma: float = parameter(2.0, low=0.0)
    beta: float = parameter(0.5, low=-1.0, high=2.0)

    def constants(self, dt):
        """Scale of a step, and the elasticity."""
        return [self.sigma * dt**0.5, self.beta]

    @staticmethod
    def step(price, state, shocks, constants):
        """Move by a normal change whose size depends on the price."""
        return max(price + constants[0] * exp(constants[1] * log(price)) * shocks[0], 1e-6)

    @classmethod
    def calibrate(cls, bars: Bars, beta: float | None = None) -> Fit:
        """Maximise the likelihood of the changes, which are normal given the price before."""
        change, level = np.diff(bars.close), np.log(bars.close[:-1])
        n, dt = len(change), bars.calendar.dt
        if n < 30:
            raise ValueError(f"{bars.symbol} bars: found {n} changes, allowed >= 30")

        def sigma(beta: float) -> float:
            return float(np.sqrt(np.mean(change**2 * np.exp(-2.0 * beta * level)) / dt))

        def log_likelihood(beta: float) -> float:
            total = np.sum(np.log(2.0 * np.pi * dt * sigma(beta) ** 2) + 2.0 * beta * level)
            return -0.5 * (float(total) + n)

        best = minimize_scalar(lambda x: -log_likelihood(x), bounds=(-1.0, 2.0), method="bounded")
        estimate = float(best.x) if beta is None else beta
        s, mean, spread = sigma(estimate), level.mean(), level.var()
        covariance = np.array(
            [[1.0 + mean**2 / spread, -mean / spread], [-mean / spread, 1.0 / spread]]
        )
        scale = np.array([s, 1.0])
        return Fit(
            {"sigma": s, "beta": estimate},
            covariance=covariance * np.outer(scale, scale) / (2.0 * n),
            log_likelihood=log_likelihood(estimate),
            diagnostics={"converged": bool(best.success)},
        )
