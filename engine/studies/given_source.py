"""What a study made in Python is given as its source, as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.bars import Bars
from engine.frames import is_frame

__all__ = ["source_of"]


def source_of(given: Any) -> tuple[Any, Any]:
    """Return a source, and the ticks that stand behind it, if some do.

    Bars and tables of them are history. So is a stream, to whoever asks for bars; what makes a
    stream of a seed is a source of paths.
    """
    if isinstance(given, Bars | Mapping) or is_frame(given):
        from engine.sources import Historical

        return Historical(given), None
    if hasattr(given, "chunks"):
        from engine.studies.tick_streams import history_of

        return history_of(given), given
    if hasattr(given, "ticks") and not hasattr(given, "prepare"):
        from engine.studies.resampled_ticks import ResampledTicks

        return ResampledTicks(ticks=given, steps=None), given
    return given, None
