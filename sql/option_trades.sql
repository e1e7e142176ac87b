-- One row per leg of every option position that was closed, for studies that record trades, and per stretch over which
-- a position held one amount of the underlying. Prices are per unit of the underlying; legs with one `position` opened
-- together. Greeks and profit by greek stand where a study asks for `greeks: true`; the five profits sum to `pnl`.
CREATE VIEW option_trades AS
WITH told AS (
    SELECT * FROM trades
    UNION ALL BY NAME
    SELECT
        NULL::DOUBLE AS slippage, NULL::DOUBLE AS delta, NULL::DOUBLE AS gamma, NULL::DOUBLE AS theta,
        NULL::DOUBLE AS vega, NULL::DOUBLE AS delta_pnl, NULL::DOUBLE AS gamma_pnl, NULL::DOUBLE AS theta_pnl,
        NULL::DOUBLE AS vega_pnl, NULL::DOUBLE AS rest_pnl
    WHERE false
)
SELECT
    study,
    simulation,
    parameter_set,
    seed,
    path,
    entry_tag::INTEGER AS position,
    symbol AS contract,
    regexp_extract(symbol, '^(put|call|underlying)') AS option_right,
    try_cast(split_part(split_part(symbol, '@', 1), ' ', 2) AS DOUBLE) AS strike,
    CASE WHEN symbol LIKE 'underlying%' THEN NULL ELSE split_part(symbol, '@', 2)::INTEGER END AS expiry_bar,
    units,
    entry_bar,
    entry_price AS premium,
    exit_bar,
    exit_price,
    [
        'expiry', 'margin_call', 'stop_loss', 'profit_target', 'days_left', 'early_exercise', 'delta_breach', 'touch',
        'days_held', 'order', 'rebalanced'
    ][exit_tag::INTEGER + 1] AS reason,
    pnl,
    commission,
    slippage,
    delta,
    gamma,
    theta,
    vega,
    delta_pnl,
    gamma_pnl,
    theta_pnl,
    vega_pnl,
    rest_pnl
FROM told
WHERE regexp_full_match(symbol, '((put|call) [-+.0-9e]+|underlying) @-?[0-9]+');
