-- One row per bar, with prices adjusted for splits and dividends by the series' factor table. The
-- factors are those of the first row that still holds when the bar opens, by the clock of its
-- exchange; bars without a table are as they were.
CREATE VIEW bars_adjusted AS
SELECT
    b.symbol,
    b.timeframe,
    b.timestamp,
    b.open * coalesce(f.price_factor * f.split_factor, 1) AS open,
    b.high * coalesce(f.price_factor * f.split_factor, 1) AS high,
    b.low * coalesce(f.price_factor * f.split_factor, 1) AS low,
    b.close * coalesce(f.price_factor * f.split_factor, 1) AS close,
    b.volume / coalesce(f.split_factor, 1) AS volume,
    f.price_factor,
    f.split_factor
FROM bars AS b
ASOF LEFT JOIN (
    -- Tables of earlier versions say the date alone.
    SELECT * REPLACE (coalesce(until AT TIME ZONE 'UTC', date + INTERVAL 1 DAY) AS until)
    FROM read_parquet({bars_factors}, union_by_name = true, hive_partitioning = false)
) AS f
    ON b.symbol = f.symbol AND b.timeframe = f.timeframe AND b.timestamp < f.until;
