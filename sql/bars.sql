-- One row per bar of every series, oldest first within a file. `timestamp` is the bar's opening
-- instant in UTC, without a zone: days, years and comparisons with a text are the same in every
-- session, whatever its time zone.
CREATE VIEW bars AS
SELECT
    symbol,
    regexp_extract(filename, '/bars/([^/]+)/[^/]+/\d+\.parquet$', 1) AS timeframe,
    * EXCLUDE (symbol, filename) REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp)
FROM read_parquet({bars}, union_by_name = true, filename = true, hive_partitioning = false);
