"""Studies of several series: joined calendars, stored rates, and prices as they were traded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.studies import Study
from engine.studies.definition import StudyDefinition

DAY = 86_400_000_000
FIRST = int(np.datetime64("2023-01-02", "D").astype(int))  # a Monday


class Market:
    """A share on weekdays, a coin on every day, and a rate in percent."""

    def bars(self, symbol: str, timeframe: str, **columns: Any) -> Bars:
        return self._bars(symbol, {})

    def paid_bars(self, symbol: str, timeframe: str, adjustment: str, **columns: Any) -> Bars:
        assert adjustment == "raw"
        paid = (np.arange(200) % 50 == 3) * 0.01
        return self._bars(symbol, {"dividend_yield": paid[np.arange(200) % 7 < 5]})

    def _bars(self, symbol: str, paid: dict[str, np.ndarray]) -> Bars:
        number = np.arange(200)
        if symbol in ("SPX", "RATE"):
            number = number[number % 7 < 5]
        open_at = 0 if symbol == "BTC" else 870 * 60_000_000
        close = 100.0 + np.sin(number * 0.7) * 3.0 if symbol != "RATE" else 3.0 + number * 0.01
        calendar = BarCalendar("24/7" if symbol == "BTC" else "XNYS", "1d")
        stamps = (FIRST + number.astype(np.int64)) * DAY + open_at
        rows = (close, close + 1.0, close - 1.0, close, np.full(len(close), 1e6))
        return Bars(symbol, stamps, *rows, calendar, columns=paid)

    def calibration(self, *_: Any) -> Any:
        raise AssertionError


def run(tmp_path: Path, source: dict[str, Any], execution: dict[str, Any] | None = None) -> Any:
    content = {
        "name": "joined",
        "source": {"model": "historical", "warm_up": 0, **source},
        "strategy": {"name": "buy_and_hold"},
        "execution": execution or {},
        "seeds": 1,
        "failure_allowance": 1.0,
    }
    definition = StudyDefinition.model_validate(content)
    return Study.from_definition(definition, tmp_path / "joined.yaml").run(market_data=Market())


@pytest.mark.parametrize(("join", "bars"), [("common", 144), ("last_known", 200)])
def test_a_study_joins_calendars_by_the_rule_that_it_states(
    tmp_path: Path, join: str, bars: int
) -> None:
    results = run(tmp_path, {"symbol": ["BTC", "SPX"], "join": join})
    replay = results.simulation(0)
    assert len(replay.equity) == bars
    assert set(replay.bars["symbol"]) == {"BTC", "SPX"}


def test_common_bars_are_the_default(tmp_path: Path) -> None:
    assert len(run(tmp_path, {"symbol": ["BTC", "SPX"]}).simulation(0).equity) == 144


def test_a_rate_may_be_a_stored_series_known_at_the_open_of_each_bar(tmp_path: Path) -> None:
    stored = {"series": "RATE", "scale": 0.01}
    results = run(tmp_path, {"symbol": "BTC"}, {"cash_interest": stored, "risk_free_rate": stored})
    bars = results.simulation(0).bars
    rates = bars["rate_RATE_1d_0_01"].to_numpy()
    # Monday's close is known at the coin's open of Tuesday, Friday's over the weekend.
    assert np.isnan(rates[0])
    expected = 0.01 * (3.0 + 0.01 * np.array([0, 1, 2, 3, 4, 4, 4, 7]))
    assert rates[1:9] == pytest.approx(expected)
    assert results.frame["error"][0] is not None  # nothing is known of the first bar
    shares = run(tmp_path, {"symbol": "BTC", "steps": 150}, {"cash_interest": stored})
    assert shares.frame["error"][0] is None


def test_a_series_that_is_not_there_is_refused(tmp_path: Path) -> None:
    class Nothing(Market):
        def bars(self, symbol: str, timeframe: str) -> Bars:
            if symbol == "RATE":
                raise LookupError("no series RATE")
            return super().bars(symbol, timeframe)

    content = {
        "name": "joined",
        "source": {"model": "historical", "symbol": "BTC", "warm_up": 0},
        "strategy": {"name": "buy_and_hold"},
        "execution": {"instrument": {"borrow_rate": {"series": "RATE"}}},
        "seeds": 1,
    }
    study = Study.from_definition(StudyDefinition.model_validate(content), tmp_path / "j.yaml")
    with pytest.raises(Refusal, match=r"execution.instrument.borrow_rate: found 'RATE'"):
        study.run(market_data=Nothing())


def test_a_model_has_no_stored_rate(make_study) -> None:
    with pytest.raises(Refusal, match="series RATE"):
        make_study(execution={"cash_interest": {"series": "RATE"}}).run()


def test_dividends_are_paid_where_prices_are_not_adjusted_for_them(tmp_path: Path) -> None:
    free = {"instrument": {"lot_size": 0.0}}
    raw = run(tmp_path, {"symbol": "SPX", "adjustment": "raw"}, free)
    adjusted = run(tmp_path, {"symbol": "SPX"}, free)
    held, without = raw.simulation(0), adjusted.simulation(0)
    paid = held.bars.filter(held.bars["dividend_yield"] > 0.0)
    assert len(paid) == 2
    gain = held.equity[-1] - without.equity[-1]
    units = without.equity[-1] / without.bars["close"][-1]
    before = [held.bars["close"][bar - 1] for bar in paid["bar"]]
    assert gain == pytest.approx(units * 0.01 * sum(before), rel=1e-3)


def test_a_limit_of_volume_needs_bars_with_volumes(make_study) -> None:
    from engine.sources import GBM

    with pytest.raises(Refusal, match=r"execution.volume_limit: found bars of gbm without volume"):
        make_study(source=GBM(volume=0.0), execution={"volume_limit": 0.1}).run()


def test_market_data_that_knows_no_dividends_says_so(market: Any, tmp_path: Path) -> None:
    content = {
        "name": "joined",
        "source": {"model": "historical", "symbol": "SP500", "adjustment": "split"},
        "strategy": {"name": "buy_and_hold"},
        "seeds": 1,
    }
    study = Study.from_definition(StudyDefinition.model_validate(content), tmp_path / "j.yaml")
    with pytest.raises(Refusal, match=r"source.adjustment: found 'split' of bars whose dividends"):
        study.run(market_data=market)


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"cash_interest": 11}, r"execution.cash_interest: found 11, allowed less than or equal"),
        ({"instrument": {"borrow_rate": -2}}, r"execution.instrument.borrow_rate: found -2, allow"),
        ({"cash_interest": {"serie": "X"}}, r"cash_interest.serie: found unknown key .*'series'"),
        ({"cash_interest": {"series": "X", "scale": 0}}, r"execution.cash_interest.scale: found 0"),
    ],
)
def test_a_wrong_rate_is_named_where_it_stands(make_study, execution, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        make_study(execution=execution).run()
