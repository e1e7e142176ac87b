"""Alpaca through alpaca-py, against a server that speaks its JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mc_assets.market_data import bars_from_file, normalise
from mc_assets.providers import FetchResult, MarketDataError, make_provider
from tests.mc_assets.providers.conftest import FAST, LocalServer, Reply, Request

KEY, SECRET = "PKVERYSECRETKEY", "even-more-secret"
START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)


def bar(day: int) -> dict[str, Any]:
    return {"t": f"2020-01-{day:02d}T05:00:00Z", "o": 100, "h": 102.5, "l": 99, "c": 100.5 + day,
            "v": 1000, "n": 7, "vw": 100.25}  # fmt: skip


def page(bars: object, token: str | None = None) -> dict[str, Any]:
    return {"bars": bars, "next_page_token": token}


def fetch(
    server: LocalServer, *symbols: str, adjustment: str = "raw", **options: object
) -> FetchResult:
    settings = {**FAST, "base_url": server.url, **options}
    provider = make_provider("alpaca", settings, Path(), where="test")
    return provider.fetch(symbols or ("X",), "1d", START, END, adjustment=adjustment)


def test_pages_are_followed_and_bars_are_canonical(server: LocalServer) -> None:
    low = [{**bar(day), "h": 200} for day in (2, 3, 6)]
    server.in_turn(Reply(page({"X": low[:2]}, "next")), Reply(page({"X": low[2:]})))
    bars, quarantine = normalise(fetch(server, adjustment="all", feed="iex").tables["X"])
    assert quarantine.is_empty()
    assert bars["timestamp"].to_list() == [
        datetime(2020, 1, day, 14, 30, tzinfo=UTC) for day in (2, 3, 6)
    ]
    assert bars["close"].to_list() == [102.5, 103.5, 106.5]
    first, second = server.requests
    assert first.path == "/v2/stocks/bars"
    assert first.query["symbols"] == "X"
    assert (first.query["timeframe"], first.query["adjustment"]) == ("1Day", "all")
    assert first.query["feed"] == "iex"
    assert second.query["page_token"] == "next"
    assert first.headers["apca-api-key-id"] == KEY


def test_reference_answers_give_the_values_of_alpacas_frame(
    server: LocalServer, reference: Path
) -> None:
    folder = reference / "data/nasty/alpaca"
    for name in ("alpaca_stock_bars_aapl", "alpaca_stock_bars_desc_tsla"):
        document = json.loads((folder / f"{name}.json").read_text())
        symbol = next(iter(document["bars"]))
        server.in_turn(Reply({**document, "next_page_token": None}))
        bars, _ = normalise(fetch(server, symbol).tables[symbol])
        frame, _ = bars_from_file(folder / f"{name}.df.csv", symbol)
        assert bars.drop("source").equals(frame.drop("source"))


def test_crypto_goes_to_its_own_address(server: LocalServer) -> None:
    server.answer = lambda request: Reply(
        page({"BTC/USD": [bar(2)]} if "crypto" in request.path else {"X": [bar(2)]})
    )
    result = fetch(server, "X", "BTC/USD")
    assert sorted(result.tables) == ["BTC/USD", "X"]
    assert [request.path for request in server.requests] == [
        "/v2/stocks/bars",
        "/v1beta3/crypto/us/bars",
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        Reply({"message": "too many requests."}, status=429),
        Reply({"message": "internal"}, status=500),
        Reply(page({"X": [bar(2)]}), cut=15),
        Reply('{"bars": {"X": [{"t": '),
        Reply("<html>gateway</html>", status=502),
        Reply("<html>welcome</html>"),
    ],
    ids=["429", "500", "cut connection", "truncated body", "502 page", "200 page"],
)
def test_trouble_that_passes_is_tried_again(server: LocalServer, trouble: Reply) -> None:
    server.in_turn(trouble, Reply(page({"X": [bar(2)]})))
    result = fetch(server)
    assert result.failures == {}
    assert result.tables["X"].frame.height == 1


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Reply({"message": "too many requests."}, status=429), "status 429, 'too many requests.'"),
        (Reply("no", status=503), "status 503 after 3 attempts"),
        (Reply(page({}), cut=3), "connection failed"),
        (Reply("<html></html>"), "status 200 with an HTML page after 3 attempts"),
        (Reply({"message": f"bad {SECRET}"}, status=401), r"status 401, 'bad \*\*\*', check APCA_"),
        (Reply({"message": "forbidden."}, status=403), "status 403, 'forbidden.', check APCA_API"),
        (Reply({"code": 1}), "found an answer without bars"),
    ],
)
def test_trouble_that_stays_is_one_sentence_without_keys(
    server: LocalServer, trouble: Reply, reason: str
) -> None:
    server.in_turn(trouble)
    error = fetch(server).failures["X"]
    with pytest.raises(MarketDataError, match=f"^alpaca X 1d, 2020-01-01 to 2020-02-01: {reason}"):
        raise error
    assert KEY not in str(error)
    assert SECRET not in str(error)


def test_a_failed_page_is_tried_again_by_itself(server: LocalServer) -> None:
    server.in_turn(
        Reply(page({"X": [bar(2)]}, "2")), Reply("", status=500), Reply(page({"X": [bar(3)]}))
    )
    assert fetch(server).tables["X"].frame.height == 2
    tokens = [request.query.get("page_token") for request in server.requests]
    assert tokens == [None, "2", "2"]


def test_one_unknown_symbol_does_not_lose_the_others(server: LocalServer) -> None:
    def answer(request: Request) -> Reply:
        asked = request.query["symbols"].split(",")
        if "BAD" in asked:
            return Reply({"message": "invalid symbol: BAD"}, status=400)
        return Reply(page({symbol: [bar(2)] for symbol in asked}))

    server.answer = answer
    result = fetch(server, "A", "BAD", "B")
    assert sorted(result.tables) == ["A", "B"]
    assert "status 400, 'invalid symbol: BAD'" in str(result.failures["BAD"])


def test_a_page_that_fails_for_good_loses_its_own_symbol_alone(server: LocalServer) -> None:
    def answer(request: Request) -> Reply:
        asked = sorted(request.query["symbols"].split(","))
        symbol, _, second = (request.query.get("page_token") or f"{asked[0]}/").partition("/")
        if symbol == "C" and second:
            return Reply("", status=500)
        behind = next((name for name in asked if name > symbol), None)
        token = f"{symbol}/2" if not second else f"{behind}/" if behind else None
        rows = [] if symbol == "B" else [bar(3 if second else 2)]
        return Reply(page({symbol: rows} if rows else {}, token))

    server.answer = answer
    result = fetch(server, "D", "B", "C", "A")
    assert {name: table.frame.height for name, table in result.tables.items()} == {
        "A": 2, "B": 0, "D": 2
    }  # fmt: skip
    assert list(result.failures) == ["C"]
    assert result.partial["C"].frame.height == 1


def test_a_server_that_stays_down_is_not_asked_symbol_by_symbol(server: LocalServer) -> None:
    replies = [Reply(page({"A": [bar(2)]}, "2")), Reply("", status=500)]
    server.in_turn(*replies)
    assert sorted(fetch(server, *"ABCDEFGH").failures) == list("ABCDEFGH")
    # One page, the next one three times, and what is behind it three times.
    assert len(server.requests) == 7


def test_symbols_out_of_order_are_not_taken_for_whole(server: LocalServer) -> None:
    first = Reply(page({"B": [bar(2)], "A": [bar(2)]}, "2"))
    server.in_turn(first, Reply("", status=500))
    result = fetch(server, "A", "B")
    assert result.tables == {}
    assert sorted(result.failures) == ["A", "B"]


@pytest.mark.parametrize("nothing", [{}, None])
def test_an_empty_range_is_an_empty_table(server: LocalServer, nothing: object) -> None:
    server.in_turn(Reply(page(nothing)))
    assert fetch(server).tables["X"].frame.is_empty()


@pytest.mark.parametrize("rows", ["bars", ["bar"], [None], {"t": 1}])
def test_rows_that_are_no_bars_lose_no_other_symbol(server: LocalServer, rows: object) -> None:
    server.in_turn(Reply(page({"A": [bar(2)], "BAD": rows, "B": None})))
    result = fetch(server, "A", "BAD", "B")
    if isinstance(rows, dict):
        # An object is taken for the only row, which is found wanting when it is read.
        assert sorted(result.tables) == ["A", "B", "BAD"]
        with pytest.raises(MarketDataError, match="found columns t, allowed a table with a close"):
            normalise(result.tables["BAD"])
        return
    assert sorted(result.tables) == ["A", "B"]
    assert "found rows that are no JSON objects" in str(result.failures["BAD"])


def test_a_price_that_is_text_is_quarantined(server: LocalServer) -> None:
    high = {"h": 200}
    server.in_turn(Reply(page({"X": [{**bar(2), **high}, {**bar(3), **high, "c": "halted"}]})))
    bars, quarantine = normalise(fetch(server).tables["X"])
    assert bars["close"].to_list() == [102.5]
    assert quarantine["reason"].to_list() == ["text_cell"]


def test_bars_that_are_no_mapping_are_one_sentence(server: LocalServer) -> None:
    server.in_turn(Reply(page([bar(2)])))
    assert "found an answer without bars" in str(fetch(server).failures["X"])


@pytest.mark.parametrize(
    ("stamp", "opening"),
    [
        ("2020-01-17T05:00:00Z", datetime(2020, 1, 17, 14, 30, tzinfo=UTC)),
        ("2020-03-06T05:00:00Z", datetime(2020, 3, 6, 14, 30, tzinfo=UTC)),
        ("2020-03-09T04:00:00Z", datetime(2020, 3, 9, 13, 30, tzinfo=UTC)),
        ("2020-10-30T04:00:00Z", datetime(2020, 10, 30, 13, 30, tzinfo=UTC)),
        ("2020-11-02T05:00:00Z", datetime(2020, 11, 2, 14, 30, tzinfo=UTC)),
    ],
)
def test_a_daily_stamp_is_its_session_in_summer_and_winter(
    server: LocalServer, stamp: str, opening: datetime
) -> None:
    server.in_turn(Reply(page({"X": [{**bar(2), "h": 200, "t": stamp}]})))
    bars, _ = normalise(fetch(server).tables["X"])
    assert bars["timestamp"].to_list() == [opening]


def test_a_slow_answer_is_given_up(server: LocalServer) -> None:
    server.in_turn(Reply(page({}), delay=0.5))
    error = fetch(server, timeout=0.1, attempts=2).failures["X"]
    assert "no answer within 0.1 s after 2 attempts" in str(error)


def test_pages_that_never_end_are_a_failure(server: LocalServer) -> None:
    server.in_turn(Reply(page({"X": [bar(2)]}, "again")))
    assert "the same bars for ever" in str(fetch(server).failures["X"])


def test_no_key_names_the_variables(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    with pytest.raises(MarketDataError, match=r"alpaca: found no key .*APCA_API_SECRET_KEY"):
        fetch(server)
