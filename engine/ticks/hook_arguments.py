"""What hooks of ticks are given, as editors and type checkers see it.

The compiler replaces every use by a call of `engine.ticks.handles` and `engine.ticks.ordering`;
none of this code ever runs.
"""

from __future__ import annotations

from typing import Literal, NoReturn

__all__ = ["Fill", "Tick", "TickAccount", "TickOrder"]


class _Given:
    def __init__(self) -> None:
        _not_here(type(self).__name__)


class Trade(_Given):
    """The trade that an event is; NaN where it is none. As a condition: whether it is one."""

    price: float
    size: float
    #: Who took: 1 a buyer, -1 a seller, 0 unknown.
    side: int


class Tick(_Given):
    """The event that the strategy hears of, and the touch once it has happened.

    With several symbols ``tick[1].bid`` is the bid of the second as last heard of.
    """

    bid: float
    ask: float
    bid_size: float
    ask_size: float
    #: Half the sum of bid and ask.
    mid: float
    #: Bid and ask weighted by the size of the other side.
    microprice: float
    spread: float
    trade: Trade
    trade_price: float
    trade_size: float
    trade_side: int
    #: Number of the symbol that the event is of.
    symbol: int
    #: When the strategy hears of it, and when it happened: nanoseconds since 1970-01-01 UTC.
    time: int
    stamp: int
    #: Events heard of before it.
    index: int

    def __getitem__(self, symbol: int) -> Tick:
        """Return the touch of a symbol by its position."""
        _not_here("tick")


class TickAccount(_Given):
    """Money, positions and orders as far as answers of the exchange have come back.

    Without an index, of the symbol of the tick or the fill.
    """

    position: float
    cash: float
    #: Cash and positions at the touch that would close them.
    equity: float
    average_price: float
    unrealised: float
    #: Gain of what was closed, before fees.
    realised: float
    fees: float
    #: Orders that are under way or rest.
    open_buys: int
    open_sells: int
    open_orders: int

    def __getitem__(self, symbol: int) -> TickAccount:
        """Return the account as a symbol's position sees it."""
        _not_here("account")


class Fill(_Given):
    """A fill of which the strategy has just heard."""

    units: float
    price: float
    fee: float
    #: Number of the order.
    order: int
    #: Whether the order had rested.
    maker: bool
    #: When the exchange filled it, in nanoseconds.
    time: int


class TickOrder(_Given):
    """Orders of the symbol of the tick, or of another: ``order[1].market(10)``.

    Calls that place an order return its number, 0 where it is refused before it is sent. Negative
    units sell. `tif`: ``"gtc"``, ``"ioc"``, ``"fok"`` or seconds for which the order rests.
    """

    def __getitem__(self, symbol: int) -> TickOrder:
        """Return the orders of a symbol by its position."""
        _not_here("order")

    def market(self, units: float) -> int:
        """Take what the touch displays; the rest is cancelled, as nobody knows what lies behind."""
        _not_here("order")

    def limit(
        self, units: float, price: float, tif: Literal["gtc", "ioc", "fok"] | float = "gtc"
    ) -> int:
        """Trade `units` at `price` or better."""
        _not_here("order")

    def post_only(
        self, units: float, price: float, tif: Literal["gtc", "ioc", "fok"] | float = "gtc"
    ) -> int:
        """Rest at `price`; rejected where it would take."""
        _not_here("order")

    def ioc(self, units: float, price: float) -> int:
        """Trade at `price` or better on arrival; what is left is cancelled."""
        _not_here("order")

    def fok(self, units: float, price: float) -> int:
        """Trade all units at `price` or better on arrival, or none."""
        _not_here("order")

    def gtd(self, units: float, price: float, seconds: float) -> int:
        """Trade at `price` or better until some seconds from now."""
        _not_here("order")

    def close(self) -> int:
        """Take what the touch displays to close the position."""
        _not_here("order")

    def amend(self, number: float, units: float, price: float) -> bool:
        """Change what is left of an order: smaller at its price it keeps its turn."""
        _not_here("order")

    def cancel(self, number: float) -> bool:
        """Cancel an order; false where it is known to be gone."""
        _not_here("order")

    def cancel_all(self) -> int:
        """Cancel every order of the symbol; return how many there were."""
        _not_here("order")


def _not_here(what: str) -> NoReturn:
    raise TypeError(f"{what}: allowed in the hooks of a Strategy only, which are compiled")
