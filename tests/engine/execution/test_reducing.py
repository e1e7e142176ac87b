"""Orders that only reduce: exits outside brackets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import (
    EVENT_NAMES,
    ORDER_MODE,
    ORDER_ROWS,
    PENDING,
    REDUCE,
    UNITS,
)
from engine.strategies import Int, Strategy, backtest, prepare_strategy
from engine.testing.prices import random_path

BARS = 50
FIELDS = (*BAR_FIELDS, "action", "units", "price", "other")
FLAT = (100.0, 101.0, 99.0, 100.0)
WIDE = (100.0, 103.0, 97.0, 100.0)
RULES = ("pessimistic", "tradingview", "backtesting_py")


class Exits(Strategy):
    """At each bar what its fields say: an entry where nothing is held, else an exit or a pair."""

    name = "exits"

    def on_bar(self, bar, order, account):
        held = account.position
        size = -bar.units if held > 0.0 else bar.units
        if abs(size) > abs(held):
            size = -held
        first = bar.action
        if first == 12.0 and held == 0.0:
            order.market_on_open(bar.units)
            order.limit(-bar.units, bar.price)
            order.stop(-bar.units, bar.other)
        elif first == 1.0 and held == 0.0:
            order.market(bar.units * (1.0 if bar.price > bar.other else -1.0))
        elif first == 2.0:
            order.target(-held, limit=bar.price)
        elif first == 3.0:
            order.stop(-2.0 * held, bar.price)
        elif first == 13.0 and held == 0.0:
            order.limit(bar.units, bar.price)
        elif first == 14.0 and held > 0.0:
            # For all of an entry that may have filled in part only.
            order.stop(-bar.units, bar.price)
            order.limit(-bar.units, bar.other)
        elif held != 0.0:
            if first == 4.0:
                order.limit(size, bar.price)
            elif first == 5.0:
                order.stop(size, bar.price)
            elif first == 6.0:
                order.limit(size, bar.price)
                order.stop(size, bar.other)
            elif first == 7.0:
                order.trailing_stop(size, distance=1.0)
            elif first == 8.0:
                order.market(size)
            elif first == 9.0:
                order.market_on_close(size)
            elif first == 10.0:
                order.stop_limit(size, bar.price, bar.other)
            elif first == 11.0:
                order.market_on_open(size)
                order.market(size)


@pytest.fixture(scope="module")
def play():
    def prepare(execution):
        shape = {"symbols": ("X",), "fields": FIELDS, "steps": BARS, "bars_per_year": 252.0}
        return prepare_strategy(Exits, Execution(**execution), **shape)

    engines = {}

    def run(block, **execution):
        key = repr(execution)
        if key not in engines:
            engines[key] = prepare({"cash": 1e6, **execution})
        engine = engines[key]
        scratch = engine.scratch(record_orders=True)
        metrics = np.empty((1, 1, len(engine.metric_names)))
        status = np.empty((1, 1), dtype=np.int8)
        block = np.ascontiguousarray(block[None, None])
        engine.run(block, np.empty((1, 0)), metrics, status, scratch)
        assert status[0, 0] == 0
        return scratch.simulation

    return run


def script(rows, *actions):
    """Bars that stay at 100 but for those given from the third on, and what to do at the first."""
    block = np.zeros((len(FIELDS), BARS))
    block[:4] = np.array(FLAT)[:, None]
    block[4] = 1000.0
    for place, row in enumerate(rows):
        block[:4, 2 + place] = row
    for place, action in enumerate(actions):
        block[5:, place] = action
    return block


def fills(state):
    log = state.events[: state.counts[ORDER_ROWS]]
    return [(int(row[0]), row[5], row[6]) for row in log if EVENT_NAMES[int(row[4])] == "filled"]


BUY = (1.0, 10.0, 2.0, 1.0)
PAIR = (6.0, 10.0, 102.0, 98.0)


@pytest.mark.parametrize(
    ("rule", "exits", "held"),
    [
        ("pessimistic", [(2, -10.0, 98.0)], 0.0),
        ("tradingview", [(2, -10.0, 98.0)], 0.0),
        ("backtesting_py", [(2, -10.0, 98.0), (2, -10.0, 102.0)], -10.0),
    ],
)
def test_of_a_stop_and_a_limit_that_close_a_position_one_fills(play, rule, exits, held) -> None:
    state = play(script([WIDE], BUY, PAIR), bracket_rule=rule)
    assert fills(state)[1:] == exits
    assert state.positions[0, UNITS] == held
    assert state.counts[PENDING] == 0


def test_an_exit_that_fills_in_part_leaves_the_other_the_rest(play) -> None:
    half = (6.0, 4.0, 102.0, 90.0)
    whole = (5.0, 10.0, 98.0, 0.0)
    up, down = (100.0, 102.5, 99.0, 100.0), (100.0, 101.0, 97.0, 100.0)
    state = play(script([FLAT, up, down], BUY, half, whole))
    assert fills(state)[1:] == [(3, -4.0, 102.0), (4, -6.0, 98.0)]
    assert state.counts[PENDING] == 0


def test_an_exit_goes_with_its_position_and_does_not_meet_the_next_one(play) -> None:
    stop, close, again = (5.0, 10.0, 98.0, 0.0), (8.0, 10.0, 0.0, 0.0), BUY
    state = play(script([FLAT] * 3 + [(100.0, 101.0, 97.0, 100.0)], BUY, stop, close, again))
    assert fills(state) == [(1, 10.0, 100.0), (3, -10.0, 100.0), (4, 10.0, 100.0)]
    assert state.positions[0, UNITS] == 10.0


@pytest.mark.parametrize("turn", [(2.0, 0.0, 102.0, 0.0), (3.0, 0.0, 98.0, 0.0)])
def test_a_target_and_a_larger_order_turn_the_position(play, turn) -> None:
    state = play(script([WIDE], BUY, turn))
    assert state.positions[0, UNITS] == -10.0


@pytest.mark.parametrize("rule", ["pessimistic", "tradingview"])
def test_exits_beside_an_entry_at_the_open_are_of_what_it_opens(play, rule) -> None:
    state = play(script([WIDE], (0.0,) * 4, (12.0, 10.0, 102.0, 98.0)), bracket_rule=rule)
    assert fills(state) == [(2, 10.0, 100.0), (2, -10.0, 98.0)]
    assert state.positions[0, UNITS] == 0.0
    assert state.counts[PENDING] == 0


def test_exits_placed_with_a_market_entry_that_waits_are_of_what_it_opens(play) -> None:
    class Together(Strategy):
        def on_start(self, order):
            order.market(10)
            order.stop(-10, 98.0)
            order.limit(-10, 102.0)

    shape = {"symbols": ("X",), "fields": FIELDS, "steps": BARS, "bars_per_year": 252.0}
    engine = prepare_strategy(Together, Execution(), **shape)
    scratch = engine.scratch(record_orders=True)
    metrics, status = np.empty((1, 1, len(engine.metric_names))), np.empty((1, 1), dtype=np.int8)
    block = np.ascontiguousarray(script([WIDE])[None, None])
    engine.run(block, np.empty((1, 0)), metrics, status, scratch)
    assert fills(scratch.simulation) == [(0, 10.0, 100.0), (2, -10.0, 98.0)]
    assert scratch.simulation.positions[0, UNITS] == 0.0


LIMIT_ENTRY = (13.0, 10.0, 100.0, 0.0)
WHOLE_PAIR = (14.0, 10.0, 98.0, 102.0)


@pytest.mark.parametrize("rule", ["pessimistic", "tradingview"])
def test_exits_of_an_entry_that_filled_in_part_are_of_all_of_it(play, rule) -> None:
    up, down = (100.5, 102.5, 100.2, 101.0), (100.5, 100.8, 97.0, 97.5)
    quiet = (100.5, 101.0, 100.2, 100.5)
    rows = [quiet, FLAT, FLAT, up, up, up, down, down]
    settings = {"volume_limit": 0.1, "bracket_rule": rule}
    block = script(rows, LIMIT_ENTRY, WHOLE_PAIR)
    block[4] = 40.0
    state = play(block, **settings)
    # Four of ten at 100, then the pair; the rest of six; the limit closes all over three bars.
    bought = [(1, 4.0, 100.0), (3, 4.0, 100.0), (4, 2.0, 100.0)]
    sold = [(5, -4.0, 102.0), (6, -4.0, 102.0), (7, -2.0, 102.0)]
    assert fills(state) == bought + sold
    assert (state.positions[0, UNITS], state.counts[PENDING]) == (0.0, 0)


def test_the_exits_of_a_part_never_sell_more_than_it(play) -> None:
    down = (100.5, 100.8, 97.0, 97.5)
    block = script([(100.5, 102.5, 97.0, 100.5), down, down], LIMIT_ENTRY, WHOLE_PAIR)
    block[4] = 40.0
    block[4, 2:] = 1000.0
    state = play(block, volume_limit=0.1)
    # The rest of the entry is bought in the bar whose stop sold the part; the limit is for it.
    log = fills(state)
    assert log[0] == (1, 4.0, 100.0)
    held = np.cumsum([units for _, units, _ in log])
    assert (held >= 0.0).all()
    assert state.positions[0, UNITS] == held[-1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), rule=st.sampled_from(["pessimistic", "tradingview"]))
def test_no_pair_of_exits_of_an_entry_that_fills_over_bars_turns_the_position(
    play, seed, rule
) -> None:
    rng = np.random.default_rng(seed)
    block = np.zeros((len(FIELDS), BARS))
    block[:4] = random_path(rng, BARS, 0.02, 0.01)[:4]
    block[4] = rng.integers(0, 60, BARS)
    block[5:, 0] = 13.0, 10.0, block[3, 0] * 0.995, 0.0
    around = block[3, 0] * np.exp(rng.normal(0.0, 0.02, 2))
    block[5:, int(rng.integers(1, 8))] = 14.0, 10.0, around.min(), around.max()
    state = play(block, volume_limit=0.1, bracket_rule=rule)
    held = np.cumsum([units for _, units, _ in fills(state)])
    assert ((held >= 0.0) & (held <= 10.0)).all()


class TwoHalves(Strategy):
    """Two exits of half a position; or one of four, and one of all that must fill whole."""

    kill = Int(0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(10 if self.kill == 1 else 20)
        elif bar.index == 1:
            order.limit(-4 if self.kill == 1 else -10, 102.0)
            if self.kill == 1:
                order.limit(-10, 100.0, tif="fok")
            else:
                order.stop(-10, 98.0)


def test_two_exits_that_close_a_position_together_both_fill(make_bars) -> None:
    found = backtest(TwoHalves, make_bars([FLAT, FLAT, WIDE, WIDE]))
    filled = found.orders.filter(event="filled")
    assert filled.select("bar", "units").rows() == [(1, 20.0), (2, -10.0), (2, -10.0)]
    assert found.positions["X"] == 0.0


def test_an_exit_that_must_fill_whole_does_not_fill_what_another_has_left_of_it(make_bars) -> None:
    rises = (103.0, 103.5, 102.5, 103.0)
    found = backtest(TwoHalves, make_bars([FLAT, FLAT, rises]), {"kill": 1})
    events = found.orders.filter(bar=2).select("units", "event").rows()
    assert events == [(-4.0, "filled"), (0.0, "cancelled")]
    assert found.positions["X"] == 6.0
    whole = backtest(TwoHalves, make_bars([FLAT, FLAT, (101.0, 101.5, 100.5, 101.0)]), {"kill": 1})
    assert whole.orders.filter(bar=2).select("units", "event").rows()[0] == (-10.0, "filled")


VARIANTS = (
    {},
    {"bracket_rule": "tradingview"},
    {"fill": "same_close"},
    {"volume_limit": 0.02, "instrument": {"lot_size": 0.1}},
    {"bracket_rule": "tradingview", "instrument": {"tick_size": 0.25, "lot_size": 0.3}},
)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**31), variant=st.sampled_from(VARIANTS))
def test_no_pair_of_exits_leaves_a_position_that_nobody_asked_for(play, seed, variant) -> None:
    rng = np.random.default_rng(seed)
    block = np.zeros((len(FIELDS), BARS))
    block[:5] = random_path(rng, BARS, 0.02, 0.01)
    shares = np.array([2, 3, 0, 0, 2, 2, 3, 1, 1, 1, 1, 1], dtype=float)
    block[5] = rng.choice(12, BARS, p=shares / shares.sum())
    block[6] = rng.integers(1, 60, BARS) * 0.1
    block[7:] = block[3] * np.exp(rng.normal(0.0, 0.02, (2, BARS)))
    state = play(block, **variant)
    log = state.events[: state.counts[ORDER_ROWS]]
    held, opened, placed = 0.0, -1, {}
    for bar, number, _, _, event, units, *_ in log:
        name = EVENT_NAMES[int(event)]
        if name == "submitted":
            placed[number] = bar
        elif name == "filled" and block[5, int(placed[number])] != 1.0:
            # It reduces what is held, never beyond nothing, and it is of this very position.
            assert held * units < 0.0
            assert abs(units) <= abs(held) + 1e-9
            assert placed[number] >= opened
        if name == "filled":
            opened = bar if held == 0.0 else opened
            held += units
            held = 0.0 if abs(held) < 1e-9 else held
    assert state.positions[0, UNITS] == pytest.approx(held, abs=1e-9)
    assert held != 0.0 or REDUCE not in state.orders[: state.counts[PENDING], ORDER_MODE]
