"""Settings of strategies on ticks: latency, queue, fees, contract, limits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from engine.errors import Refusal
from engine.settings import SettingsGroup
from engine.ticks import layout as at
from engine.ticks.durations import nanoseconds_of

__all__ = [
    "DrawnDelay",
    "Funding",
    "Latency",
    "TickSettings",
    "encode_delay",
    "rules_of",
    "times_of",
]

_LONGEST: Final = 3_600 * at.NANOSECONDS


class DrawnDelay(SettingsGroup):
    """A delay by chance, of the seed: the least one and an exponential number beside it.

    Parameters
    ----------
    least : str
        Shortest delay, such as ``1ms``.
    mean : str
        Mean delay.
    """

    least: str
    mean: str

    @field_validator("least", "mean")
    @classmethod
    def _is_span(cls, value: str) -> str:
        nanoseconds_of(value, "latency")
        return value


class Latency(SettingsGroup):
    """How long messages take.

    Parameters
    ----------
    feed : str or DrawnDelay
        From an event at the exchange to the strategy; ``data`` takes the local times of the
        stream.
    entry : str or DrawnDelay
        From the strategy to the exchange; ``data`` is what the last event took to come.
    response : str or DrawnDelay
        From the exchange back.

    Examples
    --------
    >>> Latency(feed="2ms", entry="1ms", response={"least": "1ms", "mean": "3ms"}).feed
    '2ms'
    """

    feed: str | DrawnDelay = "0ns"
    entry: str | DrawnDelay = "0ns"
    response: str | DrawnDelay = "0ns"

    @field_validator("feed", "entry", "response")
    @classmethod
    def _is_delay(cls, value: str | DrawnDelay) -> str | DrawnDelay:
        if isinstance(value, str) and value != "data":
            _delay(value)
        return value


class Funding(SettingsGroup):
    """What a perpetual contract pays between those who hold it.

    Parameters
    ----------
    rate : float
        Share of the value at the middle of the touch that who is long pays; negative: receives.
    every : str
        Time between payments, counted from 1970-01-01 UTC.
    """

    rate: float = Field(ge=-1, le=1)
    every: str = "8h"

    @field_validator("every")
    @classmethod
    def _is_span(cls, value: str) -> str:
        if nanoseconds_of(value, "funding.every") < at.NANOSECONDS:
            raise Refusal("funding.every", value, "1s or more")
        return value


class TickSettings(SettingsGroup):
    """How orders on ticks are sent, filled, paid and valued.

    Parameters
    ----------
    latency : Latency
        How long messages take.
    queue : str
        What is believed of the units ahead of an order that rests. ``pessimistic``: trades and a
        smaller display alone move it, and behind the touch its place is unknown: it is last when
        the touch comes back. ``risk_averse``: the same, but an order behind the touch comes back
        as the first (hftbacktest's model on such a feed). ``power``, ``log_probability``: what is
        cancelled stood ahead or behind by chance, of which the mean is taken. ``drawn``: the seed
        draws it, and the place of an order when the touch comes back.
    queue_power : int
        Exponent of ``power``.
    maker_fee, taker_fee : float
        Share of the value of a fill; negative: a rebate.
    tick : float
        Smallest step of a price; 0: any price.
    lot : float
        Smallest step of units.
    multiplier : float
        Value of one unit at a price of 1.
    mark : str
        ``touch`` values a position at the side that would close it, ``mid`` in the middle.
    partial_fills : bool
        Whether orders fill by what is displayed and traded; else whole, as soon as they fill.
    max_position : float, optional
        Most units to hold of a symbol, orders under way included; an order beyond it is refused.
    max_orders : int
        Most orders of a symbol at once.
    funding : Funding, optional
        Of perpetual contracts.

    Examples
    --------
    >>> TickSettings(latency={"feed": "2ms"}, maker_fee=-0.0001, tick=0.1).queue
    'pessimistic'
    """

    latency: Latency = Latency()
    queue: Literal["pessimistic", "risk_averse", "power", "log_probability", "drawn"] = (
        "pessimistic"
    )
    queue_power: int = Field(3, ge=1, le=16)
    maker_fee: float = Field(0.0, ge=-0.1, le=0.1)
    taker_fee: float = Field(0.0, ge=-0.1, le=0.1)
    tick: float = Field(0.0, ge=0, le=1e9)
    lot: float = Field(1e-8, gt=0, le=1e12)
    multiplier: float = Field(1.0, gt=0, le=1e9)
    mark: Literal["touch", "mid"] = "touch"
    partial_fills: bool = True
    max_position: float | None = Field(None, gt=0, le=1e15)
    max_orders: int = Field(at.ORDER_ROOM, ge=1, le=at.ORDER_ROOM)
    funding: Funding | None = None

    def told(self) -> dict[str, Any]:
        """Return everything that decides numbers, as plain values."""
        return self.model_dump(mode="json")


def rules_of(settings: TickSettings, cash: float) -> NDArray[np.float64]:
    """Return what compiled code reads of fees, contract and limits.

    Returns
    -------
    ndarray of float64, shape (RULES_WIDTH,)
        Columns as in `engine.ticks.layout`.
    """
    made = np.zeros(at.RULES_WIDTH)
    tick = Fraction(repr(settings.tick))
    made[at.MAKER_FEE], made[at.TAKER_FEE] = settings.maker_fee, settings.taker_fee
    made[at.TICK], made[at.TICK_PARTS] = settings.tick, tick.denominator
    made[at.LOT], made[at.MULTIPLIER] = settings.lot, settings.multiplier
    made[at.MOST_UNITS] = np.inf if settings.max_position is None else settings.max_position
    made[at.MARK_AT_MID] = settings.mark == "mid"
    made[at.IN_PARTS] = settings.partial_fills
    made[at.FUNDING] = 0.0 if settings.funding is None else settings.funding.rate
    made[at.START_CASH], made[at.MOST_ORDERS] = cash, settings.max_orders
    return made


def times_of(settings: TickSettings, seed: int = 0, path: int = 0) -> NDArray[np.int64]:
    """Return what compiled code reads of delays, queue and seed.

    Returns
    -------
    ndarray of int64, shape (TIMES_WIDTH,)
        Columns as in `engine.ticks.layout`.
    """
    made = np.zeros(at.TIMES_WIDTH, dtype=np.int64)
    for first, delay in (
        (at.ENTRY, settings.latency.entry),
        (at.RESPONSE, settings.latency.response),
    ):
        made[first : first + 3] = encode_delay(delay)
    least, kind, _ = encode_delay(settings.latency.feed)
    made[at.FEED] = least if kind == at.CONSTANT else 0
    if settings.funding is not None:
        made[at.FUNDING_EVERY] = nanoseconds_of(settings.funding.every, "funding.every")
    made[at.QUEUE], made[at.POWER] = at.QUEUES[settings.queue], settings.queue_power
    made[at.SEED], made[at.PATH] = np.uint64(seed).astype(np.int64), path
    return made


def encode_delay(delay: str | DrawnDelay) -> tuple[int, int, int]:
    """Return the least nanoseconds of a delay, its kind, and the mean of what is drawn beside."""
    if isinstance(delay, DrawnDelay):
        least, mean = _delay(delay.least), _delay(delay.mean)
        if mean < least:
            raise Refusal("latency.mean", delay.mean, f"{delay.least} or more")
        return least, at.DRAWN, mean - least
    if delay == "data":
        return 0, at.OF_DATA, 0
    return _delay(delay), at.CONSTANT, 0


def _delay(text: str) -> int:
    found = nanoseconds_of(text, "latency")
    if found > _LONGEST:
        raise Refusal("latency", text, "1h or less")
    return found
