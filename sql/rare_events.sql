-- One row per study, parameter set and event of the study's `rare_events`: its probability by importance sampling,
-- with its Monte Carlo error. `plain_paths` is how many plain paths would tell as much, `work_saved` these over
-- the paths that were run. `mean_weight` is 1 on average; where the two worlds are far apart nearly all of its
-- sum lies in paths that are hardly ever drawn.
CREATE TABLE rare_events AS
SELECT *
FROM read_parquet({rare_events}, union_by_name = true, hive_partitioning = false)
ORDER BY study, parameter_set, event;
