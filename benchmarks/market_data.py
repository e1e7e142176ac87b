"""Market data: normalise and check minute bars, a nightly increment, a large CSV file.

``python -m benchmarks market_data`` prints the table; each row runs in a process of its own, so
that its peak memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import BaseModel

from engine.tables.sessions import sessions_of
from mc_assets.market_data import (
    MarketDataConfig,
    RawStore,
    SeriesConfig,
    bars_from_file,
    due_years,
    ingest_many,
    normalise_year,
)
from mc_assets.providers import Capabilities, FetchResult, Provider, RawTable, register_provider

YEAR = 2021
MINUTE_SERIES = 102  # years of one symbol each: 252 sessions of 390 minutes make 10 million bars
SYMBOLS = 500
CSV_ROWS = 1_000_000
COLUMNS = ("what", "target", "seconds", "peak MB", "rows")


class Nothing(BaseModel):
    """The provider has no options."""


class InstantProvider(Provider):
    """Answers at once, so that only the project's own time is measured."""

    name: ClassVar[str] = "instant"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=("1d", "1m"), adjustments=("raw",), network=True, symbols_per_request=100
    )
    Options: ClassVar[type[BaseModel]] = Nothing

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Answer with the sessions of the range."""
        first, last = (int(at.timestamp()) * 1_000_000 for at in (start, end))
        opens = sessions_of("XNYS").opens
        frame = alpaca_frame(opens[(opens >= first) & (opens < last)], 0)
        return FetchResult({s: RawTable(s, timeframe, frame, self.name) for s in symbols})


def alpaca_frame(opens: np.ndarray, seed: int) -> pl.DataFrame:
    """Random-walk bars in Alpaca's columns, stamps as text."""
    random = np.random.default_rng(seed)
    close = (100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-4, len(opens))))).round(4)
    start = np.concatenate([[100.0], close[:-1]])[: len(opens)]
    stamps = pl.Series(opens).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return pl.DataFrame(
        {
            "t": stamps,
            "o": start,
            "h": np.maximum(start, close) + 0.01,
            "l": np.minimum(start, close) - 0.01,
            "c": close,
            "v": random.integers(1, 10_000, len(opens)).astype(float),
            "n": random.integers(1, 100, len(opens)).astype(float),
            "vw": ((start + close) / 2.0).round(4),
        }
    )


def minutes_of(year: int) -> np.ndarray:
    """Open instants of every minute of the year's sessions in New York."""
    sessions = sessions_of("XNYS")
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    last = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    inside = (sessions.opens >= first) & (sessions.opens < last)
    pairs = zip(sessions.opens[inside], sessions.closes[inside], strict=True)
    return np.concatenate([np.arange(begin, end, 60_000_000) for begin, end in pairs])


def config_of(symbols: Sequence[str], timeframe: str, start: str) -> MarketDataConfig:
    """Series of the instant provider."""
    common = {"timeframe": timeframe, "provider": "instant", "start": start}
    series = [SeriesConfig.model_validate({"symbol": name, **common}) for name in symbols]
    return MarketDataConfig(folder=Path(), series=tuple(series))


def measure_minutes(root: Path) -> tuple[float, int]:
    """Normalise, check and store ten million minute bars from their raw copies."""
    config = config_of(["X"], "1m", f"{YEAR}-01-01")
    now = datetime(YEAR + 1, 1, 2, tzinfo=UTC)
    ingest_many(config, [("X@1m", YEAR)], root, now)
    raw = RawTable("X", "1m", alpaca_frame(minutes_of(YEAR), 0), "instant")
    store_minutes(raw, root)
    started = time.perf_counter()
    rows = 0
    for _ in range(MINUTE_SERIES):
        rows += normalise_year(config, "X@1m", YEAR, root, now).rows
    return time.perf_counter() - started, rows


def store_minutes(raw: RawTable, root: Path) -> None:
    """Replace the raw copy of the year."""
    from mc_assets.market_data.normalise import resolve_layout, row_keys

    path = RawStore(root).path("X", "1m", YEAR)
    path.unlink(missing_ok=True)
    sessions = sessions_of("XNYS")
    settled = resolve_layout(raw, sessions)
    keys, _ = row_keys(settled, sessions)
    RawStore(root).append(settled, YEAR, keys, (0, 0), complete=False)


def measure_nightly(root: Path) -> tuple[float, int]:
    """Add a night to two stored years of daily bars of many symbols."""
    config = config_of([f"S{k:03d}" for k in range(SYMBOLS)], "1d", "2023-01-01")
    night = datetime(2024, 11, 20, 2, tzinfo=UTC)
    for now in (night, night + timedelta(days=1)):
        started = time.perf_counter()
        wanted = [(key, year) for key in config.keys for year in due_years(config, key, root, now)]
        done = ingest_many(config, wanted, root, now)
        rows = sum(result.new for result in done.results.values())
        for key, year in done.results:
            normalise_year(config, key, year, root, now)
    return time.perf_counter() - started, rows


def measure_csv(root: Path) -> tuple[float, int]:
    """Read, normalise and judge a CSV file of minute bars."""
    opens = np.concatenate([minutes_of(year) for year in range(2008, 2019)])[:CSV_ROWS]
    path = root / "minutes.csv"
    alpaca_frame(opens, 0).write_csv(path)
    sessions_of("XNYS")
    started = time.perf_counter()
    bars, quarantine = bars_from_file(path, "X", timeframe="1m")
    assert quarantine.is_empty()
    return time.perf_counter() - started, bars.height


CASES = {
    "minutes": (
        measure_minutes,
        f"normalise, check and store {MINUTE_SERIES} series-years of minute bars",
        "15 s, 2000 MB",
    ),
    "nightly": (
        measure_nightly,
        f"nightly increment of {SYMBOLS} daily series, without provider latency",
        "60 s",
    ),
    "csv": (measure_csv, "CSV of 1,000,000 minute bars to canonical bars", "1 s"),
}


def run() -> list[dict[str, object]]:
    """One row per figure: seconds and peak memory beside the target."""
    rows = []
    for name, (_, what, target) in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.market_data", name],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parents[1],
        )
        rows.append({"what": what, "target": target, **json.loads(done.stdout)})
    return rows


def measure(name: str) -> dict[str, object]:
    """Run one case in this process."""
    register_provider(InstantProvider)
    with tempfile.TemporaryDirectory() as folder:
        seconds, rows = CASES[name][0](Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(seconds, 2), "peak MB": round(peak), "rows": rows}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|---|---:|---:|---:|")
    for row in run():
        cells = [f"{row[name]:,}" if name == "rows" else str(row[name]) for name in COLUMNS]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
