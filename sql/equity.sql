-- Sampled equity curves, one list of points per simulation, for studies that record them.
CREATE VIEW equity AS
SELECT study, simulation, parameter_set, seed, equity::FLOAT[] AS equity
FROM read_parquet({equity}, union_by_name = true, hive_partitioning = false);
