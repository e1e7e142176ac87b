"""Lots, cash and margin against a twin that counts in fractions and never rounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import (
    CASH,
    COST,
    EVENT_NAMES,
    FIRST_LOT,
    LOT_UNITS,
    OPEN_LOTS,
    ORDER_ROWS,
    TRADE_ROWS,
    TRADE_UNITS,
    UNITS,
)
from engine.strategies import Strategy, prepare_strategy

BARS = 40
FIELDS = (*BAR_FIELDS, "units", "action")
LOTS = ("0.1", "0.01", "0.05", "0.25", "0.3", "0.00001", "1.0", "100.0", "0")


class Orders(Strategy):
    """Trades at each bar what the bar says: units, a target, or out of everything."""

    name = "orders_in_lots"

    def on_bar(self, bar, order):
        if bar.action == 1.0:
            order.market(bar.units)
        elif bar.action == 2.0:
            order.close()
        elif bar.action == 3.0:
            order.target(bar.units)
        elif bar.action == 4.0:
            order.market(bar.units, stop_loss=1e-3 if bar.units > 0.0 else 1e6)


@dataclass
class Exact:
    """An account of whole numbers of lots, in fractions."""

    cash: Fraction
    margin: Fraction
    lots: list[tuple[Fraction, Fraction]] = field(default_factory=list)  # units, price
    closed: list[Fraction] = field(default_factory=list)
    fills: list[Fraction] = field(default_factory=list)
    rejected: int = 0

    @property
    def held(self) -> Fraction:
        return sum((units for units, _ in self.lots), Fraction(0))

    def trade(self, units: Fraction, price: Fraction) -> None:
        if not units:
            return
        after = self.held + units
        if abs(after) > abs(self.held) or after * self.held < 0:
            equity = self.cash + self.held * price
            if equity <= 0 or abs(after) * price * self.margin > equity:
                self.rejected += 1
                return
        self.fills.append(units)
        self.cash -= units * price
        while self.lots and units * self.lots[0][0] < 0:
            oldest, entry = self.lots.pop(0)
            gone = max(oldest, -units) if oldest < 0 else min(oldest, -units)
            self.closed.append(gone)
            units += gone
            if oldest != gone:
                self.lots.insert(0, (oldest - gone, entry))
        if units:
            self.lots.append((units, price))


@pytest.fixture(scope="module")
def engines():
    def prepare(lot: str, margin: str):
        terms = {"lot_size": float(lot), "initial_margin": float(margin)}
        return prepare_strategy(
            Orders,
            Execution(cash=6060.0, instrument=terms),
            symbols=("X",),
            fields=FIELDS,
            steps=BARS,
            bars_per_year=252.0,
            record_trades=True,
        )

    return {(lot, margin): prepare(lot, margin) for lot in LOTS for margin in ("1.0", "0.25")}


@settings(max_examples=4 * settings.default.max_examples, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    lot=st.sampled_from(LOTS),
    margin=st.sampled_from(["1.0", "0.25"]),
)
def test_lots_cash_and_margin_are_those_of_exact_arithmetic(engines, seed, lot, margin) -> None:
    rng = np.random.default_rng(seed)
    step = Fraction(lot) or Fraction("0.001")
    cents = 1010 + np.where(rng.random(BARS) < 0.5, rng.integers(-30, 31, BARS), 0)
    # Sizes up to everything that the account can hold, 6,060 / 10.10 among them.
    most = int(Fraction(600) / Fraction(margin) / step)
    counts = rng.integers(1, max(2, most // 3), BARS) * rng.choice([-1, 1], BARS)
    counts[rng.random(BARS) < 0.1] = most
    counts[rng.random(BARS) < 0.5] %= 7
    actions = rng.choice(5, BARS, p=[0.1, 0.5, 0.1, 0.2, 0.1])
    block = np.ones((1, 1, len(FIELDS), BARS))
    block[0, 0, :4] = cents / 100.0
    # As a person computes a size, roundings and all.
    block[0, 0, 5] = counts * float(step)
    block[0, 0, 6] = actions

    twin = Exact(Fraction(6060), Fraction(margin))
    for bar in range(BARS - 1):
        price, units = Fraction(int(cents[bar + 1]), 100), int(counts[bar]) * step
        wanted = {0: Fraction(0), 2: -twin.held, 3: units - twin.held}.get(int(actions[bar]), units)
        twin.trade(wanted, price)

    engine = engines[lot, margin]
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(block, np.empty((1, 0)), metrics, status, scratch)
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    events = [EVENT_NAMES[int(row[4])] for row in log]
    position = state.positions[0]
    first, count = int(position[FIRST_LOT]), int(position[OPEN_LOTS])
    open_lots = state.lots[0, first : first + count, LOT_UNITS].tolist()
    filled = [row[5] for row, event in zip(log, events, strict=True) if event == "filled"]
    closed = state.trades[: state.counts[TRADE_ROWS], TRADE_UNITS].tolist()

    assert status[0, 0] == 0
    assert len(filled) == len(twin.fills)
    assert len(closed) == len(twin.closed)
    assert len(open_lots) == len(twin.lots)
    assert sum(event == "rejected: buying_power" for event in events) == twin.rejected
    whole = pytest.approx if lot == "0" else list
    assert filled == whole([float(units) for units in twin.fills])
    assert closed == whole([float(units) for units in twin.closed])
    assert open_lots == whole([float(units) for units, _ in twin.lots])
    assert [position[UNITS]] == whole([float(twin.held)])
    assert (position[UNITS] == 0.0) == (twin.held == 0) == (count == 0)
    assert position[COST] == pytest.approx(float(sum((u * p for u, p in twin.lots), Fraction(0))))
    assert state.account[CASH] == pytest.approx(float(twin.cash), abs=1e-8)


# --- interest, fees, dividends, and fills in part ------------------------------------------------

RATES = {"margin_interest": 0.07, "cash_interest": 0.03}
FEE, SHARE, PER_YEAR = 0.05, Fraction(1, 10), 252
PAYING = (*FIELDS, "dividend_yield")


@dataclass
class Paying(Exact):
    """An account that is charged and paid, and whose orders fill within a tenth of the volume."""

    step: Fraction = Fraction(1)
    book: list[tuple[str, Fraction]] = field(default_factory=list)

    def place(self, kind: str, size: Fraction) -> None:
        """An order by units that only reduces, by itself or behind those that wait, is an exit."""
        known = self.held, self.behind(self.book)
        if kind == "units" and any(size * held < 0 and abs(size) <= abs(held) for held in known):
            kind = "exit"
        self.book.append((kind, size))

    def behind(self, orders: list[tuple[str, Fraction]]) -> Fraction:
        held = self.held
        for kind, size in orders:
            if kind == "target":
                held = size
            elif kind == "units":
                held += size
            elif size * held < 0:
                held = held + size if abs(size) < abs(held) else Fraction(0)
        return held

    def withdraw(self, book: list[tuple[str, Fraction]]) -> list[tuple[str, Fraction]]:
        """What is left of a book once exits of a position that is gone have left it."""
        kept: list[tuple[str, Fraction]] = []
        for kind, size in book:
            against = size * self.held < 0 or size * self.behind(kept) < 0
            if kind != "exit" or against:
                kept.append((kind, size))
        return kept

    def finance(self, before: Fraction, paid: Fraction) -> None:
        rate = RATES["margin_interest"] if self.cash < 0 else RATES["cash_interest"]
        charge = -self.cash * Fraction(rate) / PER_YEAR
        if self.held < 0:
            charge += -self.held * before * Fraction(FEE) / PER_YEAR
        self.cash += self.held * before * paid - charge

    def fill(self, price: Fraction, volume: int) -> None:
        left = volume * SHARE // self.step * self.step
        waiting, coming = [], self.book
        while coming:
            (kind, size), coming = coming[0], coming[1:]
            wanted = size - self.held if kind == "target" else size
            if kind == "exit":
                wanted = (
                    max(-abs(self.held), min(abs(self.held), size)) if size * self.held < 0 else 0
                )
            done = max(-left, min(left, wanted))
            if not left:
                waiting.append((kind, size))
                continue
            refused = self.rejected
            self.trade(done, price)
            left -= abs(done) if self.rejected == refused else 0
            if done != wanted and self.rejected == refused:
                waiting.append((kind, size if kind == "target" else wanted - done))
            if done and self.rejected == refused:
                book = self.withdraw(waiting + coming)
                coming = [order for order in coming if order in book]
                waiting = [order for order in waiting if order in book]
        self.book = waiting


@pytest.fixture(scope="module")
def paying():
    def prepare(lot: str, margin: str):
        terms = {"lot_size": float(lot), "initial_margin": float(margin), "borrow_rate": FEE}
        return prepare_strategy(
            Orders,
            Execution(cash=6060.0, instrument=terms, volume_limit=0.1, **RATES),
            symbols=("X",),
            fields=PAYING,
            steps=BARS,
            bars_per_year=float(PER_YEAR),
            record_trades=True,
        )

    return {(lot, margin): prepare(lot, margin) for lot in LOTS[:-1] for margin in ("1.0", "0.25")}


@settings(max_examples=4 * settings.default.max_examples, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    lot=st.sampled_from(LOTS[:-1]),
    margin=st.sampled_from(["1.0", "0.25"]),
)
def test_rates_dividends_and_parts_of_orders_are_those_of_exact_arithmetic(
    paying, seed, lot, margin
) -> None:
    rng = np.random.default_rng(seed)
    step = Fraction(lot)
    cents = 1010 + np.where(rng.random(BARS) < 0.5, rng.integers(-30, 31, BARS), 0)
    most = max(2, int(Fraction(150) / step))
    counts = rng.integers(1, most, BARS) * rng.choice([-1, 1], BARS)
    actions = rng.choice(4, BARS, p=[0.4, 0.35, 0.1, 0.15])
    volumes = rng.integers(0, 800, BARS)
    volumes[-1] = 800
    paid = np.where(rng.random(BARS) < 0.2, 0.015625, 0.0)
    block = np.ones((1, 1, len(PAYING), BARS))
    block[0, 0, :4] = cents / 100.0
    block[0, 0, 4] = volumes
    block[0, 0, 5] = counts * float(step)
    block[0, 0, 6] = actions
    block[0, 0, 7] = paid

    twin = Paying(Fraction(6060), Fraction(margin), step=step)
    curve = []
    for bar in range(BARS):
        price = Fraction(int(cents[bar]), 100)
        before = Fraction(int(cents[max(bar - 1, 0)]), 100)
        twin.finance(before, Fraction(paid[bar]))
        twin.fill(price, int(volumes[bar]))
        curve.append(float(twin.cash + twin.held * price))
        units = int(counts[bar]) * step
        kind = {1: "units", 2: "target", 3: "target"}.get(int(actions[bar]))
        if kind:
            twin.place(kind, Fraction(0) if actions[bar] == 2 else units)

    engine = paying[lot, margin]
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(block, np.empty((1, 0)), metrics, status, scratch)
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    events = [EVENT_NAMES[int(row[4])] for row in log]
    filled = [row[5] for row, event in zip(log, events, strict=True) if event == "filled"]

    assert status[0, 0] == 0
    assert filled == [float(units) for units in twin.fills]
    assert sum(event == "rejected: buying_power" for event in events) == twin.rejected
    assert state.positions[0, UNITS] == float(twin.held)
    assert state.account[CASH] == pytest.approx(float(twin.cash), abs=1e-7)
    np.testing.assert_allclose(state.curve, curve, rtol=1e-11, atol=1e-7)


@pytest.mark.parametrize(
    ("lot", "units", "filled"),
    [
        (0.1, 0.3, 0.3),
        (0.1, 0.7, 0.7),
        (0.1, 2.3, 2.3),
        (0.01, 0.29, 0.29),
        (0.05, 0.15, 0.15),
        (0.00000001, 2.3, 2.3),
        (0.3, 0.9, 0.9),
        (0.1, 0.3 - 1e-12, 0.3),
        (0.1, 0.35, 0.3),
        (0.1, -0.3999, -0.3),
        (1.0, 2.999999, 2.0),
        (1000.0, 2999.0, 2000.0),
    ],
)
def test_only_real_fractions_of_a_lot_are_cut(lot: float, units: float, filled: float) -> None:
    engine = prepare_strategy(
        Orders,
        Execution(cash=1e6, instrument={"lot_size": lot}),
        symbols=("X",),
        fields=FIELDS,
        steps=BARS,
        bars_per_year=252.0,
    )
    block = np.ones((1, 1, len(FIELDS), BARS))
    block[0, 0, 5:] = 0.0
    block[0, 0, 5:, 0] = units, 1.0
    scratch = engine.scratch()
    metrics = np.empty((1, 1, len(engine.metric_names)))
    engine.run(block, np.empty((1, 0)), metrics, np.empty((1, 1), dtype=np.int8), scratch)
    assert scratch.simulation.positions[0, UNITS] == filled
