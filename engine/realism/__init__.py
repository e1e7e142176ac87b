"""Realism: whether a calibrated source's paths look like the history they come from."""

from engine.realism.compare import REALISM_COLUMNS, RealismReport, compare_with_history

__all__ = ["REALISM_COLUMNS", "RealismReport", "compare_with_history"]
