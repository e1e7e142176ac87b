-- One row per strategy, series, world and parameter set of the last model-risk panel of each: what a
-- set earns in a world and what it is behind the best there. A world without paths has one row, whose
-- `status` says why.
CREATE TABLE panel AS
SELECT *
FROM read_parquet({panel}, union_by_name = true, hive_partitioning = false)
ORDER BY strategy, symbol, timeframe, kind, world, parameters;
