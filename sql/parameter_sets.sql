-- One row per study and parameter set: the statistics that one compares first, side by side.
-- Each of them is a column of its name (mean_net_pnl, ...) followed by its Monte Carlo standard
-- error (mean_net_pnl_std_error, ...), the ends of its 95 % interval (mean_net_pnl_ci_low, ...,
-- mean_net_pnl_ci_high, ...) and how it came about (mean_net_pnl_method, ...);
-- `mc_assets/headlines.py` lists them. n is the number of simulations, idle_share the share of them
-- that never held a position.
CREATE VIEW parameter_sets AS
SELECT
    study,
    parameter_set,
    parameters,
    {headlines},
    max(n) AS n,
    max(idle_share) AS idle_share
FROM statistics
GROUP BY study, parameter_set, parameters
ORDER BY study, parameter_set;
