"""Bars before a path, on which indicators warm up; the path itself stays as it is.

Where a path continues a history the bars before are the end of that history, the same for every
seed. Else they come from the same model and a seed of their own, so that a path with bars before it
is, bar for bar, the path without. Either way the last close before the path is the path's start
price: bars are scaled to it, or shifted where prices are joined by difference.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, Bars
from engine.compiled import kernel
from engine.errors import Refusal
from engine.randomness import Stream
from engine.randomness.normals import words
from engine.sources.generator import Generator

__all__ = ["DrawnBefore", "HistoryBefore", "seeds_before"]

_PRICES = 4
_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_STREAM = np.uint64(Stream.WARM_UP)


class _Before(Generator):
    """A generator with bars before its paths: blocks hold both, one after the other."""

    def __init__(self, path: Generator, warm_up: int) -> None:
        self._path = path
        self.symbols = path.symbols
        self.states = path.states
        self.warm_up = warm_up
        self.steps = warm_up + path.steps
        self.dt = path.dt
        self.lanes = path.lanes

    def scratch(self, paths: int) -> Any:
        """Make the generators' own buffers, and room for the paths and the bars before."""
        shape = (paths, len(self.symbols), len(self.fields))
        room = np.empty((*shape, self._path.steps)), np.empty((*shape, self.warm_up))
        return self._path.scratch(paths), self._before_scratch(paths), room

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write bars to warm up on and the paths; see `Generator.fill`."""
        own, other, (path_room, before_room) = scratch
        path, before = path_room[: len(out)], before_room[: len(out)]
        self._path.fill(seeds, path_ids, path, own)
        self._fill_before(seeds, path_ids, before, other)
        out[..., self.warm_up :] = path
        out[..., : self.warm_up] = before

    @abstractmethod
    def _fill_before(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        before: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write the bars before the paths, joined to their start price."""

    def _before_scratch(self, paths: int) -> Any:
        return None


class HistoryBefore(_Before):
    """The end of a history before every path.

    Parameters
    ----------
    path : Generator
        Of the paths, without states of its own that a history does not have.
    bars : sequence of Bars
        One series per symbol, equally long.
    start : sequence of float
        Start price of each symbol.
    warm_up : int
        Bars before the path.
    by_difference : bool
        Whether bars are shifted to the start price, not scaled.

    Raises
    ------
    Refusal
        If the history is shorter, or cannot be scaled because it ends at a price <= 0.
    """

    def __init__(
        self,
        path: Generator,
        bars: Sequence[Bars],
        start: Sequence[float],
        warm_up: int,
        *,
        by_difference: bool,
    ) -> None:
        super().__init__(path, warm_up)
        if warm_up > len(bars[0]):
            raise Refusal(
                "warm_up",
                f"{warm_up} bars before the path",
                f"at most the {len(bars[0])} bars of history",
                hint="shorter indicators, more history, or `warm_up: 0`",
            )
        # Sub-bars are not known of history, and nothing reads them before the first trading bar.
        before = np.full((len(bars), len(self.fields), warm_up), np.nan)
        for series, price, rows in zip(bars, start, before, strict=True):
            last = float(series.close[-1])
            own = slice(len(series) - warm_up, None)
            for number, name in enumerate(self.fields):
                if name in series.fields:
                    rows[number] = series.field(name)[own]
            if by_difference:
                rows[:_PRICES] += price - last
            elif last > 0.0:
                rows[:_PRICES] *= price / last
            else:
                raise Refusal(
                    "warm_up",
                    f"{warm_up} bars of {series.symbol}, whose last close is {last:g}",
                    "a history that ends above 0, or `warm_up: 0`",
                )
        self._rows = before

    def _fill_before(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        before: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        before[:] = self._rows


class DrawnBefore(_Before):
    """A stretch of the same model before every path, of a seed of its own.

    Parameters
    ----------
    path : Generator
        Of the paths.
    before : Generator
        Of the same source, as long as there are bars before.
    start : sequence of float
        Start price of each symbol.
    """

    def __init__(self, path: Generator, before: Generator, start: Sequence[float]) -> None:
        super().__init__(path, before.steps)
        self._before = before
        self._start = np.array(start)
        self._is_price = np.array(
            [name.partition(".")[0] in BAR_FIELDS[:_PRICES] for name in self.fields]
        )

    def _before_scratch(self, paths: int) -> Any:
        return self._before.scratch(paths)

    def _fill_before(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        before: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        self._before.fill(seeds_before(seeds), path_ids, before, scratch)
        _join(before, self._start, self._is_price)


def seeds_before(seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the seed of the bars before the path of each seed.

    Parameters
    ----------
    seeds : ndarray of uint64, shape (n,)
        Seeds of paths.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Two words of the stream `Stream.WARM_UP` of each seed.
    """
    found = np.empty(len(seeds), dtype=np.uint64)
    _fill_seeds(seeds, found)
    return found


@kernel
def _fill_seeds(seeds: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    zero = np.uint64(0)
    for index in range(seeds.shape[0]):
        low, high, _, _ = words(seeds[index], _STREAM, zero, zero)
        out[index] = (low & _LOW) | (high << _32)


@kernel
def _join(before: NDArray[np.float64], start: NDArray[np.float64], is_price: Any) -> None:
    """Bring the last close to the start price: by a factor, or by a shift where none can do it."""
    last = before.shape[3] - 1
    for path in range(before.shape[0]):
        for symbol in range(before.shape[1]):
            rows = before[path, symbol]
            close = rows[3, last]
            scaled = close > 0.0 and start[symbol] > 0.0
            factor = start[symbol] / close if scaled else 1.0
            shift = 0.0 if scaled else start[symbol] - close
            for field in range(before.shape[2]):
                if is_price[field]:
                    for bar in range(last + 1):
                        rows[field, bar] = rows[field, bar] * factor + shift
