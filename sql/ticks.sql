-- One row per event of every stored day of ticks: the touch as it stands once the event has happened,
-- and the trade that it was, if it was one. `ts` is whole nanoseconds; `timestamp` is the same
-- instant in UTC, cut to microseconds. Ask for a few columns of a few days: there may be a lot of rows.
CREATE VIEW ticks AS
SELECT
    symbol::VARCHAR AS symbol,
    exchange::VARCHAR AS exchange,
    ts,
    make_timestamp(ts // 1000) AS timestamp,
    CASE WHEN local_ts >= 0 THEN local_ts END AS local_ts,
    CASE WHEN NOT isnan(bid_px) THEN bid_px END AS bid_px,
    CASE WHEN NOT isnan(ask_px) THEN ask_px END AS ask_px,
    CASE WHEN NOT isnan(bid_sz) THEN bid_sz END AS bid_sz,
    CASE WHEN NOT isnan(ask_sz) THEN ask_sz END AS ask_sz,
    CASE WHEN NOT isnan(trade_px) THEN trade_px END AS trade_px,
    CASE WHEN NOT isnan(trade_sz) THEN trade_sz END AS trade_sz,
    CASE WHEN NOT isnan(trade_px) AND trade_side <> 0 THEN trade_side END AS trade_side
FROM read_parquet({ticks}, hive_partitioning = false);
