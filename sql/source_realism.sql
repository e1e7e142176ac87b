-- One row per series, as-of date, model and statistic: history beside the mean of simulated paths.
CREATE TABLE source_realism AS
SELECT *
FROM read_parquet({source_realism}, union_by_name = true, hive_partitioning = false)
ORDER BY symbol, timeframe, as_of, model, statistic;
