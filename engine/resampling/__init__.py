"""What else one simulation could have come to: its trades and returns, resampled."""

from __future__ import annotations

from engine.resampling.courses import METHODS, Courses
from engine.resampling.resample import resample
from engine.resampling.resampled import Resampled
from engine.resampling.ruin import RuinBySize, ruin_by_size

__all__ = ["METHODS", "Courses", "Resampled", "RuinBySize", "resample", "ruin_by_size"]
