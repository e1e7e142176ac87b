"""A paper session: on each closed bar replay, compare with what is open, send the difference."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.bars import Bars
from engine.errors import Refusal
from engine.files import FileStore
from engine.paper.booking import book
from engine.paper.books import Books, Sent
from engine.paper.broker import Broker, Ticket, leg_id
from engine.paper.history import closed_bars, history_rows, instant_of
from engine.paper.identity import client_order_id
from engine.paper.journal import Journal
from engine.paper.limits import Limits, breach
from engine.paper.reconciling import check_against_broker, check_instruments
from engine.paper.replay import Replayed, Wanted
from engine.paper.sending import Desk
from engine.paper.terms import Terms

__all__ = ["Step", "Trader"]


@dataclass(frozen=True)
class Step:
    """What one look at the market came to.

    Parameters
    ----------
    bar : int
        The last bar that was decided on, from 0 at the first that is traded on.
    decided : bool
        Whether that was now.
    sent, cancelled : int
        Orders that the broker was sent, and those that were cancelled.
    equity : float
        Of the replay at the last close, in account currency.
    stopped : str
        Why the session was stopped; empty while it trades.
    """

    bar: int
    decided: bool
    sent: int
    cancelled: int
    equity: float
    stopped: str = ""


class Trader:
    """Trades one parameter set of a study in a broker's account.

    Parameters
    ----------
    terms : Terms
        What is traded.
    broker : Broker
        Where.
    files : FileStore
        The data root that holds the journal.
    limits : Limits
        What stops it.
    clock : callable
        Returns the time of this machine, UTC.
    sleep : callable
        Waits a number of seconds.
    """

    def __init__(
        self,
        terms: Terms,
        broker: Broker,
        files: FileStore,
        *,
        limits: Limits | None = None,
        clock: Callable[[], datetime.datetime] | None = None,
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        self.terms = terms
        self.broker = broker
        self.limits = limits or Limits()
        self._files = files
        self._clock = clock or _now
        self._knows_instruments = False
        journal = Journal(files, terms.session)
        self.desk = Desk(broker, journal, Books.of(journal.rows), sleep=sleep)

    @property
    def books(self) -> Books:
        """What the session has sent and what became of it."""
        return self.desk.books

    def step(self, bars: Sequence[Bars]) -> Step:
        """Do what the bars ask for; the same bars again ask for nothing more.

        Parameters
        ----------
        bars : sequence of Bars
            Stored bars of every symbol; those that have not closed are left out.

        Raises
        ------
        Refusal
            If the session was stopped, was begun on other terms, or its books differ from the
            broker's.
        Unanswered
            If the broker does not answer; the next step goes on from there.
        """
        bars = closed_bars(bars, self.terms.symbols, self._clock())
        if not self._knows_instruments:
            check_instruments(self.desk, self.terms)
            self._knows_instruments = True
        if not self.books.terms:
            self._open(bars)
        self._check_terms()
        self.desk.write(history_rows(self.books, bars, self.desk.ask(self.broker.positions)))
        self.desk.look_at_all()
        reason = breach(
            self.limits, self.books, self.terms, bars, self.desk, self._clock(), self._files
        )
        if reason:
            return self.stop(*reason)
        check_against_broker(self.desk, self.terms)
        rows, replayed = book(self.terms, bars, self.books)
        equity = float(replayed.found.equity[-1])
        reason = self.limits.loss_reached(equity, self.terms.execution.cash)
        if reason:
            return self.stop(*reason)
        wanted = replayed.wanted()
        decided = replayed.last_bar > self.books.decided
        if decided:
            rows += self._decision(replayed, wanted, equity)
            self.desk.write(rows)
        sent, cancelled = self._send(wanted)
        return Step(self.books.decided, decided, sent, cancelled, equity)

    def stop(self, reason: str, flatten: bool = False) -> Step:
        """Cancel all orders and, if asked, close all positions; the session trades no more.

        Called again it goes on where it was broken off.

        Raises
        ------
        Unanswered
            If the broker does not answer: orders may still be open there.
        """
        if not self.books.stopped:
            self.desk.write([{"event": "stopped", "text": reason}])
        self.desk.look_at_all()
        cancelled = 0
        for sent in self.books.live():
            if sent.state == "intended" and self.desk.look(sent) is None:
                continue
            if not self.books.sent[sent.ticket.client_order_id].is_final:
                cancelled += self.desk.cancel(sent)
        self.desk.look_at_all()
        closing = self._flatten() if flatten else 0
        return Step(self.books.decided, False, closing, cancelled, float("nan"), reason)

    def resume(self) -> None:
        """Let a session that was stopped trade again."""
        if self.books.stopped:
            self.desk.write([{"event": "resumed"}])
        for key in (self.limits.stop_key(self.terms), self.limits.flatten_key(self.terms)):
            self._files.delete(key)

    def _open(self, bars: Sequence[Bars]) -> None:
        """Begin at the last closed bar, with neither position nor order."""
        check_against_broker(self.desk, self.terms)
        first = instant_of(bars[0], len(bars[0]) - 1)
        text = self.terms.as_json
        self.desk.write([{"event": "opened", "bar": 0, "bar_time": first, "text": text}])

    def _check_terms(self) -> None:
        if self.books.terms != self.terms.as_json:
            raise Refusal(
                f"paper {self.terms.session}",
                "the strategy, its parameters or the execution have changed since the session "
                "began, so that a replay would decide otherwise",
                hint="trade it as a study of another name",
            )
        if self.books.stopped:
            raise Refusal(
                f"paper {self.terms.session}",
                f"it was stopped: {self.books.stopped}",
                hint="`--resume` lets it trade again",
            )

    def _decision(
        self, replayed: Replayed, wanted: Sequence[Wanted], equity: float
    ) -> list[dict[str, Any]]:
        """Rows of a bar's decision: its closes, and the tickets that have to be sent."""
        last, bars = replayed.last_bar, replayed.bars
        stamp = instant_of(bars[0], len(bars[0]) - 1)
        rows: list[dict[str, Any]] = [
            {"event": "decided", "bar": last, "bar_time": stamp, "price": equity}
        ]
        for item in bars:
            close = float(item.close[-1])
            rows.append({"event": "close", "bar": last, "symbol": item.symbol, "price": close})
        for order in wanted:
            ticket = self._ticket(order, replayed)
            if ticket is not None:
                rows.append(
                    {"event": "intended", "bar": last, "order": order.order}
                    | {"text": None, **vars(ticket)}
                )
        return rows

    def _ticket(self, order: Wanted, replayed: Replayed) -> Ticket | None:
        """Return what has to be sent for an order; None where what there is will do."""
        if self._is_leg(order):
            return None
        placed, name = order.bar, ""
        tickets = self.books.of_order(order.order)
        if tickets:
            latest = tickets[-1]
            if latest.state == "intended":
                name = latest.ticket.client_order_id
            elif latest.is_final:
                return None  # it is withdrawn from the replay with the next bar
            elif latest.ticket.kind != order.kind or self._same(latest.ticket, order):
                return None
            else:
                placed = replayed.last_bar  # its price has moved: another ticket takes its place
        stamp = int(replayed.bars[0].timestamps[replayed.first_bar + placed])
        terms = self.terms
        name = name or client_order_id(terms.study, terms.set_id, order.symbol, stamp, order.order)
        return Ticket(
            name,
            *(order.symbol, order.units, order.kind, order.limit, order.stop),
            *(order.time_in_force, order.take_profit, order.stop_loss),
        )

    def _same(self, ticket: Ticket, order: Wanted) -> bool:
        """Whether two have the same prices, to the tick that the replay moves them to."""
        instrument = self.terms.execution.terms_of(order.symbol)
        tick = 0.0 if instrument.tick_rounding == "none" else instrument.tick_size
        return all(
            (one is None) == (other is None)
            and (one is None or math.isclose(one, other or 0.0, rel_tol=1e-9, abs_tol=tick))
            for one, other in ((ticket.limit, order.limit), (ticket.stop, order.stop))
        )

    def _is_leg(self, order: Wanted) -> bool:
        """Whether an exit of a bracket at the broker stands for a wanted order."""
        if not order.entry:
            return False
        for sent in self.books.of_order(order.entry):
            price = getattr(sent.ticket, order.role)
            leg = self.books.sent.get(leg_id(sent.ticket.client_order_id, order.role))
            if price is None or (leg is not None and leg.is_final):
                continue
            exits = {"limit": price} if order.role == "take_profit" else {"stop": price}
            if self._same(Ticket("", order.symbol, order.units, **exits), order):
                return True
        return False

    def _send(self, wanted: Sequence[Wanted]) -> tuple[int, int]:
        """Cancel what is not wanted any more, then send what is and is not there."""
        closed = self._closed_lots(wanted)
        numbers = {order.order: order for order in wanted if order.lot not in closed}
        cancelled = sent_count = 0
        for sent in self.books.live():
            if sent.state == "intended" or self._is_wanted(sent, numbers):
                continue
            cancelled += self.desk.cancel(sent)
        for sent in list(self.books.sent.values()):
            if sent.state != "intended" or sent.order not in numbers:
                continue
            earlier = [item for item in self.books.of_order(sent.order) if item is not sent]
            if any(not item.is_final or self._has_news(item) for item in earlier):
                continue  # it is not known to have ended, or it filled meanwhile
            if self.desk.look(sent) is None:
                self.desk.submit(sent)
                sent_count += 1
        return sent_count, cancelled

    def _closed_lots(self, wanted: Sequence[Wanted]) -> set[int]:
        """Lots of which an exit has filled that the replay does not know of: the other one goes."""
        lots = {order.order: order.lot for order in wanted if order.lot}
        filled = (self.books.sent[fill.client_order_id] for fill in self.books.unbooked)
        return {
            lots[sent.order]
            for sent in filled
            if sent.state == "filled" and not sent.role and sent.order in lots
        }

    def _is_wanted(self, sent: Sent, numbers: Mapping[int, Wanted]) -> bool:
        if sent.role:
            return any(
                order.entry == sent.order
                and order.role == sent.role
                and self._same(sent.ticket, order)
                for order in numbers.values()
            ) or not self._entry_is_booked(sent)
        return sent.order in numbers and self.books.of_order(sent.order)[-1] is sent

    def _has_news(self, sent: Sent) -> bool:
        """Whether the replay does not know of a fill yet."""
        name = sent.ticket.client_order_id
        return any(fill.client_order_id == name for fill in self.books.unbooked)

    def _entry_is_booked(self, leg: Sent) -> bool:
        """Whether the replay knows of the fill that brought an exit."""
        return any(row["order"] == leg.order for row in self.books.booked)

    def _flatten(self) -> int:
        """Close what is held, once."""
        terms = self.terms
        rows: list[dict[str, Any]] = []
        count = sum(sent.order < 0 for sent in self.books.sent.values())
        for symbol in terms.symbols:
            units = self.books.position(symbol)
            waiting = [s for s in self.books.live() if s.order < 0 and s.ticket.symbol == symbol]
            if units == 0.0 or waiting:
                continue
            count += 1
            first = self.books.first_bar
            name = client_order_id(terms.study, terms.set_id, symbol, first, -count)
            ticket = Ticket(name, symbol, -units, time_in_force="day")
            bar = self.books.decided
            rows.append({"event": "intended", "bar": bar, "order": -count, **vars(ticket)})
        self.desk.write(rows)
        closing = 0
        for sent in self.books.live():
            if sent.order < 0 and sent.state == "intended" and self.desk.look(sent) is None:
                self.desk.submit(sent)
                closing += 1
        self.desk.look_at_all()
        return closing


_UTC: Final = datetime.UTC


def _now() -> datetime.datetime:
    return datetime.datetime.now(_UTC)
