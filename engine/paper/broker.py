"""What trading on paper asks of a broker, and what a broker may answer."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

__all__ = [
    "FINAL",
    "ROLES",
    "Broker",
    "BrokerInstrument",
    "BrokerOrder",
    "Busy",
    "Doubtful",
    "Rejected",
    "Ticket",
    "leg_id",
]

#: States in which an order fills no more.
FINAL: Final = ("filled", "cancelled", "expired", "rejected")
#: Exits of a bracket.
ROLES: Final = ("take_profit", "stop_loss")

Status = Literal["open", "filled", "cancelled", "expired", "rejected"]


class Doubtful(Exception):
    """Nobody knows whether the broker did what it was asked: no answer, or one that says nothing.

    Its text says what happened, without a secret.
    """


class Rejected(Exception):
    """The broker refuses an order for good; its text is the broker's reason."""


class Busy(Exception):
    """The broker did nothing and asks to be asked again.

    Parameters
    ----------
    reason : str
        What it said.
    seconds : float
        How long to wait.
    """

    def __init__(self, reason: str, seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True)
class Ticket:
    """An order as it is sent.

    Parameters
    ----------
    client_order_id : str
        As of `client_order_id`: the same however often it is sent.
    symbol : str
        As the study spells it.
    units : float
        Negative: sell.
    kind : {"market", "limit", "stop", "stop_limit"}
        Of order.
    limit, stop : float, optional
        Prices that the kind needs.
    time_in_force : {"day", "gtc", "ioc", "fok"}
        How long the broker keeps it; the session cancels what is no longer wanted.
    take_profit, stop_loss : float, optional
        Prices of the exits that a bracket brings.
    """

    client_order_id: str
    symbol: str
    units: float
    kind: str = "market"
    limit: float | None = None
    stop: float | None = None
    time_in_force: str = "gtc"
    take_profit: float | None = None
    stop_loss: float | None = None


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker has it.

    Parameters
    ----------
    client_order_id : str
        That of its ticket; of an exit of a bracket that of `leg_id`.
    symbol : str
        As the study spells it.
    units : float
        Negative: sell.
    status : {"open", "filled", "cancelled", "expired", "rejected"}
        Where it stands.
    filled : float
        Units that have filled, of the same sign.
    average_price : float
        Of these; 0 where there are none.
    commission : float
        Paid so far, in account currency.
    filled_at : datetime, optional
        The instant of the latest fill.
    reason : str
        Why it was rejected.
    legs : tuple of BrokerOrder
        Exits of a bracket.
    """

    client_order_id: str
    symbol: str
    units: float
    status: Status = "open"
    filled: float = 0.0
    average_price: float = 0.0
    commission: float = 0.0
    filled_at: datetime.datetime | None = None
    reason: str = ""
    legs: tuple[BrokerOrder, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether it fills no more."""
        return self.status in FINAL


@dataclass(frozen=True)
class BrokerInstrument:
    """What a broker says of a symbol.

    Parameters
    ----------
    tradable, fractional, shortable : bool
        Whether it trades at all, in fractions of a unit, and may be sold short.
    """

    tradable: bool = True
    fractional: bool = True
    shortable: bool = True


@runtime_checkable
class Broker(Protocol):
    """A broker's account.

    Every method may raise `Doubtful` or `Busy`; only `submit` raises `Rejected`. Each has a limit
    of time of its own: none waits for ever.
    """

    def time(self) -> datetime.datetime:
        """Return the broker's clock, UTC."""

    def is_market_open(self) -> bool:
        """Whether orders would fill now."""

    def instrument(self, symbol: str) -> BrokerInstrument | None:
        """Return what it says of a symbol, None where it has none of the name."""

    def positions(self) -> Mapping[str, float]:
        """Return the units held by symbol."""

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the orders that may fill; exits of brackets stand among the legs of their own."""

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order, whatever became of it; None where it was never accepted."""

    def submit(self, ticket: Ticket) -> BrokerOrder:
        """Send an order; one whose id is known already raises `Doubtful`."""

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancellation; of an order that fills no more it does nothing."""


def leg_id(client_order_id: str, role: str) -> str:
    """Return the id by which an exit of a bracket is known.

    Examples
    --------
    >>> leg_id("mc-1f", "stop_loss")
    'mc-1f:stop_loss'
    """
    return f"{client_order_id}:{role}"
