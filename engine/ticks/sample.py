"""The sample of ticks that the project ships."""

from __future__ import annotations

from pathlib import Path

from engine.home import shipped

__all__ = ["sample_ticks"]


def sample_ticks() -> Path:
    """Return the folder of three synthetic mornings of quotes and trades of one symbol.

    They are made by `ZeroIntelligence` (``data/sample/export.py``), so no strategy has an edge on
    them but what queue and spread give.

    Examples
    --------
    >>> import engine as mc
    >>> sorted(path.name for path in mc.sample_ticks().iterdir())
    ['2024-08-06.parquet', '2024-08-07.parquet', '2024-08-08.parquet']
    """
    return shipped("engine", "data/sample/ticks") / "SYNTH"
