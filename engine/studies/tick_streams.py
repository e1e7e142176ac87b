"""The ticks of a study: where they lie, and the bars of them that its windows are cut by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.errors import Refusal
from engine.jobs.settings import settings_refusal
from engine.sources import Historical
from engine.strategies.strategy import Strategy
from engine.studies.definition import StudyDefinition
from engine.studies.live import Live
from engine.ticks import TickSettings, TickStream, read_ticks
from engine.ticks.bars import bars_of
from engine.ticks.engine import TickEngine

__all__ = ["history_of", "on_ticks", "with_ticks"]

# What of the section says where the ticks lie; the rest is of how orders fill.
_PLACE = ("path", "symbol", "exchange", "clock", "negative_prices", "columns")


def history_of(stream: TickStream) -> Historical:
    """Return the source that stands for a stream: bars of it, by which it is cut."""
    return Historical(bars_of(stream))


def with_ticks(definition: StudyDefinition, live: Live, file: Path | None) -> Live:
    """Return what a study has beside its definition, with the ticks that it names.

    Raises
    ------
    Refusal
        If they cannot be read.
    """
    path = definition.ticks.get("path")
    if live.ticks is not None or path is None:
        return live
    if not isinstance(path, str):
        raise Refusal("ticks.path", repr(path), "a file or folder of ticks")
    folder = file.parent if file is not None else Path()
    place = {name: definition.ticks[name] for name in _PLACE[1:] if name in definition.ticks}
    if not (folder / path).exists():
        raise Refusal("ticks.path", repr(path), f"a file or folder, beside {folder.absolute()}")
    try:
        stream = read_ticks(folder / path, **place)
    except Refusal as refusal:
        raise refusal.within("ticks") from None
    return replace(live, ticks=stream, source=live.source or history_of(stream))


def on_ticks(
    definition: StudyDefinition, strategy: type[Strategy], engine: Any, stream: TickStream
) -> TickEngine:
    """Return the engine of a strategy of ticks, on a stream.

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
    try:
        return engine.on(stream, TickSettings.model_validate(dict(terms)))
    except ValidationError as error:
        raise settings_refusal(error, TickSettings).within("ticks") from None
