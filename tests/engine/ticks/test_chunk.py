"""A stream of ticks."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.ticks import ArrayTicks, TickStream

# Neither survives a float64, which has 53 bits.
_ODD = [1_700_000_000_000_000_001, 1_700_000_000_000_000_003]


def _table(**columns: object) -> pl.DataFrame:
    quotes = {"bid_px": [9.9, 9.9], "ask_px": [10.0, 10.1], "bid_sz": [5.0, 5.0]}
    return pl.DataFrame({"ts": _ODD, **quotes, "ask_sz": [3.0, 4.0], **columns})


def test_a_table_becomes_a_stream_with_every_nanosecond() -> None:
    stream: TickStream = ArrayTicks.from_frame(_table(symbol=["BTCUSDT", "ETHUSDT"]))
    (chunk,) = stream.chunks()
    assert chunk.stamps.tolist() == _ODD
    assert chunk.symbol.tolist() == [0, 1]
    assert stream.symbols == ("BTCUSDT", "ETHUSDT")
    assert stream.events == 2
    assert chunk.local.tolist() == [-1, -1]
    assert np.isnan(chunk.trade_price).all()


@settings(max_examples=20, database=None)
@given(size=st.integers(1, 9), start=st.integers(0, 7))
def test_chunks_of_any_size_hold_the_same_events(size: int, start: int) -> None:
    numbers = np.arange(7.0)
    ticks = ArrayTicks(np.arange(7), numbers, numbers + 1, numbers, numbers, chunk_events=size)
    read = [chunk.bid_price for chunk in ticks.chunks(start)]
    assert np.concatenate([*read, []]).tolist() == numbers[start:].tolist()


def test_identity_changes_with_any_value_and_not_with_the_size_of_chunks() -> None:
    table = _table()
    identity = ArrayTicks.from_frame(table).identity
    assert ArrayTicks.from_frame(table, chunk_events=1).identity == identity
    assert ArrayTicks.from_frame(_table(trade_side=[0, 1])).identity != identity


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (_table().drop("ask_px"), "ticks.ask_px: no such column"),
        (_table(ts=_ODD[::-1]), "ticks.ts: event 1 is earlier than the one before it"),
        (_table(ts=[1.0, 2.0]), "ticks.ts: found float64 numbers, allowed whole numbers"),
    ],
)
def test_a_table_that_is_no_stream_is_refused_in_one_sentence(
    table: pl.DataFrame, sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        ArrayTicks.from_frame(table)
