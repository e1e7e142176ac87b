-- One row per series, as-of date, model and parameter. A failed estimator is one row whose
-- parameter is null; `reason` says why.
CREATE TABLE calibrations AS
SELECT *
FROM read_parquet({calibrations}, union_by_name = true, hive_partitioning = false)
ORDER BY symbol, timeframe, model, as_of, parameter;
