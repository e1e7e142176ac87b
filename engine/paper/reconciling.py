"""Whether the broker's positions and open orders are those of the books."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from engine.errors import Refusal
from engine.paper.sending import Desk
from engine.paper.terms import Terms

__all__ = ["check_against_broker", "check_instruments"]

# A fill may come between two questions, and a broker may answer one of them with older news than
# the other: so long, in seconds, is waited before each further look.
_PAUSES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def check_against_broker(desk: Desk, terms: Terms) -> None:
    """Compare positions and open orders of the session's symbols with the books.

    A difference is looked at again for eight seconds before it is one.

    Parameters
    ----------
    desk : Desk
        Asks the broker and keeps the books.
    terms : Terms
        What is traded.

    Raises
    ------
    Refusal
        If they differ: says how, and the journal says so, too.
    """
    found = _difference(desk, terms)
    for seconds in _PAUSES:
        if not found:
            return
        if seconds:
            desk.sleep(seconds)
        desk.look_at_all()
        found = _difference(desk, terms)
    if not found:
        return
    desk.write([{"event": "difference", "text": found}])
    raise Refusal(
        f"paper {terms.session}",
        found,
        hint="set the account right, or trade on another; nothing was sent",
    )


def check_instruments(desk: Desk, terms: Terms) -> None:
    """Refuse a symbol that the broker does not trade as the study does.

    Raises
    ------
    Refusal
        If it has none of the name, does not trade it now, or only in whole units where the study
        trades fractions.
    """
    for symbol in terms.symbols:
        found = desk.ask(partial(desk.broker.instrument, symbol))
        if found is None or not found.tradable:
            how = "has none of the name" if found is None else "does not trade it"
            raise Refusal(
                f"instrument {symbol}",
                f"the broker {how}",
                hint="after a change of symbol name both: `--symbol OLD=NEW`",
            )
        if terms.execution.terms_of(symbol).lot_size == 0.0 and not found.fractional:
            raise Refusal(
                f"instrument {symbol}",
                "the broker trades whole units alone, and the study fractions",
                hint="`execution.instrument.lot_size: 1`",
            )


def _difference(desk: Desk, terms: Terms) -> str:
    books, said = desk.books, []
    held = desk.ask(desk.broker.positions)
    for symbol in terms.symbols:
        own, there = books.position(symbol), held.get(symbol, 0.0)
        if not math.isclose(own, there, rel_tol=1e-9, abs_tol=1e-9):
            said.append(f"the broker holds {there:g} {symbol}, the fills come to {own:g}")
    there_open = {
        order.client_order_id: order
        for order in desk.ask(desk.broker.open_orders)
        if order.symbol in terms.symbols
    }
    for name, order in there_open.items():
        if name not in books.sent:
            said.append(
                f"an order of {order.units:g} {order.symbol} ({name}) is not of the session"
            )
    for sent in books.live():
        name = sent.ticket.client_order_id
        if sent.state == "open" and not sent.role and name not in there_open:
            said.append(
                f"an order of {sent.ticket.units:g} {sent.ticket.symbol} ({name}) is not open there"
            )
    return "; ".join(said)
