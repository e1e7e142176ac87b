"""Yahoo through yfinance, against a server that speaks its chart JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mc_assets.market_data import normalise
from mc_assets.providers import FetchResult, MarketDataError, make_provider
from tests.mc_assets.providers.conftest import FAST, LocalServer, Reply, Request

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
OPENING = 1577975400  # 2020-01-02 14:30Z
DAY = 86_400


@pytest.fixture(autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep yfinance's caches of time zones and cookies away from the user's own."""
    import yfinance as yf

    yf.cache.set_cache_location(str(tmp_path_factory.mktemp("yfinance")))


def chart(
    *days: int, symbol: str = "X", interval: str = "1d", **cells: list[Any]
) -> dict[str, Any]:
    closes = [100.5 + day for day in days]
    quote = {
        "open": [100.0 for _ in days],
        "high": [close + 1 for close in closes],
        "low": [99.0 for _ in days],
        "close": closes,
        "volume": [1000 for _ in days],
        **cells,
    }
    period = {"timezone": "EST", "start": OPENING, "end": OPENING + 23_400, "gmtoffset": -18_000}
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NYQ",
        "instrumentType": "EQUITY",
        "gmtoffset": -18_000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "firstTradeDate": 0,
        "regularMarketTime": OPENING,
        "dataGranularity": interval,
        "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "tradingPeriods": [[period]],
        "range": "",
        "validRanges": ["1d", "max"],
    }
    result = {
        "meta": meta,
        "timestamp": [OPENING + day * DAY for day in days],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": closes}]},
    }
    return {"chart": {"result": [result], "error": None}}


def fetch(
    server: LocalServer, *symbols: str, timeframe: str = "1d", **options: object
) -> FetchResult:
    settings = {**FAST, "base_url": server.url, **options}
    provider = make_provider("yahoo", settings, Path(), where="test")
    start, end = START, END
    if timeframe != "1d":
        start, end = datetime.now(UTC) - timedelta(days=20), datetime.now(UTC)
    return provider.fetch(symbols or ("X",), timeframe, start, end, adjustment="split")


def charts(server: LocalServer) -> list[Request]:
    return [request for request in server.requests if "/v8/finance/chart/" in request.path]


def serve(server: LocalServer, *replies: Reply) -> None:
    """Answer chart requests in turn; cookies and crumbs are refused."""
    left = list(replies)

    def answer(request: Request) -> Reply:
        if "/v8/finance/chart/" not in request.path:
            return Reply("", status=404)
        return left.pop(0) if len(left) > 1 else left[0]

    server.answer = answer


def test_daily_bars_are_canonical(server: LocalServer) -> None:
    serve(server, Reply(chart(0, 1, 4)))
    bars, quarantine = normalise(fetch(server).tables["X"])
    assert quarantine.is_empty()
    assert bars["timestamp"].to_list() == [
        datetime(2020, 1, day, 14, 30, tzinfo=UTC) for day in (2, 3, 6)
    ]
    assert bars["close"].to_list() == [100.5, 101.5, 104.5]
    asked = charts(server)[-1]
    assert asked.path == "/v8/finance/chart/X"
    assert asked.query["interval"] == "1d"


def test_a_day_without_a_price_is_quarantined_not_lost(server: LocalServer) -> None:
    empty = {name: [1.0, None] for name in ("open", "high", "low", "close", "volume")}
    serve(server, Reply(chart(0, 1, **empty)))
    bars, quarantine = normalise(fetch(server).tables["X"])
    assert bars.height == 1
    assert quarantine["reason"].to_list() == ["missing_price"]


@pytest.mark.parametrize(
    "trouble",
    [
        Reply("Too Many Requests", status=429),
        Reply("", status=503),
        Reply(chart(0), cut=30),
        Reply('{"chart": {"result": [{"meta'),
        Reply("<html>will be right back</html>"),
        Reply({"chart": None}),
        Reply({"chart": [1]}),
    ],
    ids=["429", "503", "cut connection", "truncated body", "html page", "no chart", "a list"],
)
def test_trouble_that_passes_is_tried_again(server: LocalServer, trouble: Reply) -> None:
    serve(server, trouble, Reply(chart(0)))
    result = fetch(server)
    assert result.failures == {}
    assert result.tables["X"].frame.height == 1


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Reply("Too Many Requests", status=429), "status 429 after 3 attempts"),
        (Reply("", status=500), "status 500 after 3 attempts"),
        (Reply(chart(0), cut=30), "connection failed"),
        (Reply("<html></html>"), "status 200 with an HTML page after 3 attempts"),
        (
            Reply(
                {
                    "chart": {
                        "result": None,
                        "error": {"code": "Not Found", "description": "No data found"},
                    }
                },
                status=404,
            ),
            "status 404, 'No data found'",
        ),
    ],
)
def test_trouble_that_stays_is_one_sentence(
    server: LocalServer, trouble: Reply, reason: str
) -> None:
    serve(server, trouble)
    with pytest.raises(MarketDataError, match=f"^yahoo X 1d, 2020-01-01 to 2020-02-01: {reason}"):
        raise fetch(server).failures["X"]


def test_one_unknown_symbol_does_not_lose_the_others(server: LocalServer) -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/chart/BAD"):
            return Reply({"chart": {"result": None, "error": {"description": "no"}}}, status=404)
        return Reply(chart(0)) if "/chart/" in request.path else Reply("", status=404)

    server.answer = answer
    result = fetch(server, "A", "BAD", "B")
    assert sorted(result.tables) == ["A", "B"]
    assert sorted(result.failures) == ["BAD"]


def test_minutes_are_asked_for_a_week_at_a_time(server: LocalServer) -> None:
    serve(server, Reply(chart(interval="1m")))
    fetch(server, timeframe="1m")
    spans = [
        int(request.query["period2"]) - int(request.query["period1"])
        for request in charts(server)
        if "period1" in request.query
    ]
    assert len(spans) == 3
    assert max(spans) <= 7 * DAY


def test_weeks_before_one_that_fails_are_kept(server: LocalServer) -> None:
    starts: list[int] = []

    def answer(request: Request) -> Reply:
        minutes = chart(0, 1, interval="1m")
        if "period1" in request.query:
            starts.append(int(request.query["period1"]) // 60 * 60 + 60)
            if starts[-1] > starts[0]:
                return Reply("oops", status=500)
            minutes["chart"]["result"][0]["timestamp"] = [starts[0], starts[0] + 60]
        return Reply(minutes)

    server.answer = answer
    result = fetch(server, timeframe="1m")
    assert "status 500 after 3 attempts" in str(result.failures["X"])
    assert result.tables == {}
    assert result.partial["X"].frame["Close"].to_list() == [100.5, 101.5]


def test_a_slow_answer_is_given_up(server: LocalServer) -> None:
    serve(server, Reply(chart(0), delay=0.6))
    error = fetch(server, timeout=0.2, attempts=2).failures["X"]
    assert "no answer within 0.2 s after 2 attempts" in str(error)
