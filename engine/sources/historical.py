"""History as a source: the bars as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.sources.generator import FillRequest, Generator
from engine.sources.history import aligned
from engine.sources.parameter import option
from engine.sources.source import Source

__all__ = ["Historical"]


class Historical(Source):
    """The bars as they were: every seed gives the same path.

    Parameters
    ----------
    bars : Bars, table, sequence or mapping of these
        History; several symbols are joined on the timestamps they share.
    steps : int, optional
        Bars of the path; by default all. Fewer means the last ones.

    Raises
    ------
    ValueError
        If `steps` exceeds the history.
    """

    name = "historical"

    bars: Any = dataclasses.field(kw_only=False)
    steps: int | None = option(None, "Bars of the path, the last of the history.")

    def validate(self) -> None:
        """Join the symbols."""
        object.__setattr__(self, "bars", aligned(self.bars))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the bars."""
        return tuple(item.symbol for item in self.bars)

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]
        """The user's own columns of the bars."""
        return tuple(self.bars[0].columns)

    def _default_steps(self, warm_up: int) -> int | None:
        if self.steps is not None:
            return self.steps
        left = len(self.bars[0]) - warm_up
        if left < 1:
            raise Refusal(
                "warm_up",
                f"{warm_up} of the {len(self.bars[0])} bars of history",
                "fewer, so that a bar is left to trade on",
                hint="shorter indicators, or `warm_up: 0`",
            )
        return left

    def bars_per_year(self, calendar: BarCalendar | None = None, steps: int | None = None) -> float:
        """Bars in a year as they exist in the last `steps` bars, by default all."""
        first = self.bars[0]
        count = steps if steps is not None else self.steps or len(first)
        return float(first[max(len(first) - count, 0) :].bars_per_year)

    def bars_per_session(self, calendar: BarCalendar | None = None) -> float:
        """Bars in a session as they exist."""
        return float(self.bars[0].bars_per_session)

    def start_prices(self, s0: float | Iterable[float] | None = None) -> tuple[float, ...]:
        """Return the first opens."""
        # Prices are those of history, whatever a study's start price is for other sources.
        return tuple(float(item.open[0]) for item in self.bars)

    def _generator(self, request: FillRequest) -> Generator:
        return self._with_warm_up(request, 1, 0, ())

    def _with_warm_up(
        self, request: FillRequest, sub_bars: int, warm_up: int, history: tuple[Bars, ...]
    ) -> Generator:
        # The bars before the path are those of the same history.
        bars = len(self.bars[0])
        if warm_up + request.steps > bars:
            beside = f" beside {warm_up} to warm up on" if warm_up else ""
            raise Refusal("steps", f"{request.steps}{beside}", f"<= {bars} (bars of history)")
        return _HistoricalGenerator(self, request, warm_up)


class _HistoricalGenerator(Generator):
    def __init__(self, source: Historical, request: FillRequest, warm_up: int) -> None:
        self.symbols = source.symbols
        self.states = source.states
        self.warm_up = warm_up
        self.steps = warm_up + request.steps
        self.dt = request.dt
        window = slice(len(source.bars[0]) - self.steps, None)
        self.timestamps = source.bars[0].timestamps[window]
        self._path = np.array(
            [[item.field(name)[window] for name in self.fields] for item in source.bars]
        )

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Copy the bars; see `Generator.fill`."""
        out[:] = self._path
