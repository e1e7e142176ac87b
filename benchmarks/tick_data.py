"""Ticks: canonical files decoded, files of text normalised, synthetic streams made.

``python -m benchmarks tick_data`` prints the table; each row runs in a process of its own, so that
its peak memory is its own. Times are of all threads' processors, the smallest of three repetitions;
of files of more than a gigabyte there is one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from engine.ticks import (
    FileTicks,
    MergedTicks,
    RawTicks,
    TickBootstrap,
    TickChunk,
    ZeroIntelligence,
    backtest_ticks,
    normalise_file,
    read_ticks,
    sample_ticks,
)
from engine.ticks.canonical import ROWS, CanonicalWriter

COLUMNS = ("what", "target", "events", "s", "ns an event", "events/s of a core", "peak MB")
GROUPS = 64
LARGE_GROUPS = 720
CSV_EVENTS = 600_000
START = 1_723_161_254_087_891_269


def market(groups: int) -> Iterable[TickChunk]:
    """Quotes of a pair such as BTCUSDT, a fifth of them trades, at stamps with odd nanoseconds."""
    random = np.random.default_rng(1)
    count = ROWS
    stamps = START + np.cumsum(random.exponential(3e6, count).astype(np.int64))
    bid = 61837.63 + np.cumsum(random.integers(-1, 2, count) * (random.random(count) < 0.1)) / 100
    trade = random.random(count) < 0.2
    sizes = np.round(random.exponential(2.0, (2, count)), 5)
    span = int(stamps[-1] - stamps[0]) + 1
    for group in range(groups):
        yield TickChunk(
            stamps + group * span,
            stamps + group * span + random.integers(1_000, 3_000_000, count),
            np.round(bid, 2),
            np.round(bid + 0.01, 2),
            sizes[0],
            sizes[1],
            np.where(trade, np.round(bid, 2), np.nan),
            np.where(trade, np.round(sizes[0] / 10, 5), np.nan),
            np.where(trade, 1, 0).astype(np.int8),
            np.zeros(count, np.int32),
        )


def written(folder: Path, groups: int, symbol: str = "BTCUSDT") -> Path:
    """Write a canonical file of some row groups."""
    path = folder / f"{symbol}.parquet"
    with CanonicalWriter(path, symbol, "binance") as writer:
        for chunk in market(groups):
            writer.write(chunk)
    return path


def counted(chunks: Iterable[TickChunk]) -> int:
    """Go through chunks as a kernel does: every array is there."""
    return sum(len(chunk.stamps) for chunk in chunks)


def decode(folder: Path) -> Callable[[], int]:
    """Decode a canonical file."""
    ticks = FileTicks([written(folder, GROUPS)])
    return lambda: counted(ticks.chunks())


def decode_large(folder: Path) -> Callable[[], int]:
    """Decode a canonical file of more than a gigabyte."""
    path = written(folder, LARGE_GROUPS)
    assert path.stat().st_size > 1e9
    ticks = FileTicks([path])
    return lambda: counted(ticks.chunks())


def first_result(folder: Path) -> Callable[[], int]:
    """Trade order flow imbalance over such a file, from its compilation to its metrics."""
    path = written(folder, LARGE_GROUPS)

    def run() -> int:
        found = backtest_ticks("ofi", FileTicks([path]), settings={"latency": {"feed": "2ms"}})
        return int(found.metrics["events"] or 0)

    return run


def merge(folder: Path) -> Callable[[], int]:
    """Merge two symbols in time."""
    names = ("BTCUSDT", "ETHUSDT")
    ticks = MergedTicks([FileTicks([written(folder, GROUPS // 4, name)]) for name in names])
    return lambda: counted(ticks.chunks())


def normalise(folder: Path) -> Callable[[], int]:
    """Normalise a CSV file of quotes and trades to a canonical file."""
    import polars as pl

    path = folder / "events.csv"
    frame = pl.read_parquet(written(folder, -(-CSV_EVENTS // ROWS))).head(CSV_EVENTS)
    frame.drop("symbol", "exchange").fill_nan(None).write_csv(path)
    return lambda: normalise_file(RawTicks(path), folder / "made.parquet").events


def bootstrap(_: Path) -> Callable[[], int]:
    """Draw blocks of a minute of the sample."""
    source = TickBootstrap(read_ticks(sample_ticks()), block="60s")
    stream = source.ticks(1, seconds=100_000)
    return lambda: counted(stream.chunks())


def book(_: Path) -> Callable[[], int]:
    """Make events of a zero-intelligence book."""
    made = ZeroIntelligence.calibrate(read_ticks(sample_ticks())).ticks(1, seconds=500_000)
    return lambda: counted(made.chunks())


CASES: dict[str, tuple[Callable[[Path], Callable[[], int]], str, str]] = {
    "decode": (decode, "canonical Parquet decoded, checksums verified", "67 ns"),
    "large": (decode_large, "the same, a file of more than 1 GB", "67 ns, 400 MB"),
    "first": (first_result, "a strategy's first result of that file, all told", "10 s, 400 MB"),
    "merge": (merge, "two symbols decoded and merged in time", "none"),
    "normalise": (normalise, "CSV of quotes and trades to a canonical file", "none"),
    "bootstrap": (bootstrap, "block bootstrap, blocks of 60 s of the sample", "none"),
    "book": (book, "zero-intelligence book calibrated on the sample", "none"),
}


def peak() -> float:
    """Megabytes that this process held at most."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", text)
    assert found is not None
    return int(found[1]) / 1024


def measure(name: str) -> dict[str, object]:
    """Run one case in this process."""
    with tempfile.TemporaryDirectory() as folder:
        run = CASES[name][0](Path(folder))
        best, events = float("inf"), 0
        for _ in range(1 if name in ("large", "first") else 3):
            started = time.process_time()
            events = run()
            best = min(best, time.process_time() - started)
    return {
        "events": events,
        "s": round(best, 1),
        "ns an event": round(best / events * 1e9, 1),
        "events/s of a core": round(events / best / 1e6, 1),
        "peak MB": round(peak()),
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, (_, what, target) in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.tick_data", name],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parents[1],
        )
        row = {"what": what, "target": target, **json.loads(done.stdout)}
        rate = f"{row['events/s of a core']} M"
        cells = [f"{row['events']:,}" if key == "events" else rate if "/s" in key else str(row[key])
                 for key in COLUMNS]  # fmt: skip
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
