"""Servers that hold a client up or fill its memory: each is one sentence within its limits."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mc_assets.providers import FetchResult, MarketDataError, make_provider
from mc_assets.providers.network import KEY_HOSTS
from tests.mc_assets.providers.conftest import FAST, LocalServer, Reply, Request
from tests.mc_assets.providers.test_yahoo import chart

KEY = "PLANTED-key-0123456789"
NAMES = ("polygon", "alpaca", "yahoo")
KEYED = ("polygon", "alpaca")
LIMITS = {**FAST, "timeout": 0.4, "deadline": 0.8, "megabytes": 0.2, "attempts": 2}
BAR = {"o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 9, "n": 1, "vw": 1}
# No test may take longer, whatever the server does.
PATIENCE = 20.0


class ScriptedServer:
    """Hands every connection to a script, in a thread of its own, until it is closed."""

    def __init__(self, script: Callable[[socket.socket, threading.Event], None]) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._over = threading.Event()
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._over.is_set():
            # A closed listener ends the thread.
            with suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            self.requests.append(connection.recv(65_536))
            self._script(connection, self._over)

    def close(self) -> None:
        self._over.set()
        self._listener.close()


# Every answer ends its connection: a client that came back sooner than the thread here closes it
# would ask once more on the same one.
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(PATIENCE)


def drip(connection: socket.socket, over: threading.Event, text: bytes) -> None:
    for at in range(len(text)):
        if over.wait(0.05):
            return
        connection.sendall(text[at : at + 1])


def dripping_header(connection: socket.socket, over: threading.Event) -> None:
    drip(connection, over, OK + b"X-Long: " + b"a" * 10_000)


def dripping_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(OK + b"Content-Length: 9999\r\n\r\n")
    drip(connection, over, b" " * 9_999)


def dripping_chunks(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"1\r\n \r\n")


def endless_continue(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")


def endless_headers(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(OK)
    while not over.is_set():
        connection.sendall(b"X-More: " + b"a" * 8_000 + b"\r\n")


def endless_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(OK + b"\r\n[")
    while not over.is_set():
        connection.sendall(b"1," * 32_768)


def promised_size(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(OK + b"Content-Length: 99999999999\r\n\r\n[")
    over.wait(PATIENCE)


@cache
def bomb() -> bytes:
    """Return 400 MB of blanks in 2 MB."""
    return gzip.compress(b" " * 400_000_000, compresslevel=1)


def gzip_bomb(connection: socket.socket, over: threading.Event) -> None:
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb())
    connection.sendall(OK + head + bomb())


HOLDING = {
    "silent": (silent, "no answer within 0.4 s after 2 attempts"),
    "dripping header": (dripping_header, "no whole answer within 0.8 s (options.deadline)"),
    "dripping body": (dripping_body, "no whole answer within 0.8 s (options.deadline)"),
    "dripping chunks": (dripping_chunks, "no whole answer within 0.8 s (options.deadline)"),
    "endless 1xx": (endless_continue, "no whole answer within 0.8 s (options.deadline)"),
}
FILLING = {
    "endless body": (endless_body, "an answer of more than 0.2 MB (options.megabytes)"),
    "promised size": (promised_size, "an answer of more than 0.2 MB (options.megabytes)"),
    "gzip bomb": (gzip_bomb, "an answer of more than 0.2 MB (options.megabytes)"),
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import yfinance as yf

    yf.cache.set_cache_location(str(tmp_path))
    for name in ("POLYGON_API_KEY", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.fixture
def scripted(request: pytest.FixtureRequest) -> Iterator[ScriptedServer]:
    if request.param is gzip_bomb:
        bomb()  # before the clock of an answer runs
    server = ScriptedServer(request.param)
    yield server
    server.close()


def fetch(url: str, name: str, *symbols: str, **options: object) -> FetchResult:
    provider = make_provider(name, {**LIMITS, "base_url": url, **options}, Path(), where="x")
    span = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    return provider.fetch(symbols or ("X",), "1d", *span)


def sentence(result: FetchResult, symbol: str = "X") -> str:
    said = str(result.failures[symbol])
    assert "\n" not in said
    assert KEY not in said
    return said


@pytest.mark.parametrize(
    ("scripted", "reason"), HOLDING.values(), ids=HOLDING, indirect=["scripted"]
)
@pytest.mark.parametrize("name", KEYED)
def test_an_answer_that_trickles_is_given_up_at_the_deadline(
    scripted: ScriptedServer, name: str, reason: str
) -> None:
    assert reason in sentence(fetch(scripted.url, name))
    # What is too slow once is not tried again.
    assert scripted.connections == (2 if "attempts" in reason else 1)


@pytest.mark.parametrize("scripted", [script for script, _ in HOLDING.values()], ids=HOLDING,
                         indirect=True)  # fmt: skip
def test_yahoo_gives_up_an_answer_that_trickles(scripted: ScriptedServer) -> None:
    assert "no answer within 0.4 s" in sentence(fetch(scripted.url, "yahoo", attempts=1))


@pytest.mark.parametrize(
    ("scripted", "reason"), FILLING.values(), ids=FILLING, indirect=["scripted"]
)
@pytest.mark.parametrize("name", KEYED)
def test_an_answer_that_is_too_large_is_given_up_in_little_memory(
    scripted: ScriptedServer, name: str, reason: str
) -> None:
    tracemalloc.start()
    try:
        assert reason in sentence(fetch(scripted.url, name))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert scripted.connections == 1


@pytest.mark.parametrize("scripted", [endless_body, gzip_bomb], indirect=True)
def test_yahoo_gives_up_an_answer_that_is_too_large(scripted: ScriptedServer) -> None:
    said = sentence(fetch(scripted.url, "yahoo", timeout=5.0))
    assert "an answer of more than 0.2 MB (options.megabytes)" in said


@pytest.mark.parametrize("scripted", [endless_headers], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_headers_without_end_are_a_broken_connection(scripted: ScriptedServer, name: str) -> None:
    assert "connection failed" in sentence(fetch(scripted.url, name, attempts=1, timeout=5.0))


def answer_with(head: bytes, body: bytes = b"") -> Callable[[socket.socket, Any], None]:
    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(head + body)

    return script


PAGE = json.dumps({"status": "OK", "results": []}).encode()
BROKEN = {
    "no HTTP": answer_with(b"\x00\xff\xfe" * 100),
    "no status": answer_with(b"HTTP/1.1 OK\r\n\r\n"),
    "a header with zeros": answer_with(OK + b"X-\x00: \x00\r\nContent-Length: 0\r\n\r\n"),
    "two lengths": answer_with(OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n{}   "),
    "chunks that are none": answer_with(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "damaged gzip": answer_with(
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n", b"abcd"
    ),
    "broken gzip": answer_with(
        OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n", gzip.compress(PAGE)[:20]
    ),
    "an encoding nobody asked for": answer_with(
        OK + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\n", b"abcd"
    ),
}


@pytest.mark.parametrize("scripted", BROKEN.values(), ids=BROKEN, indirect=True)
@pytest.mark.parametrize("name", KEYED)
def test_what_is_no_answer_is_one_sentence(scripted: ScriptedServer, name: str) -> None:
    assert "after 2 attempts" in sentence(fetch(scripted.url, name))
    assert scripted.connections == 2


@pytest.mark.parametrize("scripted", [silent], indirect=True)
@pytest.mark.parametrize("name", ["polygon", "yahoo"])
def test_a_server_that_fails_three_times_in_a_row_holds_up_no_more_symbols(
    scripted: ScriptedServer, name: str
) -> None:
    symbols = [f"S{at:02d}" for at in range(40)]
    began = time.monotonic()
    result = fetch(scripted.url, name, *symbols, attempts=1, timeout=0.1)
    assert sorted(result.failures) == symbols
    assert "not asked, since the server failed 3 times in a row" in sentence(result, "S39")
    # Each of the others would have taken its tenth of a second, and this machine is not idle.
    assert time.monotonic() - began < PATIENCE
    # yfinance asks for cookies and crumbs besides, as often as its own cache says.
    asked = [name for name in symbols if any(name.encode() in text for text in scripted.requests)]
    assert asked == symbols[:3], scripted.requests


@pytest.mark.parametrize("scripted", [silent], indirect=True)
def test_a_request_for_many_symbols_that_fails_is_no_request_for_each(
    scripted: ScriptedServer,
) -> None:
    symbols = [f"S{at:02d}" for at in range(40)]
    assert sorted(fetch(scripted.url, "alpaca", *symbols, attempts=1).failures) == symbols
    assert scripted.connections == 1


def endless_pages(name: str, stamp: Callable[[int], int | str | None]) -> Callable[..., Reply]:
    """Answer with page after page, the bars of each as `stamp` says."""
    pages = iter(range(10**9))

    def answer(request: Request) -> Reply:
        at = next(pages)
        when = stamp(at)
        rows = [] if when is None else [{**BAR, "t": when}]
        if name == "polygon":
            link = f"https://api.polygon.io{request.path}?cursor={at}"
            return Reply({"status": "OK", "results": rows, "next_url": link})
        return Reply({"bars": {"X": rows}, "next_page_token": str(at)})

    return answer


def day(name: str, at: int) -> int | str:
    instant = 1_577_941_200 + 86_400 * at
    if name == "polygon":
        return instant * 1000
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize(
    ("step", "reason", "pages"),
    [
        (1, "more than 30 pages (options.fetch_pages)", 30),
        (0, "the server sends the same bars for ever", 2),
        (None, "more than 10 pages without a bar in a row", 11),
    ],
)
def test_pages_without_end_are_given_up(
    server: LocalServer, name: str, step: int | None, reason: str, pages: int
) -> None:
    server.answer = endless_pages(name, lambda at: None if step is None else day(name, at * step))
    result = fetch(server.url, name, fetch_pages=30)
    assert reason in sentence(result)
    assert len(server.requests) == pages
    # What came is kept.
    assert result.partial["X"].frame.height == (30 if step else 0 if step is None else 1)


@pytest.mark.parametrize("name", KEYED)
def test_all_answers_together_have_a_limit(server: LocalServer, name: str) -> None:
    server.answer = endless_pages(name, lambda at: day(name, at))
    said = sentence(fetch(server.url, name, fetch_megabytes=0.002))
    assert "more than 0.002 MB in all (options.fetch_megabytes)" in said


@pytest.mark.parametrize("name", KEYED)
def test_a_fetch_has_a_deadline_of_its_own(server: LocalServer, name: str) -> None:
    server.answer = endless_pages(name, lambda at: day(name, at))
    said = sentence(fetch(server.url, name, fetch_deadline=0.3))
    assert "no end within 0.3 s in all (options.fetch_deadline)" in said


@pytest.mark.parametrize("name", KEYED)
def test_pages_that_go_backwards_are_no_repetition(server: LocalServer, name: str) -> None:
    backwards = endless_pages(name, lambda at: day(name, 100 - at))
    left = iter(range(5))

    def answer(request: Request) -> Reply:
        reply = backwards(request)
        if next(left) == 4:
            reply.body.pop("next_url", None)  # type: ignore[attr-defined]
            reply.body.pop("next_page_token", None)  # type: ignore[attr-defined]
        return reply

    server.answer = answer
    assert fetch(server.url, name).tables["X"].frame.height == 5


def test_yahoo_follows_no_circle_of_redirections(server: LocalServer) -> None:
    server.answer = lambda request: Reply("", status=302, headers={"Location": request.path})
    said = sentence(fetch(server.url, "yahoo", attempts=1, timeout=5.0))
    assert "connection failed" in said or "redirection" in said
    assert len(server.requests) < 200


def test_a_whole_answer_in_gzip_is_read(server: LocalServer) -> None:
    document = json.dumps({"status": "OK", "results": [{**BAR, "t": 1577941200000}]}).encode()
    # In two members, as some servers join what they have packed.
    packed = gzip.compress(document[:40]) + gzip.compress(document[40:])
    script = answer_with(
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed), packed
    )
    other = ScriptedServer(script)
    try:
        assert fetch(other.url, "polygon").tables["X"].frame.height == 1
    finally:
        other.close()


@pytest.mark.parametrize(
    ("allowed", "address", "goes"),
    [
        ("", "http://127.0.0.1:{port}", False),
        ("127.0.0.1", "http://127.0.0.1:{port}", True),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", True),
        ("127.0.0.1:1, other.example", "http://127.0.0.1:{port}", False),
        ("elsewhere.example 127.0.0.1", "http://127.0.0.1:{port}/prefix", True),
        ("api.polygon.io", "http://127.0.0.1:{port}", False),
        # What looks like the provider's own host, and is another.
        ("", "https://api.polygon.io.127.0.0.1.nip.io:{port}", False),
        ("", "http://api.polygon.io:{port}", False),
    ],
)
@pytest.mark.parametrize("name", KEYED)
def test_a_key_goes_to_no_host_that_the_environment_does_not_name(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, name: str, allowed: str, address: str,
    goes: bool,
) -> None:  # fmt: skip
    port = server.url.rpartition(":")[2]
    monkeypatch.setenv(KEY_HOSTS, allowed.format(port=port))
    server.answer = lambda _: Reply({"status": "OK", "results": [], "bars": {}})
    if goes:
        fetch(address.format(port=port), name)
        assert len(server.requests) == 1
        return
    with pytest.raises(MarketDataError) as refused:
        fetch(address.format(port=port), name)
    assert server.requests == []
    assert f"{name}: options.base_url: found {address.format(port=port)}" in str(refused.value)
    assert KEY_HOSTS in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["ftp://api.polygon.io", "https://", "api.polygon.io", "https://user:pw@api.polygon.io",
     "https://api.polygon.io@evil.example", "file:///etc/passwd", "http://[", "https://a b.c",
     "https://a.example/\r\nX: y", "http://a.example:99999999"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_the_options(address: str) -> None:
    with pytest.raises(MarketDataError, match=r"x: options\.base_url: found .* allowed an address"):
        make_provider("polygon", {"base_url": address}, Path(), where="x")


def test_yahoo_has_no_key_and_may_be_asked_anywhere(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_HOSTS, "")
    server.answer = lambda request: (
        Reply(chart(0)) if "/chart/" in request.path else Reply("", status=404)
    )
    assert fetch(server.url, "yahoo", timeout=5.0).tables["X"].frame.height == 1
