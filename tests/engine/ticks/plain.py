"""The rules of trading on ticks written anew for reading: objects, a heap of what happens next.

It shares no code with the engine but its settings, random numbers and logarithm, and gives the same
bits.
"""

from __future__ import annotations

import heapq
import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine.compiled.elementary import log
from engine.randomness.normals import words
from engine.ticks import ArrayTicks, TickSettings
from engine.ticks.durations import nanoseconds_of
from engine.ticks.messages import FEED_STREAM, QUEUE_STREAM

# What happens first of what happens at one time.
_EVENT, _EXPIRY, _REQUEST, _ANSWER, _HEARD = range(5)
# What draws the delays of each leg of the way.
_LEGS = {"feed": FEED_STREAM, "entry": FEED_STREAM + 1, "response": FEED_STREAM + 2}


class Touch:
    """Best prices and sizes."""

    def __init__(self) -> None:
        self.bid = self.ask = self.bid_size = self.ask_size = math.nan
        self.last_bid = self.last_ask = math.nan

    def show(self, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        if math.isnan(bid) and not math.isnan(self.bid):
            self.last_bid = self.bid
        if math.isnan(ask) and not math.isnan(self.ask):
            self.last_ask = self.ask
        self.bid, self.ask, self.bid_size, self.ask_size = bid, ask, bid_size, ask_size

    def mark(self, units: float, at_mid: bool) -> float:
        bid = self.last_bid if math.isnan(self.bid) else self.bid
        ask = self.last_ask if math.isnan(self.ask) else self.ask
        if at_mid:
            return 0.5 * (bid + ask)
        return bid if units > 0 else ask


class Order:
    """An order on its way."""

    def __init__(self, number: int, units: float, price: float, tif: Any, post: bool) -> None:
        self.number, self.price, self.tif, self.post = number, price, tif, post
        self.left = self.known = units
        self.ahead = self.traded = 0.0
        self.gone = False
        self.expires = math.inf

    @property
    def side(self) -> int:
        return 1 if self.left > 0 else -1


class Plain:
    """One simulation of one symbol, with delays that are fixed or drawn."""

    def __init__(
        self, ticks: ArrayTicks, settings: TickSettings, cash: float, seed: int = 0
    ) -> None:
        self.seed, self.stamp = seed, 0
        self.s, self.chunk, self.cash, self.heard_cash = settings, ticks.whole, cash, cash
        # Messages of each leg so far, and when the last of them comes to its end.
        self.sent = dict.fromkeys(_LEGS, 0)
        self.latest = dict.fromkeys(_LEGS, 0)
        self.touch, self.heard_touch = Touch(), Touch()
        self.units = self.heard_units = 0.0
        self.average = self.heard_average = math.nan
        self.fees = 0.0
        self.live: list[Order] = []
        self.known: dict[int, Order] = {}
        self.heap: list[tuple[Any, ...]] = []
        self.fills: list[tuple[Any, ...]] = []
        self.count = self.last_number = 0
        self.now = 0
        self.events = 0

    # --- the course of things ---------------------------------------------------------------

    def run(self, cls: Any, parameters: dict[str, float]) -> None:
        own = SimpleNamespace(**{n: p.default for n, p in cls.parameters.items()} | cls.state)
        vars(own).update(parameters)
        hooks = cls.hooks()
        stamps = self.chunk.stamps.tolist()
        for event, stamp in enumerate(stamps):
            self._push(stamp, _EVENT, event)
            heard = self._send("feed", stamp)
            self._push(heard, _HEARD, event)
            if event == 0:
                self.now = heard
        while self.heap and self.heap[0][0] <= stamps[-1]:
            time, kind, _, what = heapq.heappop(self.heap)
            if kind == _EVENT:
                self._happens(what, time)
            elif kind == _EXPIRY:
                if what in self.live and what.expires == time:
                    self._end(what, time)
            elif kind == _REQUEST:
                self._arrive(time, *what)
            elif kind == _ANSWER:
                fill = self._hear_answer(time, *what)
                if fill is not None and "on_fill" in hooks:
                    hooks["on_fill"](own, fill, Orders(self), self._account())
            else:
                self._hear(what, time)
                hooks["on_tick"](own, self._tick(what), Orders(self), self._account())

    def _push(self, time: int, kind: int, what: Any) -> None:
        self.count += 1
        heapq.heappush(self.heap, (time, kind, self.count, what))

    def _send(self, leg: str, time: int) -> int:
        """Return when a message comes to its end; none overtakes another."""
        delay = getattr(self.s.latency, leg)
        least = mean = delay
        if not isinstance(delay, str):
            least, mean = delay.least, delay.mean
        wait = nanoseconds_of(least, leg)
        if mean != least:
            word, _ = _words(self.seed, _LEGS[leg], self.sent[leg])
            drawn = -log(_uniform(word))
            wait += int(float(nanoseconds_of(mean, leg) - wait) * drawn)
        self.sent[leg] += 1
        self.latest[leg] = max(time + wait, self.latest[leg])
        return self.latest[leg]

    # --- the exchange ------------------------------------------------------------------------

    @property
    def _hidden(self) -> bool:
        return self.s.queue in ("pessimistic", "drawn")

    def _happens(self, event: int, time: int) -> None:
        self.stamp = time
        c, touch, half = self.chunk, self.touch, 0.5 * self.s.tick
        shown = tuple(float(a[event]) for a in (c.bid_price, c.ask_price, c.bid_size, c.ask_size))
        price, size = float(c.trade_price[event]), float(c.trade_size[event])
        taker = 0
        if not math.isnan(price):
            taker = int(c.trade_side[event])
            if taker == 0 and price <= touch.bid + half:
                taker = -1
            elif taker == 0 and price >= touch.ask - half:
                taker = 1
        moved = shown != (touch.bid, touch.ask, touch.bid_size, touch.ask_size)
        for order in list(self.live):
            if taker == -order.side:
                filled = self._traded(order, price, size, half)
                if filled > 0:
                    self._fill(order, order.side * filled, order.price, True, time)
            if moved and not order.gone:
                filled = self._quoted(order, shown, half)
                if filled > 0:
                    self._fill(order, order.side * filled, order.price, True, time)
        touch.show(*shown)

    def _traded(self, order: Order, price: float, size: float, half: float) -> float:
        beyond = order.side * (order.price - price)
        if beyond > half:
            return abs(order.left)
        if beyond < -half:
            return 0.0
        order.ahead -= size
        order.traded += size
        reached = -order.ahead
        if reached <= 0.5 * self.s.lot:
            return 0.0
        order.ahead = 0.0
        if not self.s.partial_fills:
            return abs(order.left)
        return min(abs(order.left), math.floor(reached / self.s.lot + 0.5) * self.s.lot)

    def _quoted(self, order: Order, shown: tuple[float, ...], half: float) -> float:
        bid, ask, bid_size, ask_size = shown
        touch = self.touch
        if order.side > 0:
            near, far, size, near_before, was = bid, ask, bid_size, touch.bid, touch.bid_size
        else:
            near, far, size, near_before, was = ask, bid, ask_size, touch.ask, touch.ask_size
        if order.side * (order.price - far) >= -half:
            return abs(order.left)
        before = self._own_before(order, half)
        if order.side * (near - order.price) > half:
            order.ahead = math.inf if self._hidden else min(order.ahead, before)
            order.traded = 0.0
        elif abs(near - order.price) <= half:
            self._shift(order, was if abs(near_before - order.price) <= half else 0.0, size, before)
        else:
            order.ahead, order.traded = min(order.ahead, before), 0.0
        return 0.0

    def _shift(self, order: Order, was: float, size: float, before: float) -> None:
        if self.s.queue in ("pessimistic", "risk_averse"):
            order.ahead = min(order.ahead, size + before)
            return
        gone = was - size - order.traded
        order.traded = 0.0
        if self.s.queue == "drawn":
            order.ahead = self._drawn(order.ahead, was, gone, size)
        elif gone > 0:
            behind = was - order.ahead
            share = self._share_behind(max(order.ahead, 0.0), max(behind, 0.0))
            left = order.ahead - (1.0 - share) * gone
            order.ahead = left + min(behind - share * gone, 0.0)
        order.ahead = min(order.ahead, size + before)

    def _drawn(self, ahead: float, was: float, gone: float, size: float) -> float:
        number = (self.stamp ^ (self.stamp >> 32)) & 0xFFFFFFFF
        side, place = map(_uniform, _words(self.seed, QUEUE_STREAM, number))
        if math.isinf(ahead):
            return place * size
        if gone <= 0:
            return ahead
        behind = max(was - ahead, 0.0)
        if side * (ahead + behind) < behind:
            return ahead - max(gone - behind, 0.0)
        return max(ahead - gone, 0.0)

    def _share_behind(self, ahead: float, behind: float) -> float:
        front = back = 1.0
        if self.s.queue == "log_probability":
            front, back = log(1.0 + ahead), log(1.0 + behind)
        else:
            for _ in range(self.s.queue_power):
                front *= ahead
                back *= behind
        return back / (front + back) if front + back > 0 else 1.0

    def _own_before(self, order: Order, half: float) -> float:
        found = 0.0
        for other in self.live:
            if other is order:
                break
            if other.side == order.side and abs(other.price - order.price) <= half:
                found += abs(other.left)
        return found

    def _arrive(self, time: int, kind: str, order: Order, units: float, price: float) -> None:
        if kind == "place":
            self._enter(order, time)
        elif order in self.live and kind == "cancel":
            self._end(order, time)
        elif order in self.live:
            same = abs(price - order.price) <= 0.5 * self.s.tick
            keeps = same and abs(units) <= abs(order.left)
            self._answer(time, "amended", order, False, False, units, price, 0.0)
            order.left = units
            if not keeps:
                self.live.remove(order)
                order.price = price
                self._enter(order, time)

    def _enter(self, order: Order, time: int) -> None:
        touch, side, left, half = self.touch, order.side, abs(order.left), 0.5 * self.s.tick
        near, near_size = (touch.bid, touch.bid_size) if side > 0 else (touch.ask, touch.ask_size)
        far, far_size = (touch.ask, touch.ask_size) if side > 0 else (touch.bid, touch.bid_size)
        takes = side * (order.price - far) >= -half
        if takes and order.post:
            self._end(order, time)
            return
        if takes and not (order.tif == "fok" and self.s.partial_fills and far_size < left):
            size = min(left, far_size) if self.s.partial_fills else left
            if size > 0:
                rest = max(far_size - size, 0.0)
                if side > 0:
                    touch.ask_size = rest
                else:
                    touch.bid_size = rest
                self._fill(order, side * size, far, False, time)
                if order.gone:
                    return
        if order.tif in ("ioc", "fok"):
            self._end(order, time)
            return
        self.live.append(order)
        order.ahead, order.traded = self._own_before(order, half), 0.0
        if abs(near - order.price) <= half:
            order.ahead = near_size + order.ahead
        elif side * (near - order.price) > half and self._hidden:
            order.ahead = math.inf
        if order.expires <= time:
            self._end(order, time)
        elif order.expires < math.inf:
            self._push(order.expires, _EXPIRY, order)

    def _fill(self, order: Order, units: float, price: float, maker: bool, time: int) -> None:
        rate = self.s.maker_fee if maker else self.s.taker_fee
        fee = abs(units) * price * self.s.multiplier * rate
        self.units, self.average = _held(self.units, self.average, units, price, self.s.lot)
        self.cash -= units * price * self.s.multiplier + fee
        self.fees += fee
        order.left -= units
        done = abs(order.left) < 0.5 * self.s.lot
        if done:
            order.gone = True
            if order in self.live:
                self.live.remove(order)
        due = self._answer(time, "filled", order, done, maker, units, price, fee)
        self.fills.append(
            (time, due, order.number, maker, units, price, fee, self.units, self.cash)
        )

    def _end(self, order: Order, time: int) -> None:
        order.gone = True
        if order in self.live:
            self.live.remove(order)
        self._answer(time, "ended", order, True, False, 0.0, 0.0, 0.0)

    def _answer(self, time: int, kind: str, order: Order, final: bool, *rest: Any) -> int:
        due = self._send("response", time)
        self._push(due, _ANSWER, (kind, order, final, time, *rest))
        return due

    # --- the strategy's side -------------------------------------------------------------------

    def _hear(self, event: int, time: int) -> None:
        c = self.chunk
        self.now = time
        self.heard_touch.show(
            *(float(a[event]) for a in (c.bid_price, c.ask_price, c.bid_size, c.ask_size))
        )

    def _hear_answer(
        self, time: int, kind: str, order: Order, final: bool, stamp: int, maker: bool, *fill: float
    ) -> SimpleNamespace | None:
        self.now = time
        units, price, fee = fill
        if kind == "filled":
            self.heard_units, self.heard_average = _held(
                self.heard_units, self.heard_average, units, price, self.s.lot
            )
            self.heard_cash -= units * price * self.s.multiplier + fee
            order.known -= units
        elif kind == "amended":
            order.known = units
        if final:
            del self.known[order.number]
        if kind != "filled":
            return None
        told = {"units": units, "price": price, "fee": fee, "order": order.number, "maker": maker}
        return SimpleNamespace(time=stamp, **told)

    def _tick(self, event: int) -> SimpleNamespace:
        t, price = self.heard_touch, float(self.chunk.trade_price[event])
        made = SimpleNamespace(
            bid=t.bid, ask=t.ask, bid_size=t.bid_size, ask_size=t.ask_size, time=self.now
        )
        made.mid, made.spread = 0.5 * (t.bid + t.ask), t.ask - t.bid
        made.trade, made.trade_price = not math.isnan(price), price
        made.stamp = int(self.chunk.stamps[event])
        return made

    def _account(self) -> SimpleNamespace:
        orders = self.known.values()
        buys = sum(1 for order in orders if order.bought)
        equity = self.heard_cash
        if self.heard_units != 0:
            price = self.heard_touch.mark(self.heard_units, self.s.mark == "mid")
            equity += self.heard_units * price * self.s.multiplier
        return SimpleNamespace(
            position=self.heard_units,
            cash=self.heard_cash,
            equity=equity,
            open_buys=buys,
            open_sells=len(orders) - buys,
            open_orders=len(orders),
        )

    def place(self, units: float, price: float, tif: Any = "gtc", post: bool = False) -> int:
        lot = self.s.lot
        size = round(abs(units) / lot) * lot
        if size == 0 or math.isnan(price):
            return 0
        side = 1 if units > 0 else -1
        self.last_number += 1
        order = Order(self.last_number, side * size, self._on_grid(price, side), tif, post)
        order.bought = side > 0
        if isinstance(tif, float):
            order.expires = self.now + int(tif * 1_000_000_000)
        self.known[order.number] = order
        self._push(
            self._send("entry", self.now), _REQUEST, ("place", order, order.left, order.price)
        )
        return order.number

    def _on_grid(self, price: float, side: int) -> float:
        if self.s.tick == 0 or math.isinf(price):
            return price
        parts = round(1 / self.s.tick)
        count = price * parts
        whole = round(count)
        if abs(whole - count) > 1e-6:
            whole = math.floor(count) if side > 0 else math.ceil(count)
        return whole / parts

    def ask_for(self, kind: str, number: int, units: float, price: float) -> bool:
        order = self.known.get(number)
        if order is None or not math.isfinite(price):
            return False
        side = 1 if order.known > 0 else -1
        size = round(abs(units) / self.s.lot) * self.s.lot
        priced = self._on_grid(price, side)
        self._push(self._send("entry", self.now), _REQUEST, (kind, order, side * size, priced))
        return True


class Orders:
    """What hooks call `order`."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    def market(self, units: float) -> int:
        return self._plain.place(units, math.copysign(math.inf, units), "ioc")

    def limit(self, units: float, price: float, tif: Any = "gtc") -> int:
        return self._plain.place(units, price, tif)

    def post_only(self, units: float, price: float, tif: Any = "gtc") -> int:
        return self._plain.place(units, price, tif, post=True)

    def ioc(self, units: float, price: float) -> int:
        return self._plain.place(units, price, "ioc")

    def fok(self, units: float, price: float) -> int:
        return self._plain.place(units, price, "fok")

    def gtd(self, units: float, price: float, seconds: float) -> int:
        return self._plain.place(units, price, float(seconds))

    def cancel(self, number: int) -> bool:
        return self._plain.ask_for("cancel", number, 1.0, 1.0)

    def amend(self, number: int, units: float, price: float) -> bool:
        return self._plain.ask_for("amend", number, units, price)


def _held(
    held: float, average: float, units: float, price: float, lot: float
) -> tuple[float, float]:
    after = round((held + units) / lot) * lot
    if held == 0:
        average = price
    elif (held > 0) == (units > 0):
        average = (average * abs(held) + price * abs(units)) / (abs(held) + abs(units))
    elif after == 0 or (after > 0) != (held > 0):
        average = price
    return after, average


def _words(seed: int, stream: int, number: int) -> tuple[int, int]:
    key, index = np.uint64(seed), np.uint64(number)
    first, second, _, _ = words(key, np.uint64(stream), np.uint64(0), index)
    return int(first), int(second)


def _uniform(word: int) -> float:
    return (word % 2**32 + 0.5) / 2**32
