"""A broker in this process that fills as told and fails as a script says: to rehearse with."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from engine.paper.broker import (
    ROLES,
    BrokerInstrument,
    BrokerOrder,
    Busy,
    Doubtful,
    Rejected,
    Ticket,
    leg_id,
)

__all__ = ["FAULTS", "ScriptedBroker"]

#: What may become of a call: ``lost`` does what was asked and ``dropped`` does not, both without an
#: answer; ``late`` does it after a later call; ``stale`` answers as things stood before.
FAULTS: Final = ("ok", "busy", "lost", "dropped", "late", "reject", "stale")

_DAY: Final = datetime.timedelta(days=1)


@dataclass
class _Held:
    ticket: Ticket
    order: BrokerOrder
    before: BrokerOrder


class ScriptedBroker:
    """A faultless account, behind a connection that fails as a script says.

    Parameters
    ----------
    faults : iterable of str
        One of `FAULTS` for each call in turn; then none.
    instruments : mapping of str to BrokerInstrument, optional
        What it trades; by default everything.

    Attributes
    ----------
    now : datetime
        Its clock; whoever drives it moves it on.
    accepted : list of Ticket
        Every order that it ever took.
    calls : int
        How often it was asked.
    repeated : int
        Orders that it was sent although it had them.

    Examples
    --------
    >>> broker = ScriptedBroker(["lost"])
    >>> try:
    ...     broker.submit(Ticket("mc-1", "X", 5.0))
    ... except Doubtful as doubt:
    ...     print(doubt)
    no answer
    >>> broker.order("mc-1").status
    'open'
    >>> broker.trade({"X": (10.0, 11.0, 9.0, 10.5)})
    >>> broker.positions()
    {'X': 5.0}
    """

    def __init__(
        self,
        faults: Iterable[str] = (),
        instruments: Mapping[str, BrokerInstrument] | None = None,
    ) -> None:
        self.now = datetime.datetime(2026, 1, 5, 21, tzinfo=datetime.UTC)
        self.market_open = False
        self.accepted: list[Ticket] = []
        self.calls = 0
        self.repeated = 0
        self._faults: Iterator[str] = iter(faults)
        self._instruments = instruments
        self._held: dict[str, _Held] = {}
        self._units: dict[str, float] = {}
        self._late: list[Ticket] = []

    # --- what a session asks ---------------------------------------------------------------

    def time(self) -> datetime.datetime:
        """Return its clock."""
        return self.now

    def is_market_open(self) -> bool:
        """Whether it says so."""
        return self.market_open

    def instrument(self, symbol: str) -> BrokerInstrument | None:
        """Return what it says of a symbol."""
        if self._instruments is None:
            return BrokerInstrument()
        return self._instruments.get(symbol)

    def positions(self) -> Mapping[str, float]:
        """Return the units held by symbol."""
        self._answer()
        return {symbol: units for symbol, units in self._units.items() if units != 0.0}

    def open_orders(self) -> list[BrokerOrder]:
        """Return the orders that may fill."""
        self._answer()
        return [
            self._with_legs(held.order)
            for name, held in self._held.items()
            if not held.order.is_final and ":" not in name
        ]

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by its id."""
        fault = self._answer()
        held = self._held.get(client_order_id)
        if held is None:
            return None
        return held.before if fault == "stale" else self._with_legs(held.order)

    def submit(self, ticket: Ticket) -> BrokerOrder:
        """Take an order, unless its id is taken."""
        fault = self._next()
        if fault == "busy":
            raise Busy("too many requests", 0.0)
        if fault == "reject":
            raise Rejected("insufficient buying power")
        if fault == "dropped":
            raise Doubtful("no answer")
        if fault == "late":
            self._late.append(ticket)
            raise Doubtful("no answer")
        if ticket.client_order_id in self._held:
            self.repeated += 1
            raise Doubtful("client_order_id must be unique")
        order = self._take(ticket)
        if fault == "lost":
            raise Doubtful("no answer")
        return order

    def cancel(self, client_order_id: str) -> None:
        """Cancel what has not filled."""
        fault = self._next()
        if fault == "busy":
            raise Busy("too many requests", 0.0)
        if fault != "dropped":
            self.end(client_order_id, "cancelled")
        if fault in ("dropped", "lost", "late"):
            raise Doubtful("no answer")

    # --- what happens to it ----------------------------------------------------------------

    def fill(
        self, client_order_id: str, units: float, price: float, *, commission: float = 0.0
    ) -> None:
        """Fill some units of an order at a price, now."""
        held = self._held[client_order_id]
        old = held.order
        assert not old.is_final, f"{client_order_id} is {old.status}"
        filled = old.filled + units
        value = old.filled * old.average_price + units * price
        whole = abs(filled) >= abs(old.units) * (1.0 - 1e-12)
        self._change(
            client_order_id,
            status="filled" if whole else "open",
            filled=filled,
            average_price=value / filled,
            commission=old.commission + commission,
            filled_at=self.now,
        )
        self._units[old.symbol] = self._units.get(old.symbol, 0.0) + units
        parent, _, role = client_order_id.partition(":")
        if role:
            other = leg_id(parent, ROLES[1 - ROLES.index(role)])
            if other in self._held:
                self.end(other, "cancelled")

    def end(self, client_order_id: str, status: str) -> None:
        """Let an order end unfilled: cancelled, expired or rejected; its exits go with it."""
        held = self._held.get(client_order_id)
        if held is None or held.order.is_final:
            return
        self._change(client_order_id, status=status)
        for role in ROLES:
            if held.order.filled == 0.0:
                self.end(leg_id(client_order_id, role), "cancelled")

    def trade(
        self, prices: Mapping[str, tuple[float, float, float, float]], share: float = 1.0
    ) -> None:
        """Let a bar of open, high, low and close go by: fill what it reaches.

        Parameters
        ----------
        prices : mapping of str to tuple of float
            Of each symbol that trades; one that is halted has none.
        share : float
            Part of what is left of an order that fills.
        """
        for name in list(self._held):
            held = self._held[name]
            order, ticket = held.order, held.ticket
            parent, _, role = name.partition(":")
            waits = role and self._held[parent].order.status != "filled"
            if order.is_final or waits or order.symbol not in prices:
                continue
            price = _reached(ticket, order.units > 0.0, *prices[order.symbol])
            left = order.units - order.filled
            if price is not None:
                whole = share >= 1.0 or abs(left * share) < 1.0
                self.fill(name, left if whole else float(int(left * share)), price)

    def split(self, symbol: str, ratio: float) -> None:
        """Give `ratio` units for one, and cancel the orders of a symbol."""
        self._units[symbol] = self._units.get(symbol, 0.0) * ratio
        for name in list(self._held):
            if self._held[name].order.symbol == symbol:
                self.end(name, "cancelled")

    def _take(self, ticket: Ticket) -> BrokerOrder:
        self.accepted.append(ticket)
        name, symbol = ticket.client_order_id, ticket.symbol
        order = BrokerOrder(name, symbol, ticket.units)
        self._held[name] = _Held(ticket, order, order)
        for role, price in zip(ROLES, (ticket.take_profit, ticket.stop_loss), strict=True):
            if price is not None:
                kind = {"kind": "limit", "limit": price} if role == ROLES[0] else {}
                kind = kind or {"kind": "stop", "stop": price}
                exit_of = Ticket(leg_id(name, role), symbol, -ticket.units, **kind)  # type: ignore[arg-type]
                leg = BrokerOrder(exit_of.client_order_id, symbol, -ticket.units)
                self._held[leg.client_order_id] = _Held(exit_of, leg, leg)
        return self._with_legs(order)

    def _with_legs(self, order: BrokerOrder) -> BrokerOrder:
        found = (self._held.get(leg_id(order.client_order_id, role)) for role in ROLES)
        return replace(order, legs=tuple(held.order for held in found if held is not None))

    def _change(self, name: str, **changes: object) -> None:
        held = self._held[name]
        held.before, held.order = held.order, replace(held.order, **changes)  # type: ignore[arg-type]

    def _answer(self) -> str:
        fault = self._next()
        if fault == "busy":
            raise Busy("too many requests", 0.0)
        if fault in ("lost", "dropped", "late"):
            raise Doubtful("no answer")
        return fault

    def _next(self) -> str:
        self.calls += 1
        for ticket in self._late:
            if ticket.client_order_id not in self._held:
                self._take(ticket)
        self._late.clear()
        return next(self._faults, "ok")


def _reached(
    ticket: Ticket, buys: bool, opened: float, high: float, low: float, close: float
) -> float | None:
    """Price at which a bar fills an order, None if it does not."""
    side = 1.0 if buys else -1.0
    stop, limit = ticket.stop, ticket.limit
    if stop is not None:
        if side * opened >= side * stop:
            stop_at = opened
        elif low <= stop <= high:
            stop_at = stop
        else:
            return None
        if limit is None:
            return stop_at
        return stop_at if side * stop_at <= side * limit else None
    if limit is not None:
        if side * opened <= side * limit:
            return opened
        return limit if low <= limit <= high else None
    return opened
