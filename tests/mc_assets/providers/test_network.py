"""What servers and proxies answer beside bars, told by every network provider alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mc_assets.providers import FetchResult, make_provider
from tests.mc_assets.providers.conftest import FAST, LocalServer, Reply
from tests.mc_assets.providers.test_yahoo import chart

BAR = {"o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 9, "n": 1, "vw": 1}
ANSWERS = {
    "alpaca": {"bars": {"X": [{**BAR, "t": "2020-01-02T05:00:00Z"}]}, "next_page_token": None},
    "polygon": {"status": "OK", "results": [{**BAR, "t": 1577941200000}]},
    "yahoo": chart(0),
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import yfinance as yf

    yf.cache.set_cache_location(str(tmp_path))
    for name in ("POLYGON_API_KEY", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.setenv(name, "SECRET")


def fetch(server: LocalServer, name: str) -> FetchResult:
    provider = make_provider(name, {**FAST, "base_url": server.url}, Path(), where="x")
    span = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    return provider.fetch(["X"], "1d", *span)


def only_bars(server: LocalServer, reply: Reply) -> None:
    """Answer so where bars are asked for, and not where yfinance asks for a cookie."""
    asked = ("bars", "/v2/aggs", "/v8/finance/chart")
    server.answer = lambda request: (
        reply if any(part in request.path for part in asked) else Reply("", status=404)
    )


@pytest.mark.parametrize("header", ["nan", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT"])
@pytest.mark.parametrize("name", ["alpaca", "polygon"])
def test_a_retry_after_that_says_nothing_is_no_obstacle(
    server: LocalServer, name: str, header: str
) -> None:
    server.in_turn(Reply("", status=429, headers={"Retry-After": header}), Reply(ANSWERS[name]))
    assert fetch(server, name).tables["X"].frame.height == 1


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_nested_without_end_is_broken_json(server: LocalServer, name: str) -> None:
    only_bars(server, Reply("[" * 100_000))
    assert "broken JSON after 3 attempts" in str(fetch(server, name).failures["X"])


@pytest.mark.parametrize("name", ["alpaca", "polygon"])
def test_a_redirection_is_not_followed_with_the_key(server: LocalServer, name: str) -> None:
    elsewhere = LocalServer()
    try:
        server.in_turn(Reply("", status=302, headers={"Location": f"{elsewhere.url}/x"}))
        sentence = str(fetch(server, name).failures["X"])
        assert sentence.endswith("status 302, a redirection, allowed an answer")
        assert len(server.requests) == 1
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_a_price_beyond_floats_is_one_sentence(server: LocalServer) -> None:
    only_bars(server, Reply(chart(0, close=[10**400])))
    assert "yfinance cannot read the answer (OverflowError)" in str(
        fetch(server, "yahoo").failures["X"]
    )
