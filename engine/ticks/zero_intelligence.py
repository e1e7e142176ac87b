"""A book of best quotes with zero intelligence, calibrated on a stream: Monte Carlo on ticks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.randomness import Stream
from engine.ticks.censored import censored_quantiles
from engine.ticks.chunk import NO_STAMP, TickChunk, TickStream
from engine.ticks.price_steps import price_step
from engine.ticks.zero_intelligence_kernels import ACTIONS, SPREADS, fill_book, observe_book

__all__ = ["ZeroIntelligence", "ZeroIntelligenceTicks"]

# A book of other random numbers under the same seed is another book.
_VERSION: Final = 1
_EVENTS: Final = 65_536
_POINTS: Final = 128
_SAMPLES: Final = 6
_TRADES: Final = 3
_KEPT: Final = 200_000
# Actions that say what the rates in a state of the spread are.
_FEWEST: Final = 30
_SECOND: Final = 1_000_000_000
_AWAY, _NEARER = ACTIONS.index("away"), ACTIONS.index("nearer")


@dataclass(frozen=True)
class ZeroIntelligence:
    """Best quotes and trades that come at random, at the rates and in the sizes of a file.

    Each side of the book grows, shrinks, goes away, comes nearer or is traded at, after
    exponential waiting times whose rates depend on the spread alone; sizes and moves are drawn
    from those of the file, a trade that took all that was shown counting as one of that size or
    more. Nobody anticipates anything: what a strategy earns here, it earns from
    the mechanics of queue and spread.

    Parameters
    ----------
    symbol : str
        Name of the instrument.
    tick, lot : float
        Steps of prices and sizes.
    bid, ask : int
        First quote, in ticks.
    bid_size, ask_size : float
        Its sizes.
    rates : tuple of tuple of float
        Per second and side, of each action, in each state of the spread (1, 2, 3 to 5, 6 ticks
        and more).
    follow : float
        Probability that the other side follows a price that goes away.
    quantiles : tuple of tuple of float
        Of sizes added, of sizes behind a new price, of the share that a cut leaves, of sizes of
        trades, and of moves away and nearer in ticks.

    References
    ----------
    .. [1] E. Smith, J. D. Farmer, L. Gillemot, S. Krishnamurthy, Statistical theory of the
       continuous double auction, Quantitative Finance 3 (2003), 481-514.
    .. [2] R. Cont, A. de Larrard, Price dynamics in a Markovian limit order market, SIAM Journal
       on Financial Mathematics 4 (2013), 1-25.

    Examples
    --------
    >>> import engine as mc
    >>> book = mc.ZeroIntelligence.calibrate(mc.read_ticks(mc.sample_ticks()))
    >>> first = next(book.ticks(seed=7, seconds=60).chunks())
    >>> bool((first.ask_price > first.bid_price).all())
    True
    """

    symbol: str
    tick: float
    lot: float
    bid: int
    ask: int
    bid_size: float
    ask_size: float
    rates: tuple[tuple[float, ...], ...]
    follow: float
    quantiles: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        shape = (len(SPREADS), len(ACTIONS))
        rates = np.asarray(self.rates)
        if rates.shape != shape or not (rates >= 0.0).all() or not (rates.sum(axis=1) > 0.0).all():
            raise Refusal("rates", "a table of another form", f"{shape} rates >= 0, some above 0")
        if not self.ask > self.bid > 0:
            raise Refusal("ask", f"{self.ask} over {self.bid} ticks", "an ask above a bid above 0")

    @classmethod
    def calibrate(
        cls, ticks: TickStream, *, tick: float | None = None, lot: float | None = None
    ) -> Self:
        """Count what a stream of one symbol does.

        Parameters
        ----------
        ticks : TickStream
            The file, in one pass and flat memory.
        tick, lot : float, optional
            Steps of prices and sizes; by default the largest of which all in the first chunk are
            multiples.

        Raises
        ------
        Refusal
            If there are several symbols, or no quote ever changes.
        """
        if len(ticks.symbols) != 1:
            raise Refusal("ticks", f"{len(ticks.symbols)} symbols", "one")
        counted = _Counted()
        for chunk in ticks.chunks():
            if tick is None:
                tick = price_step(np.concatenate([chunk.bid_price, chunk.ask_price]))
            if lot is None:
                lot = price_step(np.concatenate([chunk.bid_size, chunk.ask_size]))
            counted.add(chunk, tick)
        if counted.first is None or tick is None or lot is None or not counted.counts.sum():
            raise Refusal("ticks", "no quote that changes", "a stream of quotes with both sides")
        bid, ask, bid_size, ask_size = counted.first
        moved = counted.follows
        return cls(
            symbol=ticks.symbols[0],
            tick=tick,
            lot=lot,
            bid=int(np.rint(bid / tick)),
            ask=max(int(np.rint(ask / tick)), int(np.rint(bid / tick)) + 1),
            bid_size=float(bid_size),
            ask_size=float(ask_size),
            rates=tuple(map(tuple, counted.rates().tolist())),
            follow=float(moved[1] / moved[0]) if moved[0] else 0.0,
            quantiles=counted.quantiles(lot),
        )

    def ticks(self, seed: int, *, seconds: float, start: int = 0) -> ZeroIntelligenceTicks:
        """Return the stream of a seed: the same events whenever it is read, in any chunks.

        Parameters
        ----------
        seed : int
            Of its random numbers, 0 to 2**64 - 1.
        seconds : float
            Length.
        start : int
            Stamp of the first quote, nanoseconds since 1970-01-01 UTC.
        """
        return ZeroIntelligenceTicks(self, seed, seconds=seconds, start=start)


class ZeroIntelligenceTicks:
    """Events of a zero-intelligence book under one seed.

    Parameters
    ----------
    book : ZeroIntelligence
        Its rates and sizes.
    seed : int
        Of its random numbers.
    seconds : float
        Length.
    start : int
        Stamp of the first quote, nanoseconds since 1970-01-01 UTC.
    chunk_events : int
        Events of a chunk, two at least; the events are the same for any.
    """

    events = None

    def __init__(
        self,
        book: ZeroIntelligence,
        seed: int,
        *,
        seconds: float,
        start: int = 0,
        chunk_events: int = _EVENTS,
    ) -> None:
        if not 0 <= seed < 2**64:
            raise Refusal("seed", str(seed), "0 to 2**64 - 1")
        if not seconds > 0.0:
            raise Refusal("seconds", str(seconds), "more than 0")
        self.book = book
        self.seed = seed
        self.symbols = (book.symbol,)
        self._start = start
        self._end = start + int(seconds * _SECOND)
        self._chunk_events = max(chunk_events, 2)

    @property
    def identity(self) -> str:
        """Hash of the book, the seed and the span."""
        told = [_VERSION, asdict(self.book), self.seed, self._start, self._end]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on; those before it are made and dropped."""
        book = self.book
        whole = np.array([book.bid, book.ask, self._start, 0], np.int64)
        real = np.array([book.bid_size, book.ask_size])
        tick, lot = _fraction(book.tick), _fraction(book.lot)
        rates, quantiles = np.array(book.rates), np.array(book.quantiles)
        pending = _first_quote(book, tick, self._start)
        while True:
            if start_event < len(pending):
                yield pending.part(start_event, len(pending)) if start_event else pending
            start_event = max(start_event - len(pending), 0)
            stamps = np.empty(self._chunk_events, np.int64)
            prices = np.empty((_SAMPLES, self._chunk_events))
            sides = np.empty(self._chunk_events, np.int8)
            count = fill_book(
                np.uint64(self.seed), np.uint64(Stream.TICKS), self._end, tick, lot, book.follow,
                rates, quantiles, whole, real, stamps, prices, sides,
            )  # fmt: skip
            if not count:
                return
            pending = _chunk(stamps[:count], prices[:, :count], sides[:count])


