"""The rows of a study in SQL, pandas, Polars, and in DuckDB from the Parquet files."""

from pathlib import Path
from tempfile import mkdtemp

import duckdb

import engine as mc

data = Path(mkdtemp())
study = mc.Study(
    "stored", mc.GBM(mu=0.05, sigma=0.2), "sma_crossover", {"fast": [5, 10]}, steps=252, seeds=100
)
results = study.run(root=data)

print(
    results.sql("SELECT fast, avg(net_pnl) AS mean, count(*) AS n FROM simulations GROUP BY fast")
)
print(results.to_pandas().groupby("fast")["net_pnl"].describe())
print(results.filter("net_pnl > 0").frame.height, "of", len(results), "end above zero")

# One simulation again, from its seed: its returns by day, as tear sheets take them.
print(results.to_quantstats(0).tail(3))

# Any reader of Parquet opens the folder; later, `mc.results("stored", data)` does.
rows = duckdb.sql(
    f"SELECT fast, quantile_cont(net_pnl, 0.05) AS var FROM '{data}/simulations/*/*.parquet' "
    "GROUP BY fast ORDER BY fast"
)
print(rows)
