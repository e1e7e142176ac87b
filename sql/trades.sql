-- Every trade of every simulation, for studies that record them.
CREATE VIEW trades AS
SELECT *
FROM read_parquet({trades}, union_by_name = true, hive_partitioning = false);
