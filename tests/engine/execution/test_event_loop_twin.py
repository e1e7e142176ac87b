"""The compiled event loop against a second one, written for reading, in plain Python.

The twin keeps orders and lots as objects and works a bar by the documented sequence. Random
streams of orders on random bars must give the same trades, equity and counts, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import EVENT_NAMES, MARGIN_CALLS, ORDER_ROWS, TRADE_ROWS
from engine.strategies import prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, order_scripts
from tests.engine.session_stamps import bars_of_sessions

FIELDS = BAR_FIELDS + SCRIPT_FIELDS
BARS = 60
NAN = math.nan
NO_EXITS = {"take": NAN, "loss": NAN}


@dataclass
class Order:
    number: int
    kind: str
    units: float
    limit: float = NAN
    stop: float = NAN
    take: float = NAN
    loss: float = NAN
    last_bar: float = math.inf
    target: bool = False
    parent: int = 0
    born: str = ""  # how its entry filled inside this very bar
    immediate: bool = False
    forced: bool = False
    from_fill: bool = False  # take and loss are distances from it
    trails: bool = False  # loss is the distance of a stop that trails
    trail: float = 0.0
    since: int = 0  # bars after it move a stop that trails
    group: int = 0  # its fill cancels the others of it
    reduces: bool = False  # an exit: at most what is held, and gone with it
    opens_at: float = -1.0  # the bar at whose open alone it fills


@dataclass
class Lot:
    units: float
    price: float
    bar: int
    fee: float
    order: int


@dataclass
class Twin:
    bars: np.ndarray  # (fields, bars)
    settings: Execution
    stamps: np.ndarray | None = None
    ends: np.ndarray | None = None  # last bar of the session of each; infinite: behind them
    cash: float = 0.0
    lots: list[Lot] = field(default_factory=list)
    book: list[Order] = field(default_factory=list)
    trades: list[tuple[float, ...]] = field(default_factory=list)
    events: list[tuple[int, int, str]] = field(default_factory=list)
    numbers: int = 0
    margin_calls: int = 0

    # --- the account ---------------------------------------------------------------------

    @property
    def held(self) -> float:
        return self.whole_lots(sum((lot.units for lot in self.lots), 0.0))

    def equity(self, price: float) -> float:
        held = self.held
        return self.cash + held * self.settings.instrument.multiplier * price if held else self.cash

    def fee(self, units: float, price: float, maker: bool) -> float:
        terms = self.settings.commission
        rate = terms.rate if terms.maker_rate is None or not maker else terms.maker_rate
        cost = abs(units) * abs(price) * self.settings.instrument.multiplier * rate
        cost += abs(units) * terms.per_unit + terms.fixed
        return max(cost, terms.minimum) if terms.minimum else cost

    def slipped(self, units: float, price: float) -> float:
        side = 1.0 if units > 0 else -1.0
        slip = self.settings.slippage
        moved = price + side * abs(price) * (slip.bps * 1e-4)
        return moved + side * slip.ticks * self.settings.instrument.tick_size

    def whole_lots(self, units: float) -> float:
        lot = Fraction(str(self.settings.instrument.lot_size))
        count = abs(units) / float(lot)
        whole = round(count) if abs(round(count) - count) < 1e-9 else math.floor(count)
        return math.copysign(float(whole * lot), units)

    def on_tick(self, price: float, up: bool) -> float:
        terms = self.settings.instrument
        if terms.tick_rounding == "none" or price != price:
            return price
        tick = Fraction(str(terms.tick_size))
        count = price / float(tick)
        whole = round(count)
        if abs(whole - count) > 1e-6:
            whole = math.ceil(count) if up else math.floor(count)
        return float(whole * tick)

    # --- a bar -----------------------------------------------------------------------------

    def run(self) -> np.ndarray:
        self.cash = self.settings.cash
        curve = np.empty(self.bars.shape[1])
        for t in range(self.bars.shape[1]):
            self.finance(t)
            if self.settings.bracket_rule == "tradingview":
                self.walk(t)
            else:
                self.at_open(t)
                self.margin_at_open(t)
                self.stops(t, born=False)
                self.limits(t)
                self.stops(t, born=True)
            self.trail(t)
            for order in list(self.book):
                due = order.kind == "on_close" and order.last_bar <= t
                if due and order in self.book:
                    self.fill(order, self.bars[3, t], t, "close")
            if self.settings.flat_at == "close" and self.last_of_day(t) == t:
                if self.held:
                    self.add("market", 0.0, target=True, forced=True)
                    self.fill(self.book[-1], self.bars[3, t], t, "close")
                for order in list(self.book):
                    self.leave(order, t, "expired")
            for order in list(self.book):
                order.born = ""
                if order.last_bar <= t:
                    self.leave(order, t, "expired")
            self.decide(t)
            curve[t] = self.equity(self.bars[3, t])
        return curve

    def last_of_day(self, t: int) -> float:
        """Last bar of the session of bar `t`; of days each bar is one."""
        if self.ends is None:
            return t
        return self.ends[t] if t < len(self.ends) else math.inf

    def finance(self, t: int) -> None:
        charge = 0.0
        if self.cash < 0.0 and self.held:
            charge -= self.cash * (self.settings.margin_interest / 252.0)
        if self.held < 0.0:
            value = self.held * self.bars[3, t - 1] * self.settings.instrument.multiplier
            charge += abs(value) * (self.settings.instrument.borrow_rate / 252.0)
        if self.stamps is not None:
            # For the time since the bar before: of a year of 365.25 days, at 252 bars a year.
            charge *= int(self.stamps[t] - self.stamps[t - 1]) * (252.0 / (365.25 * 86_400_000_000))
        self.cash -= charge

    def trail(self, t: int) -> None:
        """Orders that saw all of the bar follow its best price."""
        for order in self.book:
            if order.trail and order.since < t:
                if order.units > 0:
                    level = min(order.stop, self.bars[2, t] + order.trail)
                else:
                    level = max(order.stop, self.bars[1, t] - order.trail)
                order.stop = self.on_tick(level, order.units > 0)

    def at_open(self, t: int) -> None:
        for order in list(self.book):
            if order not in self.book or order.kind == "on_close" or order.opens_at > t:
                continue
            price = self.bars[0, t]
            buys = self.buys(order)
            if order.kind in ("stop", "stop_limit"):
                if price < order.stop if buys else price > order.stop:
                    continue
                if order.kind == "stop_limit":
                    order.kind = "limit"
            if order.kind == "limit" and (price > order.limit if buys else price < order.limit):
                continue
            self.fill(order, price, t, "open")
        # Children of what filled at the open may already lie beyond it.
        for order in [item for item in self.book if item.parent and not item.born]:
            price = self.bars[0, t]
            buys = order.units > 0
            level = order.stop if order.kind == "stop" else order.limit
            if (order in self.book and (price >= level) == (buys == (order.kind == "stop"))) or (
                order in self.book and price == level
            ):
                self.fill(order, price, t, "open")

    def stops(self, t: int, *, born: bool) -> None:
        """The nearest to the open first; what is nearer than a liquidation before it."""
        opens, high, low = self.bars[:3, t]
        while True:
            touched = [
                order
                for order in self.book
                if order.kind in ("stop", "stop_limit")
                and not order.immediate
                and (order.born == "limit") == born
                and (high >= order.stop if self.buys(order) else low <= order.stop)
                and not (order.target and not low <= order.stop <= high)
            ]
            if not touched:
                break
            order = min(
                touched, key=lambda item: (abs(item.stop - opens), not self.buys(item), item.number)
            )
            crossed = self.crossing(t)
            against = bool(self.held) and self.buys(order) != (self.held > 0.0)
            if crossed is not None and against:
                start, worst = opens, low if self.held > 0 else high
                if crossed == 0.0:  # opened inside the bar, beyond its open
                    start = high if self.held > 0 else low
                    crossed = self.crossing_of_range(start, worst)
                if crossed < (order.stop - start) / (worst - start):
                    break
            if order.kind == "stop_limit":
                order.kind = "limit"
                if order.stop > order.limit if self.buys(order) else order.stop < order.limit:
                    order.born = "limit"  # rests as a limit from the next bar on
                    continue
            self.fill(order, order.stop, t, "stop")
        self.margin_inside(t)

    def limits(self, t: int) -> None:
        high, low = self.bars[1:3, t]
        number = 0
        while True:
            later = [order for order in self.book if order.number > number]
            if not later:
                break
            order = later[0]
            number = order.number
            if order.kind != "limit" or order.born == "limit" or order.immediate:
                continue
            if order.target and not low <= order.limit <= high:
                continue  # another fill turned its side
            if low <= order.limit if self.buys(order) else high >= order.limit:
                self.fill(order, order.limit, t, "limit")
        self.margin_inside(t)

    def walk(self, t: int) -> None:
        """From the open to the nearer extreme, to the other, to the close."""
        opens, high, low, close = self.bars[:4, t]
        near, far = (high, low) if high - opens < opens - low else (low, high)
        stations = [opens, opens, near, far, close]
        for leg in range(4):
            start, end = stations[leg : leg + 2]
            now, here = 0.0, start
            while True:
                found = [
                    None if order.opens_at > t else self.meeting(order, leg, start, end, now, here)
                    for order in self.book
                ]
                # Buys before sells, market orders before both.
                share, _, place = min(
                    ((*item, place) for place, item in enumerate(found) if item),
                    default=(math.inf, 0, -1),
                )
                crossed = self.crossing_from(now, start, end) if leg else None
                if crossed is not None and crossed < share:
                    here = self.sold_at(t, start, end, crossed)
                    if end != start:
                        now = min(max(now, (here - start) / (end - start)), 1.0)
                    self.liquidate(t, here, "stop")
                    continue
                if place < 0:
                    break
                order = self.book[place]
                now = share
                level = order.limit if order.kind == "limit" else order.stop
                if order.kind != "market" and not self.passed(order, level, here):
                    here = level
                if order.kind == "stop_limit":
                    order.kind = "limit"
                    continue
                inside = "limit" if order.kind == "limit" else "stop"
                self.fill(order, here, t, inside if leg else "open")

    def passed(self, order: Order, level: float, here: float) -> bool:
        falls = (order.kind == "limit") == self.buys(order)
        return here <= level if falls else here >= level

    def buys(self, order: Order) -> bool:
        return order.units > (self.held if order.target else 0.0)

    def meeting(
        self, order: Order, leg: int, start: float, end: float, now: float, here: float
    ) -> tuple[float, int] | None:
        """Where on its leg the price meets an order, and what goes first there."""
        if order.kind == "market":
            return None if leg else (now, 0)
        if leg and order.immediate:
            return None
        rank = 1 if self.buys(order) else 2
        level = order.limit if order.kind == "limit" else order.stop
        if self.passed(order, level, here):
            return now, rank
        if start == end or not self.passed(order, level, end):
            return None
        return max(now, (level - start) / (end - start)), rank

    # --- margin ------------------------------------------------------------------------------

    def slack(self, price: float) -> float:
        """Equity above maintenance; an account of nothing is below it."""
        terms, held = self.settings.instrument, self.held
        needed = abs(held) * (terms.maintenance_margin * (abs(price) * terms.multiplier))
        equity = self.equity(price)
        slack = equity - needed * (1.0 - 1e-12)
        return slack if equity > 0.0 else min(slack, -1e-300)

    def crossing(self, t: int) -> float | None:
        """How far from the open to the low (short: to the high) maintenance is crossed."""
        held = self.held
        if not held:
            return None
        opens, worst = self.bars[0, t], self.bars[2 if held > 0 else 1, t]
        begin, end = self.slack(opens), self.slack(worst)
        if end >= 0.0:
            return None
        return 0.0 if begin < 0.0 else begin / (begin - end)

    def crossing_from(self, now: float, start: float, end: float) -> float | None:
        """How far along a leg maintenance is crossed."""
        last = self.slack(end)
        if not self.held or last >= 0.0:
            return None
        slack = self.slack(start + now * (end - start))
        if slack <= 1e-9 * (slack - last):
            return now
        return now + (1.0 - now) * slack / (slack - last)

    def margin_at_open(self, t: int) -> None:
        if self.lots and self.slack(self.bars[0, t]) < 0.0:
            self.liquidate(t, self.bars[0, t], "open")

    def margin_inside(self, t: int) -> None:
        crossed = self.crossing(t)
        if crossed is None:
            return
        best, worst = (1, 2) if self.held > 0 else (2, 1)
        start, end = self.bars[0, t], self.bars[worst, t]
        if crossed == 0.0:  # opened inside the bar, beyond its open
            start = self.bars[best, t]
            crossed = self.crossing_of_range(start, end)
        self.liquidate(t, self.sold_at(t, start, end, crossed), "stop")

    def crossing_of_range(self, best: float, worst: float) -> float:
        """How far from the best price to the worst maintenance is crossed; 1 if none covers it."""
        begin = self.slack(best)
        return begin / (begin - self.slack(worst)) if begin > 0.0 else 1.0

    def sold_at(self, t: int, start: float, end: float, crossed: float) -> float:
        """The tick against the account, but no price that was not traded."""
        if crossed == 0.0:
            return start
        price = self.on_tick(start + crossed * (end - start), self.held < 0.0)
        return min(price, self.bars[1, t]) if self.held < 0.0 else max(price, self.bars[2, t])

    def liquidate(self, t: int, price: float, moment: str) -> None:
        self.margin_calls += 1
        for order in list(self.book):
            self.leave(order, t, "cancelled")
        self.add("market", 0.0, target=True, forced=True)
        self.fill(self.book[-1], price, t, moment)

    # --- orders ------------------------------------------------------------------------------

    def decide(self, t: int) -> None:
        action, units, limit, stop, take, loss, tif = self.bars[5:, t]
        session = self.last_of_day(t + 1)
        until = t + 1 if tif == -1 else (session if tif == 0 else t + tif)
        exits = {"take": take, "loss": loss}
        timed = {"last_bar": until, "immediate": tif == -1, **exits}
        if action == 1:
            self.add("market", units, **exits)
        elif action == 2:
            self.add("limit", units, limit=limit, **timed)
        elif action == 3:
            self.add("stop", units, stop=stop, **timed)
        elif action == 4:
            self.add("stop_limit", units, limit=limit, stop=stop, **timed)
        elif action == 5:
            self.add("market", 0.0, target=True)
        elif action == 6:
            for order in list(self.book):
                self.leave(order, t, "cancelled")
        elif action == 7:
            self.add("market", units, target=True)
        elif action in (8, 9, 12):
            close, from_fill, trails = self.bars[3, t], action == 9, action == 12
            if from_fill:
                take = abs(take - close)
            if from_fill or trails:
                loss = abs(loss - close)
            for order in self.book:
                if not order.parent:
                    order.take, order.loss = take, loss
                    order.from_fill, order.trails = from_fill, trails
            for lot in self.lots:
                for order in [item for item in self.book if item.parent == lot.order]:
                    self.leave(order, t, "cancelled")
                side = 1.0 if lot.units > 0 else -1.0
                exits = take, loss
                if from_fill:
                    exits = lot.price + side * take, lot.price - side * loss
                elif trails:
                    exits = take, close - side * loss
                trail = {"trail": loss, "since": t - 1} if trails else {}
                self.add_exits(lot.units, *exits, lot.order, trail)
        elif action == 10:
            self.add("limit", units, limit=limit, **exits)
            self.add("stop", -units, stop=stop, last_bar=until, immediate=tif == -1)
            self.book[-2].group = self.book[-1].group = self.numbers
        elif action == 11:
            away, close = abs(stop - self.bars[3, t]), self.bars[3, t]
            stop = close + away if units > 0 else close - away
            self.add("stop", units, stop=stop, trail=away, since=t, **timed | NO_EXITS)
        elif action == 13:
            self.add("on_close", units, last_bar=session)
        elif action == 14:
            self.add("stop", units, stop=stop, target=True, **timed | NO_EXITS)
        elif action == 15:
            self.add("limit", units, limit=limit, target=True, **timed)
        elif action == 16:
            after = self.last_of_day(t) + 1
            self.add("market", units, last_bar=after, opens_at=after)
        elif action == 17:
            self.add("market", 0.0, target=True)
            self.fill(self.book[-1], self.bars[3, t], t, "close")

    def add_exits(
        self,
        held: float,
        take: float,
        loss: float,
        parent: int,
        trail: dict[str, float],
        born: str = "",
    ) -> None:
        if loss == loss:
            self.add("stop", -held, stop=loss, parent=parent, born=born, **trail)
        if take == take:
            self.add("limit", -held, limit=take, parent=parent, born=born)

    def add(self, kind: str, units: float, **more: float) -> None:
        self.numbers += 1
        order = Order(self.numbers, kind, units, **more)
        buys = units > (self.held if order.target else 0.0)
        order.stop, order.limit = (
            self.on_tick(order.stop, buys),
            self.on_tick(order.limit, not buys),
        )
        plain = not (
            order.target or order.parent or order.take == order.take or order.loss == order.loss
        )
        held = self.expected(order) if plain else 0.0
        size = self.whole_lots(units)
        order.reduces = size * held < 0.0 and abs(size) - abs(held) <= 1e-12 * abs(size)
        self.book.append(order)

    def expected(self, order: Order) -> float:
        """What will be held once the market orders before this one have filled."""
        held = self.held
        for item in self.book:
            if item is order:
                break
            lapses = item.opens_at >= 0.0 and item.reduces
            if item.kind != "market" or lapses:
                continue
            if item.target:
                held = item.units
            elif not item.reduces:
                held = self.whole_lots(held + self.whole_lots(item.units))
            elif item.units * held < 0.0:
                left = self.whole_lots(held + self.whole_lots(item.units))
                held = left if left * held > 0.0 else 0.0
        return held

    def leave(self, order: Order, t: int, event: str) -> None:
        self.events.append((t, order.number, event))
        self.book.remove(order)

    def fill(self, order: Order, reference: float, t: int, moment: str) -> None:
        wanted = order.units - self.held if order.target else order.units
        units = self.whole_lots(wanted)
        if order.reduces:
            room = -self.held if units * self.held < 0.0 else 0.0
            units = min(units, room, key=abs)
        price = reference
        if order.kind != "limit":
            price = self.slipped(units, reference)
        fee = self.fee(units, price, order.kind == "limit" and moment == "limit")
        in_vain = order.target and (order.units == 0.0 or self.held != 0.0)
        if units == 0.0 and (in_vain or (order.reduces and order.units * self.held >= 0.0)):
            self.leave(order, t, "cancelled")
            return
        ends = moment == "close" and self.last_of_day(t) == t
        reason = self.objection(order, units, price, reference, fee, ends)
        if reason:
            self.leave(order, t, f"rejected: {reason}")
            return
        self.leave(order, t, "filled")
        for other in [item for item in self.book if order.group and item.group == order.group]:
            self.leave(other, t, "cancelled")
        opened = self.book_fill(order, units, price, fee, t)
        for other in list(self.book):
            left = self.held, self.expected(other)
            if other.reduces and all(other.units * held >= 0.0 for held in left):
                self.leave(other, t, "cancelled")
        born = {"open": "", "stop": "stop", "limit": "limit", "close": ""}[moment]
        side, trail = (1.0 if opened > 0 else -1.0), {}
        if order.trails and opened:
            trail = {"trail": order.loss, "since": t if born else t - 1}
        if order.from_fill or order.trails:
            order.loss = price - side * order.loss
        if order.from_fill:
            order.take = price + side * order.take
        if born and opened > 0.0:  # an exit on the wrong side is due at the entry's price
            order.loss, order.take = min(order.loss, reference), max(order.take, reference)
        elif born and opened < 0.0:
            order.loss, order.take = max(order.loss, reference), min(order.take, reference)
        if opened:
            self.add_exits(opened, order.take, order.loss, order.number, trail, born)

    def objection(
        self, order: Order, units: float, price: float, reference: float, fee: float, ends: bool
    ) -> str:
        held, terms = self.held, self.settings.instrument
        after = self.whole_lots(held + units)
        equity = self.equity(reference)
        if order.forced:
            return ""
        if units == 0.0:
            return "size_below_lot" if order.units else "invalid"
        if abs(after) <= abs(held) and after * held >= 0:
            return ""
        if equity <= 0 or (ends and self.settings.flat_at == "close"):
            return "halted"
        if after < 0 and not terms.shortable:
            return "not_shortable"
        if self.settings.position_limit and abs(after) > self.settings.position_limit:
            return "position_limit"
        each = terms.initial_margin * abs(reference) * terms.multiplier
        cost = abs(units) * abs(price - reference) * terms.multiplier + fee
        return "buying_power" if abs(after) * each > (equity - cost) * (1.0 + 1e-12) else ""

    def book_fill(self, order: Order, units: float, price: float, fee: float, t: int) -> float:
        multiplier = self.settings.instrument.multiplier
        self.cash -= units * price * multiplier + fee
        each, left = fee / abs(units), units
        while self.lots and left:
            mine = [lot for lot in self.lots if order.parent and lot.order == order.parent]
            lot = (mine or self.lots)[0]
            if lot.units * left > 0:
                break
            closed = -left if abs(left) < abs(lot.units) else lot.units
            paid = abs(closed) * (lot.fee + each)
            pnl = closed * multiplier * (price - lot.price) - paid
            self.trades.append((closed, lot.bar, lot.price, t, price, pnl, paid))
            left = self.whole_lots(left + closed)
            lot.units = self.whole_lots(lot.units - closed)
            children = [item for item in self.book if item.parent == lot.order]
            for child in children:
                child.units = -lot.units
                if lot.units == 0.0:
                    self.leave(child, t, "cancelled")
            self.lots = [item for item in self.lots if item.units]
        if left:
            self.lots.append(Lot(left, price, t, each, order.number))
        return left


SETTINGS = (
    Execution(cash=50_000.0, commission={"rate": 0.001}, slippage={"bps": 2.0}),
    Execution(
        cash=20_000.0,
        commission={"per_unit": 0.5, "fixed": 1.0, "minimum": 5.0},
        slippage={"ticks": 2.0},
        instrument={
            **{"initial_margin": 0.25, "maintenance_margin": 0.2, "borrow_rate": 0.05},
            "tick_size": 0.05,
        },
        margin_interest=0.08,
    ),
    Execution(
        cash=30_000.0,
        commission={"rate": 0.002, "maker_rate": -0.0005},
        instrument={"shortable": False, "lot_size": 5.0, "multiplier": 2.0, "tick_size": 0.3},
        position_limit=80.0,
    ),
    Execution(
        cash=40_000.0,
        commission={"rate": 0.0005},
        slippage={"bps": 1.0},
        instrument={"lot_size": 0.3, "initial_margin": 0.5, "maintenance_margin": 0.1},
        position_limit=99.9,
    ),
    Execution(
        cash=1_800.0,
        slippage={"bps": 1.0},
        instrument={"initial_margin": 0.05, "maintenance_margin": 0.04},
    ),
    Execution(
        cash=50_000.0,
        commission={"rate": 0.001, "maker_rate": 0.0002},
        bracket_rule="tradingview",
        instrument={"tick_size": 0.25},
    ),
    Execution(
        cash=4_000.0,
        slippage={"bps": 1.0},
        bracket_rule="tradingview",
        instrument={"initial_margin": 0.1, "maintenance_margin": 0.08, "tick_size": 0.25},
    ),
    Execution(
        cash=5_000.0,
        commission={"rate": 0.0005},
        flat_at="close",
        instrument={"initial_margin": 0.1, "maintenance_margin": 0.08, "tick_size": 0.1},
    ),
)


# Now and then a night or a weekend lies between two bars.
STAMPS = np.cumsum(np.where(np.arange(BARS) % 7 == 3, 63, 1)) * 3_600_000_000
# Hours in New York; Thanksgiving lies among them, with a half day after it. The bars end inside a
# session.
HOURS = bars_of_sessions("XNYS", "2023-11-17", "2023-12-01", 60)[3 : 3 + BARS]
DAYS = HOURS // (24 * 3_600_000_000)
LAST = np.searchsorted(DAYS, DAYS, side="right") - 1.0
ENDS = np.where(DAYS[-1] > DAYS, LAST, math.inf)
# Timestamps, an exchange and its timeframe, last bars of sessions.
CLOCKS = (
    (None, None, None, None),
    (STAMPS, None, None, None),
    (HOURS, "XNYS", "1h", ENDS),
)


@pytest.fixture(scope="module")
def engines():
    shape = {"symbols": ("X",), "fields": FIELDS, "steps": BARS, "bars_per_year": 252.0}
    return [
        prepare_strategy(
            Scripted,
            item,
            record_trades=True,
            timestamps=stamps,
            exchange=exchange,
            timeframe=timeframe,
            **shape,
        )
        for stamps, exchange, timeframe, _ in CLOCKS
        for item in SETTINGS
    ]


@settings(max_examples=8 * settings.default.max_examples, deadline=None)
@given(script=order_scripts(BARS), choice=st.integers(0, len(CLOCKS) * len(SETTINGS) - 1))
def test_the_event_loop_and_its_twin_agree_bit_for_bit(engines, script, choice: int) -> None:
    engine = engines[choice]
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(np.ascontiguousarray(script[None, None]), np.empty((1, 0)), metrics, status, scratch)
    stamps, _, _, ends = CLOCKS[choice // len(SETTINGS)]
    twin = Twin(script, SETTINGS[choice % len(SETTINGS)], stamps, ends)
    curve = twin.run()
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    events = [(int(row[0]), int(row[1]), EVENT_NAMES[int(row[4])]) for row in log if row[4] > 0]
    assert events == twin.events
    trades = state.trades[: state.counts[TRADE_ROWS]]
    assert [tuple(row) for row in trades[:, 1:8]] == twin.trades
    assert state.counts[MARGIN_CALLS] == twin.margin_calls
    assert status[0, 0] == 0
    np.testing.assert_array_equal(state.curve, curve)
