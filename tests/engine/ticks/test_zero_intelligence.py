"""The zero-intelligence book: against a plain twin, against its own rates, and bit for bit."""

from __future__ import annotations

import hashlib
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiled.elementary import log_fast
from engine.errors import Refusal
from engine.randomness import Stream, philox_reference
from engine.ticks import ArrayTicks, TickChunk, ZeroIntelligence, ZeroIntelligenceTicks
from engine.ticks.merge import joined_chunks
from engine.ticks.zero_intelligence_kernels import ACTIONS

START = 1_723_161_254_087_891_269
BOOK = ZeroIntelligence(
    symbol="X",
    tick=0.01,
    lot=0.001,
    bid=6_183_763,
    ask=6_183_764,
    bid_size=1.5,
    ask_size=2.0,
    rates=(
        (6.0, 3.0, 1.0, 0.0, 4.0),
        (5.0, 3.0, 1.0, 8.0, 3.0),
        (4.0, 2.0, 0.5, 9.0, 2.0),
        (3.0, 2.0, 0.2, 20.0, 1.0),
    ),
    follow=0.3,
    quantiles=(
        (0.1, 0.5, 1.0, 3.0),
        (0.5, 1.0, 2.0),
        (0.2, 0.5, 0.7),
        (0.01, 0.1, 1.0, 5.0),
        (1.0, 1.0, 2.0, 3.0),
        (1.0, 2.0),
    ),
)
# Of ragged tuples NumPy makes no table.
BOOK = replace(BOOK, quantiles=tuple((row * 12)[:12] for row in BOOK.quantiles))


def whole(ticks: ZeroIntelligenceTicks, start: int = 0) -> TickChunk:
    return joined_chunks(list(ticks.chunks(start)))


def same(one: TickChunk, other: TickChunk) -> bool:
    return all(
        getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes()
        for field in fields(TickChunk)
    )


# --- a twin in plain Python ---------------------------------------------------------------------


class Twin:
    """The book as its page tells it, with lists and dictionaries."""

    def __init__(self, book: ZeroIntelligence, seed: int, start: int) -> None:
        self.book, self.seed, self.now, self.step = book, seed, start, 0
        self.price = {"bid": book.bid, "ask": book.ask}
        self.size = {"bid": book.bid_size, "ask": book.ask_size}
        self.rows: list[tuple[float, ...]] = []

    def uniforms(self) -> list[float]:
        words: list[int] = []
        for number in (2 * self.step, 2 * self.step + 1):
            counter = [number & 0xFFFFFFFF, int(Stream.TICKS), number >> 32, 0]
            words += philox_reference(counter, [self.seed & 0xFFFFFFFF, self.seed >> 32])
        return [(word + 0.5) / 2**32 for word in words]

    def draw(self, kind: int, u: float) -> float:
        quantiles = self.book.quantiles[kind]
        return quantiles[int(u * len(quantiles))]

    def lots(self, size: float) -> float:
        return max(math.floor(size * 1000.0 / 1.0 + 0.5), 1) * 1.0 / 1000.0

    def record(self, trade: tuple[float, float, float] = (math.nan, math.nan, 0)) -> None:
        prices = (self.price["bid"] * 1.0 / 100.0, self.price["ask"] * 1.0 / 100.0)
        self.rows.append((self.now, *prices, self.size["bid"], self.size["ask"], *trade))

    def act(self) -> None:
        u = self.uniforms()
        spread = self.price["ask"] - self.price["bid"]
        state = 3 if spread >= 6 else 2 if spread >= 3 else 1 if spread == 2 else 0
        rates = self.book.rates[state]
        total = 0.0
        for rate in rates:
            total += rate
        self.now += int(-log_fast(u[0]) / (2.0 * total) * 1e9 + 0.5)
        self.step += 1
        side, other, out = ("bid", "ask", -1) if u[1] < 0.5 else ("ask", "bid", 1)
        left = (u[1] * 2.0 - (side == "ask")) * total
        action = ACTIONS[-1]
        for name, rate in zip(ACTIONS, rates, strict=True):
            if left < rate:
                action = name
                break
            left -= rate
        if action == "trade":
            volume = min(self.lots(self.draw(3, u[2])), self.size[side])
            self.record((self.price[side] * 1.0 / 100.0, volume, out))
            if volume < self.size[side]:
                self.size[side] = self.lots(self.size[side] - volume)
            else:
                action = "away"
        if action == "add":
            self.size[side] = self.lots(self.size[side] + self.draw(0, u[2]))
        if action == "cut":
            self.size[side] = self.lots(self.size[side] * self.draw(2, u[2]))
        if action == "nearer" and spread > 1:
            self.price[side] -= out * min(int(self.draw(5, u[3])), spread - 1)
            self.size[side] = self.lots(self.draw(1, u[2]))
        if action == "away":
            moved = int(self.draw(4, u[3]))
            self.price[side] += out * moved
            self.size[side] = self.lots(self.draw(1, u[4]))
            if u[5] < self.book.follow:
                self.price[other] += out * moved
                self.size[other] = self.lots(self.draw(1, u[6]))
        self.record()


