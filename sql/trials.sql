-- One row per trial: a parameter set that was ever run, on a strategy's code, data and settings.
-- Computing it again, also with another version of the engine, adds no row. `outcome` is its mean
-- profit as a share of the starting cash on the blocks named by `block`, of `block_paths` paths
-- each: remainders of seeds by 64, or stretches of time on history (`blocks_of`), where `market` is the
-- return of the price in each. Archived trials have `archived` true: they do not count.
CREATE TABLE trials AS
SELECT *
FROM internal.trials
ORDER BY tried_at, trial;
