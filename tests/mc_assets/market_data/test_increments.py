"""Nightly increments: what is asked for, what is kept, what is noticed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from pydantic import BaseModel, ConfigDict

from mc_assets.market_data import (
    BarStore,
    MarketDataConfig,
    MarketDataError,
    RawStore,
    due_years,
    ingest_many,
    ingest_raw,
    load_series,
    normalise_year,
)
from mc_assets.providers import (
    Capabilities,
    FetchError,
    FetchResult,
    Provider,
    RawTable,
    register_provider,
)
from mc_assets.providers.registry import _REGISTERED

NIGHT = datetime(2024, 1, 10, 2, tzinfo=UTC)


class Nothing(BaseModel):
    """The provider has no options."""

    model_config = ConfigDict(extra="forbid")


class DeskProvider(Provider):
    """A provider outside the package: weekdays' closes from a dictionary."""

    name: ClassVar[str] = "desk"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=("1d",), adjustments=("raw",), network=True, symbols_per_request=10
    )
    Options: ClassVar[type[BaseModel]] = Nothing
    closes: ClassVar[dict[date, float]] = {}
    asked: ClassVar[list[tuple[tuple[str, ...], date, date]]] = []

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        self.asked.append((tuple(symbols), start.date(), end.date()))
        result = FetchResult()
        for symbol in symbols:
            if symbol == "BAD":
                result.failures[symbol] = FetchError("desk BAD", "status 404")
                continue
            days = [day for day in sorted(self.closes) if start.date() <= day <= end.date()]
            prices = [self.closes[day] for day in days]
            frame = pl.DataFrame({"date": days, "o": prices, "h": prices, "l": prices, "c": prices})
            result.tables[symbol] = RawTable(symbol, timeframe, frame, self.name)
        return result


@pytest.fixture(autouse=True)
def desk() -> Iterator[type[DeskProvider]]:
    register_provider(DeskProvider)
    DeskProvider.asked.clear()
    first = date(2022, 12, 1)
    days = [first + timedelta(days=k) for k in range(500)]
    DeskProvider.closes = {day: 100.0 + k for k, day in enumerate(days) if day.weekday() < 5}
    yield DeskProvider
    del _REGISTERED["desk"]


def config(folder: Path, symbols: str = "[X]", **fields: str) -> MarketDataConfig:
    entry = {"symbols": symbols, "provider": "desk", "start": "2022-12-01", "overlap": "5"}
    lines = "\n    ".join(f"{key}: {value}" for key, value in {**entry, **fields}.items())
    (folder / "series.yaml").write_text(f"series:\n  - {lines}\n")
    return load_series(folder / "series.yaml")


def nightly(series: MarketDataConfig, root: Path, now: datetime) -> None:
    """What a nightly run does."""
    wanted = [(key, year) for key in series.keys for year in due_years(series, key, root, now)]
    done = ingest_many(series, wanted, root, now)
    for key, year in done.stored_years:
        normalise_year(series, key, year, root, now)


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.parquet")
    }


def test_the_first_night_fetches_all_years_in_one_request(tmp_path: Path) -> None:
    series = config(tmp_path)
    nightly(series, tmp_path / "data", NIGHT)
    assert DeskProvider.asked == [(("X",), date(2022, 12, 1), date(2024, 1, 10))]
    bars = BarStore(tmp_path / "data").read("X", "1d")
    assert bars["timestamp"].dt.date()[-1] == date(2024, 1, 9)


