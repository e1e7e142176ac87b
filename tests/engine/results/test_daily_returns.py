"""Returns by day of one simulation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import engine as mc
from engine.errors import Refusal
from engine.results.daily_returns import daily_returns


def study(source: mc.Source, **options: object) -> mc.Results:
    settings = {"seeds": 2, "warm_up": 0} | options
    return mc.Study("s", source, "buy_and_hold", {"weight": [0.5, 1.0]}, **settings).run(workers=1)


def test_returns_compound_to_the_equity_of_the_simulation() -> None:
    results = study(mc.GBM(sigma=0.3), steps=40)
    returns = results.to_quantstats(3)
    replay = results.simulation(3)
    start = replay.metrics["final_equity"] - replay.metrics["net_pnl"]
    assert returns.name == "simulation 3"
    assert returns.index[0] == pd.Timestamp("2000-01-03")
    assert len(returns) == 40
    assert returns.index.dayofweek.max() == 4
    np.testing.assert_allclose(start * (1.0 + returns).cumprod(), replay.equity, rtol=1e-12)


def test_minutes_are_put_together_to_days() -> None:
    calendar = mc.BarCalendar("XNYS", "30m")
    results = study(mc.GBM(sigma=0.3), steps=39, calendar=calendar)
    returns = results.to_quantstats()
    replay = results.simulation(0)
    start = replay.metrics["final_equity"] - replay.metrics["net_pnl"]
    # Thirteen half hours in a session.
    assert len(returns) == 3
    np.testing.assert_allclose(start * (1.0 + returns).cumprod(), replay.equity[12::13], rtol=1e-12)


def test_bars_of_history_have_their_own_days() -> None:
    days = pd.bdate_range("2021-01-04", periods=30, name="Date")
    frame = pd.DataFrame({"Close": np.linspace(100.0, 130.0, 30)}, index=days)
    returns = study(frame, seeds=1).to_quantstats()
    assert list(returns.index) == list(days)


def test_weeks_have_no_daily_returns() -> None:
    results = study(mc.GBM(), steps=10, calendar=mc.BarCalendar("XNYS", "1w"))
    with pytest.raises(Refusal, match=r"^timeframe: found 1w, allowed 1d or shorter"):
        results.to_quantstats()


def test_after_ruin_nothing_is_earned() -> None:
    replay = study(mc.GBM(), steps=4).simulation(0)
    equity = np.array([100.0, 50.0, -10.0, -10.0])
    ruined = dataclasses.replace(
        replay, equity=equity, metrics={"final_equity": -10.0, "net_pnl": -110.0}
    )
    returns = daily_returns(ruined, mc.BarCalendar())
    assert returns.tolist() == [0.0, -0.5, -1.2, 0.0]


def test_a_simulation_that_failed_has_no_returns() -> None:
    replay = study(mc.GBM(), steps=4).simulation(0)
    failed = dataclasses.replace(replay, metrics={}, status="it fell over")
    with pytest.raises(Refusal, match=r"^simulation: found one that failed \(it fell over\), all"):
        daily_returns(failed, mc.BarCalendar())


def test_rows_are_a_frame_of_pandas() -> None:
    results = study(mc.GBM(), steps=10)
    frame = results.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["net_pnl"].tolist() == results.frame["net_pnl"].to_list()
