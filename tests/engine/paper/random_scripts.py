"""Sessions under random scripts of faults, and what has to hold behind each of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from engine.paper import ScriptedBroker
from engine.paper.booking import book
from engine.paper.broker import leg_id
from engine.paper.scripted_broker import FAULTS
from tests.engine.paper.rehearsal import WARM, Rehearsal, scripted_bars

_SHARES = (0.64, 0.08, 0.08, 0.06, 0.06, 0.02, 0.06)


def session(seed: int, count: int = 9) -> Rehearsal:
    """A session under a random script: faults, partial fills, halts, restarts."""
    rng = np.random.default_rng(seed)
    faults = rng.choice(FAULTS, 4_000, p=_SHARES).tolist()
    script = iter(faults)
    calm = [False]

    def next_fault() -> str:
        return "ok" if calm[0] else next(script)

    broker = ScriptedBroker(iter(next_fault, None))
    rehearsal = Rehearsal(scripted_bars(seed, count), broker)
    for index in range(WARM, count):
        if index > WARM and rng.random() < 0.9:  # else the symbol is halted
            rehearsal.trade(index, share=float(rng.choice([1.0, 1.0, 0.5])))
        rehearsal.at(index)
        if rng.random() < 0.8:  # else the machine is down at this close
            rehearsal.step(looks=60)
        if rng.random() < 0.2:
            rehearsal.trader = rehearsal.fresh()
    calm[0] = True
    rehearsal.step(looks=3)
    rehearsal.step(looks=3)
    return rehearsal


def check(rehearsal: Rehearsal) -> None:
    trader, broker = rehearsal.trader, rehearsal.broker
    # None is sent again that is there, and none is doubled: an order of the replay has one ticket
    # that was ever taken.
    assert broker.repeated == 0
    order_of = {name: sent.order for name, sent in trader.books.sent.items()}
    taken = Counter(order_of[ticket.client_order_id] for ticket in broker.accepted)
    assert not [order for order, count in taken.items() if count > 1]
    # What is held is what the fills come to.
    assert broker.positions().get("X", 0.0) == pytest.approx(trader.books.position("X"), abs=1e-9)
    # None is lost: what waits in the replay is open there, was refused there, or filled meanwhile.
    closed = tuple(bars[: rehearsal.index + 1] for bars in [rehearsal.bars])
    _, replayed = book(trader.terms, closed, trader.books)
    for order in replayed.wanted():
        tickets = [sent for sent in trader.books.of_order(order.order) if sent.state != "intended"]
        legs = [
            trader.books.sent.get(leg_id(sent.ticket.client_order_id, order.role))
            for sent in trader.books.of_order(order.entry)
            if order.entry
        ]
        assert tickets or any(leg is not None for leg in legs), order
    # And what is open there waits in the replay.
    numbers = {order.order for order in replayed.wanted()}
    for found in broker.open_orders():
        assert order_of[found.client_order_id] in numbers
