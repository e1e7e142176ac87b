-- One row per study: its best parameter set by Sharpe ratio, and what the search for it cost, by all
-- trials of the strategy on those data, whichever study asked for them. On history
-- (`blocks_of` is `time`) the numbers are of returns beyond the market and say whether the edge may be
-- luck; on simulated paths (`seeds`) they say whether other paths of the same source would show the
-- same. `reason` says why a number is null, `sentence` what it comes to.
CREATE TABLE overfitting AS
SELECT *
FROM read_parquet({overfitting}, union_by_name = true, hive_partitioning = false)
ORDER BY study;
