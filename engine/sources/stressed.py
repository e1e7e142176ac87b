"""Stress scenarios: a shock, or a stretch of history, put into the paths of any source."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.compiled import kernel
from engine.errors import Refusal
from engine.own_data import bars_of
from engine.randomness import Stream
from engine.randomness.normals import uniform, words
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import Parameter, option
from engine.sources.source import Source

__all__ = ["SHOCK", "Stressed"]

#: What a shock is called where parameters are swept.
SHOCK: Final = "stress.shock"

_MOVE: Final = Parameter("shock", 0.0, -1.0, open_low=True, doc="Relative move of the price.")
_PRICES: Final = BAR_FIELDS[:4]
_CLOSE: Final = 3
_STREAM: Final = np.uint64(Stream.STRESS)
_PLACES: Final = "a bar from 1, a share of the path between 0 and 1, a date of history, 'random'"


class Stressed(Source):
    """The paths of a source with a shock or a stretch of history in them.

    Everything before the moment is, bit for bit, the path of the source alone, so that the same
    seeds with and without the scenario are compared path by path.

    Parameters
    ----------
    source : Source
        Of positive prices.
    at : int, float, date or str
        When: the number of a bar, from 1, at whose open a shock comes or a stretch begins; a share
        of the path above 0 and below 1; a date, ``YYYY-MM-DD``, of a source with dates, whose
        first bar on or after it is meant; ``"random"``, any bar that leaves room for the scenario,
        drawn for every path by its seed.
    shock : float
        Relative move of the price, such as -0.2; swept and replaced as ``stress.shock``.
    over : int
        Bars over which the shock comes, in equal steps at their opens.
    stretch : Bars or table, optional
        Its moves take the place of those of as many bars, less one: the first bar is that before
        the stretch, whose close the moves start from. One series, which all symbols follow.
    on : sequence of str, optional
        Symbols that are hit; by default all.
    label : str
        What reports call the scenario.

    Raises
    ------
    Refusal
        If the source may have prices at or below 0, or the moment or the shock is out of range.

    Notes
    -----
    Prices after the scenario are those of the source times one factor, so that their returns stay.
    A model's states (variance, regime, convenience yield) and volumes are as the source makes
    them: a shock does not excite them.

    Examples
    --------
    >>> import engine as mc
    >>> calm = mc.GBM(mu=0.05, sigma=0.2)
    >>> crash = mc.Stressed(calm, at=0.5, shock=-0.3)
    >>> plain, hit = (source.paths(seeds=[1], steps=100).close[0] for source in (calm, crash))
    >>> bool((plain[:50] == hit[:50]).all()), round(float(hit[99] / plain[99]), 12)
    (True, 0.7)
    """

    name = "stressed"
    no_leg_because = "a leg is stressed from outside: `on`"

    source: Any = dataclasses.field(kw_only=False)
    at: Any = option(0.5, "Bar, share of the path, date or 'random'.")
    shock: float = option(0.0, "Relative move of the price.")
    over: int = option(1, "Bars over which the shock comes.")
    stretch: Any = option(None, "Bars whose moves take the place of the path's.")
    on: Any = option(None, "Symbols that are hit.")
    label: str = option("", "What reports call the scenario.")

    def validate(self) -> None:
        """Check the source, the moment and the scenario."""
        if not isinstance(self.source, Source):
            raise Refusal("source", type(self.source).__name__, "a source of paths")
        if self.source._by_difference:
            raise Refusal("source", "prices that may be at or below 0", "a source of positive ones")
        object.__setattr__(self, "shock", _MOVE.check(self.shock))
        own = {SHOCK: _MOVE} if self.stretch is None else {}
        object.__setattr__(self, "parameters", self.source.parameters | own)
        object.__setattr__(self, "at", _moment(self.at))
        if isinstance(self.over, bool) or int(self.over) != self.over or self.over < 1:
            raise Refusal("over", repr(self.over), "a whole number of bars >= 1")
        names = self.symbols if self.on is None else tuple(np.ravel(self.on).tolist())
        unknown = [name for name in names if name not in self.symbols]
        if unknown or not names:
            raise Refusal("on", repr(unknown[0]) if unknown else "none", ", ".join(self.symbols))
        object.__setattr__(self, "on", names)
        if self.stretch is None:
            return
        if self.shock != 0.0 or self.over != 1:
            raise Refusal("stretch", "bars beside a shock", "either")
        series = bars_of(self.stretch)
        if len(series) != 1:
            raise Refusal("stretch", f"{len(series)} series", "one, which all symbols follow")
        (bars,) = series
        if len(bars) < 2 or not (bars.low > 0.0).all():
            found = "prices at or below 0" if len(bars) > 1 else f"{len(bars)} bars"
            raise Refusal("stretch", found, "two bars or more, all of their prices above 0")
        object.__setattr__(self, "stretch", bars)

    @property
    def length(self) -> int:
        """Bars of the path that the scenario changes by more than a factor."""
        return self.over if self.stretch is None else len(self.stretch) - 1

    # --- what belongs to the source ----------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the source."""
        symbols: tuple[str, ...] = self.source.symbols
        return symbols

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]
        """States of the source."""
        states: tuple[str, ...] = self.source.states
        return states

    @property
    def has_sub_bars(self) -> bool:  # type: ignore[override]
        """Whether the source draws the path inside its bars; a stretch of history has none."""
        return self.stretch is None and bool(self.source.has_sub_bars)

    @property
    def sampling(self) -> str:
        """How the source balances the paths of a seed."""
        return str(getattr(self.source, "sampling", "random"))

    @property
    def classes(self) -> tuple[type[Source], ...]:
        """Its own class and those of the source."""
        return (type(self), *self.source.classes)

    @property
    def values(self) -> dict[str, float]:
        """Parameters of the source, and the shock as ``stress.shock``."""
        values: dict[str, float] = dict(self.source.values)
        return values | ({SHOCK: self.shock} if self.stretch is None else {})

    def with_parameters(self, **values: float) -> Self:
        """Return the same scenario with parameters of the source, or the shock, changed."""
        shock = values.get(SHOCK, self.shock)
        if SHOCK in values and self.stretch is not None:
            raise Refusal(f"parameter of {self.name}", repr(SHOCK), ", ".join(self.values))
        rest = {name: value for name, value in values.items() if name != SHOCK}
        source = self.source.with_parameters(**rest) if rest else self.source
        return dataclasses.replace(self, source=source, shock=shock)

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same scenario with its source started from a filtered state."""
        return dataclasses.replace(self, source=self.source.with_start_state(state))

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers; what a scenario is called does not."""
        own = super().fingerprint()
        stress = {name: own[name] for name in ("at", "over", "stretch", "on")}
        content: dict[str, Any] = self.source.fingerprint()
        return content | {"stress": stress, SHOCK: self.shock}

    def bars_per_year(self, calendar: BarCalendar | None = None, steps: int | None = None) -> float:
        """Bars in a year of the source's paths."""
        return float(self.source.bars_per_year(calendar, steps))

    def bars_per_session(self, calendar: BarCalendar | None = None) -> float:
        """Bars in a session of the source's paths."""
        return float(self.source.bars_per_session(calendar))

    def start_prices(self, s0: float | Iterable[float] | None = None) -> tuple[float, ...]:
        """Return where the paths of the source start."""
        prices: tuple[float, ...] = self.source.start_prices(s0)
        return prices

    def _default_steps(self, warm_up: int) -> int | None:
        steps: int | None = self.source._default_steps(warm_up)
        return steps

    def _history(self) -> tuple[Bars, ...]:
        history: tuple[Bars, ...] = self.source._history()
        return history

    # --- paths ---------------------------------------------------------------------------------

    def _generator(self, request: FillRequest) -> Generator:
        return self._with_warm_up(request, 1, 0, ())

    def _with_warm_up(
        self, request: FillRequest, sub_bars: int, warm_up: int, history: tuple[Bars, ...]
    ) -> Generator:
        path = self.source._with_warm_up(request, sub_bars, warm_up, history)
        return _StressedGenerator(self, path, ohlc=request.ohlc)


