"""Simulations of many parameter sets in one pass over a stream."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.linking import address_of_compiled
from engine.strategies.compiler_errors import explain
from engine.strategies.failures import raised
from engine.strategies.strategy import Strategy
from engine.ticks import layout as at
from engine.ticks.batch_run import BatchRun, whole_blocks
from engine.ticks.chunk import TickChunk, TickStream, joined_ticks
from engine.ticks.compiling import compile_ticks, initial_state
from engine.ticks.feed import Feed
from engine.ticks.keeping import RunKeeper
from engine.ticks.linked import close_at
from engine.ticks.run_state import RunState
from engine.ticks.settings import TickSettings, rules_of, times_of
from engine.ticks.state import keep_chunk, new_desks, point_at, rows_at

__all__ = ["TickRun"]

# Events, when they are heard of as the feed says it, and what the batch form of each set wants to
# hold at them.
_Waiting = tuple[TickChunk, NDArray[np.int64], NDArray[np.float64]]

# Events that all sets read before the next ones: they stay in the cache of a core.
_BLOCK: Final = 8192
_ARGUMENTS: Final = 5
_BATCH_ARGUMENTS: Final = 7
_FIRST_FILLS: Final = 1024


class TickRun:
    """Parameter sets on their way through one stream, from chunk to chunk.

    Parameters
    ----------
    cls : type
        The strategy.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded.
    settings : TickSettings
        How orders fill.
    cash : float
        What each simulation begins with.
    symbols : tuple of str
        Of the stream.
    seed, path : int, optional
        What delays are drawn by.
    record_fills : bool, optional
        Whether every fill is kept.
    """

    def __init__(
        self,
        cls: type[Strategy],
        parameters: NDArray[np.float64],
        settings: TickSettings,
        cash: float,
        symbols: tuple[str, ...],
        *,
        seed: int = 0,
        path: int = 0,
        record_fills: bool = False,
    ) -> None:
        self._cls, self._settings = cls, settings
        self.seed, self._path, self._symbols = seed, path, symbols
        self._loop = compile_ticks(cls, len(symbols))
        self.parameters = np.ascontiguousarray(parameters, dtype=np.float64)
        # Sets without parameters need an address all the same.
        self._encoded = np.zeros((len(parameters), max(parameters.shape[1], 1)))
        self._encoded[:, : parameters.shape[1]] = parameters
        fractions, whole = initial_state(cls, self.parameters)
        self.desks = new_desks(
            rules_of(settings, cash),
            times_of(settings, seed, path),
            simulations=len(parameters),
            symbol_count=len(symbols),
            states=fractions.shape[1],
            fill_room=_FIRST_FILLS if record_fills else 0,
        )
        self.desks.state[:, : fractions.shape[1]] = fractions
        self.desks.whole_state[:, : whole.shape[1]] = whole
        self._use_desks()
        self._feed = Feed(settings.latency.feed, seed, path)
        self._pending: _Waiting | None = None
        self._batch = BatchRun(cls, len(parameters)) if self._loop.batch is not None else None
        self.failed = np.zeros(len(parameters), dtype=np.int8)
        self.events = 0
        self.ended = False

    def follow(self, stream: TickStream, keeper: RunKeeper | None = None) -> None:
        """Run through the rest of a stream, to its end.

        With a `keeper` a run that was killed goes on from what was kept of it, to the same bits.
        """
        if keeper is not None:
            keeper.resume(self)
        if self.ended:
            return
        chunks = stream.chunks(self.events)
        for chunk in chunks if self._batch is None else whole_blocks(chunks):
            self.take(chunk)
            if keeper is not None:
                keeper.offer(self)
        self.finish()
        if keeper is not None:
            keeper.offer(self)

    @property
    def name(self) -> str:
        """Hash of what tells it from other runs of the same strategy, settings and stream."""
        told = (self.parameters.shape, self.seed, self._path, self.desks.fills.shape[1] > 0)
        digest = hashlib.sha256(repr(told).encode() + self.parameters.tobytes())
        return digest.hexdigest()[:16]

    def state(self) -> bytes:
        """Return what is carried from the last chunk to the next, from which `restore` goes on."""
        nothing = None, np.empty(0, np.int64), np.empty((len(self.failed), 0))
        waiting, heard, targets = self._pending or nothing
        batch = {} if self._batch is None else self._batch.carried()
        state = RunState(
            self.desks, self.failed, self.events, self._feed.latest, self.ended,
            waiting, heard, targets, batch,
        )  # fmt: skip
        return state.to_bytes()

    def restore(self, content: bytes) -> None:
        """Stand where a run of the same sets, settings and seed stood when `state` was asked.

        Raises
        ------
        Refusal
            If the content is damaged, or of another run.
        """
        state = RunState.from_bytes(content, self.desks)
        self.desks, self.failed = state.desks, state.failed
        self._use_desks()
        self.events, self.ended = state.events, state.ended
        self._feed.events, self._feed.latest = state.events, state.heard_last
        self._pending = None
        if state.waiting is not None:
            self._pending = state.waiting, state.waiting_heard, state.waiting_targets
        if self._batch is not None:
            self._batch.carry_on(state.batch)

    def take(self, chunk: TickChunk) -> None:
        """Run every set through the next events.

        An event is at the exchange before it is heard of: those that are not heard of yet wait for
        the next chunk, in front of which they are put. Of the batch form a chunk is a block.
        """
        if len(chunk) == 0:
            return
        heard = self._feed.heard(chunk)
        targets = self._targets(chunk, heard)
        self.events += len(chunk)
        begin, told = 0, 0
        if self._pending is not None:
            waiting, waiting_heard, waiting_targets = self._pending
            # Once an event is later than all that wait, these have been heard of.
            latest = waiting_heard[-1] + self._feed.delay
            begin = int(np.searchsorted(chunk.stamps, latest, side="right")) + 1
            begin = min(begin, len(chunk))
            bridge = joined_ticks(waiting, chunk.part(0, begin))
            bridge_heard = np.concatenate([waiting_heard, heard[:begin]])
            bridge_targets = np.hstack([waiting_targets, targets[:, :begin]])
            crossing = bridge, bridge_heard, bridge_targets
            told = self._through(crossing, len(waiting), len(bridge), 0)
            if begin == len(chunk):
                rest = bridge.part(told, len(bridge))
                self._pending = rest, bridge_heard[told:], bridge_targets[:, told:]
                return
            told -= len(waiting)
        told = self._through((chunk, heard, targets), begin, len(chunk), told)
        rest = chunk.part(told, len(chunk)).copied()
        self._pending = rest, heard[told:].copy(), targets[:, told:].copy()

    def finish(self) -> None:
        """Let the strategies hear of what is under way up to the last event, and end."""
        if self._pending is not None:
            count = len(self._pending[0])
            self._through(self._pending, count, count, 0, ends=1)
            self._pending = None
            self._close()
        self.ended = True

    def failure(self, stream: TickStream, number: int) -> str:
        """Return why a simulation failed; one whose strategy raised is run again to tell what."""
        text = at.STATUS_TEXTS[int(self.failed[number])]
        if self.failed[number] != at.RAISED:
            return text
        again = TickRun(
            self._cls,
            self.parameters[number : number + 1],
            self._settings,
            float(self.desks.rules[number, at.START_CASH]),
            stream.symbols,
            seed=self.seed,
            path=self._path,
        )
        again.__dict__["_kernel"] = self._loop.advance_raising
        if self._loop.batch is not None:
            again.__dict__["_fill"] = self._loop.batch.fill_raising
        try:
            again.follow(stream)
        except Exception as error:
            return raised("the strategy", error)
        return text

    def fills(self, number: int) -> pl.DataFrame:
        """Return the recorded fills of a simulation, as `TickBacktest` has them."""
        count = int(self.desks.counts[number, at.TAPED])
        whole = dict(zip(at.FILL_COLUMNS, self.desks.fills[number, :count].T, strict=True))
        numbers = self.desks.fill_numbers[number, :count].T
        names = pl.Series(self._symbols, dtype=pl.String)
        return pl.DataFrame(
            {
                **{name: values.copy() for name, values in whole.items()},
                "symbol": names.gather(pl.Series(whole["symbol"])),
                "maker": whole["maker"] != 0,
                **{
                    name: values.copy()
                    for name, values in zip(at.FILL_NUMBER_COLUMNS, numbers, strict=True)
                },
            }
        )

    def orders(self, number: int) -> pl.DataFrame:
        """Return what happened to the orders of a simulation, as `TickBacktest` has it."""
        count = int(self.desks.counts[number, at.LOGGED])
        stamp, order, symbol, event = self.desks.log[number, :count].T
        units, price = self.desks.log_numbers[number, :count].T
        events = pl.Series(at.LOG_EVENTS, dtype=pl.String)
        names = pl.Series(self._symbols, dtype=pl.String)
        return pl.DataFrame(
            {
                "stamp": stamp.copy(),
                "order": order.copy(),
                "symbol": names.gather(pl.Series(symbol)),
                "event": events.gather(pl.Series(event)),
                "units": units.copy(),
                # A market order has none.
                "price": pl.Series(np.where(np.isinf(price), np.nan, price), nan_to_null=True),
            }
        )

    def equity(self, number: int) -> pl.DataFrame:
        """Return the equity of a simulation at its marks, as `TickBacktest` has it."""
        counts = self.desks.counts[number]
        marks = int(counts[at.MARKS])
        stamps = counts[at.ORIGIN] + counts[at.INTERVAL] * np.arange(1, marks + 1)
        stamps[-1:] = counts[at.LAST_STAMP]
        return pl.DataFrame({"stamp": stamps, "equity": self.desks.curve[number, :marks].copy()})

    def _use_desks(self) -> None:
        self._frames = self.desks.frames()
        self._places = list(zip(rows_at(self._frames), rows_at(self._encoded), strict=True))

    def _close(self) -> None:
        """Value what is left at the last touch, as the last mark."""
        desks = self.desks
        for number in np.flatnonzero(self.failed == at.OK).tolist():
            mark = int(desks.counts[number, at.MARKS])
            worth = close_at(self._places[number][0])
            desks.curve[number, mark] = worth
            desks.counts[number, at.MARKS] = mark + 1
            if not np.isfinite(worth):
                self.failed[number] = at.NOT_FINITE

    def _targets(self, chunk: TickChunk, heard: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what the batch form wants to hold; of no events without it."""
        if self._batch is None:
            return np.empty((len(self.failed), 0))
        return self._batch.targets(
            chunk, heard, self._frames, self._encoded, self.failed, self._fill
        )

    def _through(self, events: _Waiting, begin: int, end: int, told: int, ends: int = 0) -> int:
        """Run all sets from event `begin` to `end`; return the first event not yet heard of."""
        chunk, heard, targets = events
        arrays = point_at(self._frames, chunk, heard, targets)
        # Counted events of a simulation are those before `told`, whatever chunk they were in.
        self.desks.counts[:, at.LOCAL] = told
        size = _BLOCK if len(self._frames) > 1 else max(end - begin, 1)
        for first in range(begin, max(end, begin + 1), size):
            last = min(first + size, end)
            closing = ends if last == end else 0
            for number in range(len(self._frames)):
                if self.failed[number] == 0:
                    self._advance(number, first, last, closing)
        del arrays
        if end == begin:
            return told
        # Heard of before the last event, and no later than the event before it.
        sent = chunk.stamps[end - 1] - self._feed.delay
        before_last = int(np.searchsorted(heard[: end - 1], sent, side="left"))
        return max(before_last, told)

    def _advance(self, number: int, first: int, end: int, closing: int) -> None:
        target = end + closing
        while True:
            first = self._kernel(*self._places[number], first, end, closing)
            if first < 0:
                self.failed[number] = -1 - first
                return
            if first == target:
                return
            self._grow()

    def _grow(self) -> None:
        """Double the room for recorded fills."""
        self.desks = self.desks.with_fill_room(2 * self.desks.fills.shape[1])
        keep_chunk(self._frames, self.desks.frames())

    @cached_property
    def _fill(self) -> Any:
        assert self._loop.batch is not None
        try:
            address_of_compiled(self._loop.batch.fill, _BATCH_ARGUMENTS)
        except COMPILER_ERRORS as error:
            raise explain(error, self._cls) from error
        return self._loop.batch.fill

    @cached_property
    def _kernel(self) -> Any:
        try:
            address_of_compiled(self._loop.advance, _ARGUMENTS)
        except COMPILER_ERRORS as error:
            raise explain(error, self._cls) from error
        return self._loop.advance
