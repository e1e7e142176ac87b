"""A price model of one's own: a step from one close to the next, and its estimator."""

from pathlib import Path

import numpy as np

import engine as mc
from engine.calibration import Fit
from engine.sources import StepModel, parameter

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"


class Bachelier(StepModel):
    """dS = sigma dW (Bachelier, 1900)."""

    name = "bachelier_of_the_examples"
    sigma: float = parameter(20.0, low=0.0, unit="price/sqrt(year)", doc="Volatility.")

    @staticmethod
    def step(price, state, shocks, constants):  # constants: the parameters, then dt
        return price + constants[0] * constants[1] ** 0.5 * shocks[0]

    @classmethod
    def calibrate(cls, bars):
        moves = np.diff(bars.close) / bars.calendar.dt**0.5
        sigma = np.sqrt(np.mean(moves**2))
        return Fit({"sigma": sigma}, std_errors={"sigma": sigma / (2 * moves.size) ** 0.5})


estimate = mc.calibrate(Bachelier.name, mc.read_csv(SAMPLE))
print(estimate.parameters)
study = mc.Study(
    "own model", Bachelier(**estimate.parameters), "buy_and_hold", steps=252, s0=2500.0, seeds=200
)
print(
    study.run()
    .best("mean_net_pnl", n=1)
    .select("parameter_set", "estimate", "ci_low", "ci_high", "n")
)
