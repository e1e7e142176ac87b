"""Where episodes lie: the path of a seed, and the window of it that is traded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES, BarCalendar
from engine.clock import time_between
from engine.environment.features import minute_table
from engine.environment.settings import Settings
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.own_bars import own_bars_of
from engine.local_time import session_days, wall_clock
from engine.randomness import Stream, philox_reference
from engine.sources import Historical, Source
from engine.sources.generator import Generator
from engine.timeframes import bar_minutes, intraday_minutes
from engine.window import Window

__all__ = ["Episodes", "Schedule"]

# A path is made whole for each episode; history is there already.
_MOST_BARS = 1_000_000
_MINUTE = 60_000_000
_DAY_MINUTES = 1440


class Schedule(NamedTuple):
    """When the bars of a window are, as the order engine takes it; None: bars have no times."""

    closed: NDArray[np.int64] | None
    last_bars: NDArray[np.int64] | None
    elapsed: NDArray[np.float64] | None


class Episodes:
    """Paths by seed, and windows on them.

    Parameters
    ----------
    source : Source
        Where paths come from.
    settings : Settings
        Of the environment.
    execution : Execution
        For the hours of instruments.
    calendar : BarCalendar
        Of the bars.
    s0 : tuple of float, optional
        Start prices.
    warm_up : int
        Bars before the first that is traded.

    Raises
    ------
    Refusal
        If a path is longer than memory should hold, or an episode longer than a path.
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        execution: Execution,
        calendar: BarCalendar,
        s0: Any,
        warm_up: int,
    ) -> None:
        if isinstance(source, Historical):
            calendar = source.bars[0].calendar
        self.source, self.calendar, self.warm_up = source, calendar, warm_up
        self.bars_per_session = float(source.bars_per_session(calendar))
        session = max(2, round(self.bars_per_session))
        steps = settings.steps
        if steps is None and not isinstance(source, Historical):
            steps = session if self.bars_per_session >= 2.0 else 252
        if steps is not None and steps > _MOST_BARS and not isinstance(source, Historical):
            raise Refusal("steps", f"{steps:,} bars", f"up to {_MOST_BARS:,} of a simulated path")
        self._generator: Generator = source.prepare(
            steps=steps, s0=s0, calendar=calendar, warm_up=warm_up
        )
        self.path_bars = self._generator.steps - warm_up
        self.timestamps = self._generator.timestamps
        #: Bars of the traded part at which sessions begin; None: episodes begin at any.
        self._sessions: NDArray[np.int64] | None = None
        episode = settings.episode
        if episode == "session":
            self._sessions, episode = self._whole_sessions(session)
        self.episode_bars = self.path_bars if episode is None else int(episode)
        if self.episode_bars < 2 or self.episode_bars > self.path_bars:
            raise Refusal(
                "episode", f"{self.episode_bars} bars", f"2 to {self.path_bars}, those of a path"
            )
        self.window_bars = warm_up + self.episode_bars
        self.bars_per_year = float(source.bars_per_year(calendar, self.path_bars))
        self._start = settings.start
        self._column = self._regime_column(settings.start)
        self._schedule = self._whole_schedule(execution)
        self._scratch = self._generator.scratch(1)
        #: Whether every seed has the same path.
        self.one_path = isinstance(source, Historical)
        self._path = np.empty((1, len(source.symbols), len(self.fields), self._generator.steps))
        self._held: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the bars."""
        return self._generator.fields

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of a path."""
        return self._generator.symbols

    @property
    def nominal_session(self) -> tuple[int, int, int] | None:
        """Opening minute, minutes of a bar, bars of a session, where bars have no instants."""
        return None if self.timestamps is not None else nominal_session(self.calendar)

    def window(self, seed: int) -> Window:
        """Return the window of a seed's episode, in bars of its path, those to warm up on included.

        Parameters
        ----------
        seed : int
            Decides both the path and, where starts are drawn, the start.
        """
        every = np.arange(self.path_bars - self.episode_bars + 1)
        places = every if self._sessions is None else self._sessions
        if self._start == "first" or len(places) == 1:
            start = int(places[0])
        elif self._start == "random":
            start = int(places[int(_share(seed, 0) * len(places))])
        else:
            start = self._start_in_regime(seed, places)
        return Window(start, start + self.warm_up, start + self.window_bars - 1)

    def has_start(self, seed: int) -> bool:
        """Whether an episode can begin on the path of a seed: where it has the regime wanted."""
        if self._column < 0:
            return True
        try:
            self.window(seed)
        except Refusal:
            return False
        return True

    def path(self, seed: int) -> NDArray[np.float64]:
        """Return the path of a seed: that of the same seed of a study.

        Returns
        -------
        ndarray of float64, shape (symbols, fields, bars)
            It holds until the next one is asked for.
        """
        wanted = 0 if self.one_path else seed
        if self._held != wanted:
            seeds = np.array([seed], dtype=np.uint64)
            self._generator.fill(seeds, np.zeros(1, dtype=np.uint64), self._path, self._scratch)
            self._held = wanted
        path: NDArray[np.float64] = self._path[0]
        return path

    def schedule(self, window: Window) -> Schedule:
        """Return when the bars of a window are, counted from its first bar."""
        inside = slice(window.first_bar, window.last_bar + 1)
        closed, last_bars, elapsed = self._schedule
        return Schedule(
            None if closed is None else np.ascontiguousarray(closed[:, inside]),
            None
            if last_bars is None
            else np.ascontiguousarray(last_bars[:, inside] - window.first_bar),
            None if elapsed is None else np.ascontiguousarray(elapsed[inside]),
        )

    def clock(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Return the features of the clock at each bar, for the bars of a path.

        Of bars without instants the hours are those of the calendar's session, which begins with
        the first bar that is traded.

        Returns
        -------
        ndarray of float64, shape (features, bars)
        """
        minutes = self._minutes()
        rows = [
            self._seconds() if name == "timestamp" else minute_table(name)[minutes]
            for name in names
        ]
        return np.array(rows).reshape(len(names), self._generator.steps)

    def first_of_clock(self, window: Window) -> int:
        """Return the bar of the clock at which a window begins."""
        return 0 if self.timestamps is None else window.first_bar

    def _seconds(self) -> NDArray[np.float64]:
        assert self.timestamps is not None
        return self.timestamps / 1e6

    def _minutes(self) -> NDArray[np.int64]:
        """Return the minute of the day at which each bar opens, by the clock of the exchange."""
        exchange = EXCHANGES[self.calendar.exchange]
        if self.timestamps is not None:
            wall = wall_clock(self.timestamps, exchange.zone)
            return np.asarray(wall // _MINUTE % _DAY_MINUTES)
        return nominal_minutes(np.arange(self._generator.steps) - self.warm_up, self.calendar)

    def _whole_schedule(self, execution: Execution) -> Schedule:
        stamps, symbols, source = self.timestamps, self.symbols, self.source
        own = None
        if isinstance(source, Historical):
            own = own_bars_of(source.bars, self._generator.steps)
        elapsed = None if stamps is None else time_between(stamps, self.bars_per_year)
        # No action lives by sessions, so that a calendar is built for `flat_at` alone.
        exchange = self.calendar.exchange if execution.flat_at == "close" else None
        when = (stamps, exchange, bar_minutes(self.calendar.timeframe), own)
        return Schedule(
            execution.closed(symbols, *when), execution.last_bars(symbols, *when), elapsed
        )

    def _regime_column(self, start: str | Mapping[str, float]) -> int:
        """Return the field that says which regime a bar is in."""
        if start in ("first", "random"):
            return -1
        name = "regime" if isinstance(start, str) else next(iter(start))
        if name not in self.fields:
            raise Refusal("start", f"column {name!r}", f"columns of the source: {self.fields}")
        return self.fields.index(name)

    def _start_in_regime(self, seed: int, starts: NDArray[np.int64]) -> int:
        """Draw a regime of the path, each alike, or take the one asked for; then a start in it."""
        values = self.path(seed)[0, self._column, self.warm_up + starts]
        if isinstance(self._start, Mapping):
            wanted = float(next(iter(self._start.values())))
        else:
            kinds = np.unique(values[np.isfinite(values)])
            if not len(kinds):
                raise Refusal("start", f"no regime on the path of seed {seed}", "one at least")
            wanted = float(kinds[int(_share(seed, 1) * len(kinds))])
        places = np.flatnonzero(values == wanted)
        if not len(places):
            raise Refusal(
                "start",
                f"no bar at {wanted:g} on the path of seed {seed}",
                "a longer path (`steps`)",
            )
        return int(starts[places[int(_share(seed, 0) * len(places))]])

    def _whole_sessions(self, nominal: int) -> tuple[NDArray[np.int64], int]:
        """Return where sessions begin in the traded part, and how many bars they have.

        Of history those with the usual number of bars, so that half days are left out; of models
        every session, which begin with the first bar that is traded.
        """
        minutes = intraday_minutes(self.calendar.timeframe)
        if minutes is None:
            told = f"'session' of bars of {self.calendar.timeframe}"
            raise Refusal("episode", told, "a number of bars, or 'session' of intraday bars")
        if self.timestamps is None:
            starts = np.arange(max(self.path_bars // nominal, 1)) * nominal
            return starts, nominal
        days = session_days(self.timestamps[self.warm_up :], self.calendar.exchange)
        firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
        if self.warm_up > 0 and len(firsts) > 1:
            # The first may have begun among the bars to warm up on.
            before = session_days(self.timestamps[self.warm_up - 1 :][:1], self.calendar.exchange)
            firsts = firsts[int(before[0] == days[0]) :]
        ends = np.append(firsts[1:], len(days))
        lengths = ends - firsts
        usual = int(np.bincount(lengths).argmax())
        return firsts[lengths == usual], usual


def nominal_minutes(numbers: NDArray[np.int64], calendar: BarCalendar) -> NDArray[np.int64]:
    """Return the minute of the day at which bars open that have no instants.

    Parameters
    ----------
    numbers : ndarray of int64, shape (bars,)
        Numbers of bars, 0 the first that is traded, with which a session begins.
    calendar : BarCalendar
        Of the bars.

    Returns
    -------
    ndarray of int64, shape (bars,)
        From 0 to 1,439.
    """
    opening, width, session = nominal_session(calendar)
    return np.asarray((opening + numbers % session * width) % _DAY_MINUTES)


def nominal_session(calendar: BarCalendar) -> tuple[int, int, int]:
    """Return the opening minute of a session, the minutes of a bar, and the bars of a session."""
    opening = EXCHANGES[calendar.exchange].parts[0][0] % _DAY_MINUTES
    width = intraday_minutes(calendar.timeframe)
    if width is None:
        return opening, 0, 1
    return opening, width, max(1, round(calendar.bars_per_session))


def _share(seed: int, draw: int) -> float:
    """Return a uniform number in (0, 1) that is a function of a seed."""
    key = (seed & 0xFFFFFFFF, seed >> 32)
    word = philox_reference((draw, int(Stream.EPISODE), 0, 0), key)[0]
    return (word + 0.5) / 4294967296.0
