-- One row per as-of date, study, parameter set and statistic: as the study would have run on that
-- date, with its calibration and bars.
CREATE TABLE nightly_statistics AS
SELECT *
FROM read_parquet({nightly_statistics}, union_by_name = true, hive_partitioning = false)
ORDER BY study, as_of, parameter_set, statistic;
