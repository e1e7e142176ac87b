"""Performance definitions against published oracles and hand-worked numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics import performance as p
from engine.statistics.trade_performance import profit_factor

# 20 invented daily returns and what plain formulas and empyrical-reloaded 0.7.1 make of them:
# reference oracles/short_returns.csv and oracles/metrics.json.
ORACLE = {
    "total_return": 0.015416577761102168,
    "cagr": 0.21259994177771802,
    "volatility": 0.21155895035115913,
    "sharpe": 1.0124837528474078,
    "sortino": 1.4098452948669637,
    "max_drawdown": -0.031000000000000028,
    "calmar": 6.858062637990898,
}


def test_the_ratios_agree_with_empyrical(reference) -> None:
    rows = (reference / "oracles" / "short_returns.csv").read_text().split()
    values = [float(row.split(",")[-1]) for row in rows if row[-1].isdigit()]
    assert len(values) == 20
    equity = np.cumprod(1.0 + np.array(values))
    trades = {name: [] for name in ("pnl", "entry_bar", "exit_bar", "mfe", "mae")}
    found = p.summary(equity, 1.0, 252.0, trades)
    for name, expected in ORACLE.items():
        assert found[name] == pytest.approx(expected, rel=1e-12), name


def test_trade_figures_follow_from_a_list_worked_by_hand() -> None:
    trades = {
        "pnl": [10.0, -4.0, -6.0, 0.0, -2.0, 8.0],
        "entry_bar": [0, 2, 3, 5, 6, 7],
        "exit_bar": [2, 3, 9, 6, 7, 9],
        "mfe": [12.0, 1.0, 2.0, 1.0, 0.0, 9.0],
        "mae": [-1.0, -5.0, -7.0, -2.0, -3.0, 0.0],
    }
    found = p.summary([100.0, 90.0, 95.0, 106.0], 100.0, 4.0, trades)
    assert found["trades"] == 6
    assert found["win_rate"] == pytest.approx(2 / 6)
    assert found["average_win"] == 9.0
    assert found["average_loss"] == -4.0
    assert found["profit_factor"] == 1.5
    assert found["expectancy"] == 1.0
    assert found["average_trade_duration"] == pytest.approx(13 / 6)
    assert found["longest_trade_duration"] == 6
    assert found["max_consecutive_losses"] == 3
    assert found["max_drawdown"] == pytest.approx(-0.1)
    assert found["max_drawdown_duration"] == 2
    assert found["cagr"] == pytest.approx(0.06)
    assert found["average_mfe"] == pytest.approx(25 / 6)
    assert found["average_mae"] == pytest.approx(-3.0)


def test_what_is_not_defined_is_nan() -> None:
    empty = {name: [] for name in ("pnl", "entry_bar", "exit_bar", "mfe", "mae")}
    found = p.summary([100.0, 100.0, 100.0], 100.0, 252.0, empty)
    for name in ("sharpe", "sortino", "calmar", "win_rate", "profit_factor", "expectancy"):
        assert math.isnan(found[name]), name
    assert found["max_drawdown"] == 0.0
    assert found["volatility"] == 0.0
    assert math.isnan(profit_factor([1.0, 2.0]))
    assert math.isnan(p.sharpe_ratio([0.001] * 50, 252.0))
    assert p.cagr([0.0], 1.0, 252.0) == -1.0
    assert math.isnan(p.cagr([-0.5], 1.0, 252.0))


def test_a_ruined_account_has_no_ratios() -> None:
    empty = {name: [] for name in ("pnl", "entry_bar", "exit_bar", "mfe", "mae")}
    found = p.summary([100.0, -20.0, -20.0, -10.0], 100.0, 252.0, empty)
    for name in ("volatility", "sharpe", "sortino", "cagr"):
        assert math.isnan(found[name]), name
    assert found["max_drawdown"] == -1.2
    assert found["net_pnl"] == -110.0


def test_turnover_is_traded_value_over_mean_equity_per_year() -> None:
    assert p.turnover(300.0, [100.0, 200.0], 4.0) == pytest.approx(300.0 / 150.0 / 0.5)
