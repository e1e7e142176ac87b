"""Fills within a share of the bar's volume: over bars, orders, kinds and times in force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.bars import Bars
from engine.errors import Refusal
from engine.execution import Execution
from engine.strategies import Backtest, Choice, Float, Int, Strategy, backtest

DAY = 86_400_000_000


class Sends(Strategy):
    """Sends one order after the first bar, and one of another kind after a later one."""

    how = Choice(
        "market",
        [
            *("market", "limit", "ioc", "fok", "stop", "percent", "long", "target", "bracket"),
            *("on_close", "pair", "two", "day", "target_percent"),
        ],
    )
    units = Float(100.0)
    price = Float(100.0)
    second = Int(99)

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.how == "market":
                order.market(self.units)
            elif self.how == "limit":
                order.limit(self.units, self.price)
            elif self.how == "ioc":
                order.limit(self.units, self.price, tif="ioc")
            elif self.how == "fok":
                order.limit(self.units, self.price, tif="fok")
            elif self.how == "day":
                order.limit(self.units, self.price, tif="day")
            elif self.how == "stop":
                order.stop(self.units, self.price)
            elif self.how == "percent":
                order.percent(0.5)
            elif self.how == "long":
                order.long()
            elif self.how == "target":
                order.target(self.units)
            elif self.how == "target_percent":
                order.target_percent(0.5)
            elif self.how == "bracket":
                order.market(self.units, take_profit=110.0, stop_loss=95.0)
            elif self.how == "on_close":
                order.market_on_close(self.units)
            elif self.how == "pair":
                limit = order.limit(self.units, self.price)
                order.one_cancels_other(limit, order.stop(-self.units, 90.0))
            elif self.how == "two":
                order.market(self.units)
                order.market(-0.5 * self.units)
        if bar.index == self.second:
            order.close()


def run(volumes, how: str = "market", rows=None, execution=None, **parameters) -> Backtest:
    count = len(volumes)
    rows = rows or [(100.0, 101.0, 99.0, 100.0)] * count
    columns = [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
    stamps = np.arange(count, dtype=np.int64) * DAY
    bars = Bars("X", stamps, *columns, np.array(volumes, dtype=float))
    settings = {"cash": 100_000.0, "volume_limit": 0.1} | (execution or {})
    return backtest(Sends, bars, {"how": how} | parameters, settings)


def events(made: Backtest, *names: str) -> list[tuple[int, float, float]]:
    names = names or ("filled",)
    found = made.orders.filter(made.orders["event"].is_in(names))
    return [
        (bar, units, price) if name == "filled" else (bar, name)
        for bar, units, price, name in found.select("bar", "units", "price", "event").rows()
    ]


def test_a_market_order_fills_over_the_bars_that_follow() -> None:
    found = events(run([0, 300, 500, 400, 900], units=100.0))
    assert found == [(1, 30.0, 100.0), (2, 50.0, 100.0), (3, 20.0, 100.0)]


def test_whole_lots_fill_and_bars_without_room_for_one_are_passed_over() -> None:
    lots = {"instrument": {"lot_size": 20.0}}
    found = events(run([0, 300, 190, 0, 900], units=100.0, execution=lots))
    assert found == [(1, 20.0, 100.0), (4, 80.0, 100.0)]
    fractions = {"instrument": {"lot_size": 0.0}}
    found = events(run([0, 333, 0, 900], units=100.0, execution=fractions))
    assert found == [(1, pytest.approx(33.3), 100.0), (3, pytest.approx(66.7), 100.0)]


def test_orders_of_a_symbol_share_a_bar_first_come_first_served() -> None:
    found = events(run([0, 1200, 100, 1000], "two", units=100.0))
    assert found == [(1, 100.0, 100.0), (1, -20.0, 100.0), (2, -10.0, 100.0), (3, -20.0, 100.0)]


def test_the_rest_of_a_limit_waits_at_its_price() -> None:
    rows = [(100.0, 101.0, 99.5, 100.0)] * 2 + [(103.0, 104.0, 102.0, 103.0)]
    rows += [(101.0, 102.0, 98.0, 101.0)] * 2
    found = events(run([0, 300, 900, 400, 900], "limit", rows, price=99.8))
    assert found == [(1, 30.0, 99.8), (3, 40.0, 99.8), (4, 30.0, 99.8)]


def test_a_stop_that_was_reached_goes_on_at_the_market() -> None:
    rows = [(100.0, 101.0, 99.0, 100.0), (100.0, 103.0, 99.0, 100.0), (98.0, 99.0, 97.0, 98.0)]
    found = events(run([0, 300, 900], "stop", rows, price=102.0))
    assert found == [(1, 30.0, 102.0), (2, 70.0, 98.0)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("ioc", [(1, 30.0, 100.0), (1, "cancelled")]),
        ("fok", [(1, "cancelled")]),
        ("on_close", [(1, 30.0, 100.0), (1, "cancelled")]),
        ("day", [(1, 30.0, 100.0), (1, "expired")]),
    ],
)
def test_what_must_fill_at_once_leaves_the_rest(how: str, expected: list) -> None:
    made = run([0, 300, 900], how, units=100.0, price=100.0)
    assert events(made, "filled", "cancelled", "expired") == expected


def test_fill_or_kill_fills_where_the_volume_allows_all_of_it() -> None:
    assert events(run([0, 1000, 900], "fok", units=100.0, price=100.0)) == [(1, 100.0, 100.0)]


def test_a_size_in_percent_or_by_the_rule_goes_on_in_units() -> None:
    half = {"sizing": {"kind": "percent_of_equity", "share": 0.5}}
    rows = [(100.0, 101.0, 99.0, 100.0)] * 2 + [(50.0, 51.0, 49.0, 50.0)] * 2
    for how, execution in (("percent", None), ("long", half)):
        found = events(run([0, 3000, 1000, 9000], how, rows, execution=execution))
        assert found == [(1, 300.0, 100.0), (2, 100.0, 50.0), (3, 100.0, 50.0)], how


def test_a_target_is_compared_anew_with_what_is_held() -> None:
    rows = [(100.0, 101.0, 99.0, 100.0)] * 2 + [(50.0, 51.0, 49.0, 50.0)] * 2
    found = events(run([0, 3000, 1000, 90_000], "target_percent", rows))
    # Equity 85,000 after the fall of 300 units, of which half is 42,500: 850 units.
    assert found[:2] == [(1, 300.0, 100.0), (2, 100.0, 50.0)]
    assert found[2] == (3, 450.0, 50.0)
    assert events(run([0, 300, 900], "target")) == [(1, 30.0, 100.0), (2, 70.0, 100.0)]


def test_each_part_of_an_entry_has_exits_of_its_own() -> None:
    rows = [(100.0, 101.0, 99.0, 100.0)] * 3 + [(100.0, 101.0, 94.0, 95.0)] * 2
    made = run([0, 300, 900, 2000, 2000], "bracket", rows)
    assert events(made) == [
        (1, 30.0, 100.0),
        (2, 70.0, 100.0),
        (3, -30.0, 95.0),
        (3, -70.0, 95.0),
    ]
    assert made.trades["units"].to_list() == [30.0, 70.0]


def test_the_rest_of_a_stop_loss_sells_at_the_next_open() -> None:
    rows = [(100.0, 101.0, 99.0, 100.0)] * 2 + [(100.0, 101.0, 94.0, 95.0)]
    rows += [(93.0, 94.0, 92.0, 93.0)] * 2
    made = run([0, 1000, 300, 200, 2000], "bracket", rows)
    assert events(made) == [
        (1, 100.0, 100.0),
        (2, -30.0, 95.0),
        (3, -20.0, 93.0),
        (4, -50.0, 93.0),
    ]
    assert made.metrics["exposure"] == 3 / 5


def test_the_first_part_of_one_order_cancels_the_other() -> None:
    made = run([0, 300, 900], "pair", units=100.0, price=100.0)
    found = events(made, "filled", "cancelled")
    assert found == [(1, 30.0, 100.0), (1, "cancelled"), (2, 70.0, 100.0)]


def test_what_is_closed_by_the_broker_or_at_the_end_is_closed_whole() -> None:
    made = run([0, 1000, 10, 10], execution={"at_end": "close"})
    assert events(made)[-1] == (3, -100.0, 100.0)
    rows = [(100.0, 101.0, 99.0, 100.0)] * 2 + [(100.0, 100.0, 50.0, 50.0)] * 2
    terms = {"initial_margin": 0.1, "maintenance_margin": 0.1}
    made = run(
        [0, 5000, 10, 10], rows=rows, units=500.0, execution={"cash": 6_000.0, "instrument": terms}
    )
    assert made.metrics["margin_calls"] == 1.0
    assert events(made)[-1][:2] == (2, -500.0)


def test_at_the_same_close_the_bar_of_the_decision_is_traded() -> None:
    found = events(run([300, 500, 900], execution={"fill": "same_close"}))
    assert found == [(0, 30.0, 100.0), (1, 50.0, 100.0), (2, 20.0, 100.0)]


@pytest.mark.parametrize("rule", ["pessimistic", "backtesting_py", "tradingview"])
def test_no_bar_trades_more_than_its_share(rule: str) -> None:
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, 200)))
    opens = np.concatenate([[100.0], close[:-1]])
    rows = list(
        zip(opens, np.maximum(opens, close) + 1, np.minimum(opens, close) - 1, close, strict=True)
    )
    volumes = rng.integers(0, 2000, 200)
    for how in ("market", "limit", "stop", "bracket", "target_percent"):
        execution = {"bracket_rule": rule}
        made = run(volumes, how, rows, units=3000.0, second=60, execution=execution)
        filled = made.orders.filter(made.orders["event"] == "filled")
        traded = np.bincount(filled["bar"], np.abs(filled["units"]), minlength=200)
        assert (traded <= 0.1 * volumes + 1e-9).all(), how
        assert traded.sum() > 100.0


def test_bars_without_volumes_are_refused_in_one_sentence() -> None:
    with pytest.raises(Refusal, match=r"execution.volume_limit: found bars of X without volume"):
        run([0, 0, 0])


def test_the_limit_is_a_share() -> None:
    assert Execution(volume_limit=1.0).volume_limit == 1.0
    for wrong in (0.0, -0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="volume_limit"):
            Execution(volume_limit=wrong)
