-- One row per event of a paper session: what was decided at a bar's close, which orders were sent, what
-- the broker made of them, fills, refusals, stops. Rows are never changed; `entry` and `row` are their
-- order.
CREATE TABLE paper_journal AS
SELECT *
FROM read_parquet({paper}, union_by_name = true, hive_partitioning = false)
ORDER BY session, entry, "row";
