"""Sending and cancelling: what is in doubt is looked up by its id, never sent blindly again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from engine.paper.books import Books, Sent, news_of
from engine.paper.broker import ROLES, Broker, BrokerOrder, Busy, Doubtful, Rejected, leg_id
from engine.paper.journal import Journal

__all__ = ["Desk", "Unanswered"]

Answer = TypeVar("Answer")


class Unanswered(OSError):
    """The broker told nothing, however often it was asked; nothing was decided on that."""


@dataclass(frozen=True)
class Desk:
    """Talks to a broker and writes down what becomes of every order.

    Parameters
    ----------
    broker : Broker
        The account.
    journal : Journal
        Where everything is written.
    books : Books
        What follows from it; kept up to date.
    attempts : int
        How often a question, or an order that the broker did not take, is repeated.
    sleep : callable
        Waits a number of seconds.
    """

    broker: Broker
    journal: Journal
    books: Books
    attempts: int = 4
    sleep: Callable[[float], Any] = time.sleep

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Append rows to the journal, and take them into the books."""
        self.journal.append(rows)
        for row in self.journal.rows[len(self.journal.rows) - len(rows) :]:
            self.books.take(row)

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask what changes nothing, again if need be.

        Raises
        ------
        Unanswered
            If there is no answer.
        """
        reason = ""
        for attempt in range(self.attempts):
            try:
                return question()
            except Busy as busy:
                reason = str(busy)
                self.sleep(busy.seconds)
            except Doubtful as doubt:
                reason = str(doubt)
                self.sleep(_PAUSE * 2**attempt)
        raise Unanswered(reason)

    def look(self, sent: Sent) -> BrokerOrder | None:
        """Look an order up by its id, and write down what is new; None if the broker has none."""
        name = sent.ticket.client_order_id
        found = self.ask(lambda: self.broker.order(name))
        if found is not None:
            self.write(self._news(sent, found))
        return found

    def _news(self, sent: Sent, found: BrokerOrder) -> list[dict[str, Any]]:
        name = sent.ticket.client_order_id
        rows = news_of(sent, found)
        for leg in found.legs:
            known = self.books.sent.get(leg.client_order_id)
            if known is None:
                role = leg.client_order_id.removeprefix(f"{name}:")
                prices = {
                    "limit": sent.ticket.take_profit if role == ROLES[0] else None,
                    "stop": sent.ticket.stop_loss if role == ROLES[1] else None,
                }
                named = {"client_order_id": leg.client_order_id, "symbol": leg.symbol}
                rows.append(
                    {"event": "leg", **named, **prices}
                    | {"units": leg.units, "kind": role, "text": name, "order": sent.order}
                )
                known = Sent(sent.ticket, sent.order, sent.bar, role, "open")
                news = news_of(known, leg)
                rows += [{**row, **named} for row in news]
            else:
                rows += news_of(known, leg)
        return rows

    def look_at_all(self) -> None:
        """Look up every order that may still fill, and the exits that it brought."""
        for sent in list(self.books.sent.values()):
            if not sent.role and self._may_tell_more(sent):
                self.look(sent)

    def _may_tell_more(self, sent: Sent) -> bool:
        name, ticket = sent.ticket.client_order_id, sent.ticket
        if not sent.is_final:
            return True
        exits = (ticket.take_profit, ticket.stop_loss)
        legs = [
            self.books.sent.get(leg_id(name, role))
            for role, price in zip(ROLES, exits, strict=True)
            if price is not None
        ]
        return sent.filled != 0.0 and any(leg is None or not leg.is_final for leg in legs)

    def submit(self, sent: Sent) -> None:
        """Send an order that the broker is not known to have.

        After an answer that says nothing it is looked up. Where it is not found it stays intended:
        it is looked for again before it is sent again, under the same id.
        """
        name = sent.ticket.client_order_id
        for _ in range(self.attempts):
            try:
                found = self.broker.submit(sent.ticket)
            except Busy as busy:
                self.sleep(busy.seconds)
                continue
            except Rejected as refusal:
                self.write([_row("refused", sent, str(refusal))])
                return
            except Doubtful as doubt:
                self.write([_row("doubtful", sent, str(doubt))])
                self.look(sent)
                return
            self.write(self._news(sent, found))
            return
        self.write([_row("doubtful", sent, "the broker was busy however often it was asked")])
        assert name in self.books.sent

    def cancel(self, sent: Sent) -> bool:
        """Cancel an order and wait until it has ended.

        Returns
        -------
        bool
            Whether it fills no more.
        """
        name = sent.ticket.client_order_id
        if not sent.cancelling:
            self.write([_row("cancelling", sent, None)])
        of = self._brought_by(sent)
        for attempt in range(self.attempts):
            try:
                self.broker.cancel(name)
            except Busy as busy:
                self.sleep(busy.seconds)
            except Doubtful:
                self.sleep(_PAUSE)
            found = self.look(of)
            known = self.books.sent[name]
            if known.is_final or (found is None and known.state == "intended"):
                return known.is_final
            self.sleep(_PAUSE * 2**attempt)
        return False

    def _brought_by(self, sent: Sent) -> Sent:
        """Return the order that brought an exit, through which it is looked up; else itself."""
        if not sent.role:
            return sent
        return self.books.sent[sent.ticket.client_order_id.removesuffix(f":{sent.role}")]


_PAUSE: Final = 0.25


def _row(event: str, sent: Sent, text: str | None) -> dict[str, Any]:
    ticket = sent.ticket
    named = {"client_order_id": ticket.client_order_id, "symbol": ticket.symbol}
    return {"event": event, **named, "order": sent.order, "units": ticket.units, "text": text}
