"""The ticks of a study: where they lie, and the bars of them that its windows are cut by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import Refusal
from engine.sources import Historical
from engine.strategies.strategy import Strategy
from engine.studies.definition import StudyDefinition
from engine.studies.live import Live
from engine.studies.resampled_ticks import resampled
from engine.ticks import TickSettings, TickSource, TickStream, read_ticks
from engine.ticks.bars import bars_of
from engine.ticks.engine import TickEngine
from engine.ticks.price_steps import check_tick

__all__ = ["history_of", "on_ticks", "with_ticks"]

# What of the section says where the ticks lie; the rest is of how orders fill.
_PLACE = ("path", "symbol", "exchange", "clock", "negative_prices", "columns", "resample")
# What of that is of the files.
_FILES = _PLACE[1:-1]


def history_of(stream: TickStream) -> Historical:
    """Return the source that stands for a stream: bars of it, by which it is cut."""
    return Historical(bars_of(stream))


def with_ticks(definition: StudyDefinition, live: Live, file: Path | None) -> Live:
    """Return what a study has beside its definition, with the ticks that it names.

    Raises
    ------
    Refusal
        If they cannot be read, or not be resampled as it says.
    """
    live = _with_files(definition, live, file)
    given = definition.ticks.get("resample")
    if given is None:
        return live
    if live.ticks is None or isinstance(live.ticks, TickSource):
        raise Refusal("ticks.resample", "no ticks to make streams of", "with `path`")
    source = resampled(given, live.ticks)
    return replace(live, ticks=source.ticks, source=source)


def _with_files(definition: StudyDefinition, live: Live, file: Path | None) -> Live:
    """Read the files that a study names, unless it is given ticks."""
    path = definition.ticks.get("path")
    if live.ticks is not None or path is None:
        return live
    if not isinstance(path, str):
        raise Refusal("ticks.path", repr(path), "a file or folder of ticks")
    folder = file.parent if file is not None else Path()
    place = {name: definition.ticks[name] for name in _FILES if name in definition.ticks}
    if not (folder / path).exists():
        raise Refusal("ticks.path", repr(path), f"a file or folder, beside {folder.absolute()}")
    try:
        stream = read_ticks(folder / path, **place)
    except Refusal as refusal:
        raise refusal.within("ticks") from None
    if "resample" in definition.ticks:
        return replace(live, ticks=stream)
    return replace(live, ticks=stream, source=live.source or history_of(stream))


def on_ticks(
    definition: StudyDefinition,
    strategy: type[Strategy],
    engine: Any,
    stream: TickStream | TickSource,
) -> TickEngine:
    """Return the engine of a strategy of ticks, on a stream or on one for each seed.

    Raises
    ------
    Refusal
        If the strategy hears no ticks, or the settings cannot be.
    """
    if not isinstance(engine, TickEngine):
        raise Refusal(
            "strategy", f"{strategy.name}, which hears no ticks", "a strategy with on_tick"
        )
    terms: Mapping[str, Any] = {k: v for k, v in definition.ticks.items() if k not in _PLACE}
    settings = TickSettings.of(terms, "ticks")
    if not isinstance(stream, TickSource):
        check_tick(stream, settings.tick)
    return engine.on(stream, settings)
