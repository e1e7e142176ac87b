"""SMA 10/30 on the S&P 500 against backtesting.py and an independent loop."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.strategies import prepare_strategy
from engine.strategies.trade_tape import TradeTape


def test_the_sma_crossover_agrees_with_the_oracle_to_the_cent(reference: Path) -> None:
    frame = pl.read_csv(reference / "data/daily/arch_sp500.csv")
    names = ["Open", "High", "Low", "Close", "Volume"]
    columns = [frame[name].to_numpy().astype(float) for name in names]
    values = np.ascontiguousarray(np.stack(columns)[None, None])
    engine = prepare_strategy(
        "sma_crossover",
        Execution(cash=1_000_000, commission={"rate": 0.001}),
        symbols=("SP500",),
        fields=BAR_FIELDS,
        steps=values.shape[3],
        bars_per_year=252.0,
        record_trades=True,
    )
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    tape = TradeTape()
    parameters = engine.encode({"fast": 10, "slow": 30})[None]
    engine.run(values, parameters, metrics, status, engine.scratch(), trades=tape)
    found = dict(zip(engine.metric_names, metrics[0, 0], strict=True))
    assert status[0, 0] == 0
    # oracles/backtest_sma_10_30_sp500.json
    assert found["final_equity"] == pytest.approx(1312753.6769482081, abs=0.005)
    assert found["max_drawdown"] == pytest.approx(-0.33836293358991476, abs=1e-12)
    assert found["trades"] == 88
    path = reference / "oracles/backtest_sma_10_30_sp500_trades.csv"
    with path.open() as file:
        expected = list(csv.DictReader(file))
    dates = frame["Date"].str.to_date("%m/%d/%Y").cast(str).to_list()
    assert len(tape.of(0)) == len(expected)
    for row, trade in zip(expected, tape.of(0), strict=True):
        assert dates[int(trade[2])] == row["entry_date"]
        assert dates[int(trade[4])] == row["exit_date"]
        assert trade[1] == float(row["units"])
        assert trade[3] == float(row["entry_price"])
        assert trade[5] == float(row["exit_price"])
        assert trade[6] == pytest.approx(float(row["pnl"]), abs=0.005)
