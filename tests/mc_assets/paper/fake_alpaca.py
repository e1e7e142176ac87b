"""A server on loopback that speaks Alpaca's trading API over a scripted account."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from engine.paper import BrokerOrder, Doubtful, ScriptedBroker, Ticket

#: What may become of a request, besides ``ok``.
FAULTS = ("429", "504", "504 after", "hang", "drop", "drop after", "html")
_STATUS = {"open": "new", "cancelled": "canceled"}


class FakeAlpaca:
    """The account, the faults that are still to come, and every request that came."""

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self.broker = ScriptedBroker()
        self.lock = threading.Lock()
        self.requests: list[str] = []
        self.echo = ""
        self.ids: dict[str, str] = {}
        self.tickets: dict[str, Ticket] = {}
        self.assets: dict[str, dict[str, Any]] = {"X": {}}
        self.url = ""
        self._faults: Iterator[str] = iter(faults)

    def fault(self) -> str:
        with self.lock:
            return next(self._faults, "ok")

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """What the real server would say."""
        with self.lock:
            return self._answer(method, path.removeprefix("/v2"), query, body)

    def _answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        broker = self.broker
        if path == "/clock":
            stamp = f"{broker.now:%Y-%m-%dT%H:%M:%S.%f}789Z"
            return 200, {"timestamp": stamp, "is_open": broker.market_open}
        if path == "/positions":
            rows = broker.positions().items()
            sides = ("long", "short")
            return 200, [
                {"symbol": symbol, "qty": str(units), "side": sides[units < 0]}
                for symbol, units in rows
            ]
        if path.startswith("/assets/"):
            found = self.assets.get(path.removeprefix("/assets/"))
            good = {"tradable": True, "status": "active", "fractionable": True, "shortable": True}
            return (404, {"message": "asset not found"}) if found is None else (200, good | found)
        if path == "/orders" and method == "GET":
            return 200, [self._shown(order) for order in broker.open_orders()]
        if path == "/orders":
            return self._take(body)
        if path == "/orders:by_client_order_id":
            order = broker.order(query["client_order_id"])
            if order is None:
                return 404, {"message": f"order not found {self.echo}"}
            # Without its exits, as the real one.
            return 200, self._shown(order) | {"legs": None}
        name = {there: here for here, there in self.ids.items()}[path.removeprefix("/orders/")]
        if method == "DELETE":
            broker.end(name, "cancelled")
            return 204, None
        return 200, self._shown(broker.order(name))

    def _take(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["symbol"] == "POOR":
            return 403, {"message": f"insufficient buying power {self.echo}"}
        units = float(body["qty"]) * (1 if body["side"] == "buy" else -1)
        prices = {key: body.get(f"{key}_price") for key in ("limit", "stop")}
        ticket = Ticket(
            *(body["client_order_id"], body["symbol"], units, body["type"]),
            *(None if price is None else float(price) for price in prices.values()),
            take_profit=_number(body.get("take_profit"), "limit_price"),
            stop_loss=_number(body.get("stop_loss"), "stop_price"),
        )
        try:
            order = self.broker.submit(ticket)
        except Doubtful as doubt:
            return 422, {"code": 40010001, "message": f"{doubt} {self.echo}"}
        self.tickets[ticket.client_order_id] = ticket
        return 200, self._shown(order)

    def _shown(self, order: BrokerOrder | None) -> dict[str, Any]:
        assert order is not None
        name = order.client_order_id
        made = self.ids.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, name)))
        ticket = self.tickets.get(name)
        exits = [] if ticket is None else [ticket.take_profit, ticket.stop_loss]
        count = sum(price is not None for price in exits)
        is_leg = ":" in name
        kind = ("limit" if name.endswith("take_profit") else "stop") if is_leg else "market"
        at = None if order.filled_at is None else order.filled_at.isoformat()
        return {
            **{"id": made, "client_order_id": made if is_leg else name, "symbol": order.symbol},
            **{"qty": str(abs(order.units)), "side": "buy" if order.units > 0 else "sell"},
            **{"type": kind, "status": _STATUS.get(order.status, order.status)},
            **{"filled_qty": str(abs(order.filled)), "filled_at": at, "updated_at": at},
            "filled_avg_price": str(order.average_price) if order.filled else None,
            "order_class": "bracket" if is_leg or count == 2 else ("simple", "oto")[count],
            "legs": [self._shown(leg) for leg in order.legs] or None,
        }


def _number(given: Any, key: str) -> float | None:
    return None if given is None else float(given[key])


@contextmanager
def serving(fake: FakeAlpaca, hang: float = 5.0, pause: str = "0") -> Iterator[FakeAlpaca]:
    """Serve on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            fake.requests.append(f"{self.command} {parts.path}")
            fault = fake.fault()
            if fault in ("ok", "504 after", "drop after"):
                status, document = fake.answer(self.command, parts.path, query, body)
            if fault == "ok":
                self._say(status, document)
            elif fault == "429":
                self._say(
                    429, {"message": f"too many requests {fake.echo}"}, {"Retry-After": pause}
                )
            elif fault.startswith("504"):
                self._say(504, {"message": f"gateway timeout {fake.echo}"})
            elif fault == "html":
                self._say(200, "<html>maintenance</html>")
            elif fault == "hang":
                time.sleep(hang)

        do_GET = do_POST = do_DELETE = _handle

        def _say(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
