"""The history that a job resamples, from which the history's share of the error follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.world import World
from engine.sources import Bootstrap
from engine.sources.bar_draws import BarDraws
from engine.sources.session_clock import SessionClock

__all__ = ["ResampledHistory", "ResampledPaths"]

Floats = NDArray[np.float64]

_CHUNK_BARS = 1 << 19
# Blocks of history: enough to know its error to a tenth, each several drawn runs long.
_MOST_BLOCKS, _RUNS_PER_BLOCK, _SHORTEST_BLOCK = 50, 5.0, 5
# Bars over which the trend before a bar is measured.
_TRENDS = (5, 20)


@dataclass(frozen=True)
class ResampledPaths:
    """Which parts of history paths were made from.

    Parameters
    ----------
    starts : ndarray of float64, shape (paths, blocks)
        Runs of drawn bars that began in each block of history.
    totals : ndarray of float64, shape (paths, features)
        Sums over each path of its bars' moves, their squares, and moves times the trend before.
    by_block : ndarray of float64, shape (features, blocks)
        How the expected totals change with the weight of each block. The first feature is the move.
    """

    starts: Floats
    totals: Floats
    by_block: Floats


@dataclass(frozen=True)
class ResampledHistory:
    """The bars that a bootstrap draws from, as far as they decide where its paths come from.

    Parameters
    ----------
    draws : BarDraws
        How bars are drawn.
    moves : ndarray of float64, shape (bars, symbols)
        Change of each close to the one before, as the bootstrap joins bars.
    """

    draws: BarDraws
    moves: Floats

    @classmethod
    def of(cls, world: World) -> ResampledHistory | None:
        """Return what a world resamples; None where it is no bootstrap, or its blocks are swept."""
        source = world.source
        if not isinstance(source, Bootstrap) or world.swept:
            return None
        closes = np.array([bars.close for bars in source.bars]).T
        moves = np.diff(closes, axis=0)
        if source.returns == "relative":
            moves = moves / closes[:-1]
        return cls(source.draws(), moves)

    @property
    def blocks(self) -> int:
        """Into how many blocks the history is cut; 0 where it is too short for ten."""
        runs = max(_SHORTEST_BLOCK, _RUNS_PER_BLOCK * self.draws.length)
        blocks = min(_MOST_BLOCKS, int(len(self.moves) // runs))
        return blocks if blocks >= 10 else 0

    def paths(
        self, seeds: NDArray[np.uint64], path_ids: NDArray[np.uint64], steps: int
    ) -> ResampledPaths:
        """Draw the bars of paths again.

        Parameters
        ----------
        seeds, path_ids : ndarray of uint64, shape (paths,)
            Seed and number of each path.
        steps : int
            Bars of a path.
        """
        bars, blocks = len(self.moves), self.blocks
        # Mean distance of a run's bars from its first bar.
        fixed = self.draws.method != "stationary"
        behind = round((self.draws.length - 1.0) / (2.0 if fixed else 1.0))
        features = self._features()
        block_of = np.arange(bars) * blocks // bars
        starts = np.empty((len(seeds), blocks))
        totals = np.empty((len(seeds), features.shape[1]))
        step = max(1, _CHUNK_BARS // steps)
        for first in range(0, len(seeds), step):
            some = slice(first, first + step)
            drawn = self.draws.indices(seeds[some], path_ids[some], steps)
            begins = np.ones(drawn.shape, dtype=bool)
            if self.draws.length > 1.0:
                begins[:, 1:] = drawn[:, 1:] != (drawn[:, :-1] + 1) % bars
            path, place = np.nonzero(begins)
            block = block_of[(drawn[path, place] + behind) % bars]
            counted = np.bincount(path * blocks + block, minlength=len(drawn) * blocks)
            starts[some] = counted.reshape(len(drawn), blocks)
            for number in range(features.shape[1]):
                totals[some, number] = features[:, number][drawn].sum(axis=1)
        sums = np.zeros((features.shape[1], blocks))
        for number in range(features.shape[1]):
            sums[number] = np.bincount(block_of, weights=features[:, number], minlength=blocks)
        return ResampledPaths(starts, totals, sums * (steps / bars))

    def _features(self) -> Floats:
        """Features of every bar, each with mean 0 over the history and spread 1."""
        columns = [*self.moves.T, *self.moves.T**2]
        for back in (back for back in _TRENDS if back < len(self.moves)):
            for move in self.moves.T:
                sums = np.concatenate([[0.0], np.cumsum(np.concatenate([move, move]))])
                end = np.arange(len(move)) + len(move)
                columns.append(move * (sums[end] - sums[end - back]))
        found = np.stack(columns, axis=1)
        found -= found.mean(axis=0)
        spread = found.std(axis=0)
        scaled: Floats = np.divide(found, spread, out=np.zeros_like(found), where=spread > 0.0)
        return scaled

    def to_frame(self) -> pl.DataFrame:
        """Return everything as a table, a row per bar."""
        columns = {f"move_{s}": move for s, move in enumerate(self.moves.T)}
        slot = self.draws.clock.slot
        return pl.DataFrame(columns).with_columns(
            pl.Series("slot", slot if len(slot) else [None] * len(self.moves), dtype=pl.Int64),
            pl.lit(self.draws.method).alias("method"),
            pl.lit(self.draws.length).alias("length"),
        )

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> ResampledHistory:
        """Read back what `to_frame` made."""
        names = [name for name in frame.columns if name.startswith("move_")]
        clock = SessionClock.absent()
        if frame["slot"].null_count() == 0:
            clock = SessionClock.of_slots(frame["slot"].to_numpy())
        method, length = frame.select("method", "length").row(0)
        return cls(BarDraws(len(frame), method, length, clock), frame.select(names).to_numpy())
