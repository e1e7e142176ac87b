"""What every source of price paths is: parameters, options, and a way to paths."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.compiled import ENGINE_VERSION
from engine.errors import Refusal
from engine.price_block import PriceBlock
from engine.randomness import PATH_VERSION
from engine.sources.blocks import blocks, one_block, seed_array
from engine.sources.described import described
from engine.sources.generator import BarForm, FillRequest, Generator
from engine.sources.parameter import Parameter, declared_parameters, option, parameter
from engine.sources.registered import register
from engine.sources.sub_bars import SubBarGenerator
from engine.sources.warm_up import DrawnBefore, HistoryBefore

__all__ = ["Source"]


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(parameter, option)
)
class Source(ABC):
    """Where price paths come from: a model, a bootstrap, or history.

    Subclasses are frozen dataclasses with keyword arguments: their annotated fields are parameters
    (`parameter`) and options (`option`). The constructor validates and stores, nothing else.

    Attributes
    ----------
    name : str
        Key in the registry, in YAML and in results.
    parameters : dict of str to Parameter
        The declared parameters.
    """

    name: ClassVar[str] = ""
    parameters: ClassVar[dict[str, Parameter]] = {}
    states: tuple[str, ...] = ()
    default_s0: ClassVar[float] = 100.0
    #: Whether the source can draw the path inside its bars.
    has_sub_bars: ClassVar[bool] = False
    #: Why the source cannot be a leg of `Correlated`; empty if its price moves with a normal shock
    #: per bar, the first of its factors.
    no_leg_because: ClassVar[str] = "it draws no normal shocks"
    #: Options that the fingerprint has where they are used: paths without are those of before.
    named_where_used: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True, eq=False)(cls)
        cls.parameters = declared_parameters(cls)
        if "name" in vars(cls):
            register(cls)

    def __post_init__(self) -> None:
        for name, declared in self.parameters.items():
            object.__setattr__(self, name, declared.check(getattr(self, name)))
        self.validate()

    def validate(self) -> None:  # noqa: B027 - most models have no rules beyond bounds
        """Check what bounds cannot say; override to add a model's own rules."""

    @classmethod
    def from_values(
        cls, values: Mapping[str, float], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make a source from parameter values and options by name.

        `bars` go to the sources that resample or replay history; models do not need them.

        Raises
        ------
        ValueError
            If a name is unknown or a value is out of range.
        """
        known = {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for kind, given in (("parameter", values), ("option", options)):
            for name in given:
                if name not in known:
                    allowed = cls.parameters if kind == "parameter" else known - set(cls.parameters)
                    raise Refusal(
                        f"{kind} of {cls.name}", repr(name), ", ".join(sorted(allowed)) or "none"
                    )
        if "bars" in known:
            options["bars"] = bars
        return cls(**values, **options)

    @property
    def values(self) -> dict[str, float]:
        """Parameter values by name."""
        return {name: getattr(self, name) for name in self.parameters}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of a path."""
        return ("SYNTHETIC",)

    @property
    def classes(self) -> tuple[type[Source], ...]:
        """Classes whose code makes the paths: its own, and those of the sources that it holds."""
        return (type(self),)

    def with_parameters(self, **values: float) -> Self:
        """Return the same source with some parameters changed."""
        unknown = [name for name in values if name not in self.parameters]
        if unknown:
            raise Refusal(
                f"parameter of {self.name}", repr(unknown[0]), ", ".join(self.parameters) or "none"
            )
        return dataclasses.replace(self, **values)  # type: ignore[type-var]

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's filtered state.

        Parameters
        ----------
        state : mapping of str to float
            Names as in ``Calibration.start_state``. ``spot`` is not used: the start price is an
            argument of `prepare`.

        Raises
        ------
        ValueError
            If the source has no such state.
        """
        rest = [name for name in state if name != "spot"]
        if rest:
            raise Refusal(f"start state of {self.name}", repr(rest[0]), "spot")
        return self

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers, as JSON-able values."""
        fields = {
            item.name: described(getattr(self, item.name))
            for item in dataclasses.fields(self)  # type: ignore[arg-type]
            if item.name not in self.named_where_used or getattr(self, item.name)
        }
        return {
            "source": self.name,
            **fields,
            "path_version": PATH_VERSION,
            "engine_version": ENGINE_VERSION,
        }

    @abstractmethod
    def _generator(self, request: FillRequest) -> Generator:
        """Make the generator of a checked request."""

    def _default_steps(self, warm_up: int) -> int | None:
        steps: int | None = getattr(self, "steps", None)
        return steps

    def _history(self) -> tuple[Bars, ...]:
        """Return the bars that paths continue, if the source has any."""
        return ()

    @property
    def _by_difference(self) -> bool:
        """Whether bars are joined by difference, so that prices may be negative."""
        return False

    def _default_s0(self) -> tuple[float, ...]:
        return (self.default_s0,) * len(self.symbols)

    def bars_per_year(self, calendar: BarCalendar | None = None, steps: int | None = None) -> float:
        """Bars in a year of the source's paths.

        Parameters
        ----------
        calendar : BarCalendar, optional
            Nominal, for models; by default daily bars of the New York Stock Exchange. Paths made
            of history have the bars per year that it has.
        steps : int, optional
            Bars of each path, for history.
        """
        return (calendar or BarCalendar()).bars_per_year

    def bars_per_session(self, calendar: BarCalendar | None = None) -> float:
        """Bars in a session of the source's paths; below one for bars longer than it.

        Parameters
        ----------
        calendar : BarCalendar, optional
            As in `bars_per_year`.
        """
        return (calendar or BarCalendar()).bars_per_session

    def prepare(
        self,
        *,
        steps: int | None = None,
        s0: float | Iterable[float] | None = None,
        dt: float | None = None,
        calendar: BarCalendar | None = None,
        bars: BarForm = "ohlc",
        paths_per_seed: int = 1,
        sub_bars: int = 1,
        warm_up: int = 0,
        history: tuple[Bars, ...] = (),
    ) -> Generator:
        """Make ready to fill paths.

        Parameters
        ----------
        steps : int, optional
            Bars of each path; by default the source's own, if it has one.
        s0 : float or sequence of float, optional
            Start price (one per symbol); by default the last close where the source has bars,
            else 100.
        dt : float, optional
            Length of a bar in years; by default one over `bars_per_year`.
        calendar : BarCalendar, optional
            Of a model's bars; by default daily bars of the New York Stock Exchange.
        bars : {"ohlc", "close"}
            ``"ohlc"`` draws the range of every bar; ``"close"`` makes high and low the larger and
            the smaller of open and close, which is cheaper.
        paths_per_seed : int
            Paths that share a seed.
        sub_bars : int
            Finer bars inside each bar of a model, on which resting orders are worked; 1: none.
        warm_up : int
            Bars before the path, on which indicators warm up; the path stays as it is.
        history : tuple of Bars
            Bars, one series per symbol, that the path continues; by default the source's own. A
            source with states of its own, or none, draws the bars before by a seed of their own.

        Returns
        -------
        Generator
            Of paths of ``warm_up + steps`` bars.

        Raises
        ------
        ValueError
            If an argument is out of range; names the argument, what was found and what is allowed.
        """
        if isinstance(warm_up, bool) or int(warm_up) != warm_up or warm_up < 0:
            raise Refusal("warm_up", repr(warm_up), "a whole number of bars >= 0")
        if steps is None:
            steps = self._default_steps(int(warm_up))
        if steps is None or isinstance(steps, bool) or int(steps) != steps or steps < 1:
            raise Refusal("steps", repr(steps), "a whole number >= 1")
        if dt is None:
            dt = 1.0 / self.bars_per_year(calendar, int(steps))
        if not (isinstance(dt, int | float) and math.isfinite(dt) and dt > 0):
            raise Refusal("dt", repr(dt), "> 0 (years)")
        if bars not in ("ohlc", "close"):
            raise Refusal("bars", repr(bars), "'ohlc', 'close'")
        if paths_per_seed < 1 or int(paths_per_seed) != paths_per_seed:
            raise Refusal("paths_per_seed", repr(paths_per_seed), ">= 1")
        if isinstance(sub_bars, bool) or int(sub_bars) != sub_bars or sub_bars < 1:
            raise Refusal("sub_bars", repr(sub_bars), "a whole number >= 1")
        if sub_bars > 1 and not self.has_sub_bars:
            raise Refusal(
                "sub_bars",
                str(sub_bars),
                f"1 for {self.name}, which knows no path inside a bar",
            )
        start = self.start_prices(s0)
        count = int(sub_bars)
        request = FillRequest(
            int(steps) * count, start, float(dt) / count, bars == "ohlc", int(paths_per_seed)
        )
        return self._with_warm_up(request, count, int(warm_up), history)

    def _with_warm_up(
        self, request: FillRequest, sub_bars: int, warm_up: int, history: tuple[Bars, ...]
    ) -> Generator:
        path = self._with_sub_bars(request, sub_bars)
        if warm_up == 0:
            return path
        history = history or self._history()
        if history and set(self.states) <= set(history[0].columns):
            return HistoryBefore(
                path, history, request.s0, warm_up, by_difference=self._by_difference
            )
        before = dataclasses.replace(request, steps=warm_up * sub_bars)
        return DrawnBefore(path, self._with_sub_bars(before, sub_bars), request.s0)

    def _with_sub_bars(self, request: FillRequest, sub_bars: int) -> Generator:
        generator = self._generator(request)
        return generator if sub_bars == 1 else SubBarGenerator(generator, sub_bars)

    def start_prices(self, s0: float | Iterable[float] | None = None) -> tuple[float, ...]:
        """Return where paths start, a price per symbol, with the arguments of `prepare`."""
        if s0 is None:
            start = self._default_s0()
        elif isinstance(s0, int | float | np.number):
            start = (float(s0),) * len(self.symbols)
        else:
            start = tuple(float(price) for price in s0)
        if len(start) != len(self.symbols):
            raise Refusal("s0", f"{len(start)} prices", f"one per symbol ({len(self.symbols)})")
        for price in start:
            self._check_start(price)
        return start

    def _check_start(self, price: float) -> None:
        if not (math.isfinite(price) and price > 0):
            raise Refusal(
                "s0",
                str(price),
                f"> 0: {self.name} models the logarithm of the price (historical and "
                "bootstrap with returns='difference' take negative prices)",
            )

    def paths(
        self,
        *,
        seeds: int | Iterable[int],
        steps: int | None = None,
        s0: float | Iterable[float] | None = None,
        dt: float | None = None,
        calendar: BarCalendar | None = None,
        bars: BarForm = "ohlc",
        paths_per_seed: int = 1,
        sub_bars: int = 1,
        warm_up: int = 0,
        threads: int = 1,
    ) -> PriceBlock:
        """Generate paths into one block of memory.

        Parameters
        ----------
        seeds : int or iterable of int
            One path per seed and path number; ``0 <= seed < 2**64``.
        steps, s0, dt, calendar, bars, paths_per_seed, sub_bars, warm_up
            As in `prepare`.
        threads : int
            Threads to use; the numbers do not depend on it.

        Returns
        -------
        PriceBlock
            ``len(seeds) * paths_per_seed`` paths, those of a seed together.

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        generator = self.prepare(
            steps=steps,
            s0=s0,
            dt=dt,
            calendar=calendar,
            bars=bars,
            paths_per_seed=paths_per_seed,
            sub_bars=sub_bars,
            warm_up=warm_up,
        )
        if threads < 1:
            raise Refusal("threads", repr(threads), ">= 1")
        return one_block(generator, seed_array(seeds), paths_per_seed, threads)

    def stream(
        self,
        *,
        seeds: int | Iterable[int],
        paths_per_chunk: int = 256,
        steps: int | None = None,
        s0: float | Iterable[float] | None = None,
        dt: float | None = None,
        calendar: BarCalendar | None = None,
        bars: BarForm = "ohlc",
    ) -> Iterator[PriceBlock]:
        """Generate any number of paths in the memory of one chunk.

        Each block is a view of the same buffer and holds until the next one is asked for.

        Parameters
        ----------
        seeds : int or iterable of int
            One path per seed.
        paths_per_chunk : int
            Paths per block; the numbers do not depend on it.
        steps, s0, dt, calendar, bars
            As in `prepare`.

        Yields
        ------
        PriceBlock
            Up to `paths_per_chunk` paths.
        """
        if paths_per_chunk < 1:
            raise Refusal("paths_per_chunk", str(paths_per_chunk), ">= 1")
        generator = self.prepare(steps=steps, s0=s0, dt=dt, calendar=calendar, bars=bars)
        yield from blocks(generator, seed_array(seeds), paths_per_chunk)
