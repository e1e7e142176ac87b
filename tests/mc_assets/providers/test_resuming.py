"""A fetch of many pages that breaks off goes on where it stopped, over real HTTP."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.tables.sessions import sessions_of
from mc_assets.market_data import (
    BarStore,
    MarketDataConfig,
    RawStore,
    due_years,
    ingest_many,
    load_series,
    normalise_year,
)
from mc_assets.market_data.fetching import Ingested
from tests.mc_assets.providers.conftest import LocalServer, Reply, Request

NOW = datetime(2024, 1, 6, 2, tzinfo=UTC)
OVERLAP = 5
PAGE = 100  # bars: the 505 of the three years make six pages


class PagedMarket:
    """Daily bars of two symbols, sent in pages as Polygon and Alpaca do.

    Parameters
    ----------
    server : LocalServer
        Answers with the pages.
    """

    def __init__(self, server: LocalServer) -> None:
        opens = sessions_of("XNYS").opens
        first, last = (int(at.timestamp() * 1e6) for at in (datetime(2022, 1, 1, tzinfo=UTC), NOW))
        days = opens[(opens >= first) & (opens < last)] // 86_400_000_000
        self.days = [date(1970, 1, 1) + timedelta(days=int(day)) for day in days]
        self.closes = dict(zip(self.days, (100.0 + np.arange(len(days))).tolist(), strict=True))
        self.broken_page: int | None = None
        self.breaks_behind = False
        self.served: list[date] = []
        self.pages = 0
        server.answer = self.answer

    def answer(self, request: Request) -> Reply:
        polygon = request.path.startswith("/v2/aggs")
        token = request.query.get("cursor" if polygon else "page_token", "0")
        symbols = ["X"] if polygon else sorted(request.query["symbols"].split(","))
        if polygon:
            ends = [int(part) / 1000 for part in request.path.split("/")[-2:]]
            start, end = (datetime.fromtimestamp(at, UTC) for at in ends)
        else:
            start, end = (datetime.fromisoformat(request.query[name]) for name in ("start", "end"))
        chosen = [
            (symbol, day) for symbol in symbols for day in self.days if start <= midnight(day) < end
        ]
        place = int(token)
        down = self.breaks_behind and self.pages + 1 >= (self.broken_page or 0) > 0
        if place // PAGE + 1 == self.broken_page or down:
            return Reply("oops", status=500)
        rows = chosen[place : place + PAGE]
        self.served += [day for _, day in rows]
        self.pages += 1
        following = str(place + PAGE) if place + PAGE < len(chosen) else None
        return Reply(
            self._polygon(request, rows, following) if polygon else self._alpaca(rows, following)
        )

    def _polygon(
        self, request: Request, rows: list[tuple[str, date]], cursor: str | None
    ) -> object:
        bars = [{**self._bar(day), "t": int(midnight(day).timestamp() * 1000)} for _, day in rows]
        link = f"https://api.polygon.io{request.path}?cursor={cursor}"
        return {"status": "OK", "results": bars} | ({"next_url": link} if cursor else {})

    def _alpaca(self, rows: list[tuple[str, date]], token: str | None) -> object:
        bars: dict[str, list[object]] = {}
        for symbol, day in rows:
            stamp = f"{midnight(day):%Y-%m-%dT%H:%M:%SZ}"
            bars.setdefault(symbol, []).append({**self._bar(day), "t": stamp})
        return {"bars": bars, "next_page_token": token}

    def _bar(self, day: date) -> dict[str, object]:
        close = self.closes[day]
        return {"o": close, "h": close + 1, "l": close - 1, "c": close, "v": 9, "n": 2, "vw": close}


def midnight(day: date) -> datetime:
    """What both providers stamp, within an hour: midnight in New York."""
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLYGON_API_KEY", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.setenv(name, "SECRET")


@pytest.fixture
def market(server: LocalServer) -> PagedMarket:
    return PagedMarket(server)


@pytest.fixture(params=["polygon", "alpaca"])
def config(request: pytest.FixtureRequest, server: LocalServer, tmp_path: Path) -> MarketDataConfig:
    return series_of(request.param, "[X]", server, tmp_path)


def series_of(provider: str, symbols: str, server: LocalServer, folder: Path) -> MarketDataConfig:
    (folder / "series.yaml").write_text(
        f"series:\n  - symbols: {symbols}\n    provider: {provider}\n    start: 2022-01-01\n"
        f"    adjustment: raw\n    overlap: {OVERLAP}\n"
        f"    options: {{base_url: '{server.url}', backoff: 0, attempts: 2, "
        "requests_per_minute: 1000000}\n"
    )
    return load_series(folder / "series.yaml")


def nightly(config: MarketDataConfig, root: Path, now: datetime = NOW) -> Ingested:
    """What a nightly run does: it normalises what is stored, whatever failed."""
    wanted = [(key, year) for key in config.keys for year in due_years(config, key, root, now)]
    done = ingest_many(config, wanted, root, now)
    for key, year in wanted:
        if year in RawStore(root).years(config[key].symbol, "1d"):
            normalise_year(config, key, year, root, now)
    return done


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.parquet")
    }


@pytest.fixture(scope="module")
def kept_whole() -> dict[str, dict[str, str]]:
    """Hashes of an unbroken fetch of the untouched market, by provider."""
    return {}


@pytest.fixture
def whole(
    market: PagedMarket,
    config: MarketDataConfig,
    tmp_path: Path,
    kept_whole: dict[str, dict[str, str]],
) -> dict[str, str]:
    """Hashes of what an unbroken fetch leaves; each provider is asked for it once."""
    provider = config["X@1d"].provider
    if provider not in kept_whole:
        nightly(config, tmp_path / "whole")
        kept_whole[provider] = hashes(tmp_path / "whole")
        market.served.clear()
        market.pages = 0
    return kept_whole[provider]


def test_pages_before_one_that_fails_are_kept_and_not_asked_again(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path, whole: dict[str, str]
) -> None:
    root = tmp_path / "broken"
    market.broken_page = 3
    done = nightly(config, root)
    reached = market.days[2 * PAGE - 1]
    assert reached.year == 2022
    assert done.stored_years == {}
    assert sorted(year for _, year in done.failures) == [2022, 2023, 2024]
    sentence = str(done.failures["X@1d", 2022])
    assert "status 500 after 2 attempts; bars up to " in sentence
    assert f"bars up to {reached} " in sentence
    assert "SECRET" not in sentence
    # What came is there to be used, and how far it goes is written down.
    assert BarStore(root).read("X", "1d").height == 2 * PAGE
    assert BarStore(root).manifest()["reached"].str.slice(0, 10).to_list() == [str(reached)]

    market.broken_page = None
    market.served.clear()
    assert due_years(config, "X@1d", root, NOW) == [2022, 2023, 2024]
    done = nightly(config, root)
    assert done.failures == {}
    assert min(market.served) >= reached - timedelta(days=OVERLAP)
    assert market.served[-1] == market.days[-1]
    assert hashes(root) == whole
    assert BarStore(root).manifest()["reached"].null_count() == 3


@pytest.mark.parametrize(
    "broken_page", [1, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 5, 6))]
)
def test_wherever_it_breaks_the_bytes_are_those_of_an_unbroken_fetch(
    market: PagedMarket,
    config: MarketDataConfig,
    tmp_path: Path,
    whole: dict[str, str],
    broken_page: int,
) -> None:
    market.broken_page = broken_page
    broken = nightly(config, tmp_path / "broken")
    ends = {2022: 251, 2023: 501}
    came = (broken_page - 1) * PAGE
    assert sorted(year for _, year in broken.stored_years) == [
        y for y, bars in ends.items() if came > bars
    ]
    market.broken_page = None
    nightly(config, tmp_path / "broken")
    assert hashes(tmp_path / "broken") == whole
    # And once more changes nothing.
    nightly(config, tmp_path / "broken")
    assert hashes(tmp_path / "broken") == whole


def test_a_fetch_that_breaks_twice_goes_on_twice(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path, whole: dict[str, str]
) -> None:
    root = tmp_path / "broken"
    for _ in range(3):
        market.broken_page = 2
        nightly(config, root)
    market.broken_page = None
    nightly(config, root)
    assert hashes(root) == whole
    assert market.pages == 6  # a page of overlap is never more than the page that follows


def test_a_backfill_that_breaks_is_due_again_and_goes_on(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path
) -> None:
    roots = tmp_path / "whole", tmp_path / "broken"
    for root in roots:
        # Newer years first: only the year itself knows how far it came.
        ingest_many(config, [("X@1d", 2023), ("X@1d", 2024)], root, NOW)
    ingest_many(config, [("X@1d", 2022)], roots[0], NOW)
    market.broken_page = 2
    broken = ingest_many(config, [("X@1d", 2022)], roots[1], NOW)
    assert list(broken.failures) == [("X@1d", 2022)]
    market.broken_page = None
    market.served.clear()
    assert due_years(config, "X@1d", roots[1], NOW) == [2022, 2023, 2024]
    for root in roots:
        ingest_many(config, [("X@1d", 2022)], root, NOW) if root == roots[1] else None
        for year in (2022, 2023, 2024):
            normalise_year(config, "X@1d", year, root, NOW)
    assert min(market.served) >= market.days[PAGE - 1] - timedelta(days=OVERLAP)
    assert hashes(roots[0]) == hashes(roots[1])
    assert 2022 not in due_years(config, "X@1d", roots[1], NOW)


def test_an_increment_that_breaks_notices_what_was_restated_and_withdrawn_all_the_same(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path
) -> None:
    roots = tmp_path / "whole", tmp_path / "broken"
    for root in roots:
        nightly(config, root)
    # Before the page that breaks and behind it.
    for place in (20, 180):
        market.closes[market.days[place]] = 7.0
    for place in (190, 40):
        del market.days[place]
    every_year = [("X@1d", 2022)]
    ingest_many(config, every_year, roots[0], NOW, refetch=True)
    market.broken_page = 2
    ingest_many(config, every_year, roots[1], NOW, refetch=True)
    market.broken_page = None
    ingest_many(config, every_year, roots[1], NOW)
    for root in roots:
        result = normalise_year(config, "X@1d", 2022, root, NOW)
        found = {check.check: check.count for check in result.checks}
        assert (found["restated"], found["withdrawn"]) == (2, 2)
    assert hashes(roots[0]) == hashes(roots[1])


def test_a_bar_restated_between_the_two_runs_is_noticed(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path
) -> None:
    market.broken_page = 3
    nightly(config, tmp_path)
    day = market.days[2 * PAGE - 2]
    old, market.closes[day] = market.closes[day], 7.0
    market.broken_page = None
    done = nightly(config, tmp_path)
    assert done.stored_years["X@1d", 2022].restated == 1
    raw = RawStore(tmp_path).read("X", "1d", 2022)[0].frame
    assert raw.filter(pl.col("_until").is_not_null())["c"].to_list() == [old]
    assert raw["_fetch"].value_counts(sort=True)["_fetch"].to_list() == [1, 2]


def test_rows_out_of_order_do_not_say_how_far_a_broken_fetch_came(
    market: PagedMarket, config: MarketDataConfig, tmp_path: Path
) -> None:
    market.days.reverse()
    market.broken_page = 3
    done = nightly(config, tmp_path)
    assert str(done.failures["X@1d", 2022]).endswith("status 500 after 2 attempts")
    assert RawStore(tmp_path).years("X", "1d") == []


def test_of_many_symbols_each_goes_on_where_it_stopped(
    market: PagedMarket, server: LocalServer, tmp_path: Path
) -> None:
    config = series_of("alpaca", "[A, B, C]", server, tmp_path)
    # A is whole, B breaks in its second year, of C, asked for by itself, nothing came.
    market.broken_page = 9
    market.breaks_behind = True
    done = nightly(config, tmp_path / "broken")
    assert sorted({key for key, _ in done.failures}) == ["B@1d", "C@1d"]
    assert [RawStore(tmp_path / "broken").years(name, "1d") for name in "ABC"] == [
        [2022, 2023, 2024], [2022, 2023], []
    ]  # fmt: skip
    market.broken_page = None
    market.served.clear()
    assert nightly(config, tmp_path / "broken").failures == {}
    assert len(market.served) < len(market.days) + 250
    nightly(config, tmp_path / "whole")
    assert hashes(tmp_path / "broken") == hashes(tmp_path / "whole")
