"""What a study made in Python is given as its source, as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.bars import Bars
from engine.frames import is_frame

__all__ = ["source_of"]


def source_of(given: Any) -> tuple[Any, Any]:
    """Return a source, and the stream of ticks that stands behind it, if one does.

    Bars and tables of them are history. So is a stream, to whoever asks for bars.
    """
    if isinstance(given, Bars | Mapping) or is_frame(given):
        from engine.sources import Historical

        return Historical(given), None
    if hasattr(given, "chunks"):
        from engine.studies.tick_streams import history_of

        return history_of(given), given
    return given, None
