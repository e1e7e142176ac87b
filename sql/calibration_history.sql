-- One row per estimate, beside the one of the previous as-of date, and the step between them in
-- standard errors of the newer one. Estimates of another version of the estimator are no step.
CREATE VIEW calibration_history AS
SELECT
    symbol,
    timeframe,
    model,
    parameter,
    as_of,
    estimate,
    std_error,
    lag(as_of) OVER parameter_history AS previous_as_of,
    lag(estimate) OVER parameter_history AS previous_estimate,
    (estimate - lag(estimate) OVER parameter_history) / nullif(std_error, 0) AS change_in_std_errors
FROM calibrations
WHERE status <> 'failed'
WINDOW parameter_history AS (PARTITION BY symbol, timeframe, model, estimator_version, "window", parameter ORDER BY as_of);