def _moment(at: Any) -> int | float | str:
    """Return a moment as a bar, a share, ``random`` or an ISO date."""
    if at == "random":
        return "random"
    if isinstance(at, datetime.date):
        return at.isoformat()[:10]
    if isinstance(at, str):
        try:
            return datetime.date.fromisoformat(at).isoformat()
        except ValueError:
            raise Refusal("at", repr(at), _PLACES) from None
    if isinstance(at, int | np.integer) and not isinstance(at, bool) and at >= 1:
        return int(at)
    if isinstance(at, float) and 0.0 < at < 1.0:
        return at
    raise Refusal("at", repr(at), _PLACES)


class _StressedGenerator(Generator):
    """Fills the source's paths and changes them from the moment on."""

    def __init__(self, scenario: Stressed, path: Generator, *, ohlc: bool) -> None:
        self._path = path
        self.symbols = path.symbols
        self.states = path.states
        self.steps = path.steps
        self.warm_up = path.warm_up
        self.dt = path.dt
        self.timestamps = path.timestamps
        self.lanes = path.lanes
        bars = path.steps - path.warm_up
        #: Bars at which the scenario may begin: from 1, since a path opens at its start price.
        self._choices = bars - scenario.length
        if self._choices < 1:
            raise Refusal("steps", str(bars), f"more than the {scenario.length} of the scenario")
        self._first = _first_bar(scenario.at, path, self._choices)
        self._hit = np.array([symbol in scenario.on for symbol in path.symbols])
        self._is_price = np.array([name.partition(".")[0] in _PRICES for name in path.fields])
        steps = np.arange(1, scenario.over + 1) / scenario.over
        self._factors = 1.0 + scenario.shock * steps
        self._moves = None if scenario.stretch is None else _moves(scenario.stretch, ohlc=ohlc)

    def scratch(self, paths: int) -> Any:
        """Make the buffers of the source's generator."""
        return self._path.scratch(paths)

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write the source's paths, changed from the moment on; see `Generator.fill`."""
        self._path.fill(seeds, path_ids, out, scratch)
        first = np.full(len(out), self.warm_up + self._first)
        if self._first == 0:
            _draw_first(seeds, path_ids, self._choices, first)
        if self._moves is None:
            _shock(out, first, self._hit, self._is_price, self._factors)
        else:
            _splice(out, first, self._hit, self._moves)


