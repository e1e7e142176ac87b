"""One backtest is one draw: the same strategy on years drawn from the history."""

from pathlib import Path

import engine as mc

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"

bars = mc.read_csv(SAMPLE)
study = mc.Study(
    name="crossover on drawn years",
    source=mc.Bootstrap(bars, method="stationary", block_length="auto"),
    strategy="sma_crossover",
    parameters={"fast": [5, 10], "slow": [50, 100]},
    execution={"cash": 100_000, "commission": {"rate": 0.0005}},
    steps=252,
    seeds=200,
)
results = study.run()

# Every number has an interval, and what it mostly comes from.
budget = results.error_budget(names=["sharpe"])
print(budget.select("parameter_set", "estimate", "ci_low", "ci_high", "dominant", "what_to_run"))
print(results.warnings()["sentence"].to_list())

# The drawdowns of one backtest, had its trades come in another order.
backtest = mc.backtest("sma_crossover", bars, {"fast": 10, "slow": 50})
print(mc.resample(backtest, draws=2000).statistics())
