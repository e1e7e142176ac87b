-- Canonical bars of every series, oldest first within a file.
CREATE VIEW bars AS
SELECT
    symbol,
    regexp_extract(filename, '/bars/([^/]+)/[^/]+/\d+\.parquet$', 1) AS timeframe,
    * EXCLUDE (symbol, filename)
FROM read_parquet({bars}, union_by_name = true, filename = true, hive_partitioning = false);
