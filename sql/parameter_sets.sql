-- One row per study and parameter set: the statistics that one compares first, side by side.
-- Each of them is a column of its name (mean_net_pnl, ...) followed by its standard error
-- (mean_net_pnl_std_error, ...), the ends of its 95 % interval (mean_net_pnl_ci_low, ...,
-- mean_net_pnl_ci_high, ...) and how it came about (mean_net_pnl_method, ...), all of every kind of
-- error that the study can tell (`error_budget`); `mc_assets/headlines.py` lists them. `dominant` is the
-- largest kind of error of the mean net P&L, `what_to_run` what shrinks it. n is the number of
-- simulations, idle_share the share of them that never held a position.
CREATE VIEW parameter_sets AS
WITH estimates AS (
    SELECT
        statistics.* EXCLUDE (std_error, ci_low, ci_high, method),
        budget.total AS std_error,
        budget.ci_low,
        budget.ci_high,
        budget.method,
        budget.dominant,
        budget.what_to_run
    FROM statistics
    JOIN error_budget AS budget USING (study, parameter_set, statistic)
)
SELECT
    study,
    parameter_set,
    parameters,
    {headlines},
    max(n) AS n,
    max(idle_share) AS idle_share
FROM estimates
GROUP BY study, parameter_set, parameters
ORDER BY study, parameter_set;
