"""Polygon against a server that speaks its JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from mc_assets.market_data import normalise
from mc_assets.providers import FetchResult, MarketDataError, make_provider
from tests.mc_assets.providers.conftest import FAST, LocalServer, Reply, Request

KEY = "very-secret-polygon-key"
START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
MIDNIGHT = 1577941200000  # 2020-01-02 00:00 in New York
DAY = 86_400_000


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYGON_API_KEY", KEY)


def bar(day: int) -> dict[str, float]:
    close = 100.5 + day
    return {"v": 1000 + day, "vw": 100.25, "o": 100, "c": close, "h": close + 1, "l": 99,
            "t": MIDNIGHT + day * DAY, "n": 7}  # fmt: skip


def page(*days: int, next_url: str | None = None) -> dict[str, Any]:
    rows = [bar(day) for day in days]
    document = {"ticker": "X", "status": "OK", "resultsCount": len(rows), "results": rows}
    return document if next_url is None else {**document, "next_url": next_url}


def fetch(server: LocalServer, *symbols: str, **options: object) -> FetchResult:
    settings = {**FAST, "base_url": server.url, **options}
    provider = make_provider("polygon", settings, Path(), where="test")
    return provider.fetch(symbols or ("X",), "1d", START, END, adjustment="split")


def test_pages_are_followed_and_bars_are_canonical(server: LocalServer) -> None:
    link = "https://api.polygon.io/v2/aggs/ticker/X/range/1/day/1/2?cursor=abc"
    server.in_turn(Reply(page(0, 1, next_url=link)), Reply(page(4)))
    table = fetch(server).tables["X"]
    bars, quarantine = normalise(table)
    assert quarantine.is_empty()
    assert bars["timestamp"].to_list() == [
        datetime(2020, 1, day, 14, 30, tzinfo=UTC) for day in (2, 3, 6)
    ]
    assert bars["close"].to_list() == [100.5, 101.5, 104.5]
    assert (bars["vwap"][0], bars["trade_count"][0]) == (100.25, 7.0)
    assert bars["adjustment"].unique().to_list() == ["split"]
    assert server.requests[1].query == {"cursor": "abc"}


def test_the_key_goes_into_a_header_and_never_to_another_host(server: LocalServer) -> None:
    server.in_turn(Reply(page(0, next_url="https://evil.example/v2/next?x=1")), Reply(page(1)))
    fetch(server)
    assert [request.headers["authorization"] for request in server.requests] == [
        f"Bearer {KEY}"
    ] * 2
    assert all("apiKey" not in request.query for request in server.requests)


def test_a_key_in_the_link_to_the_next_page_is_left_out(
    server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    link = f"https://api.polygon.io/v2/aggs/next?cursor=a%2Fb&apiKey={KEY}"
    server.in_turn(Reply(page(0, next_url=link)), Reply(page(1)))
    with caplog.at_level(0):
        assert fetch(server).tables["X"].frame.height == 2
    assert server.requests[1].query == {"cursor": "a/b"}
    assert KEY not in caplog.text


@pytest.mark.parametrize("link", [5, ["x"], "http://[x", "cursor"])
def test_a_link_that_is_no_address_is_a_failure(server: LocalServer, link: object) -> None:
    server.in_turn(Reply({**page(0), "next_url": link}))
    assert "found a next_url that is no address" in str(fetch(server).failures["X"])


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        (["bar"], "found rows that are no JSON objects"),
        ([None], "found rows that are no JSON objects"),
        ("bars", "found an answer without results"),
    ],
)
def test_rows_that_are_no_bars_lose_no_other_symbol(
    server: LocalServer, rows: object, outcome: str
) -> None:
    def answer(request: Request) -> Reply:
        return Reply({"status": "OK", "results": rows} if "/BAD/" in request.path else page(0))

    server.answer = answer
    result = fetch(server, "A", "BAD", "B")
    assert sorted(result.tables) == ["A", "B"]
    assert outcome in str(result.failures["BAD"])


def test_a_price_that_is_text_is_quarantined(server: LocalServer) -> None:
    server.in_turn(Reply({"status": "OK", "results": [bar(0), {**bar(1), "c": "n.a.!"}]}))
    bars, quarantine = normalise(fetch(server).tables["X"])
    assert bars["close"].to_list() == [100.5]
    assert quarantine["reason"].to_list() == ["text_cell"]


@pytest.mark.parametrize(
    "trouble",
    [
        Reply({"error": "slow down"}, status=429),
        Reply("oops", status=500),
        Reply(page(0), cut=20),
        Reply('{"status": "OK", "results": [{"t": 1'),
        Reply("<html><body>maintenance</body></html>"),
    ],
    ids=["429", "500", "cut connection", "truncated body", "html page"],
)
def test_trouble_that_passes_is_tried_again(server: LocalServer, trouble: Reply) -> None:
    server.in_turn(trouble, Reply(page(0)))
    result = fetch(server)
    assert result.failures == {}
    assert result.tables["X"].frame.height == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Reply({"error": "slow down"}, status=429), "status 429, 'slow down' after 3 attempts"),
        (Reply("oops", status=500), "status 500 after 3 attempts"),
        (Reply(page(0), cut=20), r"connection failed \(RemoteProtocolError\) after 3 attempts"),
        (Reply("<html></html>"), "status 200 with an HTML page after 3 attempts"),
        (Reply("{"), "status 200 with broken JSON after 3 attempts"),
        (Reply({"message": f"Unknown API Key {KEY}"}, status=401), r"status 401, .*Key \*\*\*"),
        (Reply({"status": "NOT_AUTHORIZED"}), "found status 'NOT_AUTHORIZED'"),
        (Reply([1, 2]), "found an answer without results"),
    ],
)
def test_trouble_that_stays_is_one_sentence_without_the_key(
    server: LocalServer, trouble: Reply, reason: str
) -> None:
    server.in_turn(trouble)
    error = fetch(server).failures["X"]
    with pytest.raises(MarketDataError, match=f"^polygon X 1d, 2020-01-01 to 2020-02-01: {reason}"):
        raise error
    assert KEY not in str(error)
    assert error.__cause__ is None


def test_a_slow_answer_is_given_up(server: LocalServer) -> None:
    server.in_turn(Reply(page(0), delay=0.5))
    error = fetch(server, timeout=0.1, attempts=2).failures["X"]
    assert "no answer within 0.1 s after 2 attempts" in str(error)


def test_retry_after_is_honoured(server: LocalServer, pauses: list[float]) -> None:
    server.in_turn(Reply("", status=429, headers={"Retry-After": "7"}), Reply(page(0)))
    assert fetch(server).failures == {}
    assert 7.0 in pauses


def test_a_retry_after_that_is_a_date_is_honoured(server: LocalServer, pauses: list[float]) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.in_turn(Reply("", status=503, headers={"Retry-After": moment}), Reply(page(0)))
    assert fetch(server).failures == {}
    assert any(25 < pause <= 30 for pause in pauses)


def test_pauses_grow_with_jitter(server: LocalServer, pauses: list[float]) -> None:
    server.in_turn(Reply("", status=500))
    fetch(server, attempts=5, backoff=1.0, longest_wait=6.0)
    long = [pause for pause in pauses if pause >= 1.0]
    assert len(long) == 4
    for pause, least in zip(long, (1, 2, 4, 6), strict=True):
        assert least <= pause <= least + 1


def test_a_retry_after_beyond_the_longest_wait_is_a_failure(server: LocalServer) -> None:
    server.in_turn(Reply("", status=429, headers={"Retry-After": "3600"}))
    error = fetch(server).failures["X"]
    assert "the server asks for a pause of 3600 s, allowed 60 s (longest_wait)" in str(error)
    assert len(server.requests) == 1


def test_one_symbol_does_not_lose_the_others(server: LocalServer) -> None:
    def answer(request: Request) -> Reply:
        bad = "/BAD/" in request.path
        return Reply({"error": "unknown ticker"}, status=404) if bad else Reply(page(0))

    server.answer = answer
    result = fetch(server, "A", "BAD", "B")
    assert sorted(result.tables) == ["A", "B"]
    assert sorted(result.failures) == ["BAD"]


def test_an_empty_range_is_an_empty_table(server: LocalServer) -> None:
    server.in_turn(Reply({"status": "OK", "resultsCount": 0, "queryCount": 0}))
    assert fetch(server).tables["X"].frame.is_empty()


def test_pages_that_never_end_are_a_failure(server: LocalServer) -> None:
    server.in_turn(Reply(page(0, next_url="https://api.polygon.io/v2/next?cursor=1")))
    assert "the same bars for ever" in str(fetch(server).failures["X"])


def test_requests_are_spaced_by_the_rate_limit(server: LocalServer, pauses: list[float]) -> None:
    server.in_turn(Reply(page(0)))
    fetch(server, "A", "B", "C", requests_per_minute=0.5)
    assert len(pauses) == 2  # the first goes at once, the others two minutes apart
    assert 110 < pauses[0] <= 120
    assert 230 < pauses[1] <= 240


def test_no_key_names_the_variable(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYGON_API_KEY")
    with pytest.raises(MarketDataError, match=r"polygon: found no key .*POLYGON_API_KEY"):
        fetch(server)