@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
def test_a_plain_twin_makes_the_same_events_to_the_bit(seed: int) -> None:
    made = whole(BOOK.ticks(seed, seconds=60.0, start=START))
    twin = Twin(BOOK, seed, START)
    twin.record()
    while len(twin.rows) < len(made):
        twin.act()
    assert len(made) > 500
    names = ("stamps", "bid_price", "ask_price", "bid_size", "ask_size", "trade_price",
             "trade_size", "trade_side")  # fmt: skip
    for column, name in zip(zip(*twin.rows, strict=True), names, strict=True):
        values = getattr(made, name)
        assert np.array_equal(np.array(column, values.dtype), values, equal_nan=True), name


# --- the same events whenever and however they are read -----------------------------------------


@settings(max_examples=15, database=None, deadline=None)
@given(size=st.integers(2, 200), start=st.integers(0, 300))
def test_chunks_of_any_size_from_any_event_hold_the_same_events(size: int, start: int) -> None:
    made = whole(BOOK.ticks(3, seconds=20.0))
    parts = ZeroIntelligenceTicks(BOOK, 3, seconds=20.0, chunk_events=size)
    assert same(whole(parts), made)
    assert same(whole(parts, start), made.part(start, len(made)))


def test_a_longer_stream_begins_as_a_shorter_one_and_seeds_differ() -> None:
    short, long = whole(BOOK.ticks(3, seconds=10.0)), whole(BOOK.ticks(3, seconds=20.0))
    assert same(long.part(0, len(short)), short)
    assert not same(whole(BOOK.ticks(4, seconds=10.0)).part(0, 50), short.part(0, 50))
    assert BOOK.ticks(3, seconds=10.0).identity != BOOK.ticks(4, seconds=10.0).identity
    assert BOOK.ticks(3, seconds=10.0).identity == BOOK.ticks(3, seconds=10.0).identity


def test_events_of_a_seed_are_the_same_on_every_machine() -> None:
    """Where this changes on purpose, raise `_VERSION` of `engine/ticks/zero_intelligence.py`."""
    made = whole(BOOK.ticks(42, seconds=300.0, start=START))
    digest = hashlib.sha256()
    for field in fields(TickChunk):
        digest.update(getattr(made, field.name).tobytes())
    assert (len(made), digest.hexdigest()[:16]) == GOLDEN


GOLDEN = (11247, "1846b8c06e7b727c")


# --- what it makes, and what is counted ---------------------------------------------------------


def test_a_book_is_never_crossed_and_its_prices_are_the_nearest_to_their_decimals() -> None:
    made = whole(BOOK.ticks(5, seconds=600.0))
    assert (made.ask_price > made.bid_price).all()
    assert (np.diff(made.stamps) >= 0).all()
    assert (np.minimum(made.bid_size, made.ask_size) >= 0.001).all()
    for prices in (made.bid_price, made.ask_price):
        assert [float(f"{price:.2f}") for price in prices[:2000]] == prices[:2000].tolist()
    traded = np.isfinite(made.trade_price)
    touch = np.where(made.trade_side > 0, made.ask_price, made.bid_price)
    assert (made.trade_price[traded] == touch[traded]).all()
    assert set(made.trade_side[traded]) == {-1, 1}


