"""Worlds: what decides a path and what happens on it, but for the choice made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.calendar import BarCalendar
from engine.compiled import code_hash
from engine.jobs.canonical import short_hash
from engine.jobs.settings import PathSettings
from engine.sources import Historical
from engine.window import Window

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.execution import Execution
    from engine.jobs.draw import ParameterDraw
    from engine.jobs.engine import Engine
    from engine.sources import Source
    from engine.strategies import Strategy

__all__ = ["World"]

# What a source's fingerprint says of the code that makes its paths.
_VERSIONS = ("path_version", "engine_version")


@dataclass(frozen=True, eq=False)
class World:
    """Source, calibration, path, execution and strategy code of a job.

    Parameters
    ----------
    source : Source
        Where paths come from; its swept parameters hold any value.
    swept : tuple of str
        Source parameters whose values are part of a parameter set.
    draw : ParameterDraw, optional
        Draws source parameters per seed.
    strategy : type of Strategy
        What trades.
    engine : Engine
        What runs the strategy.
    execution : Execution
        Costs, fills, sizing.
    path : PathSettings
        How paths are made; its ``steps`` and ``warm_up`` are numbers here.
    paths_per_seed : int
        Paths generated from each seed.
    calendar : BarCalendar
        Exchange and timeframe; gives the length of a model's bar.
    history : tuple of Bars
        The bars to warm up on, one series per symbol, where the path continues a history that the
        source does not hold.
    """

    source: Source
    swept: tuple[str, ...]
    draw: ParameterDraw | None
    strategy: type[Strategy]
    engine: Engine
    execution: Execution
    path: PathSettings
    paths_per_seed: int
    calendar: BarCalendar
    history: tuple[Bars, ...] = ()

    @cached_property
    def id(self) -> str:
        """Hash of everything above and of the engine's version, 16 hexadecimal digits."""
        return short_hash({"engine_version": self.engine.version} | self._content(self._source()))

    @cached_property
    def trial_id(self) -> str:
        """Hash of the same but for versions: what a set is tried on, whoever computes it."""
        source = self._source()
        return short_hash(self._content({k: v for k, v in source.items() if k not in _VERSIONS}))

    @property
    def has_ranges(self) -> bool:
        """Whether high and low of a bar are prices that were traded: excursions need them."""
        return self.path.bars == "ohlc"

    def with_ranges(self) -> World:
        """Return the world of the same opens and closes with the ranges of its bars."""
        if self.has_ranges or not self.source.has_sub_bars:
            return self
        return replace(self, path=self.path.model_copy(update={"bars": "ohlc"}))

    @cached_property
    def code_hash(self) -> str:
        """Hash of the strategy's code, as the ledger tells it: 16 hexadecimal digits."""
        return self.strategy.code_hash()[:16]

    def _content(self, source: dict[str, Any]) -> dict[str, Any]:
        return {
            "source": source,
            "swept": self.swept,
            "draw": self.draw.fingerprint() if self.draw is not None else None,
            "strategy": [self.strategy.name, self.strategy.code_hash()],
            "execution": self.execution.model_dump(mode="json"),
            "path": self.path.model_dump(),
            "paths_per_seed": self.paths_per_seed,
            "calendar": [self.calendar.exchange, self.calendar.timeframe],
            "history": [bars.data_hash for bars in self.history],
            # Without a key where there are none, so that worlds of bars keep their ids.
            **({"settings": self.engine.settings} if self.engine.settings else {}),
        }

    @property
    def steps(self) -> int:
        """Bars of a path that count: its horizon."""
        assert self.path.steps is not None
        return self.path.steps

    @property
    def returns(self) -> int:
        """Returns whose sums a path has: of its bars, or of what else its engine measures by."""
        return self.engine.returns_in(self.steps)

    @cached_property
    def bars_per_year(self) -> float:
        """Bars in a year of the paths: of history as they exist, of models by the calendar."""
        return self.source.bars_per_year(self.calendar, self.steps)

    @cached_property
    def bars_per_session(self) -> float:
        """Bars in a session of the paths, in the same way."""
        return self.source.bars_per_session(self.calendar)

    @cached_property
    def window(self) -> Window:
        """Which bars of a block are to warm up on, and which count."""
        assert self.path.warm_up != "auto"
        return Window.of(self.path.warm_up, self.steps, self.execution.at_end)

    @cached_property
    def paths_per_unit(self) -> int:
        """Paths in a row of one seed that are one independent observation."""
        sampling = getattr(self.source, "sampling", "random")
        if self.draw is not None or sampling in ("moment_matching", "sobol"):
            # The paths of a seed share its drawn parameters, or balance one another.
            return self.paths_per_seed
        return 2 if sampling == "antithetic" else 1

    @property
    def is_history(self) -> bool:
        """Whether every seed gives the one path of history."""
        return isinstance(self.source, Historical)

    @cached_property
    def foreign(self) -> bool:
        """Whether paths come from code that is not ours."""
        return bool(self._foreign)

    @cached_property
    def _foreign(self) -> list[type[Source]]:
        """Classes of the source, and of what it holds, that are not ours."""
        return [kind for kind in self.source.classes if not kind.__module__.startswith("engine.")]

    def _source(self) -> dict[str, Any]:
        """Return everything that decides which path a seed and the swept parameters make."""
        content = self.source.fingerprint()
        if self.foreign:
            # Our own sources state their version; a user's is what its code says today.
            content["code"] = [code_hash(kind) for kind in self._foreign]
        # The value that a swept parameter happens to have says nothing about the sets.
        return {name: value for name, value in content.items() if name not in self.swept}
