-- One row per series and day (UTC) of stored ticks. Their events stand in the table `ticks`.
CREATE TABLE tick_days AS
SELECT *
REPLACE (first AT TIME ZONE 'UTC' AS first, last AT TIME ZONE 'UTC' AS last)
FROM internal.tick_days
ORDER BY exchange, symbol, day;
