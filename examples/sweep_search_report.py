"""A sweep, what the search for its best explains, and a picture to show."""

from pathlib import Path
from tempfile import mkdtemp

import engine as mc

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"

study = mc.Study(
    name="sweep",
    source=mc.Bootstrap(mc.read_csv(SAMPLE)),
    strategy="sma_crossover",
    parameters={"fast": [5, 10, 20], "slow": [50, 100, 200]},
    constraint="fast < slow",
    steps=252,
    seeds=200,
    record={"equity": 60},
)
results = study.run()
print(results.best("sharpe", n=3).select("parameter_set", "estimate", "ci_low", "ci_high", "n"))
print(results.choose("sharpe").sentence)

picture = results.plot.heatmap("sharpe").save(Path(mkdtemp()) / "sweep.html")
print(picture)
