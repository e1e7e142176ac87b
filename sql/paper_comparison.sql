-- One row per paper session, bar and statistic: what fills cost there and how often limits that are
-- reached fill, with errors, beside what the study assumes. Measured at every look of the asset `paper`
-- and by `mc paper compare`; the newest bar of a session has all of its fills.
CREATE TABLE paper_comparison AS
SELECT
    session, bar, measured_at, statistic, estimate, std_error, ci_low, ci_high, n, assumed, drift
FROM read_parquet({paper_comparison}, union_by_name = true, hive_partitioning = false)
ORDER BY session, bar, statistic;
