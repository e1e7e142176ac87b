"""Sequences of events are merged in the order of time, whatever their chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.ticks import ArrayTicks, MergedTicks

# Few different stamps, so that most are equal to some other.
STAMPS = st.lists(st.integers(0, 6), max_size=12).map(sorted)


def ticks(stamps: list[int], symbol: str, chunk_events: int = 3) -> ArrayTicks:
    count = len(stamps)
    numbers = np.arange(count, dtype=float)
    return ArrayTicks(
        np.array(stamps, np.int64), numbers, numbers + 1, numbers, numbers,
        symbols=(symbol,), chunk_events=chunk_events,
    )  # fmt: skip


def events(stream: MergedTicks, start: int = 0) -> list[tuple[int, int, float]]:
    def rows() -> Iterator[tuple[int, int, float]]:
        for chunk in stream.chunks(start):
            yield from zip(
                chunk.stamps.tolist(), chunk.symbol.tolist(), chunk.bid_price.tolist(), strict=True
            )

    return list(rows())


@settings(max_examples=2 * settings.default.max_examples, database=None, deadline=None)
@given(
    first=STAMPS, second=STAMPS, third=STAMPS, sizes=st.tuples(*[st.integers(1, 5)] * 3),
    start=st.integers(0, 20),
)  # fmt: skip
def test_a_merge_is_the_stable_sort_of_its_streams_one_behind_the_other(
    first: list[int], second: list[int], third: list[int], sizes: tuple[int, ...], start: int
) -> None:
    given_stamps = (first, second, third)
    streams = [
        ticks(stamps, name, size)
        for stamps, name, size in zip(given_stamps, "ABC", sizes, strict=True)
    ]
    merged = MergedTicks(streams)
    plain = [
        (stamp, index, float(place))
        for index, stamps in enumerate(given_stamps)
        for place, stamp in enumerate(stamps)
    ]
    plain.sort(key=lambda event: event[0])
    assert events(merged) == plain
    assert events(merged, start) == plain[start:]
    assert merged.events == len(plain)


def test_the_order_of_streams_and_their_content_are_the_identity() -> None:
    one, other = ticks([1, 2], "A"), ticks([1, 3], "B")
    assert MergedTicks([one, other]).identity == MergedTicks([one, other]).identity
    assert MergedTicks([one, other]).identity != MergedTicks([other, one]).identity
    assert MergedTicks([one, other]).identity != MergedTicks([one, ticks([1, 4], "B")]).identity


def test_two_streams_of_one_symbol_and_no_stream_are_one_sentence() -> None:
    with pytest.raises(Refusal, match="streams: found A more than once, allowed every symbol in"):
        MergedTicks([ticks([1], "A"), ticks([1], "A")])
    with pytest.raises(Refusal, match="streams: found none, allowed at least one"):
        MergedTicks([])
