"""The simulations of environments: states of their own, paths and features that they share.

Paths and features depend on the episode alone, its seed and its window, so environments in the same
episode read the same arrays. A place for both is taken when an episode begins that nobody is in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.environment.episodes import Episodes
from engine.execution import Execution
from engine.execution.columns import check_volumes, read_columns
from engine.execution.layout import (
    ACCOUNT_WIDTH,
    COUNTS_WIDTH,
    LOT_WIDTH,
    ORDER_WIDTH,
    PATH,
    POSITION_WIDTH,
    SEED,
    SUB_BARS,
)
from engine.execution.state import Simulation, frame_of, new_simulation, status_of
from engine.window import Window

__all__ = ["Simulations"]

_PATH = Simulation._fields.index("path")
_CLOSED = Simulation._fields.index("closed")
_LAST_BARS = Simulation._fields.index("last_bars")
_ELAPSED = Simulation._fields.index("elapsed")


class Simulations:
    """States of simulations, and the places of paths.

    Parameters
    ----------
    episodes : Episodes
        Paths and windows.
    execution : Execution
        Settings of the order engine.
    count : int
        Environments.
    features : int
        Of the market, per bar.
    order_capacity, lot_capacity : int
        Most orders that may be open at once, and most lots of a symbol.
    """

    def __init__(
        self,
        episodes: Episodes,
        execution: Execution,
        count: int,
        features: int,
        order_capacity: int,
        lot_capacity: int,
    ) -> None:
        self._episodes, self._execution = episodes, execution
        symbols, bars = len(episodes.symbols), episodes.window_bars
        rules = execution.rules(episodes.symbols, episodes.bars_per_year, episodes.bars_per_session)
        read_columns(rules, execution, episodes.symbols, episodes.fields)
        rules[:, SUB_BARS] = 1
        # A place of each environment's own suffices; only those that are used become memory.
        self.paths = np.empty((count, symbols, len(episodes.fields), bars))
        self.tables = np.empty((count, bars, features), dtype=np.float32)
        self._place_of = np.full(count, -1, dtype=np.int64)
        self._users = np.zeros(count, dtype=np.int64)
        self._place_at: dict[tuple[int, int], int] = {}
        self._key_of: list[tuple[int, int] | None] = [None] * count
        schedule = episodes.schedule(Window(0, episodes.warm_up, bars - 1))
        shared = new_simulation(
            self.paths[0],
            rules,
            *schedule,
            first_trading_bar=episodes.warm_up,
            order_capacity=order_capacity,
            lot_capacity=lot_capacity,
        )
        self._timed = any(item is not None for item in schedule)
        self._closed = np.zeros((count, *shared.closed.shape), dtype=np.int64)
        self._last_bars = np.zeros((count, *shared.last_bars.shape), dtype=np.int64)
        self._elapsed = np.zeros((count, *shared.elapsed.shape))
        self._account = np.zeros((count, ACCOUNT_WIDTH))
        self._counts = np.zeros((count, COUNTS_WIDTH), dtype=np.int64)
        self._positions = np.zeros((count, symbols, POSITION_WIDTH))
        self._lots = np.zeros((count, symbols, lot_capacity, LOT_WIDTH))
        self._orders = np.zeros((count, order_capacity, ORDER_WIDTH))
        self._curve = np.zeros((count, episodes.episode_bars))
        self._shared = shared
        frames = [frame_of(self.simulation(number)) for number in range(count)]
        self.frames: NDArray[np.int64] = np.ascontiguousarray(np.stack(frames))

    def simulation(self, number: int) -> Simulation:
        """Return the simulation of an environment, without a copy."""
        place = max(int(self._place_of[number]), 0)
        return self._shared._replace(
            path=self.paths[place],
            account=self._account[number],
            counts=self._counts[number],
            positions=self._positions[number],
            lots=self._lots[number],
            orders=self._orders[number],
            curve=self._curve[number],
            closed=self._closed[place],
            last_bars=self._last_bars[place],
            elapsed=self._elapsed[place],
        )

    def begin(self, number: int, seed: int, window: Window) -> bool:
        """Give an environment the path of an episode; whether its features must be filled."""
        key = (0 if self._episodes.one_path else seed, window.first_bar)
        place = self._place_at.get(key)
        self._leave(number)
        fresh = place is None
        if place is None:
            place = int(np.flatnonzero(self._users == 0)[0])
            former = self._key_of[place]
            if former is not None:
                del self._place_at[former]
            self._fill(place, seed, window)
            self._place_at[key], self._key_of[place] = place, key
        self._users[place] += 1
        self._place_of[number] = place
        counts = self._counts[number]
        counts[SEED] = np.uint64(seed).astype(np.int64)
        counts[PATH] = 0
        frame = self.frames[number]
        frame[_PATH] = self.paths[place].ctypes.data
        frame[_CLOSED] = self._closed[place].ctypes.data
        frame[_LAST_BARS] = self._last_bars[place].ctypes.data
        frame[_ELAPSED] = self._elapsed[place].ctypes.data
        return fresh

    def forget(self) -> None:
        """Let no environment be in an episode: features are to be filled anew."""
        self._place_of[:] = -1
        self._users[:] = 0
        self._place_at.clear()
        self._key_of = [None] * len(self._key_of)

    def table_address(self, number: int) -> int:
        """Return where the features lie that an environment observes."""
        return int(self.tables[self._place_of[number]].ctypes.data)

    def status_text(self, number: int) -> str:
        """Say why a simulation failed; empty if it did not."""
        return status_of(self.simulation(number))

    @property
    def bytes_per_environment(self) -> int:
        """Memory of the state of one simulation and its path, in bytes."""
        own = (self._account, self._counts, self._positions, self._lots, self._orders, self._curve)
        path = (self.paths, self._closed, self._last_bars, self._elapsed)
        arrays = (*own, *path, self.frames)
        return int(sum(array[0].nbytes for array in arrays))

    @property
    def bytes_per_episode(self) -> int:
        """Memory of the features of one episode, which all environments in it share, in bytes."""
        return int(self.tables[0].nbytes)

    def _leave(self, number: int) -> None:
        """Leave the episode that an environment was in; its place may be taken by another."""
        place = self._place_of[number]
        if place >= 0:
            self._users[place] -= 1
            self._place_of[number] = -1

    def _fill(self, place: int, seed: int, window: Window) -> None:
        whole = self._episodes.path(seed)
        path = self.paths[place]
        path[:] = whole[:, :, window.first_bar : window.last_bar + 1]
        check_volumes(path[None], self._execution, self._episodes.symbols)
        if self._timed:
            closed, last_bars, elapsed = self._episodes.schedule(window)
            if closed is not None:
                self._closed[place] = closed
            if last_bars is not None:
                self._last_bars[place] = last_bars
            if elapsed is not None:
                self._elapsed[place] = elapsed
