"""From a futures curve to paths of nearby contracts, and a strategy that trades two of them."""

import numpy as np

import engine as mc

# Settlements of five maturities, as a model of two factors implies them on one path.
curve = mc.SchwartzSmith(kappa=1.5, sigma_chi=0.28, sigma_xi=0.15)
source = mc.RollingFutures(curve, contracts=(1, 4), bars_per_contract=21, roll_bars=5)
block = source.paths(seeds=range(200), steps=252)
near, far = block.close[:, 0], block.close[:, 1]
moves = np.diff(np.log(near)).std(), np.diff(np.log(far)).std()
print(f"a day of the first contract moves {moves[0] / moves[1]:.2f} times as much as of the fourth")

study = mc.Study("roll", source, "buy_and_hold", {"weight": [0.5]}, steps=252, seeds=200, s0=None)
print(study.run().best("sharpe", n=1).select("parameter_set", "estimate", "ci_low", "ci_high", "n"))
