-- Statistics of studies as they would have run on each date: that day's calibration and bars.
CREATE TABLE nightly_statistics AS
SELECT *
FROM read_parquet({nightly_statistics}, union_by_name = true, hive_partitioning = false)
ORDER BY study, as_of, parameter_set, statistic;
