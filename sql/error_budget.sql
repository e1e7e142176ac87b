-- One row per study, parameter set and statistic: its standard errors by kind. `monte_carlo` shrinks with
-- more seeds, `history` (of the bars that a bootstrap draws from) and `parameters` (of the calibration,
-- where the study draws them) with longer data; null where a kind is not told, or does not apply. `total`
-- is the root of the sum of their squares, `ci_low` and `ci_high` the 95 % interval of all of them,
-- `variance_saved` the share of the Monte Carlo variance that antithetic, moment-matched or quasi-random
-- paths saved, `dominant` the largest kind, `what_to_run` what shrinks it or tells one that is not told.
CREATE TABLE error_budget AS
SELECT *
FROM read_parquet({error_budget}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set, statistic;
