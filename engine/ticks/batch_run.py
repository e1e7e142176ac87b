"""Targets of the batch form on their way through a stream: blocks, and what is carried to the next.

A block is `BLOCK` events, counted from the first of the run; the last is what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.strategies.strategy import Strategy
from engine.ticks import layout as at
from engine.ticks.batch_form import lookback
from engine.ticks.chunk import CHUNK_COLUMNS, TickChunk, joined_ticks
from engine.ticks.indicators import indicators_of
from engine.ticks.state import point_at

__all__ = ["BLOCK", "BatchRun", "whole_blocks"]

#: Events whose targets are computed at once.
BLOCK: Final = 4096


class BatchRun:
    """What computes the targets of parameter sets, block after block.

    Parameters
    ----------
    cls : type
        The strategy.
    sets : int
        Parameter sets.
    """

    def __init__(self, cls: type[Strategy], sets: int) -> None:
        self._kept = lookback(cls)
        self._past: tuple[TickChunk, NDArray[np.int64]] | None = None
        # Values of the indicators of each set at the events of the past.
        self._values = np.empty((sets, len(indicators_of(cls)), 0))
        self._begun = False

    def targets(
        self,
        chunk: TickChunk,
        heard: NDArray[np.int64],
        frames: NDArray[np.int64],
        encoded: NDArray[np.float64],
        failed: NDArray[np.int8],
        fill: Callable[..., int],
    ) -> NDArray[np.float64]:
        """Compute the targets of the next block.

        Parameters
        ----------
        chunk : TickChunk
            The block.
        heard : ndarray of int64, shape (events,)
            When its events are heard of, as `Feed.heard` says it.
        frames : ndarray of int64, shape (sets, width)
            Of the simulations; they name other events afterwards.
        encoded : ndarray of float64, shape (sets, parameters)
            Parameters.
        failed : ndarray of int8, shape (sets,)
            How simulations failed; more may have.
        fill : callable
            One of `BatchCalls`.

        Returns
        -------
        ndarray of float64, shape (sets, events)
            Units to hold, NaN where no order is wanted.
        """
        past = 0
        if self._past is not None and len(self._past[0]):
            past = len(self._past[0])
            chunk = joined_ticks(self._past[0], chunk)
            heard = np.concatenate([self._past[1], heard])
        room = len(chunk)
        values = np.full((*self._values.shape[:2], room), np.nan)
        values[:, :, :past] = self._values
        made = np.full((len(frames), room), at.NO_TARGET)
        arrays = point_at(frames, chunk, heard, made)
        half = room // 2
        for number in np.flatnonzero(failed == at.OK).tolist():
            places = [
                array.ctypes.data for array in (frames[number], encoded[number], values[number])
            ]
            target = made[number]
            status = fill(*places, target.ctypes.data, room, past, room)
            if status == at.OK and not self._begun and half > 0:
                # What had been filled without the later half must be the same.
                early = np.empty(half)
                status = fill(*places, early.ctypes.data, room, half, half)
                if status == at.OK and not np.array_equal(early, target[:half], equal_nan=True):
                    status = at.READ_AHEAD
            failed[number] = status
        del arrays
        self._begun = True
        kept = max(room - self._kept, 0)
        self._past = chunk.part(kept, room), heard[kept:]
        self._values = values[:, :, kept:].copy()
        return made[:, past:]

    def carried(self) -> dict[str, NDArray[Any]]:
        """Return what passes to the next block, by name."""
        carried: dict[str, NDArray[Any]] = {"values": self._values}
        if self._past is not None:
            carried["heard"] = self._past[1]
            carried |= {name: getattr(self._past[0], name) for name in CHUNK_COLUMNS}
        return carried

    def carry_on(self, carried: dict[str, NDArray[Any]]) -> None:
        """Stand where `carried` was asked."""
        self._values = carried["values"]
        self._begun = "heard" in carried
        self._past = None
        if self._begun:
            chunk = TickChunk(*(carried[name] for name in CHUNK_COLUMNS))
            self._past = chunk, carried["heard"]


def whole_blocks(chunks: Iterator[TickChunk], size: int = BLOCK) -> Iterator[TickChunk]:
    """Yield the same events in blocks of `size`; the last may be shorter."""
    rest: TickChunk | None = None
    for chunk in chunks:
        first = 0
        if rest is not None:
            first = min(size - len(rest), len(chunk))
            rest = joined_ticks(rest, chunk.part(0, first))
            if len(rest) < size:
                continue
            yield rest
            rest = None
        while len(chunk) - first >= size:
            yield chunk.part(first, first + size)
            first += size
        if first < len(chunk):
            rest = chunk.part(first, len(chunk))
    if rest is not None:
        yield rest
