-- One row per study and symbol: which bars and which calibration its results were made of.
-- `history_hash` is that of `bars_history` and of `calibrations`, `calibration_hash` that of
-- `calibrations`: a hash that is found there no more has changed since. `data_hash` is of the bars
-- as the engine saw them, adjusted and cut to the calibration's date. A study that needs no bars
-- is a row without a symbol.
CREATE TABLE lineage AS
SELECT *
FROM read_parquet({lineage}, union_by_name = true, hive_partitioning = false)
ORDER BY study, symbol;
