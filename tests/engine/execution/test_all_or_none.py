"""Orders that fill together or not at all."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.compiled.kernel import kernel
from engine.execution import Execution
from engine.execution.handles import order_all_or_none, order_cancel, order_limit, order_market
from engine.execution.layout import CANCELLED, EVENT_NAMES, FILLED, ORDER_ROWS, SUBMITTED
from engine.execution.linked import broker_calls
from engine.execution.state import frame_of, new_simulation, simulation_at
from engine.strategies import Choice, Strategy, backtest
from engine.testing.prices import random_path

FLAT = (100.0, 101.0, 99.0, 100.0)
DAY = 86_400_000_000
HOWS = ("limits", "mixed", "hedge", "cancel", "cancel_all", "day", "exits", "cancels", "closes")
HOWS += ("loop", "sized", "at_close")


class Tied(Strategy):
    """Places two or three orders after bar 0, and ties them."""

    how = Choice("limits", HOWS)

    def on_bar(self, bar, order, account):
        if bar.index == 0:
            if self.how == "limits" or self.how == "cancel" or self.how == "cancel_all":
                first = order[0].limit(10.0, 98.0)
                second = order[1].limit(-10.0, 102.0)
                order.all_or_none(first, second)
            elif self.how == "mixed":
                order.all_or_none(order[0].market(10.0), order[1].stop(-10.0, 97.0))
            elif self.how == "hedge":
                # Cash for one of them: the second pays for the first.
                order[1].market(90.0)
            elif self.how == "day":
                first = order[0].limit(10.0, 98.0, tif=2)
                order.all_or_none(first, order[1].limit(-10.0, 102.0))
            elif self.how == "exits":
                order[0].bracket(10.0, take_profit=110.0, stop_loss=90.0)
            elif self.how == "cancels":
                first, second = order[0].limit(1.0, 90.0), order[0].stop(1.0, 110.0)
                order.one_cancels_other(first, second)
                if not order.all_or_none(first, order[1].market(5.0)):
                    order[1].market(2.0)
            elif self.how == "closes":
                first = order[0].market_on_close(3.0)
                if not order.all_or_none(first, order[1].market(5.0)):
                    order.all_or_none(first, order[1].market_on_close(-4.0))
            elif self.how == "loop":
                first = order[0].limit(1.0, 100.0)
                second = order[1].limit(1.0, 100.0)
                third = order[1].limit(2.0, 98.0)
                order.all_or_none(first, second)
                order.all_or_none(second, third)
                if order.one_cancels_other(first, third) or order.all_or_none(first, first):
                    order[0].market(7.0)
            elif self.how == "sized":
                order.all_or_none(order[0].target_percent(0.5), order[1].target_percent(-0.5))
            else:
                order.all_or_none(order[0].market(10.0), order[1].market(-10.0))
        if bar.index == 1:
            if self.how == "hedge":
                order.all_or_none(order[0].market(90.0), order[1].close())
            elif self.how == "cancel":
                order.cancel(2.0)
            elif self.how == "cancel_all":
                order[0].market(float(order[1].cancel_all()))
            elif self.how == "exits" and not order.all_or_none(2.0, order[1].market(5.0)):
                order[1].market(1.0)


def bars_of(rows: list[tuple[float, ...]], symbol: str, volume: float) -> Bars:
    stamps = np.arange(len(rows), dtype=np.int64) * DAY
    return Bars(symbol, stamps, *np.array(rows).T, np.full(len(rows), volume))


def played(
    how: str, first: list[Any], second: list[Any], volume: float = 1000.0, **execution: Any
) -> Any:
    pair = [bars_of(rows, name, volume) for rows, name in ((first, "A"), (second, "B"))]
    return backtest(Tied, pair, {"how": how}, {"cash": 10_000.0, **execution})


def events(found: Any, event: str = "filled") -> list[tuple[Any, ...]]:
    rows = found.orders.filter(found.orders["event"] == event)
    return rows.select("bar", "symbol", "units", "price").rows()


LOW, HIGH = (100.0, 101.0, 97.0, 100.0), (100.0, 103.0, 99.0, 100.0)
BOTH = (100.0, 103.0, 97.0, 100.0)


def test_orders_wait_for_the_bar_that_fills_each_of_them_by_its_own_terms() -> None:
    found = played("limits", [FLAT, LOW, FLAT, LOW, FLAT], [FLAT, FLAT, HIGH, HIGH, FLAT])
    assert events(found) == [(3, "A", 10.0, 98.0), (3, "B", -10.0, 102.0)]


def test_an_order_at_the_market_waits_for_a_stop_and_pays_the_open_of_that_bar() -> None:
    opens = (101.0, 102.0, 100.0, 101.0)
    found = played("mixed", [FLAT, FLAT, opens, FLAT], [FLAT, FLAT, LOW, FLAT])
    assert events(found) == [(2, "A", 10.0, 101.0), (2, "B", -10.0, 97.0)]


@pytest.mark.parametrize("rule", ["pessimistic", "backtesting_py", "tradingview"])
@pytest.mark.parametrize("how", ["limits", "mixed", "loop"])
def test_groups_fill_alike_under_every_bracket_rule(how: str, rule: str) -> None:
    rows = [FLAT, FLAT, BOTH, FLAT]
    plain = played(how, rows, rows)
    assert len(events(plain)) == (3 if how == "loop" else 2)
    assert {row[0] for row in events(plain)} == {2}
    assert events(played(how, rows, rows, bracket_rule=rule)) == events(plain)


def test_what_rejects_one_rejects_all() -> None:
    terms = {"A": {}, "B": {"shortable": False}}
    found = played("at_close", [FLAT] * 4, [FLAT] * 4, instruments=terms)
    assert events(found) == []
    rejected = found.orders.filter(found.orders["event"] == "rejected: not_shortable")
    assert rejected["symbol"].to_list() == ["A", "B"]
    assert found.metrics["rejected_orders"] == 2.0
    assert (found.equity == 10_000.0).all()


def test_margin_covers_what_a_group_comes_to_and_not_its_orders_one_by_one() -> None:
    found = played("hedge", [FLAT] * 5, [FLAT] * 5)
    assert events(found)[1:] == [(2, "A", 90.0, 100.0), (2, "B", -90.0, 100.0)]
    dear = (130.0, 131.0, 129.0, 130.0)
    found = played("hedge", [FLAT, FLAT, dear, dear], [FLAT] * 4)
    assert len(events(found)) == 1
    assert len(events(found, "rejected: buying_power")) == 2


@pytest.mark.parametrize(("how", "event"), [("cancel", "cancelled"), ("day", "expired")])
def test_where_one_leaves_the_book_all_do(how: str, event: str) -> None:
    rows = [FLAT, LOW, FLAT, BOTH, BOTH]
    found = played(how, rows, [FLAT, FLAT, FLAT, BOTH, BOTH])
    assert events(found) == []
    assert [row[1] for row in events(found, event)] == ["A", "B"]


def test_cancelling_all_of_a_symbol_counts_what_went_with_it() -> None:
    found = played("cancel_all", [FLAT] * 4, [FLAT] * 4)
    assert events(found) == [(2, "A", 2.0, 100.0)]


def test_exits_and_orders_of_which_one_cancels_the_other_are_not_tied() -> None:
    assert [row[1:3] for row in events(played("exits", [FLAT] * 4, [FLAT] * 4))] == [
        ("A", 10.0),
        ("B", 5.0),
        ("B", 1.0),
    ]
    assert [row[1:3] for row in events(played("cancels", [FLAT] * 4, [FLAT] * 4))] == [
        ("B", 5.0),
        ("B", 2.0),
    ]


def test_orders_for_the_close_are_tied_to_each_other_alone() -> None:
    found = played("closes", [FLAT] * 3, [FLAT] * 3)
    assert events(found) == [
        (1, "B", 5.0, 100.0),
        (1, "A", 3.0, 100.0),
        (1, "B", -4.0, 100.0),
    ]


def test_a_group_fills_at_the_very_close_where_orders_do() -> None:
    found = played("at_close", [FLAT] * 3, [FLAT] * 3, fill="same_close")
    assert events(found) == [(0, "A", 10.0, 100.0), (0, "B", -10.0, 100.0)]


def test_sizes_that_follow_from_equity_are_those_of_the_moment() -> None:
    found = played("sized", [FLAT] * 3, [FLAT] * 3, instrument={"initial_margin": 0.5})
    assert events(found) == [(1, "A", 50.0, 100.0), (1, "B", -50.0, 100.0)]


def test_a_group_waits_for_a_bar_with_volume_for_all_of_it() -> None:
    assert events(played("at_close", [FLAT] * 3, [FLAT] * 3, 90.0, volume_limit=0.1)) == []
    assert len(events(played("at_close", [FLAT] * 3, [FLAT] * 3, 100.0, volume_limit=0.1))) == 2


class Random(Strategy):
    """Ties two or three drawn orders at every third bar."""

    def on_bar(self, bar, order):
        if bar.index % 3 == 0:
            first = order[0].limit(bar[0].units, bar[0].limit, tif=5)
            second = order[1].stop(bar[1].units, bar[1].stop, take_profit=bar[1].take)
            order.all_or_none(first, second)
            if bar.index % 2 == 0:
                order.all_or_none(order[0].market(-bar[1].units), first)
        elif bar.index % 5 == 0:
            order[1].market(bar[1].units)


@settings(deadline=None, database=None)
@given(
    seed=st.integers(0, 100_000),
    rule=st.sampled_from(["pessimistic", "backtesting_py", "tradingview"]),
    cash=st.sampled_from([2_000.0, 20_000.0, 1e7]),
    margin=st.sampled_from([1.0, 0.3]),
    probability=st.sampled_from([1.0, 0.5]),
)
def test_of_a_group_all_fill_in_one_bar_or_none(
    seed: int, rule: str, cash: float, margin: float, probability: float
) -> None:
    rng = np.random.default_rng(seed)
    pair = []
    for name in "AB":
        path = random_path(rng, 60, 0.02, 0.01)
        close = path[3]
        columns = {
            "units": rng.choice([-1.0, 1.0], 60) * rng.integers(1, 40, 60),
            "limit": close * np.exp(rng.normal(0.0, 0.02, 60)),
            "stop": close * np.exp(rng.normal(0.0, 0.02, 60)),
            "take": np.where(rng.random(60) < 0.5, np.nan, close * 1.03),
        }
        bars = Bars(name, np.arange(60) * DAY, *path, columns=columns)
        pair.append(bars)
    execution = {
        "cash": cash,
        "bracket_rule": rule,
        "limit_fill_probability": probability,
        "commission": {"rate": 0.001},
        "instrument": {"initial_margin": margin, "maintenance_margin": margin / 2.0},
    }
    log = backtest(Random, pair, execution=execution).orders
    fate: dict[int, tuple[str, int]] = {}
    placed: dict[int, list[int]] = {}
    for bar, number, kind, event, size in log.select(
        "bar", "order", "kind", "event", "size"
    ).iter_rows():
        if event == "submitted" and size == "units" and bar % 3 == 0:
            placed.setdefault(bar, []).append(number)
        elif event != "submitted":
            fate[number] = (event, bar)
        assert kind
    assert placed
    for group in placed.values():
        assert len({fate.get(number) for number in group}) == 1


@cache
def three_legs() -> Any:
    calls = broker_calls()
    open_path, start, trade_bar = calls.open_path, calls.start, calls.trade_bar

    @kernel
    def run(frame: int, cancels: int) -> int:
        s = simulation_at(frame)
        open_path(frame)
        start(frame)
        legs = 0
        for bar in range(s.path.shape[2]):
            trade_bar(frame, bar)
            if bar == 0:
                first = order_market(s, bar, 0, 1.0)
                second = order_limit(s, bar, 1, -2.0, 103.0)
                third = order_limit(s, bar, 2, 1.0, 98.0)
                legs += order_all_or_none(s, bar, 0, first, second)
                legs += order_all_or_none(s, bar, 0, second, third)
            if bar == 1 and cancels:
                order_cancel(s, bar, 0, 2.0)
        return legs

    return run


@pytest.mark.parametrize("cancels", [0, 1])
def test_a_kernel_that_is_no_strategy_ties_three_legs(cancels: int) -> None:
    rows = [[FLAT, FLAT, FLAT, FLAT], [FLAT, HIGH, FLAT, HIGH], [FLAT, FLAT, LOW, LOW]]
    path = np.ascontiguousarray([[*np.array(r).T, np.full(4, 1e3)] for r in rows], dtype=np.float64)
    rules = Execution(cash=1e5).rules(("A", "B", "C"), 252.0)
    state = new_simulation(path, rules, event_capacity=50)
    frame = frame_of(state)
    assert three_legs()(int(frame.ctypes.data), cancels) == 2
    log = state.events[: state.counts[ORDER_ROWS]]
    done = [(row[0], row[2], row[5], row[6]) for row in log if row[4] == FILLED]
    if cancels:
        assert done == []
        assert [EVENT_NAMES[int(row[4])] for row in log if row[4] != SUBMITTED] == ["cancelled"] * 3
        assert CANCELLED in log[:, 4]
    else:
        assert done == [(3.0, 0.0, 1.0, 100.0), (3.0, 1.0, -2.0, 103.0), (3.0, 2.0, 1.0, 98.0)]
