"""Alpaca's paper account as a broker; the live one only where two things say so."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.errors import Refusal
from engine.paper import BrokerInstrument, BrokerOrder, Doubtful, Rejected, Ticket
from engine.paper.broker import ROLES, leg_id
from mc_assets.paper.alpaca_client import AlpacaTrading, NotThere
from mc_assets.providers.network import NetworkOptions, check_address, environment_key

__all__ = ["LIVE", "AlpacaBroker", "trading_address"]

#: Environment variable that has to say `yes` before the live account is used.
LIVE: Final = "MC_LIVE_TRADING"
_PAPER_HOST: Final = "paper-api.alpaca.markets"
_LIVE_HOST: Final = "api.alpaca.markets"
_KEY: Final = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
_SECRET: Final = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
_ENDED: Final = {
    **{"filled": "filled", "canceled": "cancelled", "replaced": "cancelled"},
    **{"expired": "expired", "rejected": "rejected"},
}
# Prices of stocks are in cents from one dollar on, below in hundredths of a cent.
_CENTS_FROM: Final = 1.0


def trading_address(*, live: bool) -> str:
    """Return the server of the paper account, or of the live one.

    Raises
    ------
    Refusal
        If the live one is asked for and the environment does not say so, too.
    """
    if not live:
        return f"https://{_PAPER_HOST}"
    if os.environ.get(LIVE) != "yes":
        raise Refusal(
            "live",
            "asked for without the environment variable that has to say so, too",
            f"{LIVE}=yes, which puts real money at risk; the paper account is the default",
        )
    return f"https://{_LIVE_HOST}"


class AlpacaBroker:
    """An account at Alpaca (`engine.paper.Broker`).

    Parameters
    ----------
    base_url : str
        Its server, as of `trading_address`.
    names : mapping of str to str, optional
        The broker's name of each symbol of the study: itself or, after a change of symbol,
        another, ``{"FB": "META"}``.
    options : NetworkOptions, optional
        Limits of time.

    Raises
    ------
    MarketDataError
        If the environment has no keys, or they would be sent to another server.
    """

    def __init__(
        self,
        base_url: str,
        names: Mapping[str, str] | None = None,
        options: NetworkOptions | None = None,
    ) -> None:
        check_address("alpaca", base_url, (_PAPER_HOST, _LIVE_HOST))
        keys = (environment_key("alpaca", _KEY), environment_key("alpaca", _SECRET))
        limits = options or NetworkOptions(timeout=10.0, deadline=20.0)
        self._client = AlpacaTrading(keys, base_url, limits)
        self._names = dict(names or {})
        self._symbols = {_plain(there): here for here, there in self._names.items()}

    def time(self) -> datetime.datetime:
        """Return the broker's clock, UTC."""
        return _instant(self._clock()["timestamp"])

    def is_market_open(self) -> bool:
        """Whether stocks trade now; crypto always does."""
        only_crypto = bool(self._names) and all(_is_crypto(there) for there in self._names.values())
        return only_crypto or bool(self._clock()["is_open"])

    def instrument(self, symbol: str) -> BrokerInstrument | None:
        """Return what it says of a symbol."""
        try:
            found: Any = self._client.get_asset(self._there(symbol))
        except NotThere:
            return None
        return BrokerInstrument(
            bool(found["tradable"]) and found.get("status", "active") == "active",
            bool(found.get("fractionable")),
            bool(found.get("shortable")),
        )

    def positions(self) -> Mapping[str, float]:
        """Return the units held by symbol."""
        rows: Any = self._client.get_all_positions()
        return {self._here(row["symbol"]): _signed(row["qty"], row["side"]) for row in _list(rows)}

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the orders that may fill."""
        from alpaca.trading.enums import QueryOrderStatus
        from alpaca.trading.requests import GetOrdersRequest

        asked = GetOrdersRequest(status=QueryOrderStatus.OPEN, limit=500, nested=True)
        rows: Any = self._client.get_orders(asked)
        # Exits whose entry has filled stand by themselves; they are looked up through it.
        found = [self._order(row) for row in _list(rows) if not _is_exit(row)]
        return [order for order in found if not order.is_final]

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by its id, with its exits."""
        row = self._row(client_order_id)
        return None if row is None else self._order(row)

    def submit(self, ticket: Ticket) -> BrokerOrder:
        """Send an order, once."""
        try:
            answer: Any = self._client.submit_order(self._request(ticket))
        except NotThere as unknown:
            raise Rejected(str(unknown)) from None
        return self._order(_document(answer))

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancellation."""
        name, _, role = client_order_id.partition(":")
        row = self._row(name)
        if row is not None and role:
            row = next((leg for leg in row.get("legs") or () if _role(leg) == role), None)
        if row is None or row["status"] in _ENDED:
            return
        try:
            self._client.cancel_order_by_id(row["id"])
        except (NotThere, Rejected):
            return  # it has ended meanwhile

    def _row(self, client_order_id: str) -> dict[str, Any] | None:
        from alpaca.trading.requests import GetOrderByIdRequest

        try:
            row = _document(self._client.get_order_by_client_id(client_order_id))
            if row.get("order_class") in ("bracket", "oto") and not row.get("legs"):
                nested = GetOrderByIdRequest(nested=True)
                row = _document(self._client.get_order_by_id(row["id"], nested))
        except NotThere:
            return None
        return row

    def _clock(self) -> dict[str, Any]:
        return _document(self._client.get_clock())

    def _request(self, ticket: Ticket) -> Any:
        crypto = _is_crypto(self._there(ticket.symbol))
        tif = ticket.time_in_force
        if crypto and tif == "day":
            tif = "gtc"
        elif not crypto and ticket.units != int(ticket.units):
            tif = "day"  # the only one for fractions of a share
        fields: dict[str, Any] = {
            **{"symbol": self._there(ticket.symbol), "qty": _decimal(abs(ticket.units), 9)},
            **{"side": "buy" if ticket.units > 0 else "sell", "type": ticket.kind},
            **{"time_in_force": tif, "client_order_id": ticket.client_order_id},
        }
        exits = [price for price in (ticket.take_profit, ticket.stop_loss) if price is not None]
        if exits and not crypto:
            fields["order_class"] = "bracket" if len(exits) > 1 else "oto"
            if ticket.take_profit is not None:
                fields["take_profit"] = {"limit_price": _price(ticket.take_profit, crypto=False)}
            if ticket.stop_loss is not None:
                fields["stop_loss"] = {"stop_price": _price(ticket.stop_loss, crypto=False)}
        if ticket.limit is not None:
            fields["limit_price"] = _price(ticket.limit, crypto=crypto)
        if ticket.stop is not None:
            fields["stop_price"] = _price(ticket.stop, crypto=crypto)
        return _Fields(fields)

    def _order(self, row: dict[str, Any]) -> BrokerOrder:
        try:
            return self._read(row)
        except (KeyError, TypeError, ValueError) as error:
            raise Doubtful(f"an order that cannot be read ({type(error).__name__})") from None

    def _read(self, row: dict[str, Any], of: str = "") -> BrokerOrder:
        name = leg_id(of, _role(row)) if of else str(row["client_order_id"])
        units = _signed(row["qty"], row["side"])
        filled = _signed(row.get("filled_qty") or 0.0, row["side"])
        if filled and row.get("filled_avg_price") is None:
            raise Doubtful("a fill without its price")
        when = row.get("filled_at") or (row.get("updated_at") if filled else None)
        return BrokerOrder(
            name,
            self._here(row["symbol"]),
            units,
            status=_ENDED.get(row["status"], "open"),  # type: ignore[arg-type]
            filled=filled,
            average_price=float(row.get("filled_avg_price") or 0.0),
            filled_at=_instant(when) if when else None,
            legs=tuple(self._read(leg, name) for leg in row.get("legs") or ()),
        )

    def _there(self, symbol: str) -> str:
        return self._names.get(symbol, symbol)

    def _here(self, symbol: str) -> str:
        """Return the study's name; positions in crypto come without their slash."""
        return self._symbols.get(_plain(symbol), symbol)