def _first_bar(at: int | float | str, path: Generator, choices: int) -> int:
    """Return the first bar of the scenario, counted from the first that trades; 0: any."""
    if at == "random":
        return 0
    if isinstance(at, str):
        if path.timestamps is None:
            raise Refusal(
                "at", f"the date {at} for paths without dates", "a bar, a share of the path, random"
            )
        stamps = path.timestamps[path.warm_up :]
        instant = np.datetime64(at, "us").astype(np.int64)
        first = int(np.searchsorted(stamps, instant))
        last = str(stamps[choices].astype("datetime64[us]"))[:10]
        earliest = str(stamps[1].astype("datetime64[us]"))[:10]
        allowed = f"{earliest} to {last}, which leaves room for the scenario"
    else:
        bars = path.steps - path.warm_up
        first = at if isinstance(at, int) else max(1, math.floor(at * bars))
        allowed = f"1 to {choices} of {bars} bars, so that the scenario has room"
    if not 1 <= first <= choices:
        raise Refusal("at", str(at), allowed)
    return first


def _moves(bars: Bars, *, ohlc: bool) -> NDArray[np.float64]:
    """Return open, high, low and close of every bar but the first, over the close before it."""
    rows = np.array([bars.field(name)[1:] for name in _PRICES])
    if not ohlc:
        rows[1], rows[2] = np.maximum(rows[0], rows[3]), np.minimum(rows[0], rows[3])
    moves: NDArray[np.float64] = rows / bars.close[:-1]
    return moves


@kernel
def _draw_first(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    choices: int,
    first: NDArray[np.int64],
) -> None:
    """Add to each path's first bar one of 1 to `choices`, all as likely."""
    for n in range(first.shape[0]):
        word, _, _, _ = words(seeds[n], _STREAM, path_ids[n], np.uint64(0))
        first[n] += 1 + min(int(uniform(word) * choices), choices - 1)


@kernel
def _shock(
    out: NDArray[np.float64],
    first: NDArray[np.int64],
    hit: Any,
    is_price: Any,
    factors: NDArray[np.float64],
) -> None:
    """Multiply the prices of the symbols that are hit, from their paths' first bars on."""
    for n in range(out.shape[0]):
        for symbol in range(out.shape[1]):
            if not hit[symbol]:
                continue
            for field in range(out.shape[2]):
                if is_price[field]:
                    for bar in range(first[n], out.shape[3]):
                        step = min(bar - first[n], factors.shape[0] - 1)
                        out[n, symbol, field, bar] *= factors[step]


@kernel
def _splice(
    out: NDArray[np.float64], first: NDArray[np.int64], hit: Any, moves: NDArray[np.float64]
) -> None:
    """Put moves in the place of the path's, and scale what follows to where they end."""
    length = moves.shape[1]
    for n in range(out.shape[0]):
        for symbol in range(out.shape[1]):
            if not hit[symbol]:
                continue
            rows = out[n, symbol]
            after = first[n] + length
            price, was = rows[_CLOSE, first[n] - 1], rows[_CLOSE, after - 1]
            for step in range(length):
                for field in range(4):
                    rows[field, first[n] + step] = price * moves[field, step]
                price = rows[_CLOSE, first[n] + step]
            factor = price / was
            for field in range(4):
                for bar in range(after, out.shape[3]):
                    rows[field, bar] *= factor
