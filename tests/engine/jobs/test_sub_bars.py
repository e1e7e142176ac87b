"""Studies on bars with finer bars inside them, and on bars with session hours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.sources import Bootstrap, Historical
from engine.strategies import Strategy
from engine.studies import Study, load_study


class DailyBracket(Strategy):
    """Always in the market between two close prices."""

    name = "daily_bracket"

    def on_bar(self, bar, order, account):
        if account.position == 0.0:
            order.market(10.0, take_profit=bar.close * 1.01, stop_loss=bar.close * 0.99)


class Enter(Strategy):
    """Buys at the first bar."""

    name = "enter_at_once"

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(1.0)


def minute_bars(count: int) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 1e-4, count)))
    # From 14:30 UTC on 2024-01-02, a minute apart.
    stamps = 1_704_205_800_000_000 + np.arange(count, dtype=np.int64) * 60_000_000
    calendar = BarCalendar("24/7", "1m")
    return Bars("X", stamps, close, close, close, close, np.ones(count), calendar)


def test_sub_bars_enter_results_fingerprint_and_replay(make_study: Callable[..., Study]) -> None:
    plain = make_study(strategy=DailyBracket, parameters={}).run()
    refined = make_study(strategy=DailyBracket, parameters={}, sub_bars=13).run()
    assert plain.fingerprint != refined.fingerprint
    again = refined.simulation(7)
    assert again.metrics["net_pnl"] == refined.frame["net_pnl"][7]
    assert again.bars.columns == plain.simulation(7).bars.columns


def test_a_study_file_asks_for_sub_bars(tmp_path: Path) -> None:
    file = tmp_path / "refined.yaml"
    definition = {
        "name": "refined",
        "source": {"model": "gbm", "steps": 20, "sub_bars": 4, "parameters": {"sigma": 0.2}},
        "strategy": {"name": "buy_and_hold"},
        "seeds": 3,
    }
    file.write_text(yaml.safe_dump(definition))
    assert load_study(file).resolve().world.path.sub_bars == 4


def test_a_bootstrap_with_sub_bars_is_refused_before_it_runs() -> None:
    study = Study("refused", Bootstrap(minute_bars(500)), Enter, steps=50, sub_bars=4)
    with pytest.raises(Refusal, match=r"source\.sub_bars: found 4 for bootstrap"):
        study.resolve()


def test_an_instrument_trades_in_its_session_on_history() -> None:
    bars = minute_bars(120)
    late = {"instrument": {"session": ["15:00", "16:00"]}}
    study = Study("session", Historical(bars), Enter, seeds=1, execution=late)
    orders = study.run().simulation(0).orders
    filled = orders.filter(orders["event"] == "filled")
    # The order of the first minute, 14:30, waits for the session.
    assert filled["bar"].to_list() == [30]


def test_session_hours_on_simulated_bars_are_refused(make_study: Callable[..., Study]) -> None:
    study = make_study(execution={"instrument": {"session": ["15:00", "16:00"]}})
    with pytest.raises(Refusal, match=r"instrument\.session: found bars of gbm"):
        study.resolve()
