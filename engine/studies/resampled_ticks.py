"""A source whose seeds are streams of ticks: blocks of a history, or a book at random."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.jobs.settings import Settings
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import option
from engine.sources.source import Source
from engine.ticks import TickBootstrap, TickSource, TickStream, ZeroIntelligence
from engine.ticks.bars import BAR_SPAN, minutes_of
from engine.ticks.timeline import Timeline, length_ns

__all__ = ["ResampledTicks", "TickResampling", "resampled"]

_SECOND: Final = 1_000_000_000
# Nanoseconds of 10,000 days: more is a slip, and beyond what spans of time can spell.
_LONGEST: Final = 10_000 * 86_400 * _SECOND


class TickResampling(Settings):
    """How the streams of a study's seeds are made of its ticks."""

    method: Literal["bootstrap", "zero_intelligence"] = Field(
        description="`bootstrap`: blocks of time of the ticks, from random instants, with the gaps "
        "between their events; `zero_intelligence`: a book calibrated on them, whose orders come "
        "at random."
    )
    length: str | None = Field(
        None,
        description="Length of each stream in whole minutes, such as `1h`; by default that of the "
        "ticks, closed hours left out. `source.steps` are its minutes.",
    )
    block: str | None = Field(
        None, description="Of a bootstrap: length of a block of time; by default `60s`."
    )
    pause: str = Field(
        "1h", description="A pause between events that is longer is a closed market."
    )


class ResampledTicks(Source):
    """Streams of ticks of a source of them, one for each seed, as paths of bars of a minute.

    The bars are of the middle of the first symbol's touch; a minute without a quote repeats the
    last. A strategy of ticks hears the events behind them.

    Parameters
    ----------
    ticks : TickSource
        `TickBootstrap`, `ZeroIntelligence`, or another that makes a stream of a seed.
    steps : int, optional
        Minutes of each stream.
    """

    ticks: Any
    steps: int | None = option(None, "Minutes of each stream.")

    @property
    def symbols(self) -> tuple[str, ...]:
        """The first symbol of the streams."""
        return (str(self._some.symbols[0]),)

    @property
    def calendar(self) -> BarCalendar:
        """Minutes, at all hours."""
        return BarCalendar("24/7", "1m")

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers, as JSON-able values."""
        return {"source": "resampled_ticks", "stream": self._some.identity, "steps": self.steps}

    def _default_steps(self, warm_up: int) -> int | None:
        if self.steps is None:
            raise Refusal("steps", "none", "the minutes of each stream, such as steps=60")
        return self.steps

    @property
    def _some(self) -> TickStream:
        """A stream, for what all of them have in common."""
        stream: TickStream = self.ticks.ticks(0, seconds=1.0)
        return stream

    def _generator(self, request: FillRequest) -> Generator:
        if request.paths_per_seed > 1:
            raise Refusal(
                "paths_per_seed", str(request.paths_per_seed), "1: a seed is a stream of ticks"
            )
        return _Minutes(self, request)

    def _with_warm_up(self, request: FillRequest, sub_bars: int, warm_up: int, history: Any) -> Any:
        if warm_up:
            raise Refusal("warm_up", str(warm_up), "0 for streams of ticks, which have none")
        return self._generator(request)


class _Minutes(Generator):
    def __init__(self, source: ResampledTicks, request: FillRequest) -> None:
        self._ticks = source.ticks
        self.symbols = source.symbols
        self.steps = request.steps
        self.dt = request.dt

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Make each stream and its bars; see `Generator.fill`."""
        seconds = self.steps * BAR_SPAN / _SECOND
        for path, seed in enumerate(seeds.tolist()):
            minutes, bars = minutes_of(self._ticks.ticks(seed, seconds=seconds))
            # The last minute that was quoted, of every one; before the first, that one's open.
            place = np.searchsorted(minutes, np.arange(self.steps), side="right") - 1
            close = np.where(place < 0, bars[0, 0], bars[3, np.maximum(place, 0)])
            out[path, 0, :4] = close
            inside = minutes < self.steps
            out[path, 0, :4, minutes[inside]] = bars[:4, inside].T
            out[path, 0, 4] = 0.0
            out[path, 0, 4, minutes[inside]] = bars[4, inside]


def resampled(given: object, stream: TickStream) -> ResampledTicks:
    """Return the source that a study's ``ticks.resample`` describes.

    Parameters
    ----------
    given : object
        What stands there.
    stream : TickStream
        The ticks.

    Raises
    ------
    Refusal
        If it cannot be; names the key.
    """
    terms = TickResampling.of(given, "ticks.resample")
    try:
        source: TickSource
        if terms.method == "bootstrap":
            source = TickBootstrap(stream, block=terms.block or "60s", pause=terms.pause)
            whole = source.timeline.length
        elif terms.block is not None:
            raise Refusal("block", repr(terms.block), "with `method: bootstrap` alone")
        else:
            source = ZeroIntelligence.calibrate(stream)
            whole = Timeline(stream, length_ns(terms.pause, "pause")).length
        if terms.length is not None:
            whole = length_ns(terms.length, "length")
            if whole % BAR_SPAN:
                raise Refusal("length", repr(terms.length), "whole minutes, such as 10m or 1h")
            if whole > _LONGEST:
                raise Refusal("length", repr(terms.length), "at most 10000d")
    except Refusal as refusal:
        raise refusal.within("ticks.resample") from None
    return ResampledTicks(ticks=source, steps=max(whole // BAR_SPAN, 1))
