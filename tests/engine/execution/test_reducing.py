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
from engine.strategies import Strategy, prepare_strategy
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
