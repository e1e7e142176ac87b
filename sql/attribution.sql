-- One row per study, parameter set, kind of attribution and value: what of the mean net P&L came from it.
-- `by` is `cost` (before costs, commission, slippage), and of studies that record trades `symbol`, `side` and
-- `tag`, of the order that opened. The estimates of a set and a kind add up to its mean net P&L: what no closed
-- trade earned has the value `not of closed trades`. Errors are clustered by path.
CREATE TABLE attribution AS
SELECT *
FROM read_parquet({attribution}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set, "by", value;
