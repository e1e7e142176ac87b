-- One row per leg of every option position that was closed, for studies that record trades. `premium` and `exit_price`
-- are per unit of the underlying; legs with one `position` opened and closed together.
CREATE VIEW option_trades AS
SELECT
    study,
    simulation,
    parameter_set,
    seed,
    path,
    entry_tag::INTEGER AS position,
    symbol AS contract,
    split_part(symbol, ' ', 1) AS option_right,
    split_part(symbol, ' ', 2)::DOUBLE AS strike,
    split_part(symbol, '@', 2)::INTEGER AS expiry_bar,
    units,
    entry_bar,
    entry_price AS premium,
    exit_bar,
    exit_price,
    ['expiry', 'margin_call', 'stop_loss', 'profit_target', 'days_left'][exit_tag::INTEGER + 1] AS reason,
    pnl,
    commission
FROM trades
WHERE regexp_full_match(symbol, '(put|call) [-+.0-9e]+ @-?[0-9]+');
