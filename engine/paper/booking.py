"""Which bar and which order of the replay the fills of a broker are booked to."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.bars import Bars
from engine.errors import Refusal
from engine.paper.books import Books, Fill, Sent, microseconds
from engine.paper.replay import Replayed, replay
from engine.paper.terms import Terms

__all__ = ["book", "first_bar_of"]


def first_bar_of(books: Books, bars: Sequence[Bars]) -> int:
    """Return the number of the first bar that a session trades on.

    Raises
    ------
    Refusal
        If the bars no longer have it.
    """
    found = int(np.searchsorted(bars[0].timestamps, books.first_bar))
    if found == len(bars[0]) or bars[0].timestamps[found] != books.first_bar:
        raise Refusal(
            "bars",
            "the bar at which the session began is not among them",
            hint="fetch the history again, from before the session",
        )
    return found


def book(terms: Terms, bars: Sequence[Bars], books: Books) -> tuple[list[dict[str, Any]], Replayed]:
    """Book what is not in the replay yet, up to the last closed bar, and replay.

    A fill is of the bar in which it happened, unless that was decided on before anybody knew: then
    of the next. Fills of one order in one bar are one row, at their mean price. What ended without
    being filled is withdrawn from the replay, unless a later ticket stands for its order.

    Parameters
    ----------
    terms : Terms
        What is traded.
    bars : sequence of Bars
        Closed bars.
    books : Books
        What is known.

    Returns
    -------
    rows : list of dict
        For the journal: ``booked``.
    replayed : Replayed
        With these rows.
    """
    first = first_bar_of(books, bars)
    stamps, last = bars[0].timestamps, len(bars[0]) - 1 - first
    rows: list[dict[str, Any]] = []
    if last <= books.decided:
        return rows, replay(terms, bars, first, books.tape(last))
    groups = _by_bar(books, stamps.tolist(), first, last)
    for bar, name in sorted(groups, key=lambda key: (key[0], books.sent[key[1]].role != "")):
        rows += _rows_of(terms, bars, first, books, rows, books.sent[name], bar, groups[bar, name])
    rows += _withdrawn(books, last)
    rows.sort(key=lambda row: row["bar"])
    return rows, _replay_all(terms, bars, first, books, rows, last)


def _by_bar(
    books: Books, stamps: list[int], first: int, last: int
) -> dict[tuple[int, str], list[Fill]]:
    groups: dict[tuple[int, str], list[Fill]] = {}
    for fill in books.unbooked:
        own = bisect.bisect_right(stamps, microseconds(fill.filled_at)) - 1 - first
        sent = books.sent[fill.client_order_id]
        bar = max(own, books.decided + 1, sent.bar + 1)
        if bar <= last:
            groups.setdefault((bar, fill.client_order_id), []).append(fill)
    return groups


def _rows_of(
    terms: Terms,
    bars: Sequence[Bars],
    first: int,
    books: Books,
    before: Sequence[Mapping[str, Any]],
    sent: Sent,
    bar: int,
    fills: Sequence[Fill],
) -> list[dict[str, Any]]:
    """Return the rows of one order's fills in one bar; of an exit one per lot that it closes."""
    units = sum(fill.units for fill in fills)
    price = sum(fill.units * fill.price for fill in fills) / units
    commission = sum(fill.commission for fill in fills)
    row = {
        **{"event": "booked", "client_order_id": sent.ticket.client_order_id, "bar": bar},
        **{"symbol": sent.ticket.symbol, "price": price, "text": None},
        "filled_at": max(fill.filled_at for fill in fills),
    }
    if not sent.role:
        return [{**row, "order": sent.order, "units": units, "commission": commission}]
    rows, left = [], units
    cut = tuple(item[: first + bar + 1] for item in bars)
    seen = _replay_all(terms, cut, first, books, [dict(r) for r in before], bar)
    for child in seen.children:
        if child.entry == sent.order and child.role == sent.role and child.ended >= bar and left:
            part = left if abs(left) <= abs(child.units) else child.units
            rows.append({**row, "order": child.order, "units": part, "commission": commission})
            left, commission = left - part, 0.0
    if left:
        rows.append({**row, "order": -1, "units": left, "commission": commission})
    return rows


def _withdrawn(books: Books, last: int) -> list[dict[str, Any]]:
    rows = []
    for name, sent in books.sent.items():
        ended = sent.is_final and sent.state != "filled" and not sent.withdrawn
        if not ended or sent.role or sent.order <= 0 or sent.bar >= last:
            continue
        if books.of_order(sent.order)[-1] is not sent:
            continue  # another ticket stands for the order
        rows.append(
            {
                **{"event": "booked", "client_order_id": name, "bar": last, "order": sent.order},
                **{"symbol": sent.ticket.symbol, "units": 0.0, "text": "withdrawn"},
                **{"price": None, "commission": 0.0, "filled_at": None},
            }
        )
    return rows


def _replay_all(
    terms: Terms,
    bars: Sequence[Bars],
    first: int,
    books: Books,
    rows: list[dict[str, Any]],
    last: int,
) -> Replayed:
    """Replay; a fill of an order that does not wait in its bar becomes a trade of its own."""
    while True:
        further = sorted(rows, key=lambda row: row["bar"])
        try:
            return replay(terms, bars, first, books.tape(last, further))
        except Refusal as refusal:
            place = refusal.field.removeprefix("fills, row ")
            if not (place.isdecimal() and refusal.found.startswith("a fill of order")):
                raise
            at = int(place) - len(books.booked)
            if at < 0 or further[at]["order"] == -1:  # a second time nothing would change
                raise
            further[at]["order"] = -1
