-- One row per thing that one should know before believing a study's numbers: a code, a sentence, and
-- the count of simulations, orders, paths or values that it speaks of. `parameter_set` is null where
-- it is of all sets. The command line, reports and the check of the asset `statistics` show the same.
CREATE TABLE study_warnings AS
SELECT *
FROM read_parquet({study_warnings}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set NULLS FIRST, code;
