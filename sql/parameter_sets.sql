-- One row per study and parameter set: the statistics that one compares first, side by side.
CREATE VIEW parameter_sets AS
SELECT
    study,
    parameter_set,
    parameters,
    max(estimate) FILTER (statistic = 'mean_net_pnl') AS mean_net_pnl,
    max(std_error) FILTER (statistic = 'mean_net_pnl') AS mean_net_pnl_std_error,
    max(estimate) FILTER (statistic = 'profit_probability') AS profit_probability,
    max(std_error) FILTER (statistic = 'profit_probability') AS profit_probability_std_error,
    max(estimate) FILTER (statistic = 'sharpe') AS sharpe,
    max(std_error) FILTER (statistic = 'sharpe') AS sharpe_std_error,
    max(estimate) FILTER (statistic = 'value_at_risk_95') AS value_at_risk_95,
    max(std_error) FILTER (statistic = 'value_at_risk_95') AS value_at_risk_95_std_error,
    max(estimate) FILTER (statistic = 'max_drawdown') AS max_drawdown,
    max(std_error) FILTER (statistic = 'max_drawdown') AS max_drawdown_std_error,
    max(n) AS n
FROM statistics
GROUP BY study, parameter_set, parameters
ORDER BY study, parameter_set;