class _Fields:
    """The fields of an order, as alpaca-py's requests give theirs."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def to_request_fields(self) -> dict[str, Any]:
        """Return what is sent."""
        return self._fields


def _is_exit(row: dict[str, Any]) -> bool:
    """Whether an order is an exit that the server made of a bracket: it has named it, too.

    An entry that is not ours has another name as well, but brings its exits.
    """
    made = row.get("order_class") in ("bracket", "oto") and not row.get("legs")
    return made and not str(row["client_order_id"]).startswith("mc-")


def _is_crypto(there: str) -> bool:
    """Whether a symbol is of crypto by the broker's name of it."""
    return "/" in there


def _role(row: dict[str, Any]) -> str:
    return ROLES[0] if row["type"] == "limit" else ROLES[1]


def _signed(units: Any, side: str) -> float:
    return abs(float(units)) * (-1.0 if side in ("sell", "short") else 1.0)


def _decimal(number: float, places: int) -> str:
    return f"{number:.{places}f}".rstrip("0").rstrip(".")


def _price(price: float, *, crypto: bool) -> str:
    return _decimal(price, 9 if crypto else 2 if price >= _CENTS_FROM else 4)


def _plain(symbol: str) -> str:
    return symbol.replace("/", "")


def _document(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Doubtful("an answer that is no object")
    return answer


def _list(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise Doubtful("an answer that is no list")
    return answer


def _instant(text: str) -> datetime.datetime:
    try:
        # Alpaca tells nanoseconds, which Python does not read.
        whole, _, rest = str(text).partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(digits) :]
        micro = f".{digits[:6].ljust(6, '0')}" if digits else ""
        found = datetime.datetime.fromisoformat(f"{whole}{micro}{zone}".replace("Z", "+00:00"))
    except ValueError:
        raise Doubtful("an instant that cannot be read") from None
    return found.astimezone(datetime.UTC)
