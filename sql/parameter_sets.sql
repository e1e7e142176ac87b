-- One row per study and parameter set: the statistics that one compares first, side by side.
-- Each of them is a column of its name (mean_net_pnl, ...) followed by one with its Monte Carlo
-- standard error (mean_net_pnl_std_error, ...); `mc_assets/headlines.py` lists them.
CREATE VIEW parameter_sets AS
SELECT
    study,
    parameter_set,
    parameters,
    {headlines},
    max(n) AS n
FROM statistics
GROUP BY study, parameter_set, parameters
ORDER BY study, parameter_set;
