-- One row per study, parameter set and statistic: the estimate, its Monte Carlo standard error,
-- the 95 % interval and the number of simulations behind it.
CREATE TABLE statistics AS
SELECT *
FROM read_parquet({statistics}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set, statistic;
