-- One row per simulation of every study's current results: key columns, the parameters of all
-- studies (null where a study has no such parameter), status, error and every metric.
CREATE VIEW simulations AS
SELECT *
FROM read_parquet({results}, union_by_name = true, hive_partitioning = false);