def test_calibration_finds_the_rates_that_made_the_events() -> None:
    # Small lots: no change is rounded back to what was there.
    book = replace(BOOK, lot=1e-6)
    seconds = 20_000.0
    found = ZeroIntelligence.calibrate(book.ticks(11, seconds=seconds), lot=1e-6)
    assert (found.tick, found.bid, found.ask) == (0.01, book.bid, book.ask)
    made = whole(book.ticks(11, seconds=seconds))
    spread = np.rint((made.ask_price - made.bid_price) / 0.01)
    waits = np.diff(made.stamps) * 1e-9
    states = np.digitize(spread[:-1], [2, 3, 6])
    for state in range(4):
        spent = waits[states == state].sum()
        for action, rate in enumerate(book.rates[state]):
            # Counts are Poisson: the rate of both sides together has this standard error.
            error = math.sqrt(max(rate, 1.0 / spent) / (2.0 * spent))
            assert abs(found.rates[state][action] - rate) < 4.5 * error, (state, ACTIONS[action])
    # Moves that the other side followed are binomial.
    assert abs(found.follow - book.follow) < 0.02


def test_the_rates_of_hand_made_events_are_counts_over_time() -> None:
    nothing = math.nan
    rows = [  # second, bid, ask, sizes, trade, size, side; what happens
        (0, 100.0, 100.1, 5, 5, nothing, nothing, 0),
        (1, 100.0, 100.1, 7, 5, nothing, nothing, 0),  # the bid grows
        (2, 100.0, 100.1, 7, 4, nothing, nothing, 0),  # the ask is cut
        (4, 100.0, 100.1, 7, 4, 100.1, 1.0, 1),  # the ask is traded at
        (4, 100.0, 100.1, 7, 3, nothing, nothing, 0),  # and shows it: no cut
        (6, 100.0, 100.2, 7, 6, nothing, nothing, 0),  # the ask goes away
        (7, 100.1, 100.2, 2, 6, nothing, nothing, 0),  # the bid comes nearer, out of two ticks
        (9, 100.2, 100.3, 4, 8, nothing, nothing, 0),  # the ask goes away, the bid follows
        (10, 100.2, 100.3, 4, 8, nothing, nothing, 0),  # nothing
    ]
    columns = [np.array(column, float) for column in zip(*rows, strict=True)]
    ticks = ArrayTicks(
        (columns[0] * 1e9).astype(np.int64), *columns[1:5], trade_price=columns[5],
        trade_size=columns[6], trade_side=columns[7].astype(np.int8),
    )  # fmt: skip
    found = ZeroIntelligence.calibrate(ticks)
    assert (found.tick, found.lot, found.follow) == (0.1, 1.0, 0.5)
    # Nine seconds in a spread of one tick; every rate is of one of two sides.
    assert found.rates[0] == (1 / 18, 1 / 18, 2 / 18, 0.0, 1 / 18)
    assert set(found.quantiles[0]) == {2.0}
    assert set(found.quantiles[2]) == {0.8}
    assert set(found.quantiles[4]) == {1.0}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rates": ((1.0, 1.0, 1.0, 1.0, 1.0),)}, r"rates: found a table of another form, allowed"),
        ({"ask": BOOK.bid}, "ask: found 6183763 over 6183763 ticks, allowed an ask above a bid"),
    ],
)
def test_a_book_that_cannot_be_is_one_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        replace(BOOK, **change)  # type: ignore[arg-type]


def test_streams_that_cannot_be_calibrated_or_made_are_one_sentence() -> None:
    still = ArrayTicks([1, 2], [1.0, 1.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(Refusal, match="ticks: found no quote that changes"):
        ZeroIntelligence.calibrate(still, tick=0.1, lot=0.1)
    with pytest.raises(Refusal, match=r"seconds: found 0\.0, allowed more than 0"):
        BOOK.ticks(0, seconds=0.0)
    with pytest.raises(Refusal, match="seed: found -1, allowed 0 to"):
        BOOK.ticks(-1, seconds=1.0)