def test_the_next_night_fetches_the_overlap_and_what_is_new(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    DeskProvider.asked.clear()
    assert due_years(series, "X@1d", root, NIGHT + timedelta(days=1)) == [2024]
    nightly(series, root, NIGHT + timedelta(days=1))
    assert DeskProvider.asked == [(("X",), date(2024, 1, 4), date(2024, 1, 11))]
    assert BarStore(root).read("X", "1d")["timestamp"].dt.date()[-1] == date(2024, 1, 10)


def test_over_the_new_year_both_years_are_due(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, datetime(2024, 1, 3, 2, tzinfo=UTC))
    DeskProvider.asked.clear()
    now = datetime(2024, 1, 4, 2, tzinfo=UTC)
    assert due_years(series, "X@1d", root, now) == [2023, 2024]
    nightly(series, root, now)
    assert DeskProvider.asked == [(("X",), date(2023, 12, 28), date(2024, 1, 4))]


def test_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    before = hashes(root)
    nightly(series, root, NIGHT)
    assert hashes(root) == before


def test_night_by_night_gives_the_bars_of_one_fetch(tmp_path: Path) -> None:
    series = config(tmp_path)
    for night in range(8):
        nightly(series, tmp_path / "nightly", NIGHT + timedelta(days=night))
    nightly(series, tmp_path / "once", NIGHT + timedelta(days=7))
    nightly_bars = BarStore(tmp_path / "nightly").manifest()
    assert (
        nightly_bars["hash"].to_list() == BarStore(tmp_path / "once").manifest()["hash"].to_list()
    )


def test_a_backfill_works_in_any_order(tmp_path: Path) -> None:
    series = config(tmp_path)
    orders = {"up": (2022, 2023, 2024), "down": (2024, 2022, 2023)}
    for name, years in orders.items():
        root = tmp_path / name
        for year in years:
            ingest_raw(series, "X@1d", year, root, NIGHT)
            normalise_year(series, "X@1d", year, root, NIGHT)
    assert hashes(tmp_path / "up") == hashes(tmp_path / "down")


def test_a_restated_bar_wins_is_reported_and_its_old_version_kept(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    old = DeskProvider.closes[date(2024, 1, 8)]
    DeskProvider.closes[date(2024, 1, 8)] = 7.0
    done = ingest_many(series, [("X@1d", 2024)], root, NIGHT)
    assert done.stored_years["X@1d", 2024].restated == 1
    result = normalise_year(series, "X@1d", 2024, root, NIGHT)
    restated = next(check for check in result.checks if check.check == "restated")
    assert f"found close 7.0 in place of {old}" in restated.message
    raw = RawStore(root).read("X", "1d", 2024)[0].frame
    assert raw.filter(raw["date"] == date(2024, 1, 8))["c"].to_list() == [old, 7.0]


def test_a_bar_the_provider_no_longer_sends_is_kept_and_reported(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    bars = BarStore(root).read("X", "1d").height
    del DeskProvider.closes[date(2024, 1, 8)]
    nightly(series, root, NIGHT)
    result = normalise_year(series, "X@1d", 2024, root, NIGHT)
    assert BarStore(root).read("X", "1d").height == bars
    withdrawn = next(check for check in result.checks if check.check == "withdrawn")
    assert withdrawn.count == 1
    assert withdrawn.message.endswith("is kept")


def test_a_session_that_has_not_closed_is_left_for_the_next_night(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, datetime(2024, 1, 10, 18, tzinfo=UTC))  # 13:00 in New York
    assert BarStore(root).read("X", "1d")["timestamp"].dt.date()[-1] == date(2024, 1, 9)
    nightly(series, root, datetime(2024, 1, 10, 22, tzinfo=UTC))
    assert BarStore(root).read("X", "1d")["timestamp"].dt.date()[-1] == date(2024, 1, 10)


def test_many_symbols_are_one_request_and_one_failure_loses_no_other(tmp_path: Path) -> None:
    series, root = config(tmp_path, "[A, BAD, B]"), tmp_path / "data"
    done = ingest_many(series, [(key, 2023) for key in series.keys], root, NIGHT)
    assert len(DeskProvider.asked) == 1
    assert sorted(key for key, _ in done.stored_years) == ["A@1d", "B@1d"]
    assert str(done.failures["BAD@1d", 2023]) == "desk BAD: status 404"


def test_a_failure_nobody_foresaw_is_one_sentence_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("header: DESKKEY")

    monkeypatch.setenv("DESK_KEY", "DESKKEY")
    monkeypatch.setattr(DeskProvider, "fetch", broken)
    can = dataclasses.replace(DeskProvider.capabilities, keys=(("DESK_KEY",),))
    monkeypatch.setattr(DeskProvider, "capabilities", can)
    done = ingest_many(config(tmp_path), [("X@1d", 2023)], tmp_path / "data", NIGHT)
    assert str(done.failures["X@1d", 2023]) == (
        "desk X@1d: found an unforeseen failure (KeyError: 'header: ***'), allowed a table"
    )


def test_a_bar_from_the_future_is_quarantined_and_stops_no_later_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    answer = DeskProvider.fetch

    def with_future(*asked: object, **more: object) -> FetchResult:
        result = answer(*asked, **more)  # type: ignore[arg-type]
        table = result.tables["X"]
        bogus = table.frame.head(1).with_columns(date=pl.lit(date(2998, 1, 6)))
        result.tables["X"] = dataclasses.replace(table, frame=pl.concat([table.frame, bogus]))
        return result

    monkeypatch.setattr(DeskProvider, "fetch", with_future)
    nightly(series, root, NIGHT)
    assert BarStore(root).quarantine("X", "1d")["reason"].to_list() == ["future"]
    bars = BarStore(root).read("X", "1d").height
    monkeypatch.undo()
    nightly(series, root, NIGHT + timedelta(days=1))
    assert DeskProvider.asked[-1] == (("X",), date(2024, 1, 4), date(2024, 1, 11))
    assert BarStore(root).read("X", "1d").height == bars + 1


def test_a_refetch_asks_for_the_whole_year(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    DeskProvider.asked.clear()
    ingest_raw(series, "X@1d", 2024, root, NIGHT, refetch=True)
    assert DeskProvider.asked == [(("X",), date(2024, 1, 1), date(2024, 1, 10))]


def test_an_empty_answer_loses_no_stored_bar(tmp_path: Path) -> None:
    series, root = config(tmp_path), tmp_path / "data"
    nightly(series, root, NIGHT)
    before = BarStore(root).manifest()["hash"].to_list()
    DeskProvider.closes = {}
    nightly(series, root, NIGHT)
    assert BarStore(root).manifest()["hash"].to_list() == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timeframe": "1m"}, r"timeframe: found '1m', allowed with desk 1d"),
        ({"adjustment": "all"}, r"adjustment: found 'all', allowed with desk raw"),
        ({"options": "{feed: iex}"}, r"options\.feed: found an unknown key, allowed "),
    ],
)
def test_what_a_provider_cannot_do_is_one_sentence(
    tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    with pytest.raises(MarketDataError, match=rf"^series\.yaml: series\[0\]\.{message}"):
        config(tmp_path, **fields)


@pytest.mark.parametrize(
    "breaks", [[100_000], pytest.param([10, 262_144, 300_001], marks=pytest.mark.slow)]
)
def test_a_long_year_that_came_in_pieces_has_the_bytes_of_one_that_came_at_once(
    tmp_path: Path, breaks: list[int]
) -> None:
    rows, start = 350_000, int(datetime(2023, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    instants = pl.Series(range(start, start + rows * 60_000_000, 60_000_000))
    frame = pl.DataFrame({"t": instants, "c": (instants % 977).cast(pl.Float64)})
    for name, edges in (("whole", [0, rows]), ("pieces", [0, *breaks, rows])):
        for first, last in pairwise(edges):
            # The same layout, an overlap, and a table that is in pieces itself.
            place = slice(max(first - 500, 0), last)
            piece = pl.concat([frame[place][:50], frame[place][50:]], rechunk=False)
            RawStore(tmp_path / name).append(
                RawTable("X", "1m", piece, "desk"),
                2023,
                piece["t"].cast(pl.String),
                (instants[place.start], instants[last - 1] + 1),
                complete=False,
                reached=None if last == rows else instants[last - 1],
            )
    assert hashes(tmp_path / "pieces") == hashes(tmp_path / "whole")
