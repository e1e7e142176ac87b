"""Days, walk-forward windows and stretches of a stream."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.ticks import ArrayTicks, TickSubset, window_measures
from engine.ticks.merge import joined_chunks

SECOND, DAY = 10**9, 86_400 * 10**9


def stamps_of(subset: TickSubset, start: int = 0) -> list[int]:
    return [int(stamp) for chunk in subset.chunks(start) for stamp in chunk.stamps]


def ticks(stamps: list[int], size: int = 4) -> ArrayTicks:
    ones = np.ones(len(stamps))
    return ArrayTicks(np.array(stamps, np.int64), ones, ones + 1, ones, ones, chunk_events=size)


@settings(database=None, deadline=None)
@given(
    stamps=st.lists(st.integers(0, 40), max_size=30).map(sorted),
    edges=st.sets(st.integers(0, 41), max_size=8).map(sorted),
    size=st.integers(1, 7),
    start=st.integers(0, 12),
)
def test_a_subset_is_what_a_plain_filter_keeps(
    stamps: list[int], edges: list[int], size: int, start: int
) -> None:
    stretches = list(zip(edges[::2], edges[1::2], strict=False))
    kept = [at for at in stamps if any(first <= at < end for first, end in stretches)]
    subset = TickSubset(ticks(stamps, size), stretches)
    assert stamps_of(subset) == kept
    assert stamps_of(subset, start) == kept[start:]


def test_days_and_instants_are_those_of_utc() -> None:
    sample = mc.read_ticks(mc.sample_ticks())
    days = mc.tick_days(sample)
    assert days == [date(2024, 8, 6), date(2024, 8, 7), date(2024, 8, 8)]
    middle = mc.ticks_on_days(sample, [days[1]])
    only = mc.read_ticks(mc.sample_ticks() / "2024-08-07.parquet")
    assert stamps_of(middle) == [int(at) for chunk in only.chunks() for at in chunk.stamps]
    morning = mc.ticks_between(sample, datetime(2024, 8, 6), datetime(2024, 8, 7, 9, 0, 1))
    assert len(stamps_of(morning)) > 4000
    assert stamps_of(morning)[-1] < int(datetime(2024, 8, 7, 9, 0, 1).timestamp()) * SECOND + DAY


def test_walk_forward_windows_try_every_day_once_behind_those_chosen_on() -> None:
    stream = ticks([day * DAY + 5 for day in (0, 1, 2, 5, 6, 9)])
    windows = mc.walk_forward_ticks(stream, training=2, test=1, gap=1)
    found = [
        ([day.day for day in window.training_days], [day.day for day in window.test_days])
        for window in windows
    ]
    assert found == [([1, 2], [6]), ([2, 3], [7]), ([3, 6], [10])]
    assert stamps_of(windows[0].training) == [5, DAY + 5]
    assert stamps_of(windows[0].test) == [5 * DAY + 5]
    with pytest.raises(Refusal, match="ticks: found 6 days, allowed at least 7 for one window"):
        mc.walk_forward_ticks(stream, training=6)
    with pytest.raises(Refusal, match="step: found 0, allowed 1 or more"):
        mc.walk_forward_ticks(stream, training=2, step=0)


def test_measures_of_a_stretch_are_those_worked_out_by_hand() -> None:
    # Mids 100, 101, 101 | 103 | 104; spreads 2, 2, 4 | 4 | 2.
    stream = ArrayTicks(
        [0, SECOND, 3 * SECOND, 5 * SECOND, 11 * SECOND],
        [99.0, 100.0, 99.0, 101.0, 103.0],
        [101.0, 102.0, 103.0, 105.0, 105.0],
        np.ones(5), np.ones(5), chunk_events=2,
    )  # fmt: skip
    table = window_measures(stream, window="4s")
    assert table["first"].to_list() == [0, 4 * SECOND, 8 * SECOND]
    assert table["events"].to_list() == [3, 1, 1]
    assert table["volatility"].to_list() == pytest.approx([1 / 100, 0.0, 0.0])
    assert table["spread"].to_list() == pytest.approx([(2 + 2 * 2) / 3, 4.0, 2.0])


def test_measures_do_not_depend_on_chunks() -> None:
    sample = joined_chunks(list(mc.read_ticks(mc.sample_ticks()).chunks()))
    frames = []
    for size in (700, 4999, 10**6):
        columns = [sample.stamps, sample.bid_price, sample.ask_price, sample.bid_size,
                   sample.ask_size]  # fmt: skip
        stream = ArrayTicks(*columns, chunk_events=size)
        frames.append(window_measures(stream, window="30s"))
    for frame in frames[1:]:
        assert np.allclose(frame.to_numpy(), frames[0].to_numpy(), rtol=1e-9)


def test_stretches_are_taken_by_the_rank_of_what_they_were_like() -> None:
    sample = mc.read_ticks(mc.sample_ticks())
    table = window_measures(sample, window="1m")
    wild = mc.windows_by(sample, "volatility", lowest=0.8)
    quiet = mc.windows_by(sample, "volatility", highest=0.8)
    assert len(wild.stretches) + len(quiet.stretches) == table.height
    taken = {first for first, _ in wild.stretches}
    inside = table.filter(pl.col("first").is_in(taken))["volatility"]
    outside = table.filter(~pl.col("first").is_in(taken))["volatility"]
    assert inside.min() >= outside.max()  # type: ignore[operator]
    assert len(stamps_of(wild)) + len(stamps_of(quiet)) == sample.events
    with pytest.raises(Refusal, match="measure: found 'mood', allowed volatility or spread"):
        mc.windows_by(sample, "mood")  # type: ignore[arg-type]
    with pytest.raises(Refusal, match=r"lowest: found 0\.5 with highest 0.5, allowed 0 <= lowest"):
        mc.windows_by(sample, "spread", lowest=0.5, highest=0.5)


def test_the_identity_of_a_subset_is_of_the_whole_and_the_stretches() -> None:
    stream = ticks([0, 5, 9])
    one = TickSubset(stream, [(0, 5)])
    assert one.identity == TickSubset(stream, [(0, 5)]).identity
    assert one.identity != TickSubset(stream, [(0, 6)]).identity
    assert one.identity != TickSubset(ticks([0, 5, 8]), [(0, 5)]).identity
    with pytest.raises(Refusal, match="stretches: found some that overlap or are empty"):
        TickSubset(stream, [(0, 5), (4, 9)])
