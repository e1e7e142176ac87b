"""A faultless broker that fills as the engine does: paper equals simulation to the cent."""

from __future__ import annotations

import numpy as np
import pytest

from engine.paper import ScriptedBroker
from engine.strategies import backtest
from tests.engine.paper.rehearsal import (
    WARM,
    Orders,
    Rehearsal,
    as_the_engine,
    scripted_bars,
    terms_on,
)


@pytest.mark.parametrize("seed", range(8))
def test_paper_equals_simulation_to_the_cent_at_every_bar(seed: int) -> None:
    bars = scripted_bars(seed, 16, actions=(0, 1, 2, 3, 4, 5, 6))
    costs = {"commission": {"rate": 0.001}, "slippage": {"bps": 5}}
    rehearsal = Rehearsal(bars, ScriptedBroker(), terms=terms_on(**costs))
    equity = []
    for index in range(WARM, len(bars)):
        if index > WARM:
            as_the_engine(rehearsal, index)
        rehearsal.at(index)
        equity.append(rehearsal.step().equity)
    simulated = backtest(Orders, bars, {}, rehearsal.terms.execution, warm_up=WARM)
    assert np.array_equal(equity, simulated.equity)
    held = rehearsal.broker.positions().get("X", 0.0)
    assert simulated.positions == {"X": held}
    # Every order that the simulation has open is open at the broker, and no other.
    wanted = len(simulated.open_orders)
    open_there = rehearsal.broker.open_orders()
    legs = sum(not leg.is_final for order in _all(rehearsal.broker) for leg in order.legs)
    assert len(open_there) + legs - _waiting_legs(open_there) == wanted


def _all(broker: ScriptedBroker) -> list:
    found = [broker.order(ticket.client_order_id) for ticket in broker.accepted]
    return [order for order in found if order is not None]


def _waiting_legs(orders: list) -> int:
    return sum(not leg.is_final for order in orders for leg in order.legs)


def test_a_size_in_percent_of_equity_is_that_of_a_fill_at_the_last_close() -> None:
    bars = scripted_bars(3, 8, actions=(7,))
    rehearsal = Rehearsal(bars, ScriptedBroker(), terms=terms_on(cash=10_000.0))
    rehearsal.at(WARM)
    rehearsal.step()
    (ticket,) = rehearsal.broker.accepted
    assert ticket.units == np.floor(10_000.0 / bars.close[WARM])


def test_the_same_bars_again_ask_for_nothing_more() -> None:
    bars = scripted_bars(1, 10, actions=(1, 2))
    rehearsal = Rehearsal(bars, ScriptedBroker())
    for index in range(WARM, len(bars)):
        if index > WARM:
            rehearsal.trade(index)
        rehearsal.at(index)
        first = rehearsal.step()
        again = rehearsal.step()
        assert first.decided
        assert (again.decided, again.sent, again.cancelled) == (False, 0, 0)
        assert again.equity == first.equity
