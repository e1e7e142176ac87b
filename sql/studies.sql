-- One row per study: its world, and how much of what it asks is simulated.
CREATE TABLE studies AS
SELECT study, world, simulations, failed, parameter_sets, seeds
FROM internal.study_rows
ORDER BY study;
