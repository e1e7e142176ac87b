-- One row per study: its world, and how much of what it asks is simulated.
CREATE TABLE studies AS
SELECT
    study,
    any_value(world) AS world,
    count(*) AS simulations,
    count(*) FILTER (status = 'failed') AS failed,
    count(DISTINCT parameter_set) AS parameter_sets,
    count(DISTINCT seed) AS seeds
FROM simulations
GROUP BY study
ORDER BY study;
