-- One row per study, parameter set and statistic: the estimate, its Monte Carlo standard error,
-- the 95 % interval, how it came about (or why there is none), the number of simulations behind it,
-- the share of them that never held a position, and whether enough paths carry it to rank by it.
-- Ratios are pooled over the paths of the set.
CREATE TABLE statistics AS
SELECT *
FROM read_parquet({statistics}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set, statistic;
