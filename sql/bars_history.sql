-- One row per stored series and year: size, the hash of the year's bars, and `history_hash`, the
-- hash of all its bars through that year, by which calibrations and studies name what they used.
CREATE TABLE bars_history AS
WITH manifests AS (
    SELECT decode(value)::JSON AS manifest
    FROM parquet_kv_metadata({bars})
    WHERE decode(key) = 'mc.manifest'
),
years AS (
    SELECT
        manifest ->> 'symbol' AS symbol,
        manifest ->> 'timeframe' AS timeframe,
        (manifest ->> 'year')::INTEGER AS year,
        (manifest ->> 'rows')::BIGINT AS rows,
        (manifest ->> 'quarantined')::BIGINT AS quarantined,
        manifest ->> 'first' AS first,
        manifest ->> 'last' AS last,
        manifest ->> 'hash' AS data_hash
    FROM manifests
)
SELECT
    *,
    left(sha256(string_agg(year || ' ' || data_hash || chr(10), '') OVER series), 16) AS history_hash
FROM years
WINDOW series AS (PARTITION BY symbol, timeframe ORDER BY year)
ORDER BY symbol, timeframe, year;