class _Counted:
    """What was counted up to now."""

    def __init__(self) -> None:
        self.first: tuple[float, float, float, float] | None = None
        self.counts = np.zeros((len(SPREADS), len(ACTIONS)))
        self.seconds = np.zeros(len(SPREADS))
        self.follows = np.zeros(2)
        self._whole = np.zeros(4, np.int64)
        self._real = np.zeros(4)
        self._samples: list[list[NDArray[np.float64]]] = [[] for _ in range(_SAMPLES)]
        self._strides = [1] * _SAMPLES

    def add(self, chunk: TickChunk, tick: float) -> None:
        if self.first is None:
            whole = np.flatnonzero(~np.isnan(chunk.bid_price) & ~np.isnan(chunk.ask_price))
            if len(whole):
                at = int(whole[0])
                names = ("bid_price", "ask_price", "bid_size", "ask_size")
                self.first = tuple(float(getattr(chunk, name)[at]) for name in names)  # type: ignore[assignment]
        samples = np.empty((_SAMPLES, 2 * len(chunk)))
        filled = np.zeros(_SAMPLES, np.int64)
        observe_book(
            chunk.stamps, chunk.bid_price, chunk.ask_price, chunk.bid_size, chunk.ask_size,
            chunk.trade_price, chunk.trade_size, chunk.trade_side, tick, self._whole, self._real,
            self.counts, self.seconds, self.follows, samples, filled,
        )  # fmt: skip
        for kind in range(_SAMPLES):
            new = samples[kind, : filled[kind]]
            self._samples[kind].append(new[:: self._strides[kind]].copy())
            if sum(map(len, self._samples[kind])) > 2 * _KEPT:
                # Every second one stays, of what comes too.
                self._samples[kind] = [np.concatenate(self._samples[kind])[::2]]
                self._strides[kind] *= 2

    def rates(self) -> NDArray[np.float64]:
        """Of one side, per second; a state that the file was hardly in has those of the one before.

        Nothing comes nearer in a spread of one tick, and from a wider one something must.
        """
        rates = np.zeros_like(self.counts)
        acted = self.counts.sum(axis=1)
        known = [at for at in range(len(SPREADS)) if acted[at] >= _FEWEST and self.seconds[at] > 0]
        known = known or [int(np.argmax(self.seconds))]
        for state in range(len(SPREADS)):
            nearest = min(known, key=lambda at: (abs(at - state), at))
            rates[state] = self.counts[nearest] / (2.0 * max(self.seconds[nearest], 1e-9))
            if state == 0:
                rates[state, _NEARER] = 0.0
            elif state not in known and rates[state, _NEARER] <= rates[state, _AWAY]:
                rates[state, _NEARER] += 2.0 * rates[state, _AWAY] + rates[state].sum() * 0.01
        return rates

    def quantiles(self, lot: float) -> tuple[tuple[float, ...], ...]:
        found = []
        at = (np.arange(_POINTS) + 0.5) / _POINTS
        for kind, default in enumerate((lot, lot, 0.5, lot, 1.0, 1.0)):
            whole = kind >= _SAMPLES - 2
            sample = np.concatenate([*self._samples[kind], []])
            if not len(sample):
                sample = np.array([default])
            if kind == _TRADES:
                found.append(tuple(censored_quantiles(np.abs(sample), sample < 0.0, at).tolist()))
                continue
            method: Any = "inverted_cdf" if whole else "linear"
            found.append(tuple(float(value) for value in np.quantile(sample, at, method=method)))
        return tuple(found)


def _fraction(step: float) -> NDArray[np.float64]:
    fraction = Fraction(step).limit_denominator(10**9)
    return np.array([float(fraction.numerator), float(fraction.denominator)])


def _first_quote(book: ZeroIntelligence, tick: NDArray[np.float64], start: int) -> TickChunk:
    prices = [book.bid * tick[0] / tick[1], book.ask * tick[0] / tick[1]]
    numbers = np.array([*prices, book.bid_size, book.ask_size, np.nan, np.nan])
    return _chunk(np.array([start]), numbers.reshape(_SAMPLES, 1), np.zeros(1, np.int8))


def _chunk(
    stamps: NDArray[np.int64], numbers: NDArray[np.float64], sides: NDArray[np.int8]
) -> TickChunk:
    arrays: list[Any] = [stamps, np.full(len(stamps), NO_STAMP), *numbers, sides]
    return TickChunk(*[*arrays, np.zeros(len(stamps), np.int32)])
