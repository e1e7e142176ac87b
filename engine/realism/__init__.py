"""Realism: whether a calibrated source's paths look like the history they come from."""

from engine.realism.compare import REALISM_COLUMNS, RealismReport, compare_with_history
from engine.realism.model_table import compare_models
from engine.realism.ranking import rank_reports

__all__ = [
    "REALISM_COLUMNS",
    "RealismReport",
    "compare_models",
    "compare_with_history",
    "rank_reports",
]
