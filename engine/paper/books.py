"""What a session has sent, what filled and what is booked: read off its journal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from engine.paper.broker import FINAL, BrokerOrder, Ticket
from engine.strategies import FillTape

__all__ = ["Books", "Fill", "Sent", "microseconds", "news_of"]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TICKET: Final = (
    *("client_order_id", "symbol", "units", "kind", "limit", "stop", "time_in_force"),
    *("take_profit", "stop_loss"),
)


_TAPE: Final = {
    **{"event": pl.String, "bar": pl.Int64, "symbol": pl.String, "order": pl.Int64},
    **dict.fromkeys(("units", "price", "commission"), pl.Float64),
}


@dataclass(frozen=True)
class Fill:
    """A fill as the broker told it.

    Parameters
    ----------
    client_order_id : str
        Whose; of an exit of a bracket its own.
    symbol : str
        What was traded.
    units, price, commission : float
        Negative units: sold.
    filled_at : datetime
        When.
    """

    client_order_id: str
    symbol: str
    units: float
    price: float
    commission: float
    filled_at: datetime.datetime


@dataclass
class Sent:
    """An order of the session, or an exit of a bracket that it brought.

    Parameters
    ----------
    ticket : Ticket
        As it was sent.
    order : int
        Its number in the replay; of an exit that of the order that brought it.
    bar : int
        The bar at whose close it was wanted.
    role : str
        Of an exit, `take_profit` or `stop_loss`; else empty.
    state : str
        ``intended`` until the broker has it, ``open``, or one of `FINAL`.
    filled, value, commission : float
        Units, units times price, and costs of its fills.
    withdrawn : bool
        Whether the replay knows that it ended.
    """

    ticket: Ticket
    order: int
    bar: int
    role: str = ""
    state: str = "intended"
    filled: float = 0.0
    value: float = 0.0
    commission: float = 0.0
    withdrawn: bool = False
    cancelling: bool = False

    @property
    def is_final(self) -> bool:
        """Whether it fills no more."""
        return self.state in FINAL


@dataclass
class Books:
    """Everything that follows from the rows of a journal.

    Attributes
    ----------
    terms : str
        What the session was opened with; empty before.
    first_bar : int
        Opening instant of the first bar that is traded on, in microseconds.
    decided : int
        The last bar that was decided on, from 0; -1: none.
    closes : mapping of str to float
        Of that bar.
    sent : dict of str to Sent
        Orders by their ids, oldest first.
    unbooked : list of Fill
        Fills that the replay does not know yet.
    booked : list of dict
        Rows of the fill tape.
    rejections : int
        Orders that the broker refused.
    stopped : str
        Why the session was stopped; empty while it trades.
    """

    terms: str = ""
    first_bar: int = 0
    decided: int = -1
    closes: Mapping[str, float] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    unbooked: list[Fill] = field(default_factory=list)
    booked: list[dict[str, Any]] = field(default_factory=list)
    rejections: int = 0
    stopped: str = ""
    # Bar, symbol, and what units and prices up to that bar are multiplied by.
    _restated: list[tuple[int, str, float, float]] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Books:
        """Read a journal from its beginning."""
        books = cls()
        for row in rows:
            books.take(row)
        return books

    def take(self, row: Mapping[str, Any]) -> None:
        """Take one further row."""
        event, name = row["event"], str(row.get("client_order_id"))
        if event == "opened":
            self.terms, self.first_bar = row["text"], microseconds(row["bar_time"])
        elif event == "decided":
            self.decided = row["bar"]
            self.closes = {}
        elif event == "close":
            self.closes = {**self.closes, row["symbol"]: row["price"]}
        elif event == "intended":
            known = self.sent.get(name)
            ticket = Ticket(**{key: row.get(key) for key in _TICKET})  # type: ignore[arg-type]
            self.sent[name] = Sent(ticket, row["order"], row["bar"])
            assert known is None or known.state == "intended"
        elif event == "leg":
            of = self.sent[row["text"]]
            ticket = Ticket(name, row["symbol"], row["units"], limit=row["limit"], stop=row["stop"])
            self.sent[name] = Sent(ticket, of.order, of.bar, row["kind"], "open")
        elif event == "accepted":
            self.sent[name].state = "open"
        elif event == "refused":
            self.sent[name].state = "rejected"
            self.rejections += 1
        elif event == "ended":
            self.sent[name].state = row["text"]
            self.rejections += row["text"] == "rejected"
        elif event == "cancelling":
            self.sent[name].cancelling = True
        elif event == "filled":
            self._fill(row)
        elif event == "booked":
            self._book(row)
        elif event == "split":
            self._restated.append((row["bar"], row["symbol"], row["units"], 1.0 / row["units"]))
        elif event == "dividend":
            self._restated.append((row["bar"], row["symbol"], 1.0, row["price"]))
        elif event == "stopped":
            self.stopped = row["text"]
        elif event == "resumed":
            self.stopped = ""
            self.rejections = 0

    def _fill(self, row: Mapping[str, Any]) -> None:
        sent = self.sent[row["client_order_id"]]
        sent.filled += row["units"]
        sent.value += row["units"] * row["price"]
        sent.commission += row["commission"]
        self.unbooked.append(
            Fill(
                *(row["client_order_id"], row["symbol"], row["units"], row["price"]),
                *(row["commission"], row["filled_at"]),
            )
        )

    def _book(self, row: Mapping[str, Any]) -> None:
        name = row["client_order_id"]
        if row["text"] == "withdrawn":
            self.sent[name].withdrawn = True
        else:
            self.unbooked = [
                fill
                for fill in self.unbooked
                if not (fill.client_order_id == name and fill.filled_at <= row["filled_at"])
            ]
        self.booked.append(dict(row))

    def live(self) -> list[Sent]:
        """Return what may fill, oldest first, orders that may never have reached the broker too."""
        return [sent for sent in self.sent.values() if not sent.is_final]

    def of_order(self, order: int) -> list[Sent]:
        """Return the tickets that were sent for an order of the replay, without exits."""
        return [sent for sent in self.sent.values() if sent.order == order and not sent.role]

    def position(self, symbol: str) -> float:
        """Return the units that the fills come to, whether they are booked or not."""
        rows = self._scaled()
        booked = float(sum(row["units"] for row in rows if row["symbol"] == symbol))
        return booked + sum(fill.units for fill in self.unbooked if fill.symbol == symbol)

    def tape(self, last_bar: int, further: Iterable[Mapping[str, Any]] = ()) -> FillTape:
        """Return the fill tape up to a bar.

        Parameters
        ----------
        last_bar : int
            What it covers.
        further : iterable of mapping
            Rows that are not in the journal yet.
        """
        rows = [*self._scaled(), *further]
        columns = {
            "event": ["withdrawn" if row["text"] == "withdrawn" else "filled" for row in rows],
            **{name: [row[name] for row in rows] for name in ("bar", "symbol", "order")},
            **{name: [row[name] for row in rows] for name in ("units", "price", "commission")},
        }
        return FillTape(pl.DataFrame(columns, schema=_TAPE), until=last_bar)

    def _scaled(self) -> list[dict[str, Any]]:
        """Return the booked rows in the units and prices that the bars have today."""
        if not self._restated:
            return self.booked
        rows = []
        for row in self.booked:
            units, price = row["units"] or 0.0, row["price"]
            for bar, symbol, of_units, of_price in self._restated:
                if row["symbol"] == symbol and row["bar"] <= bar:
                    units *= of_units
                    price = None if price is None else price * of_price
            rows.append({**row, "units": units, "price": price})
        return rows


def news_of(sent: Sent, found: BrokerOrder) -> list[dict[str, Any]]:
    """Return the rows that a broker's order adds to what is known of it: fills and its end.

    What tells less than is known, because it is older, adds nothing.
    """
    rows: list[dict[str, Any]] = []
    name = sent.ticket.client_order_id
    if sent.state == "intended":
        rows.append({"event": "accepted", "client_order_id": name})
    more = found.filled - sent.filled
    if abs(found.filled) > abs(sent.filled) and found.filled_at is not None:
        value = found.filled * found.average_price - sent.value
        rows.append(
            {
                **{"event": "filled", "client_order_id": name, "symbol": sent.ticket.symbol},
                **{"order": sent.order, "kind": sent.role or sent.ticket.kind, "units": more},
                **{"price": value / more, "commission": found.commission - sent.commission},
                "filled_at": found.filled_at,
            }
        )
    behind = abs(found.filled) < abs(sent.filled)
    if found.is_final and not sent.is_final and not behind:
        reason = {"event": "ended", "client_order_id": name, "text": found.status}
        rows.append(reason | {"symbol": sent.ticket.symbol, "order": sent.order})
    return rows


def microseconds(instant: datetime.datetime) -> int:
    """Return an instant in microseconds since 1970-01-01 UTC."""
    return (instant - _EPOCH) // datetime.timedelta(microseconds=1)
