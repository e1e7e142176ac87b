-- One row per event of a paper session: what was decided at a bar's close, which orders were sent, what
-- the broker made of them, fills, refusals, stops. Rows are never changed; `entry` and `entry_row` are
-- their order.
CREATE TABLE paper_journal AS
SELECT
    session, entry, "row" AS entry_row, "at" AS written_at, event, bar, bar_time, symbol,
    client_order_id, "order" AS order_number, kind, units, "limit" AS limit_price,
    "stop" AS stop_price, take_profit, stop_loss, time_in_force, price, commission, filled_at, "text"
FROM read_parquet({paper}, union_by_name = true, hive_partitioning = false)
ORDER BY session, entry, "row";
