"""Blocks of time: edges by time, gaps kept, prices that go on, the same events for a seed."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.randomness import Stream, philox_reference
from engine.ticks import ArrayTicks, TickBootstrap, TickChunk
from engine.ticks.block_bootstrap import BootstrappedTicks
from engine.ticks.merge import joined_chunks

SECOND = 10**9
NONE = math.nan


def whole(ticks: BootstrappedTicks, start: int = 0) -> TickChunk:
    return joined_chunks(list(ticks.chunks(start)))


def same(one: TickChunk, other: TickChunk) -> bool:
    return all(
        getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes()
        for field in fields(TickChunk)
    )


def ladder(seconds: list[float], chunk_events: int = 3) -> ArrayTicks:
    """A bid that rises by a tick with every event, so that each shows where it is from."""
    count = len(seconds)
    bid = 100.0 + np.arange(count) / 10
    stamps = [round(second * SECOND) for second in seconds]
    return ArrayTicks(
        stamps, bid, bid + 0.1, np.arange(1.0, count + 1), np.ones(count),
        local=[stamp + 5 for stamp in stamps], chunk_events=chunk_events,
    )  # fmt: skip


def test_blocks_are_those_of_a_plain_loop_over_time() -> None:
    """A twin by lists: every event of the time of a block, moved to where the block lies."""
    seconds = [0.0, 0.4, 0.9, 3.0, 3.1, 7.5, 7.9, 10.0, 7_200.0, 7_200.5, 7_203.0]
    history = ladder(seconds)
    # The pause of two hours is no part of the time: 10 s and 3 s are.
    length = 13 * SECOND + 2
    source = TickBootstrap(history, block="4s", tick=0.1)
    assert source.timeline.length == length
    made = whole(source.ticks(9, seconds=20.0, start=1000))

    rows: list[tuple[int, float]] = []
    bid_before: float | None = None
    opens = [(0, 10 * SECOND + 1), (7_200 * SECOND, 7_203 * SECOND + 1)]
    events = list(zip((round(s * SECOND) for s in seconds), range(len(seconds)), strict=True))
    for block in range(5):
        words = philox_reference([block, int(Stream.TICK_BLOCK), 0, 0], [9, 0])
        offset = (words[0] * 2**32 + words[1]) * length // 2**64
        left, at = 4 * SECOND, 1000 + block * 4 * SECOND
        while left:
            day = 0 if offset < opens[0][1] else 1
            first = offset + opens[day][0] - (opens[0][1] if day else 0)
            end = min(first + left, opens[day][1])
            inside = [(stamp, n) for stamp, n in events if first <= stamp < end]
            before = [(stamp, n) for stamp, n in events if opens[day][0] <= stamp < first]
            shown = [(first, before[-1][1])] if before else []
            shift = None
            for stamp, n in shown + inside:
                if shift is None:
                    shift = 0.0 if bid_before is None else bid_before - (100 + n / 10)
                rows.append((at + stamp - first, round(100 + n / 10 + shift, 6)))
            bid_before = rows[-1][1] if shown + inside else bid_before
            left -= end - first
            at += end - first
            offset = 0 if day else opens[0][1]
    assert [(int(s), round(float(b), 6)) for s, b in zip(made.stamps, made.bid_price, strict=True)
            ] == rows  # fmt: skip


def test_waiting_times_and_arrival_within_a_block_are_those_of_history() -> None:
    history = ladder([0.0, 0.25, 1.0, 1.0, 4.0])
    made = whole(TickBootstrap(history, block="4s", tick=0.1).ticks(1, seconds=4.0))
    waits = set(np.diff(made.stamps).tolist())
    assert waits & {SECOND // 4, 3 * SECOND // 4, 0, 3 * SECOND}
    known = made.local >= 0
    assert (made.local[known] - made.stamps[known] == 5).all()


@settings(max_examples=15, database=None, deadline=None)
@given(chunk_events=st.integers(1, 50), start=st.integers(0, 60), seed=st.integers(0, 2**64 - 1))
def test_chunks_of_the_history_and_the_first_event_asked_for_change_nothing(
    chunk_events: int, start: int, seed: int
) -> None:
    seconds = np.cumsum(np.arange(40) % 5 * 0.7).tolist()
    made = whole(TickBootstrap(ladder(seconds), block="3s").ticks(seed, seconds=30.0))
    other = TickBootstrap(ladder(seconds, chunk_events), block="3s").ticks(seed, seconds=30.0)
    assert same(whole(other), made)
    if start < len(made):
        assert same(whole(other, start), made.part(start, len(made)))


def test_prices_go_on_by_whole_ticks_and_the_bid_does_not_jump_at_a_seam() -> None:
    source = mc.TickBootstrap(mc.read_ticks(mc.sample_ticks()), block="20s")
    assert source.price_steps == (0.1,)
    made = whole(source.ticks(5, seconds=900.0))
    assert [float(f"{price:.1f}") for price in made.bid_price] == made.bid_price.tolist()
    history = joined_chunks(list(mc.read_ticks(mc.sample_ticks()).chunks()))
    largest = np.abs(np.diff(history.bid_price)).max()
    assert np.abs(np.diff(made.bid_price)).max() <= largest + 1e-6
    assert (made.ask_price > made.bid_price).all()
    assert (np.diff(made.stamps) >= 0).all()


def test_moments_of_the_history_come_back() -> None:
    history = mc.read_ticks(mc.sample_ticks())
    source = mc.TickBootstrap(history, block="30s")
    per_second = history.events / (source.timeline.length / SECOND)  # type: ignore[operator]
    rates, shares = [], []
    for seed in range(12):
        made = whole(source.ticks(seed))
        rates.append(len(made) / (source.timeline.length / SECOND))
        shares.append(np.isfinite(made.trade_price).mean())
    # A quote more for each of the blocks.
    expected = per_second + 1 / 30
    assert abs(np.mean(rates) - expected) < 4 * np.std(rates) / math.sqrt(12)
    traded = np.mean(np.concatenate([np.isfinite(chunk.trade_price) for chunk in history.chunks()]))
    assert abs(np.mean(shares) - traded) < 4 * np.std(shares) / math.sqrt(12) + 0.001


def test_symbols_are_taken_at_the_same_times() -> None:
    stamps = [second * SECOND for second in range(60)]
    level = np.arange(60) / 10
    pair = [
        ArrayTicks(stamps, base + level, base + level + 0.1, np.ones(60), np.ones(60),
                   symbols=(name,))
        for name, base in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0))
    ]  # fmt: skip
    made = whole(TickBootstrap(mc.MergedTicks(pair), block="7s").ticks(3, seconds=50.0))
    first, second = (made.bid_price[made.symbol == symbol] for symbol in (0, 1))
    assert len(first) == len(second)
    assert np.allclose(first - second, first[0] - second[0])


def test_a_side_that_is_missing_stays_missing() -> None:
    history = ArrayTicks(
        [0, SECOND, 2 * SECOND], [9.0, NONE, 9.1], [9.2, 9.2, 9.3], [1, NONE, 1], [1, 1, 1]
    )
    made = whole(TickBootstrap(history, block="1s", tick=0.1).ticks(0, seconds=30.0))
    assert np.isnan(made.bid_price).any()
    assert (np.isnan(made.bid_price) == np.isnan(made.bid_size)).all()


def test_a_seed_is_one_stream_and_identities_tell_them_apart() -> None:
    source = TickBootstrap(ladder([0.0, 1.0, 2.5, 4.0]), block="2s")
    assert same(whole(source.ticks(1)), whole(source.ticks(1)))
    names = {source.ticks(1).identity, source.ticks(2).identity, source.ticks(1, start=5).identity}
    names.add(TickBootstrap(ladder([0.0, 1.0, 2.5, 4.0]), block="1s").ticks(1).identity)
    assert len(names) == 4
    assert source.ticks(1).identity == source.ticks(1).identity


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"block": "9s"}, "block: found '9s', allowed at most the 4 s of history"),
        ({"block": "soon"}, "block: found 'soon', allowed a number and ns, us, ms, s, m, h or d"),
        ({"block": 0}, "block: found 0, allowed a length of time above zero"),
    ],
)
def test_a_block_that_cannot_be_is_one_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        TickBootstrap(ladder([0.0, 1.0, 4.0]), **given)  # type: ignore[arg-type]
