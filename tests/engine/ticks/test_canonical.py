"""Canonical files hold every bit of a stream, and are read from any event on."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.files import DamagedFile, is_whole
from engine.ticks import ArrayTicks, FileTicks, TickChunk, read_ticks
from engine.ticks.canonical import ROWS, CanonicalWriter, ahead, canonical_footer
from engine.ticks.merge import joined_chunks

FIRST = 1723161254087891269


def ticks(count: int, seed: int = 0, *, first: int = FIRST, chunk_events: int = ROWS) -> ArrayTicks:
    """Quotes with gaps, sides missing and trades, at stamps that no float can hold."""
    random = np.random.default_rng(seed)
    stamps = first + np.cumsum(random.integers(0, 1_000_003, count))
    bid = np.where(random.random(count) < 0.1, np.nan, 100.0 + random.integers(0, 9, count) / 10)
    trade = random.random(count) < 0.2
    return ArrayTicks(
        stamps, bid, np.full(count, 101.5), random.random(count), random.random(count),
        trade_price=np.where(trade, 100.0, np.nan), trade_size=np.where(trade, 0.1, np.nan),
        trade_side=np.where(trade, -1, 0), local=stamps + 7, symbols=("X",),
        chunk_events=chunk_events,
    )  # fmt: skip


def write(path: Path, stream: ArrayTicks, symbol: str = "X") -> Path:
    with CanonicalWriter(path, symbol, "NASDAQ") as writer:
        for chunk in stream.chunks():
            writer.write(chunk)
    return path


def same(chunks: Iterator[TickChunk], whole: TickChunk) -> bool:
    got = joined_chunks(list(chunks))
    return all(
        getattr(got, field.name).tobytes() == getattr(whole, field.name).tobytes()
        for field in fields(TickChunk)
    )


@pytest.mark.parametrize("start", [0, 1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 5])
def test_every_bit_comes_back_from_any_event_on(tmp_path: Path, start: int) -> None:
    count = 2 * ROWS + 10
    stream = ticks(count)
    read = FileTicks([write(tmp_path / "x.parquet", stream)])
    assert (read.events, read.symbols, read.exchange) == (count, ("X",), "NASDAQ")
    assert same(read.chunks(start), stream.whole.part(start, count))
    assert [len(chunk) for chunk in read.chunks()] == [ROWS, ROWS, 10]


def test_chunks_may_be_written_to(tmp_path: Path) -> None:
    chunk = next(FileTicks([write(tmp_path / "x.parquet", ticks(100))]).chunks())
    assert all(getattr(chunk, field.name).flags.writeable for field in fields(TickChunk))


@settings(max_examples=12, database=None, deadline=None)
@given(count=st.integers(1, 300), size=st.integers(1, 90), seed=st.integers(0, 5))
def test_the_size_of_chunks_leaves_no_trace_in_a_file(
    tmp_path_factory: pytest.TempPathFactory, count: int, size: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("sizes")
    whole = write(folder / "a.parquet", ticks(count, seed))
    parts = write(folder / "b.parquet", ticks(count, seed, chunk_events=size))
    assert whole.read_bytes() == parts.read_bytes()


def test_identity_is_that_of_the_events_and_the_symbol(tmp_path: Path) -> None:
    one = FileTicks([write(tmp_path / "a.parquet", ticks(50))]).identity
    assert FileTicks([write(tmp_path / "b.parquet", ticks(50))]).identity == one
    assert FileTicks([write(tmp_path / "c.parquet", ticks(50, seed=1))]).identity != one
    assert FileTicks([write(tmp_path / "d.parquet", ticks(50), "Y")]).identity != one


def test_days_are_one_stream_in_the_order_of_time(tmp_path: Path) -> None:
    later = write(tmp_path / "a.parquet", ticks(70, first=FIRST + 10**12))
    early = write(tmp_path / "b.parquet", ticks(30))
    stream = read_ticks(tmp_path)
    whole = joined_chunks([ticks(30).whole, ticks(70, first=FIRST + 10**12).whole])
    assert stream.events == 100
    assert same(stream.chunks(), whole)
    assert same(stream.chunks(40), whole.part(40, 100))
    assert FileTicks([later, early]).identity == stream.identity
    again = pickle.loads(pickle.dumps(stream))
    assert same(again.chunks(), whole)


def test_files_that_overlap_or_are_of_two_symbols_are_one_sentence(tmp_path: Path) -> None:
    one = write(tmp_path / "a.parquet", ticks(30))
    with pytest.raises(Refusal, match=r"b\.parquet: ticks: it begins before the file before it"):
        FileTicks([one, write(tmp_path / "b.parquet", ticks(30, first=FIRST + 5))])
    with pytest.raises(Refusal, match="ticks: found files of X and Y, allowed files of one symbol"):
        FileTicks([one, write(tmp_path / "c.parquet", ticks(30), "Y")])
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "d.parquet")
    with pytest.raises(Refusal, match=r"d\.parquet: ticks: no canonical file of ticks"):
        FileTicks([tmp_path / "d.parquet"])


def test_canonical_files_of_several_symbols_are_merged_or_one_is_read(tmp_path: Path) -> None:
    write(tmp_path / "BTCUSDT.parquet", ticks(20), "BTCUSDT")
    write(tmp_path / "ETHUSDT.parquet", ticks(30, seed=1), "ETHUSDT")
    both = read_ticks(tmp_path)
    assert (both.symbols, both.events) == (("BTCUSDT", "ETHUSDT"), 50)
    stamps = np.concatenate([chunk.stamps for chunk in both.chunks()])
    assert (np.diff(stamps) >= 0).all()
    assert read_ticks(tmp_path, symbol="ETHUSDT").events == 30
    with pytest.raises(Refusal, match="symbol: found 'X', allowed BTCUSDT, ETHUSDT"):
        read_ticks(tmp_path, symbol="X")


def test_other_programs_read_the_file(tmp_path: Path) -> None:
    stream = ticks(1000)
    path = write(tmp_path / "x.parquet", stream)
    stamps = stream.whole.stamps.tolist()
    assert pl.read_parquet(path)["ts"].to_list() == stamps
    asked = f"select sum(ts), min(symbol), max(exchange) from '{path}'"
    assert duckdb.sql(asked).fetchall() == [(sum(stamps), "X", "NASDAQ")]


def test_a_flipped_bit_is_noticed_by_the_seal_and_by_the_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", ticks(5000))
    content = bytearray(path.read_bytes())
    assert is_whole(bytes(content)) is True
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert is_whole(bytes(content)) is False
    with pytest.raises(DamagedFile, match=r"x\.parquet is damaged"):
        list(FileTicks([path]).chunks())


def test_a_file_whose_writing_failed_is_not_there(tmp_path: Path) -> None:
    def interrupted() -> Iterator[TickChunk]:
        yield ticks(10).whole
        raise KeyboardInterrupt

    def write_interrupted() -> None:
        with CanonicalWriter(tmp_path / "x.parquet", "X", "N") as writer:
            for chunk in interrupted():
                writer.write(chunk)

    with pytest.raises(KeyboardInterrupt):
        write_interrupted()
    assert os.listdir(tmp_path) == []


def test_a_file_without_events_is_a_stream_without_chunks(tmp_path: Path) -> None:
    with CanonicalWriter(tmp_path / "x.parquet", "X", "N"):
        pass
    assert canonical_footer(tmp_path / "x.parquet")["events"] == 0  # type: ignore[index]
    assert list(FileTicks([tmp_path / "x.parquet"]).chunks()) == []


def test_the_reader_goes_when_nobody_reads_on_and_says_what_went_wrong(tmp_path: Path) -> None:
    chunks = FileTicks([write(tmp_path / "x.parquet", ticks(20 * ROWS // 2))]).chunks()
    next(chunks)
    assert "ticks" in [thread.name for thread in threading.enumerate()]
    chunks.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 5.0
    while "ticks" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() < until

    def broken() -> Iterator[TickChunk]:
        yield ticks(3).whole
        raise ValueError("the disk is gone")

    read = ahead(broken())
    assert len(next(read)) == 3
    with pytest.raises(ValueError, match="the disk is gone"):
        next(read)


def test_a_normalised_file_is_kept_and_found_again(tmp_path: Path) -> None:
    source = tmp_path / "q.csv"
    source.write_text(f"ts,bid,ask,bs,as\n{FIRST},100,101,1,2\n")
    kept = tmp_path / "kept"
    one = read_ticks(source, folder=kept)
    (made,) = kept.iterdir()
    written = made.stat().st_mtime_ns
    assert read_ticks(source, folder=kept).identity == one.identity
    assert made.stat().st_mtime_ns == written
    source.write_text(f"ts,bid,ask,bs,as\n{FIRST},100,101,1,3\n")
    assert read_ticks(source, folder=kept).identity != one.identity
    assert len(list(kept.iterdir())) == 2


_PEAK = """
import re, sys
from pathlib import Path
from engine.ticks import read_ticks

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

print(sum(len(chunk) for chunk in read_ticks(sys.argv[1]).chunks()), peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    block = ticks(ROWS).whole
    peaks = {}
    for groups in (16, 720):
        path = tmp_path / f"{groups}.parquet"
        with CanonicalWriter(path, "X", "N") as writer:
            for _ in range(groups):
                writer.write(block)
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True
        )
        events, peak = (int(word) for word in done.stdout.split())
        assert events == groups * ROWS
        peaks[groups] = peak / 1024
    # Forty-five times the events, 47 million of them, in the same memory.
    assert (tmp_path / "720.parquet").stat().st_size > 1e9
    assert peaks[720] < peaks[16] + 40.0
    assert peaks[720] < 400.0
