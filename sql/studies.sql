-- One row per study: how much was simulated under its current fingerprint.
CREATE TABLE studies AS
SELECT
    study,
    any_value(fingerprint) AS fingerprint,
    count(*) AS simulations,
    count(*) FILTER (status = 'failed') AS failed,
    count(DISTINCT parameter_set) AS parameter_sets,
    count(DISTINCT seed) AS seeds
FROM simulations
GROUP BY study
ORDER BY study;
