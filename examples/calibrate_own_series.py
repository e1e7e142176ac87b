"""Models calibrated on a series of one's own, and a study on what they imply."""

from pathlib import Path

import engine as mc

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "NASDAQ.csv"

bars = mc.read_csv(SAMPLE)
for model in ("gbm", "merton"):
    estimate = mc.calibrate(model, bars)
    errors = dict(zip(estimate.parameters, estimate.std_errors.values(), strict=True))
    for name, value in estimate.parameters.items():
        print(f"{model:<8} {name:<16} {value:9.4f} ± {errors[name]:.4f}")

merton = mc.make_source("merton", mc.calibrate("merton", bars).parameters)
study = mc.Study("on jumps", merton, "buy_and_hold", {"weight": [0.5, 1.0]}, steps=252, seeds=200)
print(study.run().best("sharpe", n=2).select("parameter_set", "estimate", "ci_low", "ci_high", "n"))
